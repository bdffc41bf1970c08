#!/usr/bin/env python3
"""A cluster with TLS at every door, of certificates made by the commands that docs/cluster.md
shows: its answer is right, a record of all that crossed loopback has neither records nor the
token, and whoever does not fit is told why."""

import os
import re
import signal
import socket
import subprocess
import threading
import unittest

from cluster_test import WEIR, WORDS, ClusterTest
from serving import free_port
from pathlib import Path

SOURCE = Path(os.environ["WEIR_SOURCE_DIR"])
TOKEN = "a-token-for-this-cluster-alone"
WORD = "marmalade"
LINES = 3000


def documented_commands():
    """The openssl commands of the section on TLS: what makes the CA, and what makes c1's files."""
    page = (SOURCE / "docs" / "cluster.md").read_text(encoding="utf-8")
    section = page.split("\n## TLS\n")[1].split("\n## ")[0]
    commands = section[section.index("    openssl req -x509"):]
    block = re.search(r"(?:^(?: {4}.*)?\n)+", commands, re.M)
    ca, host = block[0].strip("\n").replace("\n    ", "\n").split("\n\n")[:2]
    return ca.strip(), host


class Recorder:
    """Counts what crosses loopback meanwhile, and how often that holds certain words."""

    def __init__(self, *words):
        self.words = [word.encode() for word in words]
        self.found = dict.fromkeys(words, 0)
        self.bytes, self.ended = 0, False
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        try:  # beyond the system's limit, as root may
            self.socket.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)
        except OSError:
            pass
        self.socket.bind(("lo", 0))
        self.socket.settimeout(0.2)
        self.thread = threading.Thread(target=self.record)

    def record(self):
        while not self.ended:
            try:
                packet = self.socket.recv(1 << 17)
            except socket.timeout:
                continue
            self.bytes += len(packet)
            for word in self.words:
                self.found[word.decode()] += packet.count(word)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *unused):
        self.ended = True
        self.thread.join()
        self.socket.close()


class TlsTest(ClusterTest):
    def setUp(self):
        super().setUp()
        ca, host = documented_commands()
        self.sh(ca)
        for name in ("c1", "c2", "w1", "w2"):
            self.sh(host.replace("c1", name))
        (self.folder / "token").write_text(TOKEN + "\n")
        self.env["WEIR_TOKEN"] = TOKEN
        lines = [f"{WORD}{i % 1000} and toast" for i in range(LINES)]
        (self.folder / "book.txt").write_text("\n".join(lines) + "\n")

    def sh(self, text):
        done = subprocess.run(["sh", "-ec", text], cwd=self.folder, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, f"{text}\n{done.stderr}")

    def files(self, name):
        return {"tls-ca": "ca.pem", "tls-cert": name + ".pem", "tls-key": name + ".key"}

    def options(self, name):
        return [word for option, path in self.files(name).items() for word in ("--" + option, path)]

    def coordinator(self, name, tls=True):
        door, http = free_port(), free_port()
        config = {"storage": "storage", "address": f"127.0.0.1:{door}", "token-file": "token",
                  "http": f"127.0.0.1:{http}", **(self.files(name) if tls else {})}
        text = "".join(f"{key}: {value}\n" for key, value in config.items())
        (self.folder / (name + ".yaml")).write_text(text)
        process = self.start(name, "coordinator", "--config", name + ".yaml")
        self.doors = getattr(self, "doors", []) + [f"127.0.0.1:{door}"]
        scheme = "https" if tls else "http"
        self.urls = getattr(self, "urls", []) + [f"{scheme}://127.0.0.1:{http}"]
        return process

    def worker(self, name, *options):
        return self.start(name, "worker", "--coordinator", ",".join(self.doors), "--name", name,
                          "--slots", "2", "--work", str(self.folder / name), *options)

    def registered(self, name):
        self.wait_for(name, lambda: "registered with the leader" in self.log(name))

    def count_words(self, name):
        self.weir("submit", WORDS, "--name", name, "--set", f"input={self.folder}/book.txt",
                  "--set", f"output={self.folder}/{name}", "--parallelism", "4", "--wait")
        counts = [line for part in (self.folder / name).glob("part-*")
                  for line in part.read_text().splitlines()]
        self.assertEqual(len(counts), 1002)
        self.assertIn(f'{{"word":"toast","count":{LINES}}}', counts)

    def run_recorded(self, tls):
        """Runs a job of two processes; the record of all that crossed loopback meanwhile."""
        try:
            recorder = Recorder(WORD, TOKEN)
        except PermissionError:
            self.skipTest("recording what crosses loopback needs CAP_NET_RAW")
        with recorder:
            self.coordinator("c1", tls)
            for name in ("w1", "w2"):
                self.worker(name, *(self.options(name) if tls else []))
            for name in ("w1", "w2"):
                self.registered(name)
            self.env["WEIR_CLUSTER"] = self.urls[0]
            if tls:
                self.env["WEIR_TLS_CA"] = "ca.pem"
            self.count_words("words")
        self.assertGreater(recorder.bytes, 10_000)
        return recorder

    def test_nothing_crosses_in_plain_words(self):
        recorder = self.run_recorded(True)
        self.assertEqual(recorder.found, {WORD: 0, TOKEN: 0})

    def test_without_tls_the_record_has_it_all(self):
        recorder = self.run_recorded(False)
        self.assertGreater(recorder.found[WORD], 100)
        self.assertGreater(recorder.found[TOKEN], 2)

    def test_another_coordinator_takes_over(self):
        processes = [self.coordinator("c1")]
        self.wait_for("a leader", lambda: "leads with epoch" in self.log("c1"))
        processes.append(self.coordinator("c2"))
        self.worker("w1", *self.options("w1"))
        for option, path in self.files("w2").items():
            self.env["WEIR_WORKER_" + option.upper().replace("-", "_")] = path
        self.worker("w2")
        for name in ("w1", "w2"):
            self.registered(name)
        self.env["WEIR_TLS_CA"] = "ca.pem"
        self.env["WEIR_CLUSTER"] = self.urls[1].removeprefix("https://")
        self.wait_for("one to send callers on", lambda: subprocess.run(
            [WEIR, "health", "--ready"], cwd=self.folder, env=self.env).returncode == 0)
        self.assertEqual(len(self.weir("workers")[0].splitlines()), 3)
        processes[0].send_signal(signal.SIGKILL)
        self.wait_for("the next leader", lambda: "leads with epoch" in self.log("c2"))
        self.count_words("words")

    def test_a_cluster_on_one_host(self):
        """With a key that everybody may read, of which is warned."""
        (self.folder / "c1.key").chmod(0o644)
        self.local(1, *self.options("c1"))
        self.assertTrue(self.env["WEIR_CLUSTER"].startswith("https://"))
        self.assertIn("the key c1.key has mode 0644: everybody on this host can read it",
                      self.log("local"))
        self.env["WEIR_TLS_CA"] = "ca.pem"
        self.count_words("words")

    def test_who_does_not_fit_is_told(self):
        self.assertIn("TLS needs three files", self.weir(
            "coordinator", "--storage", "storage", "--tls-ca", "ca.pem", status=2)[1])
        self.assertIn("Cannot use c2.key as the key of c1.pem: key values mismatch", self.weir(
            "worker", "--coordinator", "x:1", *self.options("c1")[:-1], "c2.key", status=2)[1])
        self.coordinator("c1")
        self.wait_for("a leader", lambda: "leads with epoch" in self.log("c1"))
        self.worker("plain")
        self.wait_for("a word to the worker", lambda: "refuses: it speaks without TLS, and this "
                      "process with: give tls-ca" in self.log("plain"))
        self.assertIn("it speaks without TLS", self.log("c1"))
        self.sh("mkdir other && cp ca.pem other/ours.pem && cd other && "
                + "\n".join(documented_commands()))
        other = ["--tls-cert", "other/c1.pem", "--tls-key", "other/c1.key"]
        self.worker("strange", "--tls-ca", "other/ours.pem", *other)
        self.wait_for("a word to the worker", lambda: "the other end does not accept the "
                      "certificate shown" in self.log("strange"))
        self.assertIn("its certificate is not accepted", self.log("c1"))
        url = self.urls[0]
        self.assertIn("its certificate is not accepted",
                      self.weir("jobs", "--cluster", url, status=1)[1])
        plain = url.replace("https", "http")
        self.assertIn("This API speaks TLS: ask https://",
                      self.weir("jobs", "--cluster", plain, status=2)[1])
        (self.folder / "guess").write_text("a-guess\n")
        self.assertIn("not that of this cluster", self.weir(
            "jobs", "--cluster", url, "--tls-ca", "ca.pem", "--token-file", "guess", status=3)[1])
        self.weir("jobs", "--cluster", url, "--tls-ca", "ca.pem")


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/env python3
"""What may happen to a running job: signals in bad moments, damaged checkpoints, odd input files,
strangers on the control socket, replays that race. The output must be right, or the run refused.
And what callers of a coordinator's API may do who have no token: nothing to the others."""

import contextlib
import gzip
import json
import os
import pty
import re
import select
import shutil
import signal
import socket
import subprocess
import time
import unittest
from collections import Counter
from pathlib import Path

from cli_test import BROKEN, ORDERS, WEIR, WORDS, CommandTest
from cluster_test import ClusterTest

HEAD = "customer,amount,at\n"
ROWS = 6000


class AttackTest(CommandTest):
    def finish_right(self, *more):
        self.weir(*self.run_words(*more))
        self.assertEqual(sorted(r["amount"] for r in self.receipts()), list(range(ROWS)))


class Signals(AttackTest):
    def setUp(self):
        super().setUp()
        self.write_orders(ROWS)

    def test_a_second_interrupt_ends_at_once(self):
        process = self.start()
        process.send_signal(signal.SIGINT)
        self.assertIn("press Ctrl-C again", process.stderr.readline() + process.stderr.readline())
        process.send_signal(signal.SIGINT)
        self.assertIn("ended at once", process.communicate(timeout=30)[1])
        self.assertEqual(process.returncode, 130)
        self.finish_right("--parallelism", "3")

    def test_on_a_terminal(self):
        child, terminal = pty.fork()
        if child == 0:
            os.chdir(self.folder)
            os.execv(WEIR, [WEIR, *self.run_words("--set", "pause=2ms")])
        seen, asked = b"", False
        while select.select([terminal], [], [], 30)[0]:
            try:
                seen += os.read(terminal, 4096)
            except OSError:
                break
            if b"checkpoint 1" in seen and not asked:
                asked = os.write(terminal, b"\x03") == 1
        os.close(terminal)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), 0, seen)
        for part in (b"\r\x1b[K", b" records, ", b"watermark", b"dead letters 0", b"stopped: "):
            self.assertIn(part, seen)
        self.finish_right()

    def test_a_stopped_process_keeps_its_place(self):
        process = self.start()
        process.send_signal(signal.SIGSTOP)
        self.assertIn(f"process {process.pid}", self.weir(*self.run_words(), status=3)[1])
        process.send_signal(signal.SIGCONT)
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(timeout=30), 0)
        self.finish_right()


class Damage(AttackTest):
    def interrupted(self):
        """A state folder as a SIGKILL leaves it, with the files of its newest checkpoint."""
        self.write_orders(ROWS)
        process = self.start("--parallelism", "2")
        process.kill()
        process.wait()
        (Path(self.state) / "control.sock").unlink()
        for name in (self.state, str(self.output)):
            shutil.copytree(name, name + ".kept")
        self.parts = len(list(self.output.glob("part-*")))
        manifest = max((Path(self.state) / "checkpoints").glob("*.json"))
        text = manifest.read_text()
        return [manifest] + [run for run in sorted((Path(self.state) / "runs").iterdir())
                             if run.name in text]

    def refused(self, path, bytes_now):
        path.unlink()
        if bytes_now is not None:
            path.write_bytes(bytes_now)
        done = subprocess.run([WEIR, *self.run_words("--parallelism", "3")], cwd=self.folder,
                              capture_output=True, text=True, timeout=60)
        expected = (4, 5) if bytes_now is None else (5,)
        self.assertIn(done.returncode, expected, f"{path}: {done.stderr}")
        self.assertIn(path.name, done.stderr)
        self.assertEqual(len(list(self.output.glob("part-*"))), self.parts)
        for name in (self.state, str(self.output)):
            shutil.rmtree(name)
            shutil.copytree(name + ".kept", name)

    def test_every_file_of_a_checkpoint(self):
        files = self.interrupted()
        self.assertGreater(len(files), 4)
        for path in files:
            whole = path.read_bytes()
            for place in (0, len(whole) // 2, len(whole) - 1):
                flipped = bytearray(whole)
                flipped[place] ^= 4
                self.refused(path, bytes(flipped))
            for size in (0, len(whole) // 3, len(whole) - 1):
                self.refused(path, whole[:size])
            self.refused(path, whole + b"\0")
            self.refused(path, files[0 if path == files[-1] else -1].read_bytes())
            if path != files[0]:  # without its manifest it is no checkpoint at all
                self.refused(path, None)
        self.finish_right("--parallelism", "3")

    def test_a_savepoint_moves_and_knows_its_job(self):
        self.interrupted()
        self.weir("savepoint", "--state", self.state, "--to", "point")
        shutil.move(self.folder / "point", self.folder / "moved")
        shutil.rmtree(self.state)
        other = ["run", WORDS, "--set", "input=orders.csv", "--set", "output=w", "--state", "w.st"]
        self.assertIn("no longer has", self.weir(*other, "--from", "moved", status=3)[1])
        self.finish_right("--from", "moved")


class Inputs(AttackTest):
    def run_over(self, content, *, status=0, amounts=None, letters=0):
        """Runs the job anew over these bytes; returns what it said."""
        for folder in (self.state, self.output):
            shutil.rmtree(folder, ignore_errors=True)
        (self.folder / "orders.csv").write_bytes(content)
        error = self.weir(*self.run_words(), status=status)[1]
        if status == 0:
            self.assertEqual([r["amount"] for r in self.receipts()], amounts)
            self.assertEqual(len(self.letters()), letters)
        return error

    def test_ends_and_marks(self):
        rows = (HEAD + "ann,1,2024-01-01T00:00:00Z\nann,2,2024-01-01T00:00:01Z\n").encode()
        for content in (rows[:-1], rows.replace(b"\n", b"\r\n"), b"\xef\xbb\xbf" + rows,
                        rows.replace(b"\n", b"\r\n")[:-2], rows + b"\n\n"):
            self.run_over(content, amounts=[1, 2])
        for content in (HEAD.encode(), b""):
            self.run_over(content, amounts=[])

    def test_bytes_that_are_no_text(self):
        good = b"ann,%d,2024-01-01T00:00:00Z\n"
        bad = b"\xff\xfe,2,2024-01-01T00:00:00Z\n" + b"\0\0\0\n" + b"x" * 3_000_000 + b"\n"
        self.run_over(HEAD.encode() + good % 1 + bad + good % 5, amounts=[1, 5], letters=3)
        self.assertEqual(Counter(letter["reason"] for letter in self.letters()),
                         {"decode": 2, "too_large": 1})

    def test_compressed(self):
        one = gzip.compress((HEAD + "ann,1,2024-01-01T00:00:00Z\nann,2").encode())
        two = gzip.compress(b",2024-01-01T00:00:01Z\n")
        self.run_over(one + two, amounts=[1, 2])
        self.assertIn("truncated", self.run_over(one + two[:-5], status=5))
        self.assertIn("damaged", self.run_over(one + b"trailing", status=5))
        self.assertEqual(self.receipts(), [])

    def test_changed_behind_a_position(self):
        self.write_orders(ROWS)
        process = self.start()
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(timeout=30), 0)
        orders = self.folder / "orders.csv"
        whole = orders.read_bytes()
        for content, why, status in ((whole[:999], "has shrunk", 3),
                                     (b"x" + whole[1:], "was replaced", 3),
                                     (None, "orders.csv'", 4)):
            orders.unlink()
            if content is not None:
                orders.write_bytes(content)
            self.assertIn(why, self.weir(*self.run_words(), status=status)[1])
            orders.write_bytes(whole)
        self.finish_right()


class Strangers(AttackTest):
    def test_on_the_control_socket(self):
        self.write_orders(ROWS)
        process = self.start()
        os.chdir(self.folder)  # the path of a socket is short

        def connect():
            connection = socket.socket(socket.AF_UNIX)
            connection.settimeout(20)
            connection.connect("state/control.sock")
            return connection

        asking = connect()
        for line in (b"garbage", b"[]", b"{}", b'{"request":7}', b'{"request":"replay","ids":5}',
                     b'{"request":"savepoint","stop":1,"to":"x"}', b"[" * 100_000, b"\0\xff"):
            asking.sendall(line + b"\n")
            answer = json.loads(asking.makefile("r").readline())
            self.assertFalse(answer["ok"], line)
        idle = [connect() for _ in range(8)]
        idle[0].sendall(b'{"request":')
        idle[1].setblocking(False)
        with self.assertRaises(BlockingIOError):  # one that asks and asks, and never reads
            while True:
                idle[1].send(b'{"request":"status"}\n')
        self.weir("stop", "--state", self.state)
        self.assertEqual(process.wait(timeout=30), 0)
        for connection in [asking, *idle]:
            connection.close()
        self.finish_right()


class CallersWithoutAToken(ClusterTest):
    """Of the API of a coordinator that wants one."""

    def setUp(self):
        super().setUp()
        self.env["WEIR_TOKEN"] = "of-this-test"
        process = self.local(1)
        self.coordinator = self.children(process)["coordinator"][0]
        host, port = re.match(r"http://(.*):(\d+)", self.env["WEIR_CLUSTER"]).groups()
        self.address = host, int(port)

    def say(self, text):
        connection = socket.create_connection(self.address, timeout=30)
        self.addCleanup(connection.close)
        connection.sendall(text.encode())
        return connection

    def memory(self):
        """The most that the coordinator has had so far, in MiB."""
        status = Path(f"/proc/{self.coordinator}/status").read_text()
        return int(re.search(r"VmHWM:\s*(\d+) kB", status)[1]) / 1024

    def test_their_bodies_are_not_kept(self):
        before = self.memory()
        for path in ("/health", "/ready", "/api/v1/jobs"):
            for _ in range(50):
                caller = self.say(f"PUT {path} HTTP/1.1\r\nHost: localhost\r\n"
                                  "Content-Length: 4000000\r\n\r\n")
                with contextlib.suppress(OSError):  # it has closed
                    caller.sendall(bytes(3_900_000))
        self.assertEqual(self.jobs(), [])
        self.assertLess(self.memory() - before, 100)

    def test_their_half_said_heads_shut_nobody_out(self):
        crowd = [self.say("GET /health HTTP/1.1\r\nHost: loc") for _ in range(700)]
        self.assertEqual(self.jobs(), [])
        with contextlib.suppress(ConnectionError):
            self.assertEqual(crowd[0].recv(100), b"")
        crowd[-1].sendall(b"alhost\r\n\r\n")
        self.assertTrue(crowd[-1].recv(100).startswith(b"HTTP/1.1 200"))


class Replays(AttackTest):
    def outcomes(self, *words):
        command = [WEIR, "dlq", "replay", "--json", "--state", self.state, "--step", "accounts",
                   "--set", "amount=4", *words]
        return subprocess.Popen(command, cwd=self.folder, stdout=subprocess.PIPE,
                                stderr=subprocess.DEVNULL, text=True)

    def test_at_once(self):
        """Four replays of the same letters in a running job: each letter takes effect once."""
        self.write_orders(text=BROKEN + "".join(
            f"z,{i},2024-01-01T00:00:05Z\n" for i in range(ROWS)))
        process = self.start()
        while len(self.letters("--step", "accounts")) < 2:
            self.assertIsNone(process.poll(), "the job ended early")
        replays = [self.outcomes() for _ in range(4)]
        told = Counter(json.loads(line)["outcome"] for replay in replays
                       for line in replay.communicate(timeout=60)[0].splitlines())
        self.assertEqual((told["replayed"], told["failed"]), (2, 0))
        self.weir("stop", "--state", self.state)
        self.assertEqual(process.wait(timeout=30), 0)
        self.weir(*self.run_words())
        self.assertEqual((self.totals()["ann"], self.totals()["bob"]), (14, 4))

    def test_killed(self):
        """Replays by a process of their own, killed at any moment: once or not at all."""
        self.write_orders(text=HEAD + "".join(f"c{i},-1,2024-01-01T00:00:00Z\n" for i in range(60)))
        self.weir(*self.run_words())
        for delay in range(0, 60, 5):
            replay = self.outcomes()
            time.sleep(delay / 1000)
            replay.kill()
            replay.communicate()
        self.outcomes().communicate(timeout=60)
        self.weir(*self.run_words())
        self.assertEqual(self.letters(), [])
        self.assertEqual(Counter(r["customer"] for r in self.receipts()),
                         {f"c{i}": 1 for i in range(60)})


if __name__ == "__main__":
    unittest.main()

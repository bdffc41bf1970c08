#!/usr/bin/env python3
"""What deploy/ holds must fit the command as it is now: options, variables and ports that there
are, packages that its libraries need. Coordinators and workers are started with the configuration
files that are shipped, and with variables alone; no container and no service manager is needed.
"""

import json
import os
import re
import subprocess
import unittest
from pathlib import Path

import yaml

import programs
from serving import free_port

SOURCE = Path(os.environ["WEIR_SOURCE_DIR"])
BUILD = Path(os.environ["WEIR_BUILD_DIR"])
DEPLOY = SOURCE / "deploy"
WEIR = str(BUILD / "bin" / "weir")


def options_of(command):
    """Options of a command as its help has them, with the help of each."""
    text = subprocess.run([WEIR, *command.split(), "--help"], check=True, capture_output=True,
                          text=True).stdout
    parts = re.split(r"^  --([a-z-]+)", text.split("\nOptions:\n")[1], flags=re.M)
    return dict(zip(parts[1::2], parts[2::2]))


def variables_of(command):
    return {f"WEIR_{command.upper()}_{name.upper().replace('-', '_')}"
            for name in options_of(command)}


def default_port(command, option):
    return int(re.search(r"default\s+127\.0\.0\.1:(\d+)", options_of(command)[option])[1])


def documents():
    """Everything that the manifests for Kubernetes make, by kind and name."""
    found = {}
    for path in sorted((DEPLOY / "kubernetes").glob("*.yaml")):
        for document in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            name = document.get("metadata", {}).get("name", path.stem)
            found[document["kind"], name] = document
    return found


class Files(unittest.TestCase):
    def test_units_name_options_and_files_that_there_are(self):
        for role in ("coordinator", "worker"):
            unit = (DEPLOY / "systemd" / f"weir-{role}.service").read_text(encoding="utf-8")
            words = re.search(r"^ExecStart=(.*)$", unit, re.M)[1].split()
            self.assertEqual(words[:2], ["/usr/local/bin/weir", role])
            for word in words[2:]:
                if word.startswith("--"):
                    self.assertIn(word[2:], options_of(role))
            self.assertEqual(words[-1], f"/etc/weir/{role}.yaml")
            config = yaml.safe_load((DEPLOY / "systemd" / f"{role}.yaml").read_text("utf-8"))
            self.assertLessEqual(config.keys(), options_of(role).keys())
            # Options that are only shown, behind a sign of comment, are checked too.
            text = (DEPLOY / "systemd" / f"{role}.yaml").read_text("utf-8")
            shown = set(re.findall(r"^# ([a-z-]+): \S+$", text, re.M))
            self.assertLessEqual(shown, options_of(role).keys())
        self.assertRegex(unit, r"(?m)^KillMode=mixed$")
        self.assertRegex(unit, r"(?m)^OOMPolicy=continue$")

    def test_the_configuration_says_where_the_units_and_tools_look(self):
        worker = yaml.safe_load((DEPLOY / "systemd" / "worker.yaml").read_text("utf-8"))
        coordinator = yaml.safe_load((DEPLOY / "systemd" / "coordinator.yaml").read_text("utf-8"))
        for role in ("coordinator", "worker"):
            unit = (DEPLOY / "systemd" / f"weir-{role}.service").read_text(encoding="utf-8")
            self.assertIn(f"RequiresMountsFor={coordinator['storage']}\n", unit)
            self.assertIn(f"\nStateDirectory={Path(worker['work']).parent.name}\n", unit)

    def test_the_container_sets_variables_that_there_are(self):
        text = (DEPLOY / "container" / "Containerfile").read_text(encoding="utf-8")
        known = variables_of("coordinator") | variables_of("worker")
        named = set(re.findall(r"\bWEIR_(?:COORDINATOR|WORKER)_[A-Z_]+", text))
        self.assertTrue(named)
        self.assertLessEqual(named, known)
        ports = {default_port("coordinator", "http"), default_port("coordinator", "address")}
        exposed = re.search(r"^EXPOSE (.*)$", text, re.M)[1].split()
        self.assertEqual({int(port) for port in exposed}, ports)
        check = json.loads(re.search(r"HEALTHCHECK.*\\\n\s*CMD (.*)$", text, re.M)[1])
        self.assertEqual(check[1], "health")
        self.assertIn(check[2].removeprefix("--"), options_of("health"))
        for source in re.findall(r"^COPY (deploy/\S+)", text, re.M):
            self.assertTrue((SOURCE / source).is_file(), source)

    def test_manifests_name_variables_ports_and_each_other(self):
        found = documents()
        listed = found["Kustomization", "kustomization"]["resources"]
        shipped = {path.name for path in (DEPLOY / "kubernetes").glob("*.yaml")}
        self.assertEqual(set(listed) | {"kustomization.yaml"}, shipped)
        ports = {"api": default_port("coordinator", "http"),
                 "workers": default_port("coordinator", "address")}
        for role in ("coordinator", "worker"):
            pod = found["Deployment", f"weir-{role}"]["spec"]["template"]
            container = pod["spec"]["containers"][0]
            self.assertEqual(container["args"], [role])
            self.assertLessEqual({entry["name"] for entry in container["env"]}, variables_of(role))
            # Those that are only shown, for TLS, too.
            text = (DEPLOY / "kubernetes" / f"{role}.yaml").read_text(encoding="utf-8")
            shown = set(re.findall(r"# - \{name: (WEIR_[A-Z_]+)", text))
            self.assertTrue(shown)
            self.assertLessEqual(shown, variables_of(role))
            self.assertFalse(pod["spec"]["enableServiceLinks"])
            mounted = {mount["name"] for mount in container["volumeMounts"]}
            self.assertEqual(mounted, {volume["name"] for volume in pod["spec"]["volumes"]})
            budget = found["PodDisruptionBudget", f"weir-{role}"]["spec"]["selector"]
            self.assertEqual(budget["matchLabels"], pod["metadata"]["labels"])
            if role == "coordinator":
                given = {port["name"]: port["containerPort"] for port in container["ports"]}
                self.assertEqual(given, ports)
                self.assertEqual(container["readinessProbe"]["httpGet"]["path"], "/ready")
                self.assertEqual(container["livenessProbe"]["httpGet"]["path"], "/health")
        leaders = found["Deployment", "weir-coordinator"]["spec"]["template"]["metadata"]["labels"]
        for name in ("weir", "weir-coordinators"):
            service = found["Service", name]["spec"]
            self.assertEqual(service["selector"], leaders)
            for port in service["ports"]:
                self.assertEqual(port["port"], ports[port["targetPort"]])
        worker = found["Deployment", "weir-worker"]["spec"]["template"]["spec"]["containers"][0]
        env = {entry["name"]: entry.get("value") for entry in worker["env"]}
        host, port = env["WEIR_WORKER_COORDINATOR"].split(":")
        self.assertEqual(found["Service", host]["spec"]["clusterIP"], "None")
        self.assertEqual(int(port), ports["workers"])

    def test_the_packages_are_those_that_the_libraries_need(self):
        release = Path("/etc/os-release")
        if not release.is_file() or "VERSION_CODENAME=bookworm" not in release.read_text():
            self.skipTest("packages are named as in Debian 12")
        files = [WEIR, BUILD / "lib" / "libweir.so", *sorted((BUILD / "jobs").glob("*.so"))]
        dynamic = subprocess.run(["readelf", "-d", *map(str, files)], check=True,
                                 capture_output=True, text=True).stdout
        needed = set(re.findall(r"\(NEEDED\).*\[(.*)\]", dynamic))
        needed = {name for name in needed if not name.startswith("libweir.")}
        cache = subprocess.run(["/sbin/ldconfig", "-p"], check=True, capture_output=True, text=True)
        packages = set()
        for name in needed:
            path = re.search(rf"^\s*{re.escape(name)} \(libc6,x86-64.*=> (.*)$", cache.stdout, re.M)
            self.assertTrue(path, f"{name} is not on this machine")
            owner = subprocess.run(["dpkg", "-S", path[1]], capture_output=True, text=True)
            if owner.returncode != 0:  # dpkg may know it by its path before /lib became a link
                other = "/usr" + path[1] if path[1].startswith("/lib") else path[1][len("/usr"):]
                owner = subprocess.run(["dpkg", "-S", other], capture_output=True, text=True)
            self.assertEqual(owner.returncode, 0, f"no package has {path[1]}")
            packages.add(owner.stdout.split(":")[0])
        listed = set((DEPLOY / "runtime-packages.txt").read_text(encoding="utf-8").split())
        always_there = {"libc6", "libgcc-s1"}
        not_libraries = {"ca-certificates", "tzdata"}
        self.assertEqual(listed - not_libraries, packages - always_there)


class Processes(programs.ProcessTest):
    """Coordinators and workers as deploy/ starts them."""

    def setUp(self):
        super().setUp()
        (self.folder / "token").write_text("a-secret\n", encoding="utf-8")
        self.http, self.port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.http}"

    def weir(self, *words, env=None):
        return subprocess.run([WEIR, *words], cwd=self.folder, env={**self.env, **(env or {})},
                              capture_output=True, text=True, timeout=60)

    def workers(self):
        answer = self.weir("workers", "--json", "--cluster", self.url, "--token-file", "token")
        return [json.loads(line) for line in answer.stdout.splitlines()]

    def test_files_as_shipped_and_variables(self):
        """The shipped file with this test's folder and ports, of which variables give two."""
        text = (DEPLOY / "systemd" / "coordinator.yaml").read_text(encoding="utf-8")
        text = re.sub(r"(?m)^etcd: .*\n", "", text)
        text = text.replace("/mnt/weir", str(self.folder / "storage"))
        text = text.replace("/etc/weir", str(self.folder))
        (self.folder / "coordinator.yaml").write_text(text, encoding="utf-8")
        self.assertEqual(self.weir("health", "--cluster", self.url).returncode, 1)
        self.spawn("coordinator", [WEIR, "coordinator", "--config", "coordinator.yaml",
                                   "--http", f"127.0.0.1:{self.http}"],
                   {"WEIR_COORDINATOR_ADDRESS": f"127.0.0.1:{self.port}",
                    "WEIR_COORDINATOR_HTTP": "127.0.0.1:1",  # the command line wins
                    "WEIR_COORDINATOR_SERVICE_HOST": "10.0.0.1"})
        ready = ("health", "--ready", "--cluster", self.url)
        self.wait_for("a leader", lambda: self.weir(*ready).returncode == 0)
        lives = self.weir("health", "--cluster", self.url)
        self.assertEqual(lives.stdout, f"{self.url} lives\n")
        worker = {"WEIR_WORKER_COORDINATOR": f"127.0.0.1:{self.port}",
                  "WEIR_WORKER_TOKEN_FILE": str(self.folder / "token"),
                  "WEIR_WORKER_WORK": str(self.folder / "work"),
                  "WEIR_WORKER_NAME": "by-variables", "WEIR_WORKER_SLOTS": "7"}
        self.spawn("worker", [WEIR, "worker"], worker)
        found = self.wait_for("the worker", self.workers)
        self.assertEqual([one["slots"] for one in found], [7])
        self.assertTrue(found[0]["id"].startswith("by-variables."), found)
        said = (self.folder / "worker.log").read_text()
        self.assertIn(f"what processes say is in {self.folder}/work/logs", said)

    def test_a_mistake_in_a_variable_is_told(self):
        answer = self.weir("worker", env={"WEIR_WORKER_SLOT": "7"})
        self.assertEqual(answer.returncode, 2)
        self.assertIn("did you mean WEIR_WORKER_SLOTS?", answer.stderr)

    def test_a_worker_finds_the_leader_among_the_addresses_of_one_name(self):
        """As behind a headless service: only one of three coordinators leads."""
        (self.folder / "hosts").write_text("".join(
            f"127.0.0.{i} weir-coordinators\n" for i in (2, 3, 4)), encoding="utf-8")
        with_hosts = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c",
                      f"mount --bind {self.folder}/hosts /etc/hosts && exec \"$@\"", "sh"]
        looked_up = subprocess.run([*with_hosts, "getent", "ahosts", "weir-coordinators"],
                                   capture_output=True, text=True)
        if len(set(re.findall(r"^(127\S+)", looked_up.stdout, re.M))) != 3:
            self.skipTest("names cannot be given several addresses here")
        def url(i):
            return f"http://127.0.0.{i}:{self.http}"

        def coordinator(i):
            process = self.spawn(f"coordinator-{i}",
                                 [WEIR, "coordinator", "--storage", "storage", "--token-file",
                                  "token", "--address", f"127.0.0.{i}:{self.port}", "--http",
                                  f"127.0.0.{i}:{self.http}"])
            ready = ("health", "--ready", "--cluster", url(i))
            self.wait_for(f"coordinator {i}", lambda: self.weir(*ready).returncode == 0)
            return process

        first = coordinator(4)  # leads, and is not what the name means first
        coordinator(2)
        coordinator(3)
        self.spawn("worker", [*with_hosts, WEIR, "worker", "--token-file", "token", "--work",
                              "work", "--coordinator", f"weir-coordinators:{self.port}"])
        self.url = url(2)  # which sends on to the leader
        self.wait_for("the worker", self.workers)
        first.terminate()
        first.wait(20)
        self.wait_for("the worker at the next leader", self.workers)


if __name__ == "__main__":
    unittest.main(verbosity=2)

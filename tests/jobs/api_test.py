#!/usr/bin/env python3
"""The API and the metrics of a real cluster: every operation of docs/openapi.yaml answers as that
file says, and /metrics is what a strict reader takes. A job in one process tells the same of
itself over its control socket."""

import json
import os
import socket
import subprocess
import unittest
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import exposition
from cluster_test import ORDERS, ClusterTest
from openapi import Api

BROKEN = 5
STEP_FAMILIES = ["records_in_total", "records_out_total", "late_total", "dead_letters_total",
                 "duplicates_total", "timers_fired_total", "busy_seconds_total",
                 "waiting_seconds_total", "backpressured_seconds_total", "idle_seconds_total",
                 "state_entries", "state_bytes", "parallelism", "watermark_lag_seconds"]
JOB_FAMILIES = ["up", "parallelism", "restarts_total", "failures", "checkpoint_id",
                "checkpoint_age_seconds", "failed_checkpoints", "checkpoints_completed_total",
                "checkpoints_failed_total", "checkpoint_seconds_total", "checkpoint_size_bytes"]
PHASES = {"alignment", "pause", "write", "manifest", "commit"}


class WithOrders(ClusterTest):
    def write_orders(self, count=20000):
        super().write_orders(count)
        lines = (self.folder / "orders.csv").read_text().splitlines()
        for i in range(BROKEN):
            lines.insert(2 + i, f"c{i},no number,2024-01-01T00:00:00Z")
        (self.folder / "orders.csv").write_text("\n".join(lines) + "\n")


class OfACluster(WithOrders):
    def setUp(self):
        super().setUp()
        self.api = Api()

    def call(self, template, method="get", body=None, query="", expect=200, **parts):
        """Calls an operation of the API file, whose answer must be as that says."""
        path = template
        for name, value in parts.items():
            path = path.replace("{%s}" % name, urllib.parse.quote(value))
        self.assertNotIn("{", path)
        data = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
        request = urllib.request.Request(self.env["WEIR_CLUSTER"] + path + query, data,
                                         method=method.upper())
        try:
            with urllib.request.urlopen(request, timeout=60) as reply:
                status, text = reply.status, reply.read()
        except urllib.error.HTTPError as error:
            status, text = error.code, error.read()
        self.assertEqual(status, expect, f"{method} {path}: {text}")
        answer = json.loads(text)
        self.assertEqual(self.api.check(template, method, status, answer), [], f"{method} {path}")
        return answer

    def metrics(self):
        with urllib.request.urlopen(self.env["WEIR_CLUSTER"] + "/metrics", timeout=30) as reply:
            self.assertEqual(reply.headers["Content-Type"],
                             "text/plain; version=0.0.4; charset=utf-8")
            self.api.seen.add(("/metrics", "get"))
            return exposition.parse(reply.read().decode())

    def test_every_operation_answers_as_the_file_says(self):
        self.write_orders()
        self.local(2)
        self.submit_orders("--parallelism", "2")
        self.wait_for_checkpoint("orders", 3)
        self.wait_for("rates", lambda: any(
            step["rates"]["records_in_per_second"] > 0
            for step in self.call("/api/v1/jobs/{job}/steps", job="orders")["steps"]))
        job = self.look_at_all()
        self.look_after_a_crash()
        self.act_on_all(job)
        self.assertEqual(self.api.operations() - self.api.seen, set(), "these were not tried")

    def look_at_all(self):
        for path in ("/health", "/ready", "/api/v1/cluster"):
            self.call(path)
        workers = {worker["id"] for worker in self.call("/api/v1/workers")["workers"]}
        self.call("/api/v1/jobs")
        job = self.call("/api/v1/jobs/{job}", job="orders")
        self.assertIsNotNone(job["status"])
        self.call("/api/v1/libraries/{hash}", hash=job["spec"]["library_hash"])
        self.assertTrue(self.call("/api/v1/jobs/{job}/log", job="orders")["log"] is not None)

        graph = self.call("/api/v1/jobs/{job}/graph", job="orders")
        names = [step["name"] for step in graph["steps"]]
        self.assertEqual(names[:3], ["orders", "slow", "accounts"])
        edges = {(edge["from"], edge["to"]): edge for edge in graph["edges"]}
        self.assertTrue(edges["orders", "slow"]["chained"])
        self.assertEqual(edges["slow", "accounts"]["exchange"], "by key")
        self.assertFalse(edges["slow", "accounts"]["chained"])
        self.assertEqual([name for task in graph["tasks"] for name in task["steps"]], names)

        steps = {step["name"]: step
                 for step in self.call("/api/v1/jobs/{job}/steps", job="orders")["steps"]}
        self.assertEqual(list(steps), names)
        slow = steps["slow"]["times_ns"]
        self.assertGreater(slow["busy"], slow["idle"], "it sleeps in its function")
        self.assertGreater(steps["accounts"]["state_bytes"], 0)
        self.assertGreater(steps["accounts"]["state_entries"], 0)

        def told():
            """The subtasks, once those of the other process have told where their time goes."""
            found = self.call("/api/v1/jobs/{job}/subtasks", job="orders")["subtasks"]
            return all(sum(each["times_ns"].values()) > 0 for each in found) and found

        subtasks = self.wait_for("times of all subtasks", told)
        self.assertEqual([(each["step"], each["subtask"]) for each in subtasks],
                         [(name, i) for name in names for i in range(2)])
        self.assertEqual({each["worker"] for each in subtasks}, workers)
        one = self.call("/api/v1/jobs/{job}/subtasks", query="?step=slow", job="orders")
        self.assertEqual({each["step"] for each in one["subtasks"]}, {"slow"})
        self.call("/api/v1/jobs/{job}/subtasks", query="?step=none", expect=404, job="orders")

        checkpoints = self.call("/api/v1/jobs/{job}/checkpoints", job="orders")
        self.assertGreater(len(checkpoints["checkpoints"]), 0)
        done = [each for each in checkpoints["history"] if each["state"] == "completed"]
        self.assertGreaterEqual(len(done), 3)
        for each in done:
            self.assertEqual(each["acknowledged"], each["tasks"])
            self.assertGreater(each["size_bytes"], 0)
            phases = each["phases_ms"]
            self.assertLessEqual(phases["alignment"], each["duration_ms"])
            self.assertLessEqual(phases["write"] + phases["manifest"], each["duration_ms"] + 1)
        self.assertGreater(checkpoints["totals"]["phases_ms"]["write"], 0)
        self.assertGreater(checkpoints["totals"]["phases_ms"]["commit"], 0)

        letters = self.call("/api/v1/jobs/{job}/dead-letters", job="orders")
        self.assertEqual(len(letters["dead_letters"]), BROKEN)
        self.assertFalse(letters["more"])
        first = self.call("/api/v1/jobs/{job}/dead-letters", query="?limit=2&step=orders",
                          job="orders")
        self.assertTrue(first["more"])
        rest = self.call("/api/v1/jobs/{job}/dead-letters", job="orders",
                         query="?reason=decode&after=" + first["dead_letters"][-1]["id"])
        self.assertEqual(first["dead_letters"] + rest["dead_letters"], letters["dead_letters"])
        for query in ("?limit=x", "?reason=whim"):
            self.call("/api/v1/jobs/{job}/dead-letters", query=query, expect=400, job="orders")
        self.look_at_metrics(names)
        return job

    def look_at_metrics(self, names):
        families = self.metrics()
        for family in STEP_FAMILIES:
            steps = {dict(labels)["step"] for labels in families["weir_step_" + family]}
            missing = {"watermark_lag_seconds": set(names) - steps}.get(family, set())
            self.assertEqual(steps | missing, set(names), family)
        for family in JOB_FAMILIES:
            self.assertEqual(len(families["weir_job_" + family]), 1, family)
        phases = families["weir_job_checkpoint_phase_seconds_total"]
        self.assertEqual({dict(labels)["phase"] for labels in phases}, PHASES)
        letters = families["weir_step_dead_letters_total"]
        self.assertEqual(sum(letters.values()), BROKEN)
        again = self.metrics()
        for family, samples in families.items():
            if not family.endswith("_total"):
                continue
            for labels, value in samples.items():
                self.assertGreaterEqual(again[family][labels], value, f"{family} {dict(labels)}")

    def look_after_a_crash(self):
        """What is told of a failure, and of a job of which nothing runs for a moment."""
        found = subprocess.run(["pgrep", "-f", "job-process.*/1$"], capture_output=True, text=True)
        mine = [pid for pid in found.stdout.split() if self.is_below(int(pid))]
        self.assertTrue(mine)
        os.kill(int(mine[0]), 9)
        failures = self.wait_for("a failure", lambda: self.call(
            "/api/v1/jobs/{job}/exceptions", job="orders")["exceptions"])
        self.assertEqual(failures[0]["attempt"], 1)
        self.assertTrue(failures[0]["worker"])
        self.wait_for("a second attempt", lambda: (job := self.job("orders"))["attempt"] > 1
                      and job["state"] == "running")

    def is_below(self, pid):
        """Whether a process descends from one that this test has started."""
        mine = {process.pid for process in self.running}
        while pid > 1 and pid not in mine:
            stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
            pid = int(stat.rpartition(")")[2].split()[1])
        return pid in mine

    def act_on_all(self, job):
        self.call("/api/v1/jobs/{job}/request", "post", {"request": "status"}, job="orders")
        self.call("/api/v1/jobs/{job}/savepoint", "post", {"to": str(self.folder / "point")},
                  job="orders")
        self.call("/api/v1/jobs/{job}/rescale", "post", {"parallelism": 1}, expect=202,
                  job="orders")
        self.wait_for("parallelism 1", lambda: (now := self.job("orders"))["parallelism"] == 1
                      and now["state"] == "running")
        self.call("/api/v1/jobs/{job}/stop", "post", {}, expect=202, job="orders")
        self.wait_for_state(job["id"], "stopped")
        self.call("/api/v1/jobs/{job}/graph", expect=404, job=job["id"])
        stored = self.call("/api/v1/jobs/{job}/checkpoints", job=job["id"])
        self.assertEqual(stored["history"], [])
        self.assertIsNone(stored["totals"])
        self.assertTrue(stored["checkpoints"])
        self.call("/api/v1/jobs/{job}/update", "post", {}, expect=202, job=job["id"])
        self.call("/api/v1/jobs/{job}/cancel", "post", {}, job=job["id"])
        spec = job["spec"]
        with open(ORDERS, "rb") as library:
            self.call("/api/v1/libraries/{hash}", "put", library.read(),
                      hash=spec["library_hash"])
        again = {"name": "again", "library_hash": spec["library_hash"],
                 "settings": dict(spec["settings"], output=str(self.folder / "again"))}
        self.call("/api/v1/jobs", "post", again, expect=201)


class OfAJobInOneProcess(WithOrders):
    def ask(self, **request):
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(30)
            folder = os.open(self.folder / "state", os.O_PATH)
            try:
                line.connect(f"/proc/self/fd/{folder}/control.sock")
            finally:
                os.close(folder)
            line.sendall(json.dumps(request).encode() + b"\n")
            answer = json.loads(line.makefile().readline())
        self.assertTrue(answer.pop("ok"), answer)
        return answer

    def test_it_tells_the_same_of_itself(self):
        self.write_orders()
        self.start("job", "run", ORDERS, "--state", str(self.folder / "state"), "--set",
                   f"input={self.folder}/orders.csv", "--set", f"output={self.folder}/out",
                   "--set", "pause=1ms", "--parallelism", "2", "--checkpoint-interval", "100ms")
        sock = self.folder / "state" / "control.sock"
        self.wait_for("the control socket", sock.exists)
        self.wait_for("a checkpoint", lambda: self.ask(request="status")["checkpoint"] >= 2)
        api = Api()
        status = self.ask(request="status")
        self.assertEqual(api.check_named("Status", status), [])
        graph = self.ask(request="graph")
        self.assertEqual(api.check_named("Graph", dict(graph, id="")), [])
        subtasks = self.ask(request="subtasks", step="")["subtasks"]
        self.assertEqual(len(subtasks), 2 * len(status["steps"]))
        for each in subtasks:
            self.assertEqual(api.check_named("Subtask", dict(each, worker="")), [])
        history = self.ask(request="checkpoints")
        self.assertTrue(history["checkpoints"])
        for each in history["checkpoints"]:
            self.assertEqual(api.check_named("Checkpoint", each), [])
        for each in history["history"]:
            self.assertEqual(api.check_named("CheckpointRecord", each), [])
        self.assertEqual(self.ask(request="exceptions")["exceptions"], [])
        letters = self.ask(request="dead_letters", step="", reason="", after="", limit=3)
        self.assertEqual(len(letters["dead_letters"]), 3)
        self.assertTrue(letters["more"])
        for each in letters["dead_letters"]:
            self.assertEqual(api.check_named("DeadLetter", each), [])
        table = self.weir("status", "--state", str(self.folder / "state"))[0]
        self.assertRegex(table.splitlines()[1], r"BUSY +BACK-PRESSURED +IDLE")
        self.assertRegex(table, r"\d+ %")


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/env python3
"""Files of a cluster: whose a state folder is, and what workers and processes of jobs keep on their
host, the library that they run and their logs."""

import json
import os
import re
import signal
import stat
import unittest
from pathlib import Path

from cluster_test import ORDERS, ClusterTest

FULL = 64 << 20


class Files(ClusterTest):
    def processes(self):
        """The process ids of job processes of this test."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                words = (folder / "cmdline").read_bytes().split(b"\0")
                where = (folder / "environ").read_bytes()
            except OSError:
                continue
            if words[1:2] == [b"job-process"] and str(self.folder).encode() in where:
                found.append(int(folder.name))
        return found

    def test_a_process_runs_the_workers_own_copy_of_the_library(self):
        homes = {name: self.env.pop(name, None)
                 for name in ("HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME")}
        self.write_orders()
        self.local(1)
        self.env["XDG_CACHE_HOME"] = str(self.folder / "cache")  # of the command
        self.submit_orders(pause="5ms")
        self.wait_for_checkpoint("orders")
        name = self.job("orders")["spec"]["library_hash"] + ".so"
        pid, = self.processes()
        mapped = {line.split()[-1] for line in Path(f"/proc/{pid}/maps").read_text().splitlines()
                  if line.endswith(name)}
        self.assertEqual(len(mapped), 1, mapped)
        copy = Path(mapped.pop())
        self.assertTrue(copy.is_relative_to(self.folder / "cluster"), copy)
        self.assertEqual(stat.S_IMODE(copy.parent.stat().st_mode), 0o700)
        self.assertEqual(stat.S_IMODE((self.folder / "cache/weir/jobs").stat().st_mode), 0o700)
        self.weir("cancel", "orders")
        self.env.update({name: value for name, value in homes.items() if value is not None})

    def test_a_state_folder_is_one_jobs_whatever_leads_to_it(self):
        self.write_orders()
        self.local(1)
        state, link = self.folder / "state", self.folder / "link"
        other = ("--name", "other", "--set", f"output={self.folder}/out2", "--state", str(link))
        state.mkdir()
        link.symlink_to(state)
        self.submit_orders("--state", str(state), pause="5ms")
        self.wait_for_checkpoint("orders")
        orders = self.job("orders")["id"]
        # A link that leads there already is seen at once.
        error = self.weir("submit", ORDERS, "--set", f"input={self.folder}/orders.csv", *other,
                          status=2)[1]
        self.assertIn(f"belongs to job {orders}", error)
        # Of one that does so later only what lies in the folder tells.
        link.unlink()
        link.symlink_to(self.folder / "elsewhere")
        (self.folder / "elsewhere").mkdir()
        before = self.processes()
        self.weir("submit", ORDERS, "--set", f"input={self.folder}/orders.csv",
                  "--set", "pause=5ms", "--checkpoint-interval", "1h", *other)
        self.wait_for_state("other", "running")
        link.unlink()
        link.symlink_to(state)
        for pid in set(self.processes()) - set(before):
            os.kill(pid, signal.SIGKILL)
        other_id = self.other_id()
        record = self.wait_for("its end", lambda: (job := self.job(other_id))["over"] and job)
        self.assertEqual(record["state"], "failed")
        self.assertIn(f"is held by job {orders} ", record["problem"])
        # Nor may a run outside of the cluster come in between.
        error = self.weir("run", ORDERS, "--set", f"input={self.folder}/orders.csv",
                          "--set", f"output={self.folder}/out", "--state", str(link), status=3)[1]
        self.assertIn(f"is held by job {orders} ", error)
        self.assertEqual(self.job("orders")["state"], "running")
        # What is over lets others go on: cancelled, then stopped.
        self.weir("cancel", "orders")
        self.submit_orders("--state", str(link), pause="5ms")
        self.wait_for_state("orders", "running")
        reached = self.job("orders")["last_checkpoint"]
        self.wait_for_checkpoint("orders", reached + 1)
        second = self.job("orders")["id"]
        self.weir("stop", "orders")
        self.wait_for("its end", lambda: self.job(second)["over"])
        self.assertEqual(self.job(second)["state"], "stopped")
        self.weir("run", ORDERS, "--set", f"input={self.folder}/orders.csv",
                  "--set", f"output={self.folder}/out", "--state", str(state))
        self.check_orders()

    def other_id(self):
        """The id of the job that is called "other", over or not."""
        jobs = map(json.loads, self.weir("jobs", "--all", "--json")[0].splitlines())
        return next(job["id"] for job in jobs if job["name"] == "other")

    def test_a_worker_without_a_home_wants_a_folder(self):
        for name in ("HOME", "XDG_STATE_HOME"):
            self.env.pop(name, None)
        error = self.weir("worker", "--coordinator", "127.0.0.1:1", status=2)[1]
        self.assertIn("--work DIR", error)

    def test_a_log_is_bounded_and_its_newest_lines_are_there(self):
        self.write_orders(10_000)
        self.local(1)
        self.submit_orders("--set", "say=20000")  # some 200 MB
        cluster = self.folder / "cluster"
        self.wait_for("a second file", lambda: list(cluster.rglob("logs/j-*/1-0.log.1")))
        self.assertRegex(self.weir("logs", "orders", "--bytes", "100000")[0], r"order \d+ x")
        self.wait_for("its end", lambda: self.job("orders")["over"])
        self.check_orders()
        logs = sorted(cluster.rglob("logs/j-*/*"))
        self.assertEqual([log.name for log in logs], ["1-0.log", "1-0.log.1"])
        for log in logs:
            self.assertLess(log.stat().st_size, 2 * FULL)
        text = "".join(log.read_text(errors="replace") for log in reversed(logs))
        said = [int(number) for number in re.findall(r"^order (\d+) x", text, re.M)]
        self.assertEqual(said, list(range(said[0], 10_000)), "none is missing")


if __name__ == "__main__":
    unittest.main()

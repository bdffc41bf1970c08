#!/usr/bin/env python3
"""What workers and processes of jobs keep on their host: the library that they run, and their
logs."""

import re
import stat
import unittest
from pathlib import Path

from cluster_test import ClusterTest

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

#!/usr/bin/env python3
"""Jobs of a cluster whose checkpoints fail or hang: what is told, what goes on, and that the output
is right in the end."""

import unittest

from cluster_test import ORDERS, ClusterTest


class Failing(ClusterTest):
    def begin(self, failpoint, *options):
        self.env["WEIR_FAILPOINTS"] = failpoint
        self.write_orders()
        self.local(1)
        self.weir("submit", ORDERS, "--name", "orders", "--set", f"input={self.folder}/orders.csv",
                  "--set", f"output={self.folder}/out", "--set", "pause=1ms", *options)

    def go_on(self, job):
        self.weir("update", job, ORDERS, "--set", f"input={self.folder}/orders.csv", "--set",
                  f"output={self.folder}/out")
        self.wait_for_state(job, "finished")
        self.check_orders()

    def test_a_job_goes_on_when_the_savepoint_fails_that_it_was_to_stop_with(self):
        # Of the only checkpoint that there is until then.
        self.begin("checkpoint.before_manifest=error@1", "--checkpoint-interval", "1h")
        self.wait_for_state("orders", "running")
        point = str(self.folder / "point")
        error = self.weir("savepoint", "orders", point, "--stop", status=1)[1]
        self.assertIn("was given up", error)
        self.assertIn("does not stop, it goes on", error)
        job = self.wait_for_checkpoint("orders")  # the one by which its sources go on
        self.assertEqual(job["state"], "running")
        self.assertEqual(job["attempt"], 1)
        before = job["status"]["records"]
        self.wait_for("more records", lambda: self.job("orders")["status"]["records"] > before)
        other = str(self.folder / "other-point")
        self.assertIn("the job is stopped", self.weir("savepoint", "orders", other, "--stop")[0])
        self.go_on(job["id"])

    def test_a_manifest_that_is_late_is_complete_once(self):
        self.begin("coordinator.before_manifest=sleep:1500", "--checkpoint-timeout", "1s",
                   "--checkpoint-interval", "100ms")
        self.wait_for("a checkpoint that is late", self.manifest_is_named)
        self.wait_for_checkpoint("orders", 2)
        self.assertEqual(self.job("orders")["attempt"], 1)
        self.wait_for_state("orders", "finished")
        self.check_orders()

    def manifest_is_named(self):
        status = self.job("orders").get("status") or {}
        return "/checkpoints/" in status.get("checkpoint_failure", "")

    def test_an_attempt_gives_up_on_a_manifest_that_hangs(self):
        self.begin("coordinator.before_manifest=sleep:600000", "--checkpoint-timeout", "1s",
                   "--checkpoint-interval", "100ms")
        job = self.wait_for("another attempt",
                            lambda: (job := self.job("orders"))["attempt"] > 1 and job)
        failure = job["exceptions"][-1]["message"]
        self.assertIn("The storage hangs", failure)
        self.assertIn("/checkpoints/", failure)
        self.weir("cancel", "orders")


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/env python3
"""Runs that share an output folder: whoever might lose or double rows is refused, with a word on
what to do; whoever cannot is not bothered."""

import os
import shutil
import signal
import subprocess
import time
import unittest
from collections import Counter

from cli_test import ORDERS, WEIR, CommandTest
from weirtest import manifests

ROWS = 12_000  # more than the slow runs get through
QUICK = ("--checkpoint-interval", "50ms", "--set", "roll=0ms")
NEVER = ("--checkpoint-interval", "1h")


class OutputOwner(CommandTest):
    def setUp(self):
        super().setUp()
        self.write_orders(ROWS)

    def words(self, *more, state="state", output="out"):
        words = ["run", ORDERS, "--set", "input=orders.csv", "--set", f"output={output}", *more]
        return words + (["--state", state] if state else [])

    def begin(self, *more, wait_for, **folders):
        """Starts a slow run and waits until `wait_for` matches a name in its output folder."""
        process = subprocess.Popen([WEIR, *self.words("--set", "pause=2ms", *more, **folders)],
                                   cwd=self.folder, stderr=subprocess.PIPE, text=True)
        self.running.append(process)
        for _ in range(1000):
            if any((self.folder / folders.get("output", "out")).glob(wait_for)):
                return process
            time.sleep(0.01)
        self.fail("the run does not begin: " + str(process.poll()))

    def kill(self, process):
        process.kill()
        process.wait()

    def refused(self, *more, **folders):
        """Runs and returns why not; nothing visible has changed and no sink is named twice."""
        before = self.amounts()
        error = self.weir(*self.words(*more, **folders), status=3)[1]
        self.assertEqual(self.amounts(), before)
        self.assertEqual(error.lower().count("sink 'receipts'"), 1, error)
        return error

    def amounts(self, *folders):
        return Counter(row["amount"] for folder in folders or ("out",)
                       for row in self.receipts(folder))

    def complete(self, *folders):
        self.assertEqual(self.amounts(*folders), Counter(range(ROWS)))

    def test_killed_before_its_first_checkpoint(self):
        self.kill(self.begin(*NEVER, wait_for=".staging/*.jsonl"))
        error = self.refused(state="other")
        for part in (f"state folder {self.folder}/state,", "has staged", "--state",
                     "choose another output folder"):
            self.assertIn(part, error)
        self.assertIn("has staged", self.refused(state=None))
        self.weir(*self.words())
        self.complete()

    def test_two_at_once(self):
        os.symlink("out", self.folder / "link")
        for wait_for in (".staging/owner", ".staging/*.jsonl"):
            first = self.begin(*QUICK, wait_for=wait_for)
            for folders in ({"state": "b"}, {"state": None}, {"state": "b", "output": "./link/"}):
                before = self.amounts()
                error = self.weir(*self.words(**folders), status=3)[1]
                self.assertIn("is being written to by the run with state folder "
                              f"{self.folder}/state;", error)
                self.assertGreaterEqual(self.amounts(), before)
            first.send_signal(signal.SIGINT)
            self.assertEqual(first.wait(timeout=30), 0)
        self.weir(*self.words())
        self.complete()

    def test_without_a_state_folder(self):
        self.kill(self.begin(*NEVER, wait_for=".staging/*.jsonl", state=None))
        self.weir(*self.words(state=None))
        self.complete()
        self.assertIn("already holds output of a run without a state folder",
                      self.refused(state=None))
        for part in (self.folder / "out").glob("part-*"):
            part.unlink()
        self.weir(*self.words(state=None))
        self.complete()

    def test_finished_but_not_committed(self):
        died = subprocess.run([WEIR, *self.words(*NEVER)], cwd=self.folder, capture_output=True,
                              env={**os.environ, "WEIR_FAILPOINTS": "sink.before_commit=kill@1"})
        self.assertNotEqual(died.returncode, 0)
        self.assertEqual(self.amounts(), Counter())
        # Committed where the settings of then say, whatever those of now are.
        error = self.weir(*self.words("--set", "pause=1ms", output="elsewhere"))[1]
        self.assertIn("had finished before", error)
        self.assertFalse((self.folder / "elsewhere").exists())
        self.complete()

    def stopped_with_many_checkpoints(self):
        first = self.begin(*QUICK, "--keep", "100", wait_for="part-*")
        time.sleep(5)  # a batch takes two seconds
        first.send_signal(signal.SIGINT)
        self.assertEqual(first.wait(timeout=30), 0)
        ids = manifests(self.folder / "state")
        self.assertGreater(len(ids), 3)
        return str(ids[1])

    def test_an_older_checkpoint(self):
        older = self.stopped_with_many_checkpoints()
        error = self.refused("--from", older)
        self.assertIn(f"of checkpoints after {older}, from which the job resumes", error)
        # What the first folder shows up to that checkpoint, and all that the second one shows.
        self.weir(*self.words("--from", older, output="new"))
        for part in (self.folder / "out").glob("part-*"):
            if int(part.name.split("-")[1]) > int(older):
                part.unlink()
        self.complete("out", "new")

    def test_a_savepoint(self):
        self.stopped_with_many_checkpoints()
        self.weir("savepoint", "--state", "state", "--to", "point")
        shutil.copytree(self.folder / "out", self.folder / "out.kept", symlinks=True)
        self.weir(*self.words("--from", "point", state="b"))
        self.complete()
        self.assertIn("would come out twice", self.refused())
        self.weir(*self.words("--from", "point", state="c", output="new"))
        self.complete("out.kept", "new")


if __name__ == "__main__":
    unittest.main()

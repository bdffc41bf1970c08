#!/usr/bin/env python3
"""The `weir` command from outside: whole runs over real files, as an operator uses it."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

import disks

BUILD = Path(os.environ["WEIR_BUILD_DIR"])
WEIR = str(BUILD / "bin" / "weir")
ORDERS = str(BUILD / "jobs" / "cli_orders.so")
WORDS = str(BUILD / "jobs" / "word_count.so")

BROKEN = """customer,amount,at
ann,10,2024-01-01T00:00:00Z
bob,-5,2024-01-01T00:00:01Z
ann,x7,2024-01-01T00:00:02Z
cy,3
ann,-1,2024-01-01T00:00:04Z
"""


class CommandTest(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="weir-cli-"))
        self.running = []
        self.state = str(self.folder / "state")
        self.output = self.folder / "out"

    def tearDown(self):
        for process in self.running:
            if process.poll() is None:
                process.kill()
            process.communicate()
        shutil.rmtree(self.folder, ignore_errors=True)

    def weir(self, *words, status=0, cwd=None):
        """Runs the command to its end and returns (standard output, standard error)."""
        done = subprocess.run([WEIR, *words], capture_output=True, text=True, timeout=120,
                              cwd=cwd or self.folder)
        self.assertEqual(done.returncode, status, f"weir {words}\n{done.stdout}{done.stderr}")
        return done.stdout, done.stderr

    def lines(self, *words, **options):
        """The JSON lines that the command prints."""
        return [json.loads(line) for line in self.weir(*words, **options)[0].splitlines()]

    def write_orders(self, count=None, text=BROKEN):
        if count is not None:
            rows = (f"c{i % 7},{i},2024-01-01T00:{i // 60 % 60:02}:{i % 60:02}Z"
                    for i in range(count))
            text = "customer,amount,at\n" + "\n".join(rows) + "\n"
        (self.folder / "orders.csv").write_text(text)

    def run_words(self, *more):
        return ["run", ORDERS, "--set", "input=orders.csv", "--set", "output=out",
                "--state", self.state, "--checkpoint-interval", "50ms", *more]

    def start(self, *more, env=None):
        """Starts a slow job and waits until it has a checkpoint."""
        process = subprocess.Popen([WEIR, *self.run_words("--set", "pause=2ms", *more)],
                                   cwd=self.folder, stderr=subprocess.PIPE, text=True, env=env)
        self.running.append(process)
        for _ in range(400):
            self.assertIsNone(process.poll(), "the job ended early")
            done = subprocess.run([WEIR, "status", "--json", "--state", self.state],
                                  capture_output=True, text=True)
            if done.returncode == 0:
                status = json.loads(done.stdout)
                if status["running"] and status["checkpoint"] > 0:
                    return process
            time.sleep(0.02)
        self.fail("the job has no checkpoint")

    def receipts(self, folder="out"):
        rows = []
        for part in sorted((self.folder / folder).glob("part-*")):
            rows += [json.loads(line) for line in part.read_text().splitlines()]
        return rows

    def totals(self):
        totals = {}
        for row in self.receipts():
            totals[row["customer"]] = max(totals.get(row["customer"], 0), row["total"])
        return totals

    def letters(self, *filters):
        return self.lines("dlq", "list", "--json", "--state", self.state, *filters)


class Usage(CommandTest):
    def test_help_and_version(self):
        self.assertIn("checkpoints verify", self.weir("--help")[0])
        self.assertIn("--parallelism N", self.weir("run", "--help")[0])
        self.assertIn("dlq replay", self.weir("dlq", "--help")[0])
        self.assertTrue(self.weir("--version")[0].startswith("weir "))
        self.weir(status=2)

    def test_mistakes_are_named(self):
        self.assertIn("did you mean --parallelism?",
                      self.weir("run", "x.so", "--paralelism", "2", status=2)[1])
        self.assertIn("did you mean run?", self.weir("rum", status=2)[1])
        self.assertIn("x.so", self.weir("run", "x.so", status=4)[1])
        self.assertIn("--state DIR", self.weir("dlq", "list", status=2)[1])
        self.weir("dlq", "list", "--state", "nowhere", status=4)
        self.assertFalse((self.folder / "nowhere").exists())

    def test_wrong_libraries(self):
        (self.folder / "text.so").write_text("no library")
        self.assertIn("not a shared library", self.weir("run", "text.so", status=2)[1])
        library = BUILD / "lib" / "libweir.so"
        self.assertIn("no job", self.weir("run", str(library), status=3)[1])

    def test_a_library_that_is_cut_short(self):
        whole = Path(ORDERS).read_bytes()
        for size in (5, 64, 4096, len(whole) // 2, len(whole) - 1):
            (self.folder / "cut.so").write_bytes(whole[:size])
            self.assertIn("cut short", self.weir("run", "./cut.so", status=5)[1])

    def test_few_copies_of_libraries_are_kept(self):
        cache = self.folder / "cache" / "weir" / "jobs"
        cache.mkdir(parents=True)
        for number in range(30):
            (cache / f"{number}.so").write_bytes(b"")
            os.utime(cache / f"{number}.so", (number, number))
        done = subprocess.run([WEIR, "plan", WORDS, "--set", "input=a", "--set", "output=b"],
                              capture_output=True,
                              env=dict(os.environ, XDG_CACHE_HOME=str(self.folder / "cache")))
        self.assertEqual(done.returncode, 0)
        self.assertEqual(len(list(cache.iterdir())), 20)
        self.assertFalse((cache / "10.so").exists())
        self.assertTrue((cache / "11.so").exists())

    def test_settings_of_the_job(self):
        self.assertIn("--set input=VALUE", self.weir("run", WORDS, status=2)[1])
        error = self.weir("run", WORDS, "--set", "input=a", "--set", "output=b", "--set",
                          "color=c", status=2)[1]
        self.assertIn("color", error)

    def test_missing_input(self):
        self.weir("run", WORDS, "--set", "input=nothing.txt", "--set", "output=out", status=4)

    def test_config_file(self):
        (self.folder / "in.txt").write_text("a b a\n")
        config = self.folder / "job.yaml"
        config.write_text("parallelism: 2\nstate: state\nset:\n  input: in.txt\n  output: out\n")
        self.assertIn("parallelism 3",
                      self.weir("run", WORDS, "--config", "job.yaml", "--parallelism", "3")[1])
        self.assertEqual({r["word"]: r["count"] for r in self.receipts()}, {"a": 2, "b": 1})
        config.write_text("set: {input: in.txt}\nparalelism: 2\n")
        error = self.weir("run", WORDS, "--config", "job.yaml", status=2)[1]
        self.assertIn("job.yaml:2", error)
        self.assertIn("did you mean parallelism?", error)

    def test_completion(self):
        for shell in ("bash", "zsh"):
            script = self.weir("completion", shell)[0]
            subprocess.run(["bash", "-n"], input=script, text=True, check=True)
        words = ('COMP_WORDS=(weir dlq rep); COMP_CWORD=2; _weir; echo "${COMPREPLY[*]}";'
                 'COMP_WORDS=(weir dlq replay --dr); COMP_CWORD=3; _weir; echo "${COMPREPLY[*]}";'
                 'COMP_WORDS=(weir che); COMP_CWORD=1; _weir; echo "${COMPREPLY[*]}"')
        found = subprocess.run(["bash", "-c", self.weir("completion", "bash")[0] + words],
                               capture_output=True, text=True, check=True).stdout.split()
        self.assertEqual(found, ["replay", "--dry-run", "checkpoints"])

    def test_generate_is_reproducible(self):
        words = ["generate", "shop-events", "--users", "5", "--events", "200", "--seed", "3"]
        first, second = self.weir(*words)[0], self.weir(*words)[0]
        self.assertEqual(first, second)
        self.assertEqual(len(first.splitlines()), 200)


class Running(CommandTest):
    def test_finishes_once(self):
        self.write_orders(500)
        self.assertIn("finished", self.weir(*self.run_words())[1])
        receipts = self.receipts()
        self.assertEqual(len(receipts), 500)
        newest = self.lines("checkpoints", "list", self.state, "--json")[-1]["id"]
        error = self.weir(*self.run_words())[1]
        self.assertIn("had finished before", error)
        self.assertEqual(self.receipts(), receipts)
        self.assertEqual([c["id"] for c in self.lines("checkpoints", "list", self.state, "--json")],
                         [newest])
        error = self.weir(*self.run_words("--set", "output=elsewhere"))[1]
        self.assertIn("it finished with input=orders.csv, output=out", error)
        self.assertFalse((self.folder / "elsewhere").exists())
        self.assertIn("has finished", self.weir("status", "--state", self.state)[0])

    def test_none_refuses_a_used_folder(self):
        self.write_orders(10)
        self.weir(*self.run_words())
        self.assertIn("--from none", self.weir(*self.run_words("--from", "none"), status=3)[1])

    def test_stops_by_signal_and_resumes(self):
        self.write_orders(12000)
        for number in (signal.SIGINT, signal.SIGTERM):
            process = self.start()
            process.send_signal(number)
            error = process.communicate(timeout=60)[1]
            self.assertEqual(process.returncode, 0, error)
            self.assertIn("stopped", error)
        error = self.weir(*self.run_words())[1]
        self.assertIn("resumed from checkpoint", error)
        self.assertEqual(sorted(r["amount"] for r in self.receipts()), list(range(12000)))

    def test_one_process_a_folder(self):
        self.write_orders(12000)
        process = self.start()
        self.assertIn(f"process {process.pid}", self.weir(*self.run_words(), status=3)[1])
        mode = (Path(self.state) / "control.sock").stat().st_mode & 0o777
        self.assertEqual(mode, 0o600)
        self.weir("stop", "--state", self.state)
        self.assertEqual(process.wait(timeout=60), 0)
        self.assertFalse((Path(self.state) / "control.sock").exists())
        self.assertIn("No job is running", self.weir("stop", "--state", self.state, status=4)[1])

    def write_evil(self):
        self.write_orders(text="customer,amount,at\nann,1,2024-01-01T00:00:00Z\n"
                          "evil,2,2024-01-01T00:00:00Z\n")

    def test_a_function_ends_the_process(self):
        self.write_evil()
        for evil, status, text in (
                ("crash", -signal.SIGSEGV, "crashed with SIGSEGV in a function of the job"),
                ("recursion", -signal.SIGSEGV, "its stack full"),
                ("exit", 1, "called exit in a function of the job")):
            error = self.weir(*self.run_words("--set", f"evil={evil}"), status=status)[1]
            self.assertIn(text, error)
            self.assertIn("slow", error)
        error = self.weir(*self.run_words("--set", "evil=throw"), status=1)[1]
        self.assertIn("threw while it built its graph", error)
        self.weir(*self.run_words())
        self.assertEqual(self.totals(), {"ann": 1, "evil": 2})

    def start_hanging(self):
        self.write_evil()
        process = subprocess.Popen([WEIR, *self.run_words("--set", "evil=hang")],
                                   cwd=self.folder, stderr=subprocess.PIPE, text=True)
        self.running.append(process)
        self.assertIn("begins anew", process.stderr.readline())
        return process

    def test_a_second_interrupt_ends_a_function_that_hangs(self):
        process = self.start_hanging()
        process.send_signal(signal.SIGINT)
        self.assertIn("press Ctrl-C again", process.stderr.readline())
        process.send_signal(signal.SIGINT)
        self.assertIn("ended at once", process.communicate(timeout=10)[1])
        self.assertEqual(process.returncode, 130)

    def test_a_disk_that_hangs_ends_the_job(self):
        self.write_orders(12000)
        disk = disks.BadDisk(str(self.folder / "weather"), self.state)
        self.addCleanup(disk.remove)
        process = self.start("--checkpoint-timeout", "3s",  # a batch takes two
                             env={**os.environ, **disk.environment})
        disk.slow(3600)
        error = process.communicate(timeout=60)[1]
        self.assertEqual(process.returncode, 1, error)
        self.assertIn("The storage hangs", error)
        self.assertIn("Start it again once the storage answers", error)
        disk.heal()
        self.weir(*self.run_words())
        self.assertEqual(sorted(r["amount"] for r in self.receipts()), list(range(12000)))

    def test_a_suspended_job_is_said_to_be(self):
        process = self.start_hanging()
        process.send_signal(signal.SIGSTOP)
        error = self.weir("status", "--state", self.state, status=1)[1]
        self.assertIn(f"process {process.pid}) does not react", error)

    def test_a_refused_run_leaves_no_trace(self):
        self.write_orders(10)
        (self.folder / "file").write_text("")
        error = self.weir(*self.run_words("--set", "output=file/x"), status=4)[1]
        self.assertNotIn("begins anew", error)
        self.assertFalse((Path(self.state) / "job.json").exists())

    def test_limits_and_closed_streams(self):
        self.write_orders(20000)
        command = " ".join(self.run_words("--max-restarts", "0"))
        done = subprocess.run(f"ulimit -f 100; exec {WEIR} {command}", shell=True, cwd=self.folder,
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("File too large", done.stderr)
        done = subprocess.run(f"exec {WEIR} {command} <&- >&- 2>&-", shell=True, cwd=self.folder)
        self.assertEqual(done.returncode, 0)
        self.assertEqual(len(self.receipts()), 20000)

    def test_kill_and_resume(self):
        self.write_orders(12000)
        process = self.start("--parallelism", "2")
        process.kill()
        process.wait()
        self.weir(*self.run_words())
        self.assertEqual(sorted(r["amount"] for r in self.receipts()), list(range(12000)))


class Savepoints(CommandTest):
    def test_of_a_running_job(self):
        self.write_orders(12000)
        process = self.start()
        self.weir("savepoint", "--state", self.state, "--to", "one")
        self.assertIsNone(process.poll())
        self.weir("savepoint", "--state", self.state, "--to", "two", "--stop")
        self.assertEqual(process.wait(timeout=60), 0)
        for folder in ("one", "two"):
            self.assertTrue(self.lines("checkpoints", "list", folder, "--json")[0]["savepoint"])
            self.weir("checkpoints", "verify", folder)
        self.state = str(self.folder / "other")
        error = self.weir(*self.run_words("--from", "two", "--parallelism", "3"))[1]
        self.assertIn("of two", error)
        self.assertEqual(sorted(r["amount"] for r in self.receipts()), list(range(12000)))

    def test_offline(self):
        self.write_orders(50)
        self.weir(*self.run_words())
        self.weir("savepoint", "--state", self.state, "--to", "point")
        self.weir("checkpoints", "verify", "point")
        self.weir("savepoint", "--state", self.state, "--to", "point", status=3)

    def test_stop_with_savepoint(self):
        self.write_orders(12000)
        process = self.start()
        self.weir("stop", "--state", self.state, "--savepoint", "point")
        self.assertEqual(process.wait(timeout=60), 0)
        self.weir("checkpoints", "verify", "point")


class Looking(CommandTest):
    def setUp(self):
        super().setUp()
        self.write_orders(70)
        self.weir(*self.run_words("--parallelism", "2"))

    def test_checkpoints(self):
        newest = self.lines("checkpoints", "list", self.state, "--json")[-1]
        self.assertTrue(newest["finished"])
        shown = self.lines("checkpoints", "show", self.state, "--json")[0]
        self.assertEqual(shown["id"], newest["id"])
        self.weir("checkpoints", "show", self.state, "999", status=4)
        run = next((Path(self.state) / "runs").glob("accounts-*-state.run"))
        run.write_bytes(run.read_bytes()[:-1] + b"x")
        self.assertIn(run.name, self.weir("checkpoints", "verify", self.state, status=5)[1])

    def test_state_of_a_key(self):
        rows = self.lines("state", "show", "accounts", "--state", self.state, "--key", "c3")
        self.assertEqual(rows[0], {"key": "c3", "state": {"orders": 10, "total": 345}})
        entries = {row["entry"]: row["value"] for row in rows[1:]}
        self.assertEqual(entries, {amount: 1 for amount in range(3, 70, 7)})
        self.assertEqual(rows, self.lines("state", "show", "accounts", "--state", self.state,
                                          "--key", '"c3"'))

    def test_state_of_all(self):
        rows = self.lines("state", "show", "accounts", "--state", self.state)
        self.assertEqual({r["key"] for r in rows}, {f"c{i}" for i in range(7)})
        self.assertEqual(len(self.lines("state", "show", "accounts", "--state", self.state,
                                        "--limit", "3")), 3)
        split = self.lines("state", "show", "orders", "--state", self.state)[0]
        self.assertTrue(split["ended"])
        self.weir("state", "show", "nothing", "--state", self.state, status=4)
        self.weir("state", "show", "accounts", "--state", self.state, "--key", "no", status=4)

    def test_plan(self):
        text = self.weir("plan", ORDERS, "--against", self.state)[0]
        self.assertIn("accounts", text)
        self.assertIn("kept", text)
        self.assertIn("digraph", self.weir("plan", ORDERS, "--dot", "--set", "input=a", "--set",
                                           "output=b")[0])
        steps = self.lines("plan", ORDERS, "--json", "--set", "input=a", "--set", "output=b")
        self.assertIn("accounts", {step["name"] for step in steps})
        text, error = self.weir("plan", WORDS, "--against", self.state, status=3)
        self.assertIn("no longer has", text)
        self.assertIn("cannot be restored", error)
        self.assertNotIn("no longer has", error)
        run = next((Path(self.state) / "runs").glob("accounts-*-state.run"))
        run.write_bytes(run.read_bytes()[:-1] + b"x")
        self.assertIn(run.name, self.weir("plan", ORDERS, "--against", self.state, status=5)[1])


class DeadLetters(CommandTest):
    def setUp(self):
        super().setUp()
        self.write_orders()

    def finish(self):
        self.weir(*self.run_words("--parallelism", "2"))
        self.assertEqual(len(self.letters()), 4)

    def replay(self, *words, status=0):
        rows = self.lines("dlq", "replay", "--json", "--state", self.state, *words, status=status)
        return [row["outcome"] for row in rows]

    def test_show_and_export(self):
        self.finish()
        letter = self.letters("--reason", "user_error", "--limit", "1")[0]
        shown = self.lines("dlq", "show", letter["id"], "--state", self.state, "--json")[0]
        self.assertEqual(shown["payload"]["amount"], -5)
        self.assertEqual(shown["message"], "a negative amount: -5")
        decode = self.letters("--step", "orders")
        self.assertIn("orders.csv", decode[0]["source"])
        self.weir("dlq", "export", "--state", self.state, "--output", "letters.jsonl")
        self.assertEqual(len((self.folder / "letters.jsonl").read_text().splitlines()), 4)
        self.weir("dlq", "show", "9.9.9", "--state", self.state, status=4)
        error = self.weir("dlq", "list", "--step", "acounts", "--state", self.state, status=4)[1]
        self.assertIn("accounts, orders", error)

    def test_dry_run_changes_nothing(self):
        self.finish()
        rows = self.lines("dlq", "replay", "--json", "--state", self.state, "--dry-run", "--reason",
                          "user_error", "--set", "amount=4")
        self.assertEqual([json.loads(r["before"])["amount"] for r in rows], [-5, -1])
        self.assertEqual([json.loads(r["after"])["amount"] for r in rows], [4, 4])
        dropped = self.lines("dlq", "drop", "--json", "--state", self.state, "--dry-run", "--all")
        self.assertEqual(len(dropped), 4)
        self.assertEqual(len(self.letters()), 4)
        self.assertEqual(self.totals(), {"ann": 10})

    def test_a_letter_that_an_edit_does_not_fit_is_left(self):
        self.finish()
        only_bob = ('[{"op":"test","path":"/amount","value":-5},'
                    '{"op":"replace","path":"/amount","value":4}]')
        rows = self.lines("dlq", "replay", "--json", "--dry-run", "--state", self.state, "--all",
                          "--patch", only_bob, status=1)
        self.assertEqual(sum("problem" in row for row in rows), 3)
        outcomes = self.replay("--all", "--patch", only_bob, status=1)
        self.assertEqual(sorted(outcomes), ["left", "left", "left", "replayed"])
        self.assertEqual([letter["attempt"] for letter in self.letters()], [1, 1, 1])
        self.assertEqual(self.totals(), {"ann": 10, "bob": 4})

    def test_replay_of_a_finished_job(self):
        self.finish()
        self.assertEqual(self.replay("--reason", "user_error", "--set", "amount=4"),
                         ["replayed", "replayed"])
        self.assertEqual(self.totals(), {"ann": 14, "bob": 4})
        self.assertEqual(len(self.letters()), 2)
        self.assertIn("had finished", self.weir(*self.run_words("--parallelism", "2"))[1])
        self.assertEqual(self.totals(), {"ann": 14, "bob": 4})

    def test_replay_at_the_decoder(self):
        self.finish()
        first, second = [letter["id"] for letter in self.letters("--step", "orders")]
        patch = '[{"op":"test","path":"/amount","value":"x7"},' \
                '{"op":"replace","path":"/amount","value":"7"}]'
        self.assertEqual(self.replay(first, "--patch", patch), ["replayed"])
        self.assertEqual(self.replay(second, "--set", "at=2024-01-01T00:00:03Z"), ["replayed"])
        self.assertEqual(self.totals(), {"ann": 17, "cy": 3})

    def test_one_that_fails_again_stays(self):
        self.finish()
        letter = self.letters("--reason", "user_error")[0]
        self.assertEqual(self.replay(letter["id"], status=1), ["failed"])
        again = self.letters("--reason", "user_error")[0]
        self.assertEqual((again["id"], again["attempt"]), (letter["id"], 2))

    def test_an_edit_that_does_not_fit_replays_nothing(self):
        self.finish()
        self.assertIn("no field", self.weir("dlq", "replay", "--state", self.state, "--all",
                                            "--remove", "color", status=1)[0])
        self.assertEqual(len(self.letters()), 4)

    def test_a_repaired_key_goes_to_its_owner(self):
        self.finish()
        names = [f"k{i}" for i in range(6)]
        for _ in names:
            letter = self.letters("--reason", "user_error")
            if not letter:
                break
            name = names.pop()
            self.assertEqual(self.replay(letter[0]["id"], "--set", f"customer={name}", "--set",
                                         "amount=1"), ["replayed"])
            rows = self.lines("state", "show", "accounts", "--state", self.state, "--key", name)
            self.assertEqual(rows[0]["state"], {"orders": 1, "total": 1})

    def test_drop(self):
        self.finish()
        rows = self.lines("dlq", "drop", "--json", "--state", self.state, "--step", "accounts")
        self.assertEqual([row["outcome"] for row in rows], ["dropped", "dropped"])
        self.assertEqual(len(self.letters()), 2)
        self.weir("dlq", "drop", "--state", self.state, status=2)

    def test_replay_in_a_running_job(self):
        self.write_orders(text=BROKEN + "".join(
            f"z,{i},2024-01-01T00:00:05Z\n" for i in range(20000)))
        process = self.start()
        for _ in range(100):
            if len(self.letters()) == 4:
                break
            time.sleep(0.02)
        ids = [letter["id"] for letter in self.letters("--step", "accounts")]
        self.assertEqual(self.replay(*ids, "--set", "amount=4"), ["replayed", "replayed"])
        self.lines("dlq", "drop", "--json", "--state", self.state, "--all")
        self.assertIsNone(process.poll())
        self.assertEqual(self.letters(), [])
        self.weir("stop", "--state", self.state)
        self.weir(*self.run_words())
        self.assertEqual(self.totals()["ann"], 14)
        self.assertEqual(sum(r["customer"] == "z" for r in self.receipts()), 20000)

    def test_ceiling(self):
        error = self.weir(*self.run_words("--max-dead-letters", "1"), status=1)[1]
        self.assertIn("Too many dead letters", error)


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/env python3
"""A cluster of real processes on this host, driven by the command: jobs submitted, workers and
coordinators killed, jobs stopped, rescaled and updated; after each the output must be right."""

import collections
import json
import os
import pty
import re
import shutil
import signal
import subprocess
import unittest
import urllib.error
import urllib.request
from pathlib import Path

import programs
from serving import free_port

BUILD = Path(os.environ["WEIR_BUILD_DIR"])
WEIR = str(BUILD / "bin" / "weir")
WORDS = str(BUILD / "jobs" / "word_count.so")
ORDERS = str(BUILD / "jobs" / "cli_orders.so")
CARTS = str(BUILD / "jobs" / "cart_abandonment.so")
LINES = 8000


class ClusterTest(programs.ProcessTest):
    # ---- processes

    def start(self, name, *words):
        return self.spawn(name, [WEIR, *words])

    def local(self, count, *more, name="local"):
        """Starts a cluster and points the command to it."""
        process = self.start(name, "local", str(count), "--http-port", "0", "--port", "0",
                             "--work", str(self.folder / "cluster"), *more)
        self.wait_for("the cluster", lambda: "Ctrl-C" in self.log(name))
        self.env["WEIR_CLUSTER"] = re.search(r"https?://[0-9.:]+", self.log(name))[0]
        return process

    def children(self, process):
        """The processes below one, by what they are: {"worker": [pid], ...}."""
        found = collections.defaultdict(list)
        listing = subprocess.run(["ps", "-o", "pid=,args=", "--ppid", str(process.pid)],
                                 capture_output=True, text=True).stdout
        for line in listing.splitlines():
            pid, _, kind, *_ = line.split()
            found[kind].append(int(pid))
        return found

    def job_process(self, local, which):
        """The process of a job whose attempt and number are /ATTEMPT/NUMBER."""
        workers = map(str, self.children(local)["worker"])
        listing = subprocess.run(["ps", "-o", "pid=,args=", "--ppid", ",".join(workers)],
                                 capture_output=True, text=True).stdout.splitlines()
        return next(int(line.split()[0]) for line in listing if which in line)

    # ---- the command

    def weir(self, *words, status=0):
        done = subprocess.run([WEIR, *words], capture_output=True, text=True, timeout=180,
                              cwd=self.folder, env=self.env)
        self.assertEqual(done.returncode, status, f"weir {words}\n{done.stdout}{done.stderr}")
        return done.stdout, done.stderr

    def job(self, name):
        return json.loads(self.weir("status", name, "--json")[0])

    def jobs(self):
        return [json.loads(line) for line in self.weir("jobs", "--json")[0].splitlines()]

    def wait_for_state(self, name, state):
        return self.wait_for(f"{name} is {state}",
                             lambda: (job := self.job(name))["state"] == state and job)

    def wait_for_checkpoint(self, name, at_least=1):
        return self.wait_for(f"checkpoint {at_least} of {name}",
                             lambda: (job := self.job(name))["last_checkpoint"] >= at_least and job)

    # ---- the job

    def write_orders(self, count=LINES):
        """Each customer's amounts, whose running total is told after each."""
        self.count = count
        totals = collections.Counter()
        with open(self.folder / "orders.csv", "w") as out:
            out.write("customer,amount,at\n")
            for i in range(count):
                totals[f"c{i % 97}"] += i
                out.write(f"c{i % 97},{i},2024-01-01T00:{i // 60 % 60:02}:{i % 60:02}Z\n")
        self.expected = dict(totals)

    def submit_orders(self, *more, pause="1ms"):
        self.weir("submit", ORDERS, "--name", "orders", "--set", f"input={self.folder}/orders.csv",
                  "--set", f"output={self.folder}/out", "--set", f"pause={pause}",
                  "--checkpoint-interval", "100ms", *more)

    def check_orders(self):
        """Every order gave one receipt, and the last total of each customer is right."""
        count, totals = 0, {}
        for part in (self.folder / "out").glob("part-*"):
            for line in part.read_text().splitlines():
                row = json.loads(line)
                count += 1
                totals[row["customer"]] = max(totals.get(row["customer"], 0), row["total"])
        self.assertEqual(count, self.count)
        self.assertEqual(totals, self.expected)


class Local(ClusterTest):
    def test_a_job_from_submit_to_its_end(self):
        (self.folder / "book.txt").write_text("to be or not to be\n" * 1000)
        process = self.local(2)
        self.assertEqual(len(self.weir("workers")[0].splitlines()), 3)
        self.assertIn("no jobs run", self.weir("jobs")[0])
        self.weir("submit", WORDS, "--set", f"input={self.folder}/book.txt", "--set",
                  f"output={self.folder}/counts", "--parallelism", "3", "--wait")
        counts = {}
        for part in (self.folder / "counts").glob("part-*"):
            for line in part.read_text().splitlines():
                row = json.loads(line)
                counts[row["word"]] = row["count"]
        self.assertEqual(counts, {"to": 2000, "be": 2000, "or": 1000, "not": 1000})
        self.assertIn("is finished", self.weir("status", "word_count")[0])
        self.assertIn("finished", self.weir("checkpoints", "list", "word_count")[0])
        self.weir("dlq", "list", "--state", "word_count")
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(30), 0)

    def test_children_end_with_a_parent_that_is_killed(self):
        process = self.local(1)
        pids = [pid for group in self.children(process).values() for pid in group]
        self.assertEqual(len(pids), 2)
        process.kill()
        process.wait()
        def gone():
            return not any(Path(f"/proc/{pid}").exists() for pid in pids)
        self.wait_for("the end of all children", gone)

    def test_ports_in_use_are_refused(self):
        """Its workers would join the cluster that is there."""
        self.local(1)
        port = self.env["WEIR_CLUSTER"].rsplit(":", 1)[1]
        error = self.weir("local", "1", "--http-port", port, "--port", "0", status=3)[1]
        self.assertIn(f"Cannot listen on 127.0.0.1:{port}: Address already in use", error)
        self.assertIn("--http-port", error)
        self.assertEqual(len(self.weir("workers")[0].splitlines()), 2)

    def test_jobs_of_before_are_said_to_wait(self):
        self.write_orders(3000)
        local = self.local(1)
        self.submit_orders()
        self.wait_for_checkpoint("orders")
        local.send_signal(signal.SIGINT)
        local.wait(30)
        self.local(1, name="again")
        self.wait_for("a word", lambda: re.search(
            r"Job orders \(j-\w+\) of before is \w+; it waits for .*workers.* for up to \d s, "
            "since this coordinator has just begun to lead", self.log("again")))
        self.assertRegex(self.log("again"), "starts no job yet: waits for .*workers")
        self.wait_for_state("orders", "finished")
        self.check_orders()

    def test_mistakes_are_told(self):
        error = self.weir("jobs", "--cluster", "http://127.0.0.1:1", status=1)[1]
        self.assertIn("No coordinator answers at http://127.0.0.1:1", error)
        self.local(1)
        self.assertIn("is not a shared library", self.weir("submit", __file__, status=2)[1])
        self.assertIn("input", self.weir("submit", WORDS, "--set", "inptu=x", status=2)[1])
        self.write_orders()
        self.submit_orders()
        self.assertIn("did you mean orders?", self.weir("cancel", "ordres", status=4)[1])
        self.assertIn("no parallelism", self.weir("rescale", "orders", "none", status=2)[1])
        self.weir("cancel", "orders")
        self.assertEqual(self.job("orders")["state"], "cancelled")
        for words in (["stop", "orders"], ["cancel", "orders"], ["rescale", "orders", "2"]):
            self.assertRegex(self.weir(*words, status=2)[1],
                             r"'orders' is over: cancelled since .* `weir update j-\w+ LIBRARY.so`")

    def test_no_worker_is_said(self):
        storage = self.folder / "storage"
        self.start("coordinator", "coordinator", "--storage", str(storage), "--http",
                   "127.0.0.1:0", "--address", "127.0.0.1:0")
        url = self.wait_for("the address", lambda: re.search(r"http://[0-9.:]+[0-9]",
                                                             self.log("coordinator")))
        self.env["WEIR_CLUSTER"] = url[0]
        self.write_orders(10)
        done = self.weir("submit", ORDERS, "--set", "input=orders.csv", "--set",
                         f"output={self.folder}/out")
        self.assertIn("has no worker", done[1])
        self.assertIn("looks like a relative path", done[1])
        self.assertEqual(self.jobs()[0]["state"], "waiting")
        waits = "waits for a worker; none is connected"
        self.assertIn(waits, self.weir("jobs")[0])
        self.assertIn(waits, self.weir("status", self.jobs()[0]["id"])[0])

    def test_a_stop_without_workers_says_what_it_waits_for(self):
        self.write_orders()
        local = self.local(1)
        self.submit_orders(pause="5ms")
        self.wait_for_checkpoint("orders")
        for worker in self.children(local)["worker"]:
            os.kill(worker, signal.SIGKILL)
        self.wait_for_state("orders", "waiting")
        stop = self.start("stop", "stop", "orders")
        self.wait_for("a word", lambda: re.search(
            r"weir: job orders \(j-\w+\) is stopping and waits for a worker", self.log("stop")))
        self.weir("cancel", "orders")
        self.assertEqual(stop.wait(30), 0)


class Requests(ClusterTest):
    def test_savepoint_rescale_stop_and_go_on(self):
        self.write_orders(30000)
        self.local(2)
        self.submit_orders("--parallelism", "2")
        self.wait_for_checkpoint("orders")
        self.assertIn("take it with --stop", self.weir(
            "savepoint", "orders", str(self.folder / "point"))[1])
        self.assertTrue((self.folder / "point" / "checkpoints").is_dir())
        self.weir("rescale", "orders", "3")
        self.wait_for("parallelism 3", lambda: (job := self.job("orders"))["parallelism"] == 3
                      and job["state"] == "running" and job["attempt"] > 1)
        self.assertIn("is stopped", self.weir("stop", "orders")[0])
        job = self.job("orders")
        self.assertEqual(job["state"], "stopped")
        self.assertIn("no setting 'puase'; did you mean pause?", self.weir(
            "update", "orders", ORDERS, "--unset", "puase", status=2)[1])
        said = self.weir("update", "orders", ORDERS, "--set", f"input={self.folder}/orders.csv",
                         "--unset", "pause")
        self.assertIn("was stopped and starts anew from checkpoint", said[0])
        self.assertIn("settings set: input; dropped: pause; as before: output", said[1])
        self.wait_for_state(job["id"], "finished")
        self.check_orders()

    def test_an_update_is_not_lost_with_the_attempt(self):
        """Which is given up before its last checkpoint, since it may not be tried again."""
        self.write_orders()
        local = self.local(1)
        self.submit_orders("--max-restarts", "0", pause="5ms")
        self.wait_for_checkpoint("orders")
        os.kill(self.job_process(local, "/1/0"), signal.SIGSTOP)  # until its worker ends it
        self.weir("update", "orders", ORDERS, "--set", "pause=1ms")
        self.wait_for_state("orders", "finished")
        job = self.job("orders")
        self.assertEqual((job["attempt"], job["spec"]["settings"]["pause"]), (2, "1ms"))
        self.assertIn("The change that was asked for took effect then",
                      job["exceptions"][0]["message"])
        self.assertNotIn("problem", job)
        self.check_orders()

    def test_an_update_that_does_not_fit_is_refused(self):
        self.write_orders()
        self.local(1)
        self.submit_orders()
        self.wait_for_checkpoint("orders")
        (self.folder / "book.txt").write_text("x\n")
        done = self.weir("update", "orders", WORDS, "--set", f"input={self.folder}/book.txt",
                         "--set", f"output={self.folder}/counts", "--unset", "pause", status=3)
        self.assertIn("incompatible", done[0])
        self.assertEqual(self.job("orders")["spec"]["library"], "cli_orders.so")

    def test_a_parallelism_that_a_job_cannot_have_is_refused(self):
        self.write_orders()
        self.local(1)
        done = self.weir("submit", ORDERS, "--set", f"input={self.folder}/orders.csv", "--set",
                         f"output={self.folder}/out", "--parallelism", "300", status=2)
        self.assertIn("max_parallelism of 256", done[1])
        self.submit_orders()
        self.wait_for_checkpoint("orders")
        self.assertIn("max_parallelism of 256", self.weir("rescale", "orders", "300", status=2)[1])
        self.wait_for_state("orders", "finished")
        self.assertEqual(self.job("orders")["attempt"], 1)
        self.check_orders()

    def test_letters_as_deep_as_records_may_be_are_told(self):
        (self.folder / "events.jsonl").write_text(
            '{"messageId":"m","userId":"","event":"e","timestamp":"2024-01-01T00:00:00Z","x":'
            + "[" * 60 + "]" * 60 + "}\n")
        local = self.local(1)
        self.weir("submit", CARTS, "--name", "carts", "--set", f"input={self.folder}/events.jsonl",
                  "--set", f"output={self.folder}/out", "--wait")
        job = self.jobs()[0]["id"]
        url = f"{self.env['WEIR_CLUSTER']}/api/v1/jobs/{job}/dead-letters"
        with urllib.request.urlopen(url, timeout=30) as reply:
            letters = json.loads(reply.read())["dead_letters"]
        self.assertEqual(len(letters), 1)
        self.assertIn("[" * 60, json.dumps(letters[0]))
        self.assertIsNone(local.poll())

    def test_logs_and_metrics(self):
        self.write_orders()
        self.local(1)
        self.submit_orders()
        self.wait_for_checkpoint("orders")
        self.weir("logs", "orders")
        with urllib.request.urlopen(self.env["WEIR_CLUSTER"] + "/metrics", timeout=20) as answer:
            text = answer.read().decode()
        self.assertRegex(text, r'weir_jobs\{state="running"\} 1')
        self.assertRegex(text, r'weir_job_up\{job="orders",id="j-[0-9a-f]{8}"\} 1')
        self.assertRegex(text, r'weir_step_records_in_total\{job="orders",[^}]*\} [0-9]')

    def test_a_log_does_nothing_to_a_terminal(self):
        self.write_orders()
        orders = self.folder / "orders.csv"
        orders.write_text(orders.read_text().replace("\nc0,", "\nevil,", 1))
        self.local(1)
        self.submit_orders("--set", "evil=escape")
        wild = "\x1b[2J\x1b]0;taken\a \x9b31m\rover\n"
        self.wait_for("the log", lambda: wild in self.raw("logs", "orders").decode())
        ours, theirs = pty.openpty()
        with subprocess.Popen([WEIR, "logs", "orders"], stdout=theirs, env=self.env):
            os.close(theirs)
            seen = b""
            while piece := self.read_terminal(ours):
                seen += piece
        os.close(ours)
        self.assertIn(rb"\x1b[2J\x1b]0;taken\x07 \xc2\x9b31m\x0dover" + b"\r\n", seen)
        self.assertNotRegex(seen.decode(), "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")

    def raw(self, *words):
        return subprocess.run([WEIR, *words], stdout=subprocess.PIPE, timeout=60, env=self.env,
                              check=True).stdout

    @staticmethod
    def read_terminal(terminal):
        try:
            return os.read(terminal, 4096)
        except OSError:  # nobody has it open any more
            return b""

    def test_logs_of_jobs_that_are_over(self):
        """Also once the cluster has been started again, by when its workers have other names."""
        self.write_orders(100)
        local = self.local(2)
        self.submit_orders("--parallelism", "2", "--wait")
        _, whose = self.weir("logs", "orders")
        self.assertRegex(whose, r"weir: attempt 1, process 0, on worker-[12]\.")
        self.assertRegex(self.weir("logs", "orders", "--process", "1")[1], "process 1, on worker-")
        self.assertIn("no attempt 2", self.weir("logs", "orders", "--attempt", "2", status=4)[1])
        self.assertIn("No worker that is connected has a log of process",
                      self.weir("logs", "orders", "--process", "7", status=4)[1])
        local.send_signal(signal.SIGINT)
        local.wait(30)
        self.local(2, name="again")
        self.assertIn("attempt 1, process 1", self.weir("logs", "orders", "--process", "1")[1])

    def test_the_log_of_the_process_that_failed(self):
        self.write_orders()
        local = self.local(2)
        self.submit_orders("--parallelism", "2", "--max-restarts", "0", pause="5ms")
        job = self.wait_for_checkpoint("orders")
        victim = job["processes"][1]["worker"]
        os.kill(self.job_process(local, "/1/1"), signal.SIGKILL)
        self.wait_for_state("orders", "failed")
        # The other process, which missed it, may be the first to be heard.
        self.wait_for("the log of the process that failed", lambda: (
            f"attempt 1, process 1, on {victim}" in self.weir("logs", "orders")[1]))

    def test_processes_without_anything_to_do_sleep(self):
        """The thread that runs tasks and drives the network gives its core up."""
        self.write_orders()
        local = self.local(2)
        self.submit_orders("--parallelism", "2", pause="20ms")
        self.wait_for_checkpoint("orders")
        # One of the two has the only split: the thread of the other has next to nothing to do.
        workers = map(str, self.children(local)["worker"])
        jobs = subprocess.run(["pgrep", "-P", ",".join(workers)], capture_output=True, text=True)
        threads = [thread for pid in jobs.stdout.split()
                   for thread in Path("/proc", pid, "task").iterdir()
                   if (thread / "comm").read_text() == "weir-task\n"]
        self.assertEqual(len(threads), 2)

        def sleeps(thread):
            status = (thread / "status").read_text()
            return int(re.search(r"^voluntary_ctxt_switches:\s*(\d+)", status, re.MULTILINE)[1])

        self.wait_for("both threads sleep", lambda: min(map(sleeps, threads)) > 100)

    def test_every_path_of_the_api_file_is_there(self):
        self.write_orders()
        self.local(1)
        self.submit_orders()
        self.wait_for_checkpoint("orders")
        text = (Path(os.environ["WEIR_SOURCE_DIR"]) / "docs" / "openapi.yaml").read_text()
        paths = re.findall(r"^  (/\S+):$", text, re.MULTILINE)
        self.assertGreater(len(paths), 15)
        for path in paths:
            path = path.replace("{job}", "orders").replace("{hash}", "0" * 32)
            try:
                urllib.request.urlopen(self.env["WEIR_CLUSTER"] + path, timeout=30).close()
            except urllib.error.HTTPError as error:
                answer = json.loads(error.read())["error"]["message"]
                self.assertNotIn("nothing under this path", answer, path)
                self.assertNotIn("Nothing of a job", answer, path)


class Failures(ClusterTest):
    def test_killed_workers(self):
        self.write_orders()
        local = self.local(3)
        self.submit_orders("--parallelism", "3")
        checkpoint = 0
        for worker in self.children(local)["worker"][:2]:
            job = self.wait_for_checkpoint("orders", checkpoint + 1)
            attempt = job["attempt"]
            os.kill(worker, signal.SIGKILL)
            self.wait_for("another attempt", lambda: self.job("orders")["attempt"] > attempt)
            job = self.wait_for_state("orders", "running")
            checkpoint = job["last_checkpoint"]
        self.wait_for_state("orders", "finished")
        self.check_orders()

    def test_a_killed_process_of_a_job(self):
        self.write_orders()
        local = self.local(1)
        self.submit_orders()
        job = self.wait_for_checkpoint("orders")
        listing = subprocess.run(["pgrep", "-f", f"job-process.*{job['id']}/"],
                                 capture_output=True, text=True).stdout.split()
        self.assertEqual(len(listing), 1)
        os.kill(int(listing[0]), signal.SIGKILL)
        self.wait_for_state("orders", "finished")
        self.assertGreater(self.job("orders")["attempt"], 1)
        self.check_orders()
        self.assertIsNone(local.poll())

    def test_a_job_does_not_begin_anew_where_its_state_is_not_there(self):
        self.write_orders()
        self.local(1)
        self.submit_orders("--max-restarts", "100")
        state = Path(self.wait_for_checkpoint("orders", 3)["spec"]["state_dir"])
        state.rename(self.folder / "away")
        state.mkdir()
        self.wait_for("why it does not begin", lambda: "Is the storage mounted on this host?" in
                      (self.job("orders").get("problem") or ""))
        self.wait_for("its return", lambda: self.put_back(state))
        self.wait_for_state("orders", "finished")
        self.check_orders()

    def put_back(self, state):
        """False when an attempt has made the folder anew meanwhile."""
        shutil.rmtree(state, ignore_errors=True)
        try:
            (self.folder / "away").rename(state)
        except OSError:
            return False
        return True

    def test_another_coordinator_takes_over_and_nothing_stops(self):
        self.write_orders()
        storage = str(self.folder / "storage")
        leaders, urls, doors = [], [], []
        for i in range(2):
            name = f"coordinator-{i}"
            leaders.append(self.start(name, "coordinator", "--storage", storage, "--http",
                                      "127.0.0.1:0", "--address", "127.0.0.1:0"))
            line = self.wait_for("the addresses", lambda: re.search(
                r"workers at ([0-9.:]+[0-9]), API at (http://[0-9.:]+[0-9])", self.log(name)))
            doors.append(line[1])
            urls.append(line[2])
        self.env["WEIR_CLUSTER"] = ",".join(urls)
        for i in range(2):
            self.start(f"worker-{i}", "worker", "--coordinator", ",".join(doors), "--name", f"w{i}",
                       "--work", str(self.folder / f"work-{i}"), "--slots", "2")
        self.wait_for("workers", lambda: len(self.weir("workers")[0].splitlines()) == 3)
        self.submit_orders("--parallelism", "2")
        before = self.wait_for_checkpoint("orders")
        leaders[0].kill()
        after = self.wait_for_checkpoint("orders", before["last_checkpoint"] + 2)
        self.assertEqual(after["attempt"], before["attempt"])
        self.wait_for_state("orders", "finished")
        self.check_orders()

    @unittest.skipUnless(shutil.which("etcd"), "etcd is not installed")
    def test_a_leader_whose_etcd_hangs_stops_leading_and_leads_anew(self):
        ports = [free_port() for _ in range(2)]
        etcd = f"http://127.0.0.1:{ports[0]}"
        peer = f"http://127.0.0.1:{ports[1]}"
        server = self.spawn(
            "etcd", ["etcd", "--data-dir", str(self.folder / "etcd"), "--listen-client-urls", etcd,
                     "--advertise-client-urls", etcd, "--listen-peer-urls", peer,
                     "--initial-advertise-peer-urls", peer, "--initial-cluster", f"default={peer}"])
        self.start("coordinator", "coordinator", "--storage", str(self.folder / "storage"),
                   "--http", "127.0.0.1:0", "--address", "127.0.0.1:0", "--etcd", etcd)
        line = self.wait_for("the addresses", lambda: re.search(
            r"workers at ([0-9.:]+[0-9]), API at (http://[0-9.:]+[0-9])", self.log("coordinator")))
        self.env["WEIR_CLUSTER"] = line[2]
        self.start("worker", "worker", "--coordinator", line[1], "--name", "w", "--work",
                   str(self.folder / "work"))
        self.wait_for("leads", lambda: "leads with epoch" in self.log("coordinator"))
        self.write_orders()
        self.submit_orders()
        before = self.wait_for_checkpoint("orders")
        server.send_signal(signal.SIGSTOP)
        self.wait_for("the end of the lead",
                      lambda: "could not be renewed" in self.log("coordinator"))
        server.send_signal(signal.SIGCONT)
        self.wait_for("another lead",
                      lambda: len(re.findall("leads with epoch", self.log("coordinator"))) > 1)
        epochs = [int(n) for n in re.findall(r"leads with epoch (\d+)", self.log("coordinator"))]
        self.assertLess(epochs[0], epochs[-1])
        job = self.wait_for_state("orders", "finished")
        self.assertEqual(job["attempt"], before["attempt"])
        self.check_orders()


if __name__ == "__main__":
    unittest.main(verbosity=2)

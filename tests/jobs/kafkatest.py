"""What tests against a real Kafka broker share: a broker, topics, and a run of the job kafka_orders
held against tests/oracle/kafka_orders.py. The broker's data and the runs' folders lie in the
working folder of the test."""

import itertools
import os
import shutil
import signal
import subprocess
import sys
import threading
import time

import weirtest
from weirtest import BUILD, SKIPPED, SOURCE, Failure

sys.path.insert(0, os.path.join(SOURCE, "tests", "servers"))
sys.path.insert(0, os.path.join(SOURCE, "tests", "oracle"))
import kafka_broker
import kafka_proxy
import kafka_orders

NUMBERS = itertools.count(1)  # topics of runs are never the same
TOOL = os.path.join(BUILD, "tests", "bin", "kafka_tool")
LIBRARY = os.path.join(BUILD, "jobs", "kafka_orders.so")


def skip_without_kafka():
    why = kafka_broker.missing()
    if why:
        print("skipped: no Kafka broker: %s" % why)
        sys.exit(SKIPPED)
    kafka_broker.make_archive()


def tool(address, *words, lines=None, env=None):
    done = subprocess.run(
        [TOOL, address, *map(str, words)],
        input="".join(lines) if lines is not None else None,
        capture_output=True,
        text=True,
        timeout=180,
        env=dict(os.environ, **(env or {})),
    )
    if done.returncode != 0:
        raise Failure("kafka_tool %s: %s" % (words, done.stderr))
    return done.stdout.splitlines()


def order_lines(rng, count, users, partitions, first_user=0):
    """Lines for `kafka_tool produce`: a user's orders are all in one partition."""
    lines = []
    for _ in range(count):
        user = first_user + rng.randrange(users)
        lines.append(
            '%d\tu%d\t{"user":"u%d","amount":%d}\n'
            % (user % partitions, user, user, rng.randrange(1000))
        )
    return lines


class KafkaRun:
    """One run of kafka_orders from its first start to its end: two topics and a state folder."""

    def __init__(self, broker, name, partitions=3):
        self.broker = broker
        self.name = "%s-%d" % (name, next(NUMBERS))
        name = self.name
        self.folder = os.path.abspath(os.path.join("runs", name))
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)
        self.state = os.path.join(self.folder, "state")
        self.partitions = partitions
        self.lines = []
        self.settings = {}
        self.address = broker.address  # or a proxy's
        tool(broker.address, "topic", name + "-in", partitions)
        tool(broker.address, "topic", name + "-out", 4)

    def produce(self, lines):
        self.lines += lines
        tool(self.broker.address, "produce", self.name + "-in", lines=lines)

    def check_group(self):
        """When the job has ended: its group must be where it has come to."""
        told = tool(self.broker.address, "offsets", self.settings["group"], self.name + "-in")
        read = [0] * self.partitions
        for line in self.lines:
            read[int(line.split("\t")[0])] += 1
        wanted = ["%d\t%d" % pair for pair in enumerate(read)]
        if sorted(told) != wanted:
            raise Failure("%s: the group was told %s, not %s" % (self.name, told, wanted))

    def command(self, parallelism=2, interval="50ms", state=None, bounded=False, source=None):
        settings = {
            "brokers": self.address,
            "input": self.name + "-in",
            "output": self.name + "-out",
            "bounded": "true" if bounded else "false",
            "sink_kafka": "transaction.timeout.ms=10000",
        }
        command = ["weir", "run", LIBRARY, "--state", state or self.state]
        for item in dict(settings, **self.settings).items():
            command += ["--set", "%s=%s" % item]
        command += ["--parallelism", str(parallelism), "--checkpoint-interval", interval]
        return command + (["--from", source] if source else [])

    def start(self, env=None, log="job.log", **options):
        self.begun_before = self.begun(log)
        with open(os.path.join(self.folder, log), "a") as out:
            return subprocess.Popen(
                self.command(**options),
                stdout=out,
                stderr=out,
                env=dict(os.environ, **(env or {})),
            )

    def log(self, name="job.log"):
        path = os.path.join(self.folder, name)
        if not os.path.exists(path):
            return ""  # its processes write elsewhere
        with open(path, errors="replace") as text:
            return text.read()

    def begun(self, log="job.log"):
        """How many processes have said that they run."""
        said = self.log(log)
        return said.count(" begins anew with ") + said.count(" resumed from checkpoint ")

    def wait_until_running(self, log="job.log"):
        """Until the process started last has taken over its output."""
        wait_for(lambda: self.begun(log) > self.begun_before)

    def wait_for_checkpoint(self):
        """Until the running process has made a checkpoint; false when it has not in 10 s."""
        self.wait_until_running()
        before = set(weirtest.manifests(self.state))
        return wait_for(lambda: set(weirtest.manifests(self.state)) - before)

    def output(self):
        for _ in range(3):  # a broker that has just started may not know its topics yet
            try:
                return tool(self.broker.address, "consume", self.name + "-out")
            except Failure:
                time.sleep(1)
        return tool(self.broker.address, "consume", self.name + "-out")

    def wait_for_output(self, process=None, timeout=60, count=None):
        """Until as many records are out as came in; whether they are right says `check`."""
        count = len(self.lines) if count is None else count
        give_up = time.monotonic() + timeout
        while time.monotonic() < give_up:
            if len(self.output()) >= count:
                return
            if process is not None and process.poll() is not None:
                raise Failure("the job has ended with %d:\n%s"
                              % (process.returncode, self.log()[-3000:]))
            time.sleep(0.1)
        raise Failure("%s: %d of %d records are out\n%s"
                      % (self.name, len(self.output()), count, self.log()[-3000:]))

    def remove(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    def check(self, what):
        wanted = kafka_orders.expected(self.lines)
        try:
            said = kafka_orders.differences(wanted, kafka_orders.seen(self.output()))
        except ValueError as why:
            said = [str(why)]
        if said:
            raise Failure("%s, %s: wrong output\n%s\n%s"
                          % (self.name, what, "\n".join(said), self.log()[-3000:]))


class Feeder(threading.Thread):
    """Produces orders for a run all the time, a few hundred a second, through all outages of the
    broker. Nothing else may produce for the run meanwhile."""

    def __init__(self, run, rng, users):
        super().__init__(daemon=True)
        self._run, self._rng, self._users = run, rng, users
        self._ending = threading.Event()
        command = [TOOL, run.broker.address, "produce", run.name + "-in"]
        self._tool = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE,
                                      text=True)

    def run(self):
        try:
            while not self._ending.wait(0.02):
                lines = order_lines(self._rng, 6, self._users, self._run.partitions)
                self._tool.stdin.writelines(lines)
                self._tool.stdin.flush()
                self._run.lines += lines
        except (OSError, ValueError):
            pass  # `finish` says why

    def finish(self):
        """All is produced when this returns."""
        self._ending.set()
        self.join()
        _, said = self._tool.communicate(timeout=180)
        if self._tool.returncode != 0:
            raise Failure("kafka_tool produce: " + said)

    def kill(self):
        self._ending.set()
        self._tool.kill()
        self._tool.wait()


def wait_for(condition, timeout=10):
    """Whether it came true in time."""
    give_up = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > give_up:
            return False
        time.sleep(0.02)
    return True


def end(process, how=signal.SIGKILL):
    process.send_signal(how)
    try:
        return process.wait(60)
    except subprocess.TimeoutExpired:
        process.kill()
        raise Failure("the job does not stop")


def rng(what):
    return weirtest.seeded(what)

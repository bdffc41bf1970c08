"""Processes on this host that tests start, freeze and kill, and waiting for what they do. All of
them end with the script, however that ends. Only the Python standard library."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

import weirtest

sys.path.insert(0, os.path.join(weirtest.SOURCE, "tests", "servers"))
from serving import die_with_parent  # noqa: E402


def wait_for(done, what, seconds=60, folder=None):
    """Returns the first true value of `done()`; fails with the ends of the logs in `folder`."""
    end = time.monotonic() + seconds
    while not (value := done()):
        if time.monotonic() > end:
            logs = "".join(
                "\n--- %s\n%s" % (path.name, path.read_text(errors="replace")[-4000:])
                for path in (sorted(Path(folder).glob("*.log")) if folder else [])
            )
            raise weirtest.Failure("waited %d s for %s%s" % (seconds, what, logs))
        time.sleep(0.02)
    return value


def run(command, ok=(0,), timeout=60, env=None):
    """Runs a command to its end; returns what it said."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, env=env)
    if done.returncode not in ok:
        raise weirtest.Failure(
            "exit status %d of: %s\n%s%s"
            % (done.returncode, " ".join(command), done.stdout, done.stderr)
        )
    return done.stdout + done.stderr


class Program:
    """A process that can be killed, frozen and started again, with its log in a file."""

    def __init__(self, name, command, folder, env=None):
        self.name, self.command, self.env = name, [str(part) for part in command], env
        self.log = os.path.join(folder, name + ".log")
        self.process = None
        self.frozen = False

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                self.command, stdout=log, stderr=log, env=dict(os.environ, **(self.env or {})),
                preexec_fn=die_with_parent,
            )

    def runs(self):
        return self.process is not None and self.process.poll() is None

    def send(self, number):
        if self.runs():
            self.process.send_signal(number)

    def freeze(self):
        self.frozen = True
        self.send(signal.SIGSTOP)

    def thaw(self):
        self.frozen = False
        self.send(signal.SIGCONT)

    def kill(self):
        if self.process is not None:
            self.send(signal.SIGKILL)
            self.process.wait()
            self.frozen = False

    def text(self):
        with open(self.log, encoding="utf-8", errors="replace") as log:
            return log.read()


def job_processes(workers):
    """The process ids of all job processes of these programs."""
    workers = {str(worker.process.pid) for worker in workers if worker.runs()}
    found = []
    for pid in os.listdir("/proc"):
        if not pid.isdigit():
            continue
        try:
            with open("/proc/%s/stat" % pid, encoding="ascii", errors="replace") as stat:
                fields = stat.read().rpartition(")")[2].split()
            with open("/proc/%s/cmdline" % pid, "rb") as line:
                words = line.read().split(b"\0")
        except OSError:
            continue  # it has ended meanwhile
        if fields[0] != "Z" and fields[1] in workers and b"job-process" in words:
            found.append(int(pid))
    return sorted(found)


def signal_process(pid, name):
    try:
        os.kill(pid, getattr(signal, "SIG" + name))
        return True
    except ProcessLookupError:
        return False


class ProcessTest(unittest.TestCase):
    """A test with a folder of its own, in which programs run that end with it."""

    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="weir-processes-"))
        self.running = []
        self.env = {name: value for name, value in os.environ.items()
                    if not name.startswith("WEIR_")}

    def tearDown(self):
        for process in reversed(self.running):
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    process.kill()
            process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def spawn(self, name, words, env=None):
        with open(self.folder / (name + ".log"), "ab") as log:
            process = subprocess.Popen(words, cwd=self.folder, env={**self.env, **(env or {})},
                                       stdout=log, stderr=log, preexec_fn=die_with_parent)
        self.running.append(process)
        return process

    def log(self, name):
        return (self.folder / (name + ".log")).read_text(errors="replace")

    def wait_for(self, what, condition, seconds=60):
        return wait_for(condition, what, seconds, self.folder)

"""A cluster of real processes for whole-job tests: coordinators, workers, and etcd if wanted, all
on this host, with proxies between workers and coordinators that can cut, delay or swallow what
passes. Only the Python standard library."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request

import weirtest

OVER = ("finished", "stopped", "cancelled", "failed")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Link:
    """A TCP proxy on loopback whose two directions can be stopped, each for itself, or slowed."""

    def __init__(self, target):
        self.target = target
        self.forward = self.back = True  # whether bytes pass, to the target and from it
        self.delay = 0.0  # seconds before each piece
        self.accepting = True
        self._open = set()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self):
        """Breaks all connections and lets none in."""
        self.accepting = False
        for end in list(self._open):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def heal(self):
        self.accepting = self.forward = self.back = True
        self.delay = 0.0

    def _accept(self):
        while True:
            client, _ = self._server.accept()
            try:
                if not self.accepting:
                    raise OSError("cut")
                server = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                client.close()
                continue
            self._open |= {client, server}
            for come, go, way in ((client, server, "forward"), (server, client, "back")):
                come.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self._pass, args=(come, go, way), daemon=True).start()

    def _pass(self, come, go, way):
        try:
            while piece := come.recv(65536):
                while not getattr(self, way) and self.accepting:
                    time.sleep(0.01)
                if self.delay:
                    time.sleep(self.delay)
                go.sendall(piece)
        except OSError:
            pass
        for end in (come, go):
            self._open.discard(end)
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            end.close()


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
                self.command, stdout=log, stderr=log, env=dict(os.environ, **(self.env or {}))
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


def job_processes(cluster, workers=None):
    """The process ids of all job processes of the cluster's workers, or of some of them."""
    workers = cluster.workers if workers is None else workers
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


class Disk:
    """A small file system of its own that can be filled up. Needs root."""

    def __init__(self, folder, megabytes=200):
        self.folder = folder
        self.ballast = os.path.join(folder, "ballast")
        options = "size=%dm" % megabytes
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=True)

    def fill(self):
        try:
            with open(self.ballast, "wb") as out:
                while True:
                    out.write(b"x" * 65536)
                    out.flush()
        except OSError:
            pass

    def free(self):
        if os.path.exists(self.ballast):
            os.remove(self.ballast)

    def remove(self):
        subprocess.run(["umount", "-l", self.folder], check=False)


class Cluster:
    def __init__(self, folder, workers=3, coordinators=1, etcd=0, slots=2, disk=False):
        self.folder = os.path.abspath(folder)
        shutil.rmtree(self.folder, ignore_errors=True)
        self.storage = os.path.join(self.folder, "storage")
        os.makedirs(self.storage)
        self.disk = Disk(self.storage) if disk and os.geteuid() == 0 else None
        self.etcd = self._etcd(etcd)
        registry = ["--registry", os.path.join(self.folder, "registry")]
        if self.etcd:
            registry = ["--etcd", ",".join("http://127.0.0.1:%d" % e.port for e in self.etcd)]
        self.coordinators, self.http, doors = [], [], []
        for i in range(coordinators):
            door, http = free_port(), free_port()
            doors.append(door)
            self.http.append("http://127.0.0.1:%d" % http)
            command = ["weir", "coordinator", "--storage", self.storage, *registry]
            command += ["--address", "127.0.0.1:%d" % door, "--http", "127.0.0.1:%d" % http]
            self.coordinators.append(Program("coordinator-%d" % i, command, self.folder))
        self.workers, self.links = [], []
        for i in range(workers):
            links = [Link(door) for door in doors]
            self.links.append(links)
            ways = ",".join("127.0.0.1:%d" % link.port for link in links)
            command = ["weir", "worker", "--coordinator", ways, "--name", "w%d" % i]
            command += ["--slots", slots, "--work", os.path.join(self.folder, "w%d" % i)]
            self.workers.append(Program("worker-%d" % i, command, self.folder))
        self.programs = self.etcd + self.coordinators + self.workers
        for program in self.programs:
            program.start()
        self.wait_for(lambda: self.leader() is not None, "a leader")
        self.wait_for(lambda: len(self.get("/workers")) == workers, "all workers")

    def _etcd(self, count):
        peers = [free_port() for _ in range(count)]
        cluster = ",".join("e%d=http://127.0.0.1:%d" % pair for pair in enumerate(peers))
        members = []
        for i, peer in enumerate(peers):
            port = free_port()
            url, peer_url = "http://127.0.0.1:%d" % port, "http://127.0.0.1:%d" % peer
            data = os.path.join(self.folder, "e%d" % i)
            command = ["etcd", "--name", "e%d" % i, "--data-dir", data]
            command += ["--listen-client-urls", url, "--advertise-client-urls", url]
            command += ["--listen-peer-urls", peer_url]
            command += ["--initial-advertise-peer-urls", peer_url]
            command += ["--initial-cluster", cluster, "--log-level", "error"]
            members.append(Program("etcd-%d" % i, command, self.folder))
            members[-1].port = port
        return members

    # ---- the API
    def ask(self, url, method="GET", body=None, timeout=5):
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(url, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return json.loads(answer.read() or b"null")

    def leader(self):
        """The base URL of the coordinator that leads, or None."""
        for url in self.http:
            try:
                self.ask(url + "/api/v1/jobs", timeout=2)
                return url
            except (OSError, ValueError):
                continue
        return None

    def call(self, path, method="GET", body=None, patience=30, timeout=5):
        """Asks the leader, whoever that is by then; the cluster may be without one for a while."""
        end = time.monotonic() + patience
        while True:
            last = None
            for url in self.http:
                try:
                    return self.ask(url + "/api/v1" + path, method, body, timeout)
                except urllib.error.HTTPError as error:
                    text = error.read().decode(errors="replace")
                    if error.code not in (421, 503, 504):
                        raise weirtest.Failure("%s %s: %d %s" % (method, path, error.code, text))
                    last = text
                except (OSError, ValueError) as error:
                    last = str(error)
            if time.monotonic() > end:
                raise weirtest.Failure("%s %s: no answer: %s" % (method, path, last))
            time.sleep(0.05)

    def get(self, path, patience=30):
        answer = self.call(path, patience=patience)
        if isinstance(answer, dict):
            return answer.get("jobs", answer.get("workers", answer))
        return answer

    def submit(self, case, run, parallelism, rate=None, interval="50ms", options=()):
        """Submits a case with the command; returns the job's id."""
        settings = dict(case.settings, output=run.output)
        if "input" in settings:
            settings["input"] = os.path.abspath(settings["input"])
        if rate:
            settings["rate"] = rate
        command = ["weir", "submit", case.library, "--cluster", ",".join(self.http)]
        for key, value in settings.items():
            command += ["--set", "%s=%s" % (key, value)]
        command += ["--parallelism", str(parallelism), "--checkpoint-interval", interval]
        command += ["--max-restarts", "1000000", "--state", run.state, *options]
        return re.search(r"j-[0-9a-f]+", self.command(command))[0]

    def command(self, command, ok=(0,), timeout=60):
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout)
        if done.returncode not in ok:
            raise weirtest.Failure(
                "exit status %d of: %s\n%s%s"
                % (done.returncode, " ".join(command), done.stdout, done.stderr)
            )
        return done.stdout + done.stderr

    def job(self, job, patience=30):
        return self.call("/jobs/" + job, patience=patience)

    def wait_over(self, job, seconds=120):
        """Waits until a job is over; returns its record."""
        state = {}

        def over():
            state.update(self.job(job))
            return state["state"] in OVER

        self.wait_for(over, "the end of " + job, seconds)
        return state

    def wait_for(self, done, what, seconds=60):
        end = time.monotonic() + seconds
        while not done():
            if time.monotonic() > end:
                raise weirtest.Failure("waited %d s for %s; see %s" % (seconds, what, self.folder))
            time.sleep(0.02)

    def heal(self):
        """Ends all disasters: everything runs and is connected."""
        for links in self.links:
            for link in links:
                link.heal()
        for program in self.programs:
            if program.frozen:
                program.thaw()
            if not program.runs():
                program.start()
        for pid in job_processes(self):
            signal_process(pid, "CONT")
        if self.disk:
            self.disk.free()

    def stop(self):
        for program in self.programs:
            if program.frozen:
                program.thaw()
        for program in self.programs:
            program.kill()
        if self.disk:
            self.disk.remove()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.stop()

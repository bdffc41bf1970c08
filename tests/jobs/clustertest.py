"""A cluster of real processes for whole-job tests: coordinators, workers, and etcd if wanted. All
are on this host, with proxies between workers and coordinators that can cut, delay or swallow what
passes; or each worker and each coordinator is on a host of its own, a network namespace. Only the
Python standard library."""

import json
import os
import re
import shutil
import time
import urllib.error
import urllib.request

import disks
import hosts
import programs
import weirtest
from links import Link
from programs import Program, job_processes, signal_process
from serving import LOOPBACK, free_port

OVER = ("finished", "stopped", "cancelled", "failed")


class Cluster:
    """Runs from its construction until the end of its `with` block.

    folder       for its logs and its storage
    disk         under the storage: None, "small" (needs root) or "bad" (see disks.py)
    network      a hosts.Network to put it on, instead of this host with proxies
    environment  further variables for all its programs and for the commands that it is asked by
    """

    def __init__(self, folder, workers=3, coordinators=1, etcd=0, slots=2, disk=None, network=None,
                 environment=None):
        self.folder = os.path.abspath(folder)
        shutil.rmtree(self.folder, ignore_errors=True)
        self.storage = os.path.join(self.folder, "storage")
        os.makedirs(self.storage)
        self.network = network
        self.environment = dict(environment or {})
        self.disk = None
        if disk == "small":
            self.disk = disks.SmallDisk(self.storage)
        elif disk == "bad":
            self.disk = disks.BadDisk(os.path.join(self.folder, "weather"), self.storage)
        if network:
            self.environment["WEIR_TOKEN"] = "of-this-test"
        self.etcd = self._etcd(etcd)
        self.coordinators, self.http, self.workers, self.links = [], [], [], []
        doors = [self._coordinator(i) for i in range(coordinators)]
        for i in range(workers):
            self._worker(i, doors, slots)
        self.programs = self.etcd + self.coordinators + self.workers
        try:
            for program in self.programs:
                program.start()
            self.wait_for(lambda: self.leader() is not None, "a leader")
            self.wait_for(lambda: len(self.get("/workers")) == workers, "all workers")
        except BaseException:
            self.stop()
            raise

    def _program(self, name, host, command):
        variables = dict(self.environment, **(self.disk.environment if self.bad_disk() else {}))
        program = Program(name, [*host.prefix, *command], self.folder, variables)
        program.host = host
        return program

    def bad_disk(self):
        return isinstance(self.disk, disks.BadDisk)

    def host(self, name):
        """Where a program is to run."""
        return self.network.host(name) if self.network else hosts.Host(LOOPBACK)

    def _coordinator(self, number):
        """Returns where it listens for workers."""
        host = self.host("c%d" % number)
        # A namespace has all ports for itself.
        ports = (7071, 7070) if host.namespace else (free_port(), free_port())
        door, http = ("%s:%d" % (host.address, port) for port in ports)
        self.http.append("http://" + http)
        command = ["weir", "coordinator", "--storage", self.storage]
        command += ["--address", door, "--http", http]
        if self.etcd:
            command += ["--etcd", ",".join(member.url for member in self.etcd)]
        else:
            command += ["--registry", os.path.join(self.folder, "registry")]
        self.coordinators.append(self._program("coordinator-%d" % number, host, command))
        return door

    def _worker(self, number, doors, slots):
        host = self.host("w%d" % number)
        if not self.network:
            links = [Link(int(door.split(":")[1])) for door in doors]
            self.links.append(links)
            doors = ["%s:%d" % (LOOPBACK, link.port) for link in links]
        command = ["weir", "worker", "--coordinator", ",".join(doors), "--host", host.address]
        command += ["--name", "w%d" % number, "--slots", slots]
        command += ["--work", os.path.join(self.folder, "w%d" % number)]
        self.workers.append(self._program("worker-%d" % number, host, command))

    def _etcd(self, count):
        address = self.network.outside.address if self.network else LOOPBACK
        peers = ["http://%s:%d" % (address, free_port(address)) for _ in range(count)]
        cluster = ",".join("e%d=%s" % pair for pair in enumerate(peers))
        members = []
        for i, peer in enumerate(peers):
            url = "http://%s:%d" % (address, free_port(address))
            name = "e%d" % i
            command = ["etcd", "--name", name, "--data-dir", os.path.join(self.folder, name)]
            command += ["--listen-client-urls", url, "--advertise-client-urls", url]
            command += ["--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer]
            command += ["--initial-cluster", cluster, "--log-level", "error"]
            members.append(Program("etcd-%d" % i, command, self.folder))
            members[-1].url = url
        return members

    def etcd_leader(self):
        """The member that leads the others, or None."""
        for member in self.etcd:
            try:
                status = self.ask(member.url + "/v3/maintenance/status", "POST", {}, timeout=1)
            except (OSError, ValueError):
                continue
            if status.get("leader") == status["header"]["member_id"]:
                return member
        return None

    # ---- the API
    def ask(self, url, method="GET", body=None, timeout=5):
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        if "WEIR_TOKEN" in self.environment:
            headers["Authorization"] = "Bearer " + self.environment["WEIR_TOKEN"]
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

    def submit(self, run_command):
        """Submits what a `weir run` command would run; returns the job's id."""
        command = ["weir", "submit", *run_command[2:], "--cluster", ",".join(self.http)]
        command += ["--max-restarts", "1000000"]
        return re.search(r"j-[0-9a-f]+", self.command(command))[0]

    def command(self, command, ok=(0,), timeout=60):
        return programs.run(command, ok, timeout, dict(os.environ, **self.environment))

    def ask_of(self, verb, job, *more):
        """Runs `weir VERB JOB ...` for a job of this cluster."""
        return self.command(["weir", verb, job, *more, "--cluster", ",".join(self.http)])

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
        return programs.wait_for(done, "%s; see %s" % (what, self.folder), seconds)

    def job_processes(self, workers=None):
        """The process ids of all processes of jobs, or of those of some workers."""
        return job_processes(self.workers if workers is None else workers)

    def worker_of(self, record, process):
        """The program of the worker on which that process runs, counted round, by a job's record:
        there are fewer processes than subtasks when a worker was away."""
        processes = record["processes"]
        name = processes[process % len(processes)]["worker"].split(".")[0]
        return self.workers[int(name[1:])]

    def last_words(self, job):
        """What the cluster knows of a job that a test has given up, and the ends of its logs."""
        try:
            record = self.job(job, patience=5)
            names = ("state", "attempt", "problem", "processes")
            known = {name: record.get(name) for name in names}
            known["exceptions"] = (record.get("exceptions") or [])[:3]
        except weirtest.Failure as why:
            known = str(why)
        lines = ["%s: %s" % (job, known)]
        for program in self.coordinators + self.workers:
            lines += ["--- " + program.name, *program.text().splitlines()[-8:]]
        return "\n".join(line[:600] for line in lines)

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
        for pid in self.job_processes():
            signal_process(pid, "CONT")
        if self.disk:
            self.disk.heal()
        if self.network:
            self.network.heal()

    def stop(self, keep=False):
        """Ends all; with `keep`, what lay on a disk of its own is kept in the folder."""
        for program in self.programs:
            program.kill()
        for links in self.links:
            for link in links:
                link.close()
        if self.network:
            self.network.heal()
        if self.disk:
            self.disk.remove(os.path.join(self.folder, "was-on-disk") if keep else None)

    def __enter__(self):
        return self

    def __exit__(self, kind, *unused):
        self.stop(keep=kind is not None)

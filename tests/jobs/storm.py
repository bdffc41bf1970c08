"""Disasters for one cluster, from a seed. Each is a method of one of the groups below, says by its
name what it is, and returns whether it could be done; most end by themselves after a while."""

import threading
import time

import disks
from programs import signal_process


class Weather:
    """What the groups share: chance, and what is to end when."""

    def __init__(self, cluster, rng):
        self.cluster, self.rng = cluster, rng
        self._later = []  # (when, what ends a disaster)

    def soon(self, end, longest):
        self._later.append((time.monotonic() + self.rng.uniform(0.05, longest), end))

    def settle(self):
        """Ends the disasters that are due."""
        now = time.monotonic()
        due = [end for when, end in self._later if when <= now]
        self._later = [(when, end) for when, end in self._later if when > now]
        for end in due:
            end()

    def kill(self, program, longest=2):
        if not program.runs():
            return False
        program.kill()
        self.soon(lambda: None if program.runs() else program.start(), longest)
        return True

    def freeze(self, program, longest=6):
        if not program.runs() or program.frozen:
            return False
        program.freeze()
        self.soon(program.thaw, longest)
        return True


class Group:
    def __init__(self, weather):
        self.weather = weather
        self.cluster, self.rng = weather.cluster, weather.rng

    def faults(self):
        return [getattr(self, name) for name in vars(type(self)) if not name.startswith("_")]


class Processes(Group):
    """Workers, and single processes of jobs."""

    def kill_worker(self):
        return self.weather.kill(self.rng.choice(self.cluster.workers))

    def freeze_worker(self):
        return self.weather.freeze(self.rng.choice(self.cluster.workers))

    def _one(self):
        found = self.cluster.job_processes()
        return self.rng.choice(found) if found else None

    def kill_process(self):
        pid = self._one()
        return pid is not None and signal_process(pid, "KILL")

    def freeze_process(self):
        pid = self._one()
        if pid is None or not signal_process(pid, "STOP"):
            return False
        self.weather.soon(lambda: signal_process(pid, "CONT"), 3)
        return True


class Coordination(Group):
    def kill_coordinator(self):
        return self.weather.kill(self.rng.choice(self.cluster.coordinators))

    def freeze_coordinator(self):
        return self.weather.freeze(self.rng.choice(self.cluster.coordinators))


class Etcd(Group):
    def kill_etcd(self):
        return self.weather.kill(self.rng.choice(self.cluster.etcd))

    def freeze_etcd(self):
        return self.weather.freeze(self.rng.choice(self.cluster.etcd), 3)

    def kill_etcd_leader(self):
        leader = self.cluster.etcd_leader()
        return leader is not None and self.weather.kill(leader)

    def all_etcd_down(self):
        return any([self.weather.kill(member, 4) for member in self.cluster.etcd])


class Links(Group):
    """Between workers and coordinators, by proxies."""

    def _one(self):
        return self.rng.choice(self.rng.choice(self.cluster.links))

    def cut_link(self):
        link = self._one()
        link.cut()
        self.weather.soon(link.heal, 5)
        return True

    def one_way_link(self):
        link = self._one()
        setattr(link, self.rng.choice(["forward", "back"]), False)
        self.weather.soon(link.heal, 5)
        return True

    def slow_link(self):
        link = self._one()
        link.delay = self.rng.uniform(0.01, 0.5)
        self.weather.soon(link.heal, 5)
        return True


class Hosts(Group):
    """Between any two hosts: workers, which send each other data, coordinators, and where the
    script and the servers are."""

    def _two(self):
        programs = self.cluster.workers + self.cluster.coordinators
        everything = [program.host for program in programs] + [self.cluster.network.outside]
        # Half of the time two workers, if there are two.
        workers = [worker.host for worker in self.cluster.workers]
        choice = workers if len(workers) > 1 and self.rng.random() < 0.5 else everything
        return self.rng.sample(choice, 2)

    def _done(self):
        # All at once: two cuts that overlap are healed together.
        self.weather.soon(self.cluster.network.heal, 6)
        return True

    def cut_hosts(self):
        one, other = self._two()
        self.cluster.network.drop(one, other)
        self.cluster.network.drop(other, one)
        return self._done()

    def one_way_hosts(self):
        self.cluster.network.drop(*self._two())
        return self._done()

    def refusing_hosts(self):
        self.cluster.network.refuse(*self._two())
        return self._done()

    def lossy_hosts(self):
        self.cluster.network.lose(*self._two(), share=self.rng.uniform(0.05, 0.6))
        return self._done()

    def slow_host(self):
        host = self.rng.choice(self.cluster.workers).host
        self.cluster.network.narrow(host, self.rng.choice([100, 1000, 10_000]))
        return self._done()

    def cut_off_host(self):
        """One worker hears nobody and nobody hears it."""
        network, host = self.cluster.network, self.rng.choice(self.cluster.workers).host
        for other in [network.outside, *network.hosts.values()]:
            if other is not host:
                network.drop(host, other)
                network.drop(other, host)
        return self._done()


class FullDisk(Group):
    def full_disk(self):
        self.cluster.disk.fill()
        self.weather.soon(self.cluster.disk.heal, 2)
        return True


class BadDisk(Group):
    def slow_disk(self):
        self.cluster.disk.slow(self.rng.choice([0.003, 0.02, 0.1, 1.0]))
        self.weather.soon(self.cluster.disk.heal, 4)
        return True

    def refusing_disk(self):
        share = self.rng.choice([0.02, 0.2, 1.0])
        self.cluster.disk.refuse(self.rng.choice(disks.ERRORS), share)
        self.weather.soon(self.cluster.disk.heal, 3)
        return True


class S3(Group):
    """The server that holds the state, by a proxy before it and by its own death."""

    def __init__(self, weather, storage):
        super().__init__(weather)
        self._server, self._proxy = storage.server, storage.proxy

    def _spoil(self, faults, longest, **how):
        self._proxy.spoil(faults, **how)
        self.weather.soon(self._proxy.heal, longest)
        return True

    def slow_s3(self):
        return self._spoil([], 4, delay=self.rng.choice([0.02, 0.2, 2.0]))

    def refusing_s3(self):
        return self._spoil(["busy", "refuse"], 4, share=self.rng.choice([0.2, 1.0]))

    def cut_s3(self):
        faults = ["cut before", "cut inside", "cut after", "cut answer", "error after"]
        return self._spoil(faults, 4, share=self.rng.choice([0.1, 0.5]))

    def hanging_s3(self):
        return self._spoil(["hang", "hang after"], 4, share=self.rng.choice([0.2, 1.0]))

    def kill_s3(self):
        if self._server.process is None:
            return False
        self._server.kill()
        self.weather.soon(self._server.start, 2)
        return True


class Kafka(Group):
    def __init__(self, weather, broker):
        super().__init__(weather)
        self._broker = broker

    def kill_broker(self):
        if self._broker.process is None:
            return False
        self._broker.kill()
        self.weather.soon(self._broker.start, 1)
        return True

    def freeze_broker(self):
        if self._broker.process is None:
            return False
        pid = self._broker.process.pid
        # By a clock of its own: it must not be for longer (kafka_broker.py).
        go_on = threading.Timer(self.rng.uniform(0.05, 2), signal_process, (pid, "CONT"))
        go_on.start()
        self.weather.soon(go_on.join, 2)
        return signal_process(pid, "STOP")


class Storm(Weather):
    """All groups that can befall this cluster. `s3` has a `server` and the `proxy` before it."""

    def __init__(self, cluster, rng, s3=None, broker=None):
        super().__init__(cluster, rng)
        self.groups = [Processes(self), Processes(self), Coordination(self)]
        self.groups.append(Hosts(self) if cluster.network else Links(self))
        if cluster.etcd:
            self.groups.append(Etcd(self))
        if cluster.disk:
            self.groups.append(BadDisk(self) if cluster.bad_disk() else FullDisk(self))
        if s3:
            self.groups.append(S3(self, s3))
        if broker:
            self.groups.append(Kafka(self, broker))

    def strike(self):
        """Lets something happen; returns its name, or None when it could not."""
        fault = self.rng.choice(self.rng.choice(self.groups).faults())
        return fault.__name__.replace("_", " ") if fault() else None

    def heal(self):
        """Ends everything at once."""
        for _, end in self._later:
            end()
        self._later = []
        self.cluster.heal()

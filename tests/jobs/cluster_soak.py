#!/usr/bin/env python3
"""Runs jobs on clusters of real processes through disasters: ./dev soak cluster [--count N].

Workers, coordinators, etcd members and single processes of jobs are killed and frozen, connections
between workers and coordinators are cut, swallowed in one direction, or slow, and the disk of the
shared storage is full for a while. Each job must come to its end with exactly the output that a
plain program expects. Prints the counts, and how long recovery took by phase.
"""

import argparse
import collections
import os
import random
import statistics
import time

import cases
import clustertest
import weirtest

PLAN = (
    (cases.shop_cohorts, 9_000),
    (cases.shop_cohorts_of_files, 2_500),
    (cases.cart_abandonment, 6_000),
    (cases.cart_abandonment_of_files, 2_000),
)


class Times:
    """How long a job took to come back after its worker, or one of its processes, was killed."""

    def __init__(self):
        self.by_phase = collections.defaultdict(list)

    def watch(self, cluster, job, what):
        """Waits until the job has read a record again. Called right behind the blow."""
        begin = time.monotonic()
        before = cluster.job(job)
        attempt = before["attempt"]
        marks = {}
        while len(marks) < 3 and time.monotonic() < begin + 20:
            now = cluster.job(job)
            if now["state"] in clustertest.OVER:
                return
            at = time.monotonic() - begin
            if now["attempt"] > attempt or now["state"] != "running":
                marks.setdefault("detected", at)
            if now["attempt"] > attempt and now["state"] == "running":
                marks.setdefault("running", at)
                if moved(cluster, job):
                    marks.setdefault("first record", time.monotonic() - begin)
            time.sleep(0.005)
        for phase, at in marks.items():
            self.by_phase[what + ", " + phase].append(at)

    def print(self):
        for phase in sorted(self.by_phase):
            times = sorted(self.by_phase[phase])
            print(
                "  %-34s %4d times, median %6.3f s, p90 %6.3f s, most %6.3f s"
                % (
                    phase,
                    len(times),
                    statistics.median(times),
                    times[int(len(times) * 0.9)],
                    times[-1],
                )
            )


def records_of(job):
    return (job.get("status") or {}).get("records", 0)


def moved(cluster, job):
    """Whether the job reads: two looks at its count differ."""
    first = records_of(cluster.job(job))
    end = time.monotonic() + 5
    while time.monotonic() < end:
        if records_of(cluster.job(job)) != first:
            return True
        time.sleep(0.005)
    return False


class Storm:
    """Disasters for one cluster, from a seed."""

    def __init__(self, cluster, rng, counts):
        self.cluster, self.rng, self.counts = cluster, rng, counts
        self.later = []  # (when, what ends a disaster)
        self.faults = [
            self.kill_worker,
            self.kill_worker,
            self.freeze_worker,
            self.kill_process,
            self.freeze_process,
            self.kill_coordinator,
            self.freeze_coordinator,
            self.cut_link,
            self.one_way,
            self.slow_link,
        ]
        if cluster.etcd:
            self.faults += [self.kill_etcd, self.freeze_etcd]
        if cluster.disk:
            self.faults += [self.full_disk]

    def strike(self):
        fault = self.rng.choice(self.faults)
        if fault():
            self.counts[fault.__name__.replace("_", " ")] += 1

    def settle(self):
        """Ends the disasters that are due."""
        now = time.monotonic()
        due = [end for when, end in self.later if when <= now]
        self.later = [(when, end) for when, end in self.later if when > now]
        for end in due:
            end()

    def soon(self, end, longest):
        self.later.append((time.monotonic() + self.rng.uniform(0.05, longest), end))

    def _kill(self, program, longest=2):
        if not program.runs():
            return False
        program.kill()
        self.soon(lambda: None if program.runs() else program.start(), longest)
        return True

    def _freeze(self, program, longest=6):
        if not program.runs() or program.frozen:
            return False
        program.freeze()
        self.soon(program.thaw, longest)
        return True

    def kill_worker(self):
        return self._kill(self.rng.choice(self.cluster.workers))

    def freeze_worker(self):
        return self._freeze(self.rng.choice(self.cluster.workers))

    def kill_coordinator(self):
        return self._kill(self.rng.choice(self.cluster.coordinators))

    def freeze_coordinator(self):
        return self._freeze(self.rng.choice(self.cluster.coordinators))

    def kill_etcd(self):
        return self._kill(self.rng.choice(self.cluster.etcd))

    def freeze_etcd(self):
        return self._freeze(self.rng.choice(self.cluster.etcd), 3)

    def _process(self):
        found = clustertest.job_processes(self.cluster)
        return self.rng.choice(found) if found else None

    def kill_process(self):
        pid = self._process()
        return pid is not None and clustertest.signal_process(pid, "KILL")

    def freeze_process(self):
        pid = self._process()
        if pid is None or not clustertest.signal_process(pid, "STOP"):
            return False
        self.soon(lambda: clustertest.signal_process(pid, "CONT"), 3)
        return True

    def _link(self):
        return self.rng.choice(self.rng.choice(self.cluster.links))

    def cut_link(self):
        link = self._link()
        link.cut()
        self.soon(link.heal, 5)
        return True

    def one_way(self):
        link = self._link()
        setattr(link, self.rng.choice(["forward", "back"]), False)
        self.soon(link.heal, 5)
        return True

    def slow_link(self):
        link = self._link()
        link.delay = self.rng.uniform(0.01, 0.5)
        self.soon(link.heal, 5)
        return True

    def full_disk(self):
        self.cluster.disk.fill()
        self.soon(self.cluster.disk.free, 2)
        return True


def one_run(rng, case, rate, number, counts, times, most):
    shape = {
        "workers": rng.choice([1, 2, 3, 4]),
        "coordinators": rng.choice([1, 2, 3]),
        "etcd": rng.choice([0, 0, 1, 3]),
        "disk": rng.random() < 0.3,
    }
    parallelism = rng.choice([1, 2, 3, 7])
    run = weirtest.Run("cluster-%d" % number)
    print("run %d: %s, parallelism %d, %s" % (number, case.name, parallelism, shape), flush=True)
    with clustertest.Cluster(os.path.join(run.folder, "cluster"), **shape) as cluster:
        if cluster.disk:
            run.state = os.path.join(cluster.storage, "state")
        job = cluster.submit(case, run, parallelism, rate)
        storm = Storm(cluster, rng, counts)
        begin = sum(counts.values())
        gone = time.monotonic()
        while sum(counts.values()) - begin < most:
            time.sleep(rng.uniform(0.02, 1.0))
            storm.settle()
            storm.strike()
            if time.monotonic() > gone + 2:
                gone = time.monotonic()
                try:
                    if cluster.job(job, patience=0.1)["state"] in clustertest.OVER:
                        break
                except weirtest.Failure:
                    pass  # nobody leads now
        cluster.heal()
        if rng.random() < 0.5:
            calm(rng, cluster, job, times)
        record = cluster.wait_over(job, 180)
        if record["state"] != "finished":
            why = record["exceptions"][:2]
            raise weirtest.Failure("%s is %s: %s" % (job, record["state"], why))
    case.check(run, "run %d" % number)
    run.remove()


def calm(rng, cluster, job, times):
    """In calm weather: how long does it take to come back from one blow?"""
    cluster.wait_for(lambda: len(cluster.get("/workers")) == len(cluster.workers), "all workers")
    try:
        cluster.wait_for(
            lambda: cluster.job(job)["state"] == "running" and moved(cluster, job), "a calm job", 30
        )
    except weirtest.Failure:
        return  # it is over
    if cluster.job(job)["state"] != "running":
        return
    one_blow(rng.choice(["worker", "process"]), cluster, job, times)


def one_blow(what, cluster, job, times):
    """Kills one of a job's workers, which is started again later, or one of its processes."""
    cluster.wait_for(lambda: len(cluster.get("/workers")) == len(cluster.workers), "all workers")
    if what == "worker" and len(cluster.workers) > 1:
        name = cluster.job(job)["processes"][0]["worker"].split(".")[0]
        worker = next(w for w in cluster.workers if w.name == "worker-" + name[1:])
        worker.send(9)
        times.watch(cluster, job, "worker killed")
        worker.kill()
        worker.start()
        return
    pids = clustertest.job_processes(cluster)
    if pids and clustertest.signal_process(pids[0], "KILL"):
        times.watch(cluster, job, "process killed")


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--count", type=int, default=200, metavar="N")
    arguments.add_argument("--seed", type=int, default=None)
    options = arguments.parse_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1 << 32)
    print("seed %d" % seed, flush=True)
    rng = random.Random(seed)
    counts, times, number = collections.Counter(), Times(), 0

    def storms():
        nonlocal number
        made = [(make(), rate) for make, rate in PLAN]
        while sum(counts.values()) < options.count:
            case, rate = made[number % len(made)]
            one_run(rng, case, rate, number, counts, times, most=rng.choice([3, 8, 20]))
            number += 1
        print("%d faults in %d runs, every output right:" % (sum(counts.values()), number))
        print("  " + ", ".join("%s %d" % pair for pair in sorted(counts.items())))
        times.print()

    weirtest.main(storms)


if __name__ == "__main__":
    main()

"""How long jobs are away after a blow in calm weather, by phase: until the cluster has noticed,
until another attempt runs, until that has read its first record."""

import collections
import statistics
import time

import clustertest
import programs

PHASES = ("detection", "restart", "first record", "in all")


def records_of(job):
    return (job.get("status") or {}).get("records", 0)


def moves(cluster, job, seconds=5):
    """Whether the job reads: two looks at its count differ."""
    first = records_of(cluster.job(job))
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if records_of(cluster.job(job)) != first:
            return True
        time.sleep(0.005)
    return False


class Times:
    """Collects what was measured, by (what was hit, kind of run) and phase."""

    def __init__(self):
        self._by_blow = collections.defaultdict(lambda: collections.defaultdict(list))

    def add(self, blow, kind, phase, seconds):
        self._by_blow[blow, kind][phase].append(seconds)

    def watch(self, cluster, job, attempt, blow, kind, seconds=20):
        """Waits until the job has read a record in an attempt later than `attempt`. Called right
        behind the blow. Returns whether it was seen to be noticed."""
        begin = last = time.monotonic()
        done = []
        while len(done) < 3 and time.monotonic() < begin + seconds:
            now = cluster.job(job)
            if now["state"] in clustertest.OVER:
                return True
            another = now["attempt"] > attempt
            reached = (another or now["state"] != "running",
                       another and now["state"] == "running",
                       len(done) == 2 and moves(cluster, job))
            while len(done) < 3 and reached[len(done)]:
                at = time.monotonic()
                done.append(at - last)
                last = at
            time.sleep(0.005)
        if len(done) == 3:
            for phase, took in zip(PHASES, done + [last - begin]):
                self.add(blow, kind, phase, took)
        return bool(done)

    def print(self):
        for (blow, kind), phases in sorted(self._by_blow.items()):
            print("  %s%s:" % (blow, ", " + kind if kind else ""))
            for phase, times in phases.items():
                times.sort()
                print("    %-14s %4d times, median %6.3f s, p90 %6.3f s, most %6.3f s"
                      % (phase, len(times), statistics.median(times),
                         times[int(len(times) * 0.9)], times[-1]))


def one_blow(what, cluster, job, times, kind=""):
    """Kills one of a job's workers, which is started again later, or one of its processes."""
    cluster.wait_for(lambda: len(cluster.get("/workers")) == len(cluster.workers), "all workers")
    record = cluster.job(job)
    attempt = record["attempt"]
    if what == "worker" and len(cluster.workers) > 1:
        worker = cluster.worker_of(record, 0)
        worker.send(9)
        times.watch(cluster, job, attempt, "worker killed", kind)
        worker.kill()
        worker.start()
        return
    pids = cluster.job_processes()
    if pids and programs.signal_process(pids[0], "KILL"):
        times.watch(cluster, job, attempt, "process killed", kind)


def one_cut(cluster, job, times, kind):
    """Cuts a worker of the job off from everything, by the network."""
    record = cluster.job(job)
    network, worker = cluster.network, cluster.worker_of(record, 0)
    for host in [network.outside, *network.hosts.values()]:
        if host is not worker.host:
            network.drop(host, worker.host)
            network.drop(worker.host, host)
    times.watch(cluster, job, record["attempt"], "worker cut off", kind)
    network.heal()


def one_cut_data_link(cluster, job, times, kind):
    """Cuts only the link between two workers of the job; only the time until somebody notices is
    of interest, since nothing can run on the two as long as it is cut."""
    network, record = cluster.network, cluster.job(job)
    attempt = record["attempt"]
    one, other = (cluster.worker_of(record, process) for process in (0, 1))
    if one is other:
        return
    network.drop(one.host, other.host)
    network.drop(other.host, one.host)
    begin = time.monotonic()

    def noticed():
        now = cluster.job(job)
        return now["attempt"] > attempt or now["state"] != "running"

    cluster.wait_for(noticed, "somebody to notice a cut link", 60)
    times.add("data link cut", kind, "detection", time.monotonic() - begin)
    network.heal()
    healed = time.monotonic()
    state = {}

    def runs():
        state.update(cluster.job(job))
        over = state["state"] in clustertest.OVER
        return over or state["attempt"] > attempt and state["state"] == "running"

    cluster.wait_for(runs, "the job to run over a healed link", 90)
    if state["state"] not in clustertest.OVER:
        times.add("data link cut", kind, "until it runs, healed", time.monotonic() - healed)

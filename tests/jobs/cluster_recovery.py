#!/usr/bin/env python3
"""How long a job with much state is away when a worker, or one of its processes, is killed, or the
coordinator that leads, and when it is rescaled, beside how long its checkpoints take:
./dev soak recovery [--keys MILLIONS] [--rounds N]. Prints the times."""

import argparse
import os
import time

import clustertest
import weirtest
from recovery_times import Times, one_blow, records_of


def big_state(millions, rate):
    settings = {"keys": str(int(millions * 1e6)), "splits": "2"}
    case = weirtest.Case("big_state", [], [], settings, input="none")
    case.settings["rate"] = str(rate)
    del case.settings["input"]  # it reads nothing
    return case


def size_of(folder):
    files = ((at, name) for at, _, names in os.walk(folder) for name in names)
    return sum(os.path.getsize(os.path.join(at, name)) for at, name in files)


def fail_over(cluster, job, times):
    """Kills the coordinator that leads, and looks how long the cluster has none, and whether the
    job's checkpoints go on meanwhile."""
    leader = cluster.leader()
    program = cluster.coordinators[cluster.http.index(leader)]
    before = cluster.job(job)["attempt"]
    begin = time.monotonic()
    program.kill()
    cluster.wait_for(lambda: cluster.leader() is not None, "another leader")
    cluster.wait_for(lambda: cluster.job(job)["state"] == "running", "the job to be known")
    times.add("leader killed", "", "in all", time.monotonic() - begin)
    if cluster.job(job)["attempt"] != before:
        raise weirtest.Failure("the job was started anew, though only a coordinator had died")
    program.start()


def rescale(cluster, job, parallelism, times):
    """Rescales the job and takes the time between the last record that it is seen to read before
    and the first behind it. The newest checkpoint before that is what this stop is to be beside."""
    record = {}

    def has_checkpoint():
        record.update(cluster.job(job))
        status = record["status"]
        return record["state"] == "running" and status and status["checkpoints"]["completed"] > 0

    cluster.wait_for(has_checkpoint, "a checkpoint")
    times.add("rescaled", "", "a checkpoint", record["status"]["checkpoints"]["duration_ms"] / 1e3)
    before, read = record["attempt"], records_of(record)
    cluster.call("/jobs/%s/rescale" % job, "POST", {"parallelism": parallelism})
    asked = last = time.monotonic()
    first = None  # what the new attempt began with
    while time.monotonic() < asked + 60:
        record, now = cluster.job(job), time.monotonic()
        if record["status"] and record["attempt"] == before:
            if records_of(record) != read:
                read, last = records_of(record), now
        elif record["status"] and record["state"] == "running":
            first = records_of(record) if first is None else first
            if records_of(record) != first:
                times.add("rescaled", "", "stop", now - last)
                times.add("rescaled", "", "in all", now - asked)
                return
        time.sleep(0.005)
    raise weirtest.Failure("the rescaled job has read nothing within a minute")


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--keys", type=float, default=10, metavar="MILLIONS")
    arguments.add_argument("--rounds", type=int, default=3)
    options = arguments.parse_args()

    def rounds():
        times = Times()
        run = weirtest.Run("recovery")
        shape = {"workers": 3, "coordinators": 2, "etcd": 1, "slots": 1}
        case = big_state(options.keys, 20_000)
        with clustertest.Cluster(os.path.join(run.folder, "cluster"), **shape) as cluster:
            job = cluster.submit(case.command(run, 2, rate=20_000, interval="1s"))
            cluster.wait_for(
                lambda: records_of(cluster.job(job)) > options.keys * 2e6,
                "all keys",
                300,
            )
            time.sleep(3)
            print("%.0f MB of state" % (size_of(os.path.join(run.state, "runs")) / 1e6), flush=True)
            for _ in range(options.rounds):
                for blow in ("worker", "process"):
                    one_blow(blow, cluster, job, times)
                    time.sleep(3)
                fail_over(cluster, job, times)
                time.sleep(2)
                for parallelism in (3, 2):
                    rescale(cluster, job, parallelism, times)
                    time.sleep(3)
            cluster.ask_of("cancel", job)
        times.print()
        run.remove()

    weirtest.main(rounds)


if __name__ == "__main__":
    main()

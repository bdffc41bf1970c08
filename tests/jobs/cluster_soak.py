#!/usr/bin/env python3
"""Runs jobs on clusters of real processes through disasters: ./dev soak cluster [--count N].

By turns, jobs from files to files and from Kafka to Kafka, with their state on a disk and on S3, on
this host alone and spread over network namespaces. What befalls them is in storm.py. Each job must
come to its end with exactly the output that a plain program expects; that of Kafka is read as one
reads committed records. Prints the counts, and how long recovery took by phase.

Each run has a seed of its own, which it prints: --seed N --count 1 draws the same run again.
"""

import argparse
import collections
import contextlib
import os
import random
import shutil
import sys
import time
import traceback

import cases
import clustertest
import disks
import hosts
import kafkatest
import weirtest
from kafkatest import kafka_broker
from recovery_times import Times, moves, one_blow, one_cut, one_cut_data_link
from serving import LOOPBACK
from storm import Storm

import s3_proxy
import s3_server

FILES = (
    (cases.shop_cohorts, 9_000),
    (cases.shop_cohorts_of_files, 2_500),
    (cases.cart_abandonment, 6_000),
    (cases.cart_abandonment_of_files, 2_000),
)
BROKER_LIVES = 25  # runs; then a new one, since topics add up

Kind = collections.namedtuple("Kind", "output state spread")
KINDS = [Kind(output, state, spread) for spread in (False, True)
         for state in ("disk", "s3") for output in ("files", "kafka")]


def name_of(kind):
    return kind.output + ("+s3" if kind.state == "s3" else "") + ("@hosts" if kind.spread else "")


class S3:
    """A server for the states of jobs, behind a proxy that can spoil what passes."""

    def __init__(self, folder, host):
        shutil.rmtree(folder, ignore_errors=True)
        self.server = s3_server.S3Server(folder)
        self.server.start()
        self.proxy = s3_proxy.S3Proxy(self.server.port, host)
        self.environment = dict(self.server.environment, AWS_ENDPOINT_URL=self.proxy.url)


class Servers:
    """What several runs share, started when the first of them asks."""

    def __init__(self, stack):
        self._stack, self._lives = stack, contextlib.ExitStack()
        stack.push(lambda *_: self._lives.close())
        self._s3 = self._broker = None
        self._served = 0
        lacks = {"kafka": kafka_broker.missing(), "s3": s3_server.missing(),
                 "hosts": hosts.missing()}
        for what, why in lacks.items():
            if why:
                print("left out: runs with %s: %s" % (what, why), flush=True)
        self.kinds = [kind for kind in KINDS if not (
            (lacks["kafka"] and kind.output == "kafka") or (lacks["s3"] and kind.state == "s3")
            or (lacks["hosts"] and kind.spread))]
        self.network = None if lacks["hosts"] else stack.enter_context(hosts.Network())
        self._host = self.network.outside.address if self.network else LOOPBACK

    def s3(self):
        if self._s3 is None:
            self._s3 = S3("s3", self._host)
            self._stack.push(lambda *_: self._s3.server.kill())
        return self._s3

    def broker(self):
        self._served += 1
        if self._broker is None or self._served > BROKER_LIVES:
            self._lives.close()
            self._served = 1
            kafka_broker.make_archive()
            folder = self._lives.enter_context(kafka_broker.ScratchFolder())
            self._broker = self._lives.enter_context(kafka_broker.Broker(folder, host=self._host))
        return self._broker


class OfFiles:
    """A job from files to files. It ends by itself."""

    def __init__(self, case, rate, name):
        self.case, self.rate = case, rate
        self.run = weirtest.Run(name)

    def begin(self, cluster, parallelism):
        if cluster.disk:
            self.run.output = os.path.join(cluster.storage, "output")
        return cluster.submit(self.case.command(self.run, parallelism, self.rate))

    def finish(self, cluster, job):
        record = cluster.wait_over(job, 180)
        if record["state"] != "finished":
            why = record["exceptions"][:2]
            raise weirtest.Failure("%s is %s: %s" % (job, record["state"], why))
        self.case.check(self.run, job)


class OfKafka:
    """A job from Kafka to Kafka, fed all the time. It goes on until it is stopped."""

    def __init__(self, broker, name, rng):
        self.run = kafkatest.KafkaRun(broker, name)
        self.run.settings.update(
            group="g-" + self.run.name,
            transaction_bytes=rng.choice([1000, 30_000, 1 << 25]),
            sink_kafka="transaction.timeout.ms=%d" % rng.choice([2000, 10_000]),
        )
        self._feeder = kafkatest.Feeder(self.run, random.Random(rng.random()), rng.randint(5, 60))

    def begin(self, cluster, parallelism):
        self._feeder.start()
        return cluster.submit(self.run.command(parallelism))

    def finish(self, cluster, job):
        self._feeder.finish()

        def all_out():
            record = cluster.job(job)
            if record["state"] in clustertest.OVER:
                why = record["exceptions"][:2]
                raise weirtest.Failure("%s is %s: %s" % (job, record["state"], why))
            return len(self.run.output()) >= len(self.run.lines)

        cluster.wait_for(all_out, "all records of " + self.run.name, 180)
        cluster.ask_of("stop", job)
        record = cluster.wait_over(job)
        if record["state"] != "stopped":
            raise weirtest.Failure("%s is %s" % (job, record["state"]))
        self.run.check(job)
        self.run.check_group()

    def give_up(self):
        self._feeder.kill()


def shape_of(rng, kind):
    """Draws a cluster, and the parallelism of the job."""
    shape = {
        "workers": rng.choice([1, 2, 3, 4]),
        "coordinators": rng.choice([1, 2, 3]),
        "etcd": rng.choice([0, 0, 1, 3]),
    }
    disk = rng.choice([None, "small", "bad"] if kind.state == "disk" else [None, None, "bad"])
    shape["disk"] = None if disk == "small" and os.geteuid() != 0 else disk
    return shape, rng.choice([1, 2, 3, 7])


class Soak:
    def __init__(self, servers, most):
        self.servers, self.most = servers, most
        self.files = [(make(), rate) for make, rate in FILES]
        self.counts = collections.defaultdict(collections.Counter)  # by fault, by kind of run
        self.runs = collections.Counter()
        self.faults = 0
        self.times = Times()

    def one_run(self, seed, number):
        rng = random.Random(seed)
        kind = self.servers.kinds[seed % len(self.servers.kinds)]
        shape, parallelism = shape_of(rng, kind)
        name = "cluster-%d" % number
        if kind.output == "kafka":
            work = OfKafka(self.servers.broker(), name, rng)
            what = "kafka_orders"
        else:
            case, rate = rng.choice(self.files)
            work = OfFiles(case, rate, name)
            what = case.name
        print("run %d, --seed %d: %s, %s, parallelism %d, %s"
              % (number, seed, name_of(kind), what, parallelism, shape), flush=True)
        s3 = self.servers.s3() if kind.state == "s3" else None
        if s3:
            shape["environment"] = s3.environment
        if kind.spread:
            shape["network"] = self.servers.network
        self.runs[name_of(kind)] += 1
        try:
            with clustertest.Cluster(os.path.join(work.run.folder, "cluster"), **shape) as cluster:
                work.run.state = os.path.join(cluster.storage, "state")
                if s3:
                    work.run.state = "s3://%s/%s-%d" % (s3_server.BUCKET, name, os.getpid())
                job = work.begin(cluster, parallelism)
                broker = work.run.broker if kind.output == "kafka" else None
                storm = Storm(cluster, rng, s3, broker)
                try:
                    try:
                        self.strikes(rng, kind, storm, job, rng.choice([3, 8, 20]))
                    finally:
                        storm.heal()
                    self.calm(rng, kind, cluster, job)
                    work.finish(cluster, job)
                except Exception as why:
                    why.add_note(cluster.last_words(job))
                    raise
        finally:
            if kind.output == "kafka":
                work.give_up()
        work.run.remove()

    def strikes(self, rng, kind, storm, job, count):
        begin, looked = self.faults, time.monotonic()
        while self.faults - begin < min(count, self.most):
            time.sleep(rng.uniform(0.02, 1.0))
            storm.settle()
            fault = storm.strike()
            if fault:
                self.counts[fault][name_of(kind)] += 1
                self.faults += 1
            if time.monotonic() > looked + 2:
                looked = time.monotonic()
                try:
                    record = storm.cluster.call("/jobs/" + job, patience=0.1, timeout=1)
                    if record["state"] in clustertest.OVER:
                        return
                except weirtest.Failure:
                    pass  # nobody leads now, or is to be reached

    def calm(self, rng, kind, cluster, job):
        """In calm weather: how long does it take to come back from one blow?"""
        blow = rng.choice(["worker", "process"] + (["cut", "cut", "data"] if kind.spread else []))
        cluster.wait_for(
            lambda: len(cluster.get("/workers")) == len(cluster.workers), "all workers"
        )
        state = {}

        def settled():
            state.update(cluster.job(job))
            return state["state"] in clustertest.OVER or (
                state["state"] == "running" and moves(cluster, job))

        cluster.wait_for(settled, "a calm job", 120)
        if state["state"] in clustertest.OVER:
            return
        if blow == "cut" and len(cluster.workers) > 1:
            one_cut(cluster, job, self.times, name_of(kind))
        elif blow == "data":
            one_cut_data_link(cluster, job, self.times, name_of(kind))
        else:
            one_blow(blow, cluster, job, self.times, name_of(kind))

    def report(self, failures):
        print("%d faults in %d runs, %s:" % (
            self.faults, sum(self.runs.values()),
            "%d of them FAILED" % len(failures) if failures else "every output right"))
        kinds = [kind for kind in map(name_of, KINDS) if self.runs[kind]]
        widths = [max(6, len(kind)) for kind in kinds]
        rows = [["runs"] + [self.runs[kind] for kind in kinds]]
        for fault, by_kind in sorted(self.counts.items()):
            rows.append([fault] + [by_kind[kind] for kind in kinds])
        for row in [[""] + kinds] + rows:
            cells = ["%*s" % pair for pair in zip(widths, row[1:])]
            print("  %-20s %s" % (row[0], "  ".join(cells)))
        self.times.print()
        for failure in failures:  # again, since it is the end that one looks at
            print(failure)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--count", type=int, default=200, metavar="FAULTS")
    parser.add_argument("--most", type=int, default=20, metavar="FAULTS", help="in one run")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    options = parser.parse_args(arguments)
    failures = []
    disks.unmount_below(".")  # what a killed script has left

    def storms():
        with contextlib.ExitStack() as stack:
            soak = Soak(Servers(stack), options.most)
            number = 0
            while soak.faults < options.count:
                try:
                    soak.one_run(options.seed + number, number)
                except KeyboardInterrupt:
                    break
                except Exception as why:  # whatever it is, the others are worth seeing
                    seed = options.seed + number
                    words = "\n".join([str(why) or repr(why), *getattr(why, "__notes__", [])])
                    failures.append("FAILED: run %d, --seed %d: %s" % (number, seed, words))
                    print(failures[-1], flush=True)
                    if not isinstance(why, weirtest.Failure):
                        traceback.print_exc()
                number += 1
            soak.report(failures)

    weirtest.main(storms)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()

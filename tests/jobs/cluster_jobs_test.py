#!/usr/bin/env python3
"""Every example, and the jobs of these tests that plain programs can judge, give the expected
answer in one process and on clusters of 1, 2, 3, 5 and 8 workers of one slot each. Each reads one
file or several by turns; with `--whole`, as `./dev soak jobs` has it, both, and more of them."""

import os
import sys

import cases
import clustertest
import kafka_cohorts_test
import kafkatest
import weirtest

WORKERS = (1, 2, 3, 5, 8)


def has_data(*names):
    return all(os.path.exists(os.path.join(weirtest.DATA, name)) for name in names)


def file_cases(whole):
    """Of each job the ways in which it can be given its input."""
    events, rows = (60_000, 40_000) if whole else (10_000, 5_000)
    made = [
        [cases.word_count()],
        [cases.shop_cohorts(), cases.shop_cohorts_of_files()],
        [cases.cart_abandonment(events), cases.cart_abandonment_of_files()],
    ]
    if has_data("git_activity.csv.zst"):
        made.append([cases.activity(rows), cases.activity_of_files(rows)])
    if has_data("rees46_2019-10-01_prefix.csv.zst"):
        made.append([cases.clicks_of_files()] + ([cases.clicks()] if whole else []))
    return made


def run_on(cluster, command, name):
    """Runs a job to its end, on all workers; it may not be started anew."""
    count = len(cluster.workers)
    job = cluster.submit(command)
    record = cluster.wait_over(job)
    if record["state"] != "finished" or record["attempt"] != 1:
        raise weirtest.Failure("%s on %d workers: %s in attempt %d: %s" % (
            name, count, record["state"], record["attempt"], record["exceptions"][:2]))
    took_part = sum("starts process %s/" % job in worker.text() for worker in cluster.workers)
    if took_part != count:
        raise weirtest.Failure("%s ran on %d workers of %d" % (name, took_part, count))


def files_in_one_process(all_cases):
    for case in all_cases:
        run = weirtest.Run(case.name + "-in-one-process")
        weirtest.finish(case.command(run, 1))
        case.check(run, "in one process")
        run.remove()


def files_on(cluster, all_cases):
    count = len(cluster.workers)
    for number, case in enumerate(all_cases):
        run = weirtest.Run("%s-%d-on-%d" % (case.name, number, count))
        run_on(cluster, case.command(run, count), case.name)
        case.check(run, "on %d workers" % count)
        run.remove()


class Cohorts:
    """The example kafka_cohorts, whose input is the same each time."""

    def __init__(self, broker):
        self.broker = broker
        self.wanted = kafka_cohorts_test.wanted()
        kafka_cohorts_test.produce_rows(broker)

    def command(self, name, parallelism):
        command = kafka_cohorts_test.begin(self.broker, name, os.path.abspath("runs/" + name))
        return command + ["--parallelism", str(parallelism), "--checkpoint-interval", "50ms"]

    def run(self, cluster):
        name = "memberships-%d" % (len(cluster.workers) if cluster else 0)
        if cluster:
            run_on(cluster, self.command(name, len(cluster.workers)), "kafka_cohorts")
        else:
            weirtest.finish(self.command(name, 1))
        kafka_cohorts_test.compare(self.wanted, kafka_cohorts_test.seen(self.broker.address, name))


def orders(broker, cluster):
    rng = kafkatest.rng("orders")
    run = kafkatest.KafkaRun(broker, "orders-on-%d" % len(cluster.workers))
    run.produce(kafkatest.order_lines(rng, 3000, 40, run.partitions))
    run_on(cluster, run.command(len(cluster.workers), bounded=True), "kafka_orders")
    run.check("on %d workers" % len(cluster.workers))
    run.remove()


def everything(whole, broker):
    by_job = file_cases(whole)
    files_in_one_process(sum(by_job, []))
    cohorts = Cohorts(broker) if broker else None
    if cohorts:
        cohorts.run(None)
    for turn, count in enumerate(WORKERS):
        all_cases = sum(by_job, []) if whole else [ways[turn % len(ways)] for ways in by_job]
        folder = os.path.abspath(os.path.join("runs", "cluster-%d" % count))
        with clustertest.Cluster(folder, workers=count, slots=1) as cluster:
            files_on(cluster, all_cases)
            if cohorts:
                cohorts.run(cluster)
                orders(broker, cluster)
        jobs = len(by_job) + (2 if cohorts else 0)
        print("%d jobs: right on %d workers" % (jobs, count), flush=True)


def main():
    whole = sys.argv[1:] == ["--whole"]
    servers = kafkatest.kafka_broker
    why = servers.missing()
    if why:
        print("left out: jobs of Kafka: " + why)
        weirtest.main(lambda: everything(whole, None))
        return
    servers.make_archive()
    with servers.ScratchFolder() as folder, servers.Broker(folder) as broker:
        weirtest.main(lambda: everything(whole, broker))


main()

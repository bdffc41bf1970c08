#!/usr/bin/env python3
"""Kafka to Kafka on a cluster of real processes, against a real broker: the sink's subtasks are
spread over workers, each of which has transactional ids of its own; processes and workers are
killed and frozen, also between a transaction and what follows it. Then the output must be right."""

import os

import clustertest
import kafkatest
import programs
from kafkatest import Failure, KafkaRun, order_lines

BLOWS_AT = ("kafka.after_attach", "kafka.before_commit", "kafka.after_commit", "sink.before_commit")


class ClusterRun(KafkaRun):
    """One run of kafka_orders on a cluster of workers with one slot each, so that each subtask of
    the sink has a process of its own."""

    def __init__(self, broker, name, workers, parallelism):
        super().__init__(broker, name)
        self.settings["group"] = "g-" + self.name
        self.parallelism = parallelism
        folder = os.path.join(self.folder, "cluster")
        self.cluster = clustertest.Cluster(folder, workers=workers, slots=1)
        self.job = None

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.cluster.stop()

    def restart_workers(self, env):
        for worker in self.cluster.workers:
            worker.kill()
            worker.env = env
            worker.start()
        self.wait_for_workers()

    def wait_for_workers(self):
        """Until the cluster knows those that run now, and no others."""

        def known():
            found = [worker["id"].split(".")[0] for worker in self.cluster.get("/workers")]
            return sorted(found) == ["w%d" % i for i in range(len(self.cluster.workers))]

        self.cluster.wait_for(known, "all workers")

    def submit(self, wait=True):
        self.job = self.cluster.submit(self.command(self.parallelism, "50ms"))
        if wait:
            self.wait_until_it_runs()

    def record(self):
        return self.cluster.job(self.job)

    def wait_until_it_runs(self, after=0, seconds=60):
        """Until an attempt later than `after` runs; returns the job's record then."""
        record = {}

        def runs():
            record.update(self.record())
            if record["state"] in clustertest.OVER:
                raise Failure("%s is %s\n%s" % (self.job, record["state"], record["exceptions"]))
            return record["attempt"] > after and record["state"] == "running"

        self.cluster.wait_for(runs, "attempt %d of %s" % (after + 1, self.name), seconds)
        return record

    def worker_of(self, process):
        """Where that process of the job runs, and the number of the attempt."""
        record = self.wait_until_it_runs()
        return self.cluster.worker_of(record, process), record["attempt"]

    def finish(self):
        """Stops the job; its group must be where the job has come to."""
        self.cluster.ask_of("stop", self.job)
        self.cluster.wait_over(self.job)
        self.check_group()

    def log(self, name="job.log"):
        texts = [worker.text()[-3000:] for worker in self.cluster.workers]
        return "\n".join(texts + [str(self.record().get("exceptions")) if self.job else ""])


def spread(broker):
    """Left alone: all processes commit, and nothing is started anew."""
    rng = kafkatest.rng("spread")
    for parallelism in (2, 3):
        with ClusterRun(broker, "cluster-p%d" % parallelism, 3, parallelism) as run:
            run.produce(order_lines(rng, 3000, 40, run.partitions))
            run.submit()
            if len({p["worker"] for p in run.record()["processes"]}) != parallelism:
                raise Failure("the job is not spread: %s" % run.record()["processes"])
            run.produce(order_lines(rng, 1000, 40, run.partitions))
            run.wait_for_output()
            if run.record()["attempt"] != 1:
                raise Failure("it was started anew\n" + run.log())
            run.finish()
            run.check("spread over %d workers" % parallelism)
    print("right when spread over 2 and 3 workers")


def across_blows(broker):
    """Every process of the job is killed once, then their workers; with and without a spare one."""
    rng = kafkatest.rng("blows")
    for workers, parallelism in ((3, 2), (3, 3)):
        with ClusterRun(broker, "cluster-blows-%d" % parallelism, workers, parallelism) as run:
            run.produce(order_lines(rng, 1000, 40, run.partitions))
            run.submit()
            for what in ("process", "worker"):
                for victim in range(parallelism):
                    run.wait_for_workers()
                    worker, before = run.worker_of(victim)
                    run.produce(order_lines(rng, 500, 40, run.partitions))
                    if what == "worker":
                        worker.kill()
                        worker.start()
                    else:
                        for pid in run.cluster.job_processes([worker]):
                            programs.signal_process(pid, "KILL")
                    run.produce(order_lines(rng, 500, 40, run.partitions))
                    run.wait_until_it_runs(before)
            run.wait_for_output()
            run.finish()
            run.check("processes and workers killed")
    print("right after processes and workers were killed")


def at_failpoints(broker):
    """Processes die at a point, again and again, until their workers are started without it."""
    rng = kafkatest.rng("failpoints")
    for name in BLOWS_AT:
        with ClusterRun(broker, "cluster-at-" + name.replace(".", "-"), 2, 2) as run:
            run.settings["transaction_bytes"] = 2000  # so that checkpoints are split
            run.produce(order_lines(rng, 500, 20, run.partitions))
            # The first process does not attach, and the other does once.
            nth = 1 if name == "kafka.after_attach" else rng.randint(1, 3)
            run.restart_workers({"WEIR_FAILPOINTS": "%s=kill@%d" % (name, nth)})
            run.submit(wait=False)

            def died():
                run.produce(order_lines(rng, 20, 20, run.partitions))
                return run.record()["attempt"] > 3

            run.cluster.wait_for(died, "deaths at " + name)
            run.restart_workers(None)
            run.wait_for_output()
            run.finish()
            run.check("dying at " + name)
    print("right after dying at %d failpoints" % len(BLOWS_AT))


def zombies(broker):
    """A worker is frozen with its processes, beyond the time-out of their transactions; the job
    goes on at a spare one; then the frozen processes wake up and must not write any more."""
    rng = kafkatest.rng("zombies")
    for victim in (1, 0):
        with ClusterRun(broker, "cluster-zombie-%d" % victim, 3, 2) as run:
            run.settings["sink_kafka"] = "transaction.timeout.ms=2000"
            # So that most likely a transaction is open whenever it is frozen.
            run.restart_workers({"WEIR_FAILPOINTS": "kafka.before_commit=sleep:60"})
            run.produce(order_lines(rng, 1000, 20, run.partitions))
            run.submit()
            run.produce(order_lines(rng, 1000, 20, run.partitions))
            worker, before = run.worker_of(victim)
            pids = run.cluster.job_processes([worker])
            worker.freeze()
            for pid in pids:
                programs.signal_process(pid, "STOP")
            run.produce(order_lines(rng, 500, 20, run.partitions))
            run.wait_until_it_runs(before)
            run.produce(order_lines(rng, 500, 20, run.partitions))
            run.wait_for_output()
            for pid in pids:  # before their worker, which would end them
                programs.signal_process(pid, "CONT")
            for _ in range(5):
                run.produce(order_lines(rng, 100, 20, run.partitions))
            worker.thaw()
            run.wait_for_output()
            run.finish()
            run.check("a frozen process woke up")
    print("right beside processes that woke up")


def at_least_once(broker):
    """Partitions that the job chooses: each process must know how many there are."""
    rng = kafkatest.rng("at least once")
    with ClusterRun(broker, "cluster-alo", 2, 2) as run:
        run.settings.update(at_least_once="true", choose_partition="true")
        run.produce(order_lines(rng, 2000, 40, run.partitions))
        run.submit()
        run.wait_for_output()
        run.finish()
        run.check("at least once, undisturbed")
        for line in run.output():
            partition, _, user, _ = line.split("\t", 3)
            if int(partition) != int(user[1:]) % 4:
                raise Failure("%s lies in partition %s of 4" % (user, partition))
    print("right at least once, with partitions that the job chooses")


def main():
    kafkatest.skip_without_kafka()
    servers = kafkatest.kafka_broker
    with servers.ScratchFolder() as folder, servers.Broker(folder) as broker:
        checks = (spread, at_least_once, across_blows, at_failpoints, zombies)
        kafkatest.weirtest.main(*[lambda check=check: check(broker) for check in checks])


if __name__ == "__main__":
    main()

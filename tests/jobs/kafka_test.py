#!/usr/bin/env python3
"""Kafka to Kafka, exactly once, against a real broker: at several parallelisms, killed at random
moments and at every failpoint of the sink, with the broker restarted under it, with zombies, with
partitions that are added, and restored at another parallelism."""

import os
import shutil
import signal
import subprocess
import time

import kafkatest
from kafkatest import Failure, KafkaRun, end, kafka_proxy, order_lines, tool

FAILPOINTS = (
    "kafka.after_take_over",
    "kafka.before_claim",
    "kafka.before_transaction",
    "kafka.before_commit",
    "kafka.after_commit",
    "sink.before_commit",
    "sink.after_commit",
    "coordinator.before_manifest",
    "coordinator.after_manifest",
    "coordinator.before_complete",
    "task.before_snapshot_write",
)


def at_every_parallelism(broker):
    rng = kafkatest.rng("parallelism")
    for parallelism in (1, 2, 3):
        run = KafkaRun(broker, "p%d" % parallelism)
        run.produce(order_lines(rng, 5000, 40, run.partitions))
        # A bounded source ends where the topic ended when the job began.
        process = run.start(parallelism=parallelism, bounded=True)
        if process.wait(60) != 0:
            raise Failure(run.log())
        run.check("parallelism %d" % parallelism)
    print("right at parallelism 1, 2, 3")


def across_kills(broker, kills=15):
    rng = kafkatest.rng("random kills")
    run = KafkaRun(broker, "kills")
    run.settings["transaction_bytes"] = 20000  # so that checkpoints are split
    users = 60
    for _ in range(kills):
        run.produce(order_lines(rng, 3000, users, run.partitions))
        interval = rng.choice(("20ms", "60ms"))
        process = run.start(parallelism=rng.choice((1, 2, 3)), interval=interval)
        time.sleep(rng.uniform(0.05, 1.0))
        if process.poll() is not None:
            raise Failure("the job ended:\n" + run.log())
        end(process)
    process = run.start()
    run.wait_for_output(process)
    end(process, signal.SIGINT)
    run.check("%d kills" % kills)
    print("right after %d kills" % kills)


def at_failpoints(broker):
    rng = kafkatest.rng("failpoints")
    missed = []
    for name in FAILPOINTS:
        run = KafkaRun(broker, "at-" + name.replace(".", "-"))
        died = 0
        for nth in (1, rng.randint(2, 5)):
            run.produce(order_lines(rng, 500, 20, run.partitions))
            env = {"WEIR_FAILPOINTS": "%s=kill@%d" % (name, nth)}
            process = run.start(env=env, parallelism=rng.choice((1, 2, 3)))
            for _ in range(10):
                if process.poll() is not None:
                    break
                run.produce(order_lines(rng, 100, 20, run.partitions))
                time.sleep(0.05)
            died += process.poll() == -signal.SIGKILL
            if process.poll() is None:
                end(process)
        process = run.start(parallelism=rng.choice((1, 2, 3)))
        run.wait_for_output(process)
        end(process, signal.SIGINT)
        run.check("dying at " + name)
        if not died:
            missed.append(name)
    print("right after dying at %d failpoints; never passed: %s"
          % (len(FAILPOINTS), ", ".join(missed) or "none"))
    if missed:
        raise Failure("never passed: " + ", ".join(missed))


def broker_restarts(broker):
    """The broker goes away and comes back: while all runs, and between checkpoint and commit."""
    rng = kafkatest.rng("broker restarts")
    run = KafkaRun(broker, "restarts")
    run.produce(order_lines(rng, 2000, 30, run.partitions))
    process = run.start()
    time.sleep(0.5)
    for how in (broker.kill, broker.stop):
        run.produce(order_lines(rng, 2000, 30, run.partitions))
        time.sleep(rng.uniform(0.0, 0.3))
        how()
        time.sleep(1)
        broker.start()
    run.produce(order_lines(rng, 1000, 30, run.partitions))
    run.wait_for_output(process)
    run.check("the broker restarted")
    # The job dies between checkpoint and commit, and the broker is restarted meanwhile.
    end(process)
    run.produce(order_lines(rng, 1000, 30, run.partitions))
    process = run.start(env={"WEIR_FAILPOINTS": "kafka.before_commit=kill@2"})
    process.wait(30)
    broker.kill()
    broker.start()
    process = run.start()
    run.wait_for_output(process)
    end(process, signal.SIGINT)
    run.check("the broker restarted between checkpoint and commit")
    print("right after the broker was restarted")


def zombie(broker):
    """A job is frozen beyond the time-out of its transactions, a successor goes on from a copy of
    its state, and then the first one wakes up."""
    rng = kafkatest.rng("zombie")
    run = KafkaRun(broker, "zombie")
    run.settings["sink_kafka"] = "transaction.timeout.ms=2000"
    run.produce(order_lines(rng, 1000, 20, run.partitions))
    first = run.start(log="first.log")
    run.wait_for_output(first)
    run.produce(order_lines(rng, 1000, 20, run.partitions))
    time.sleep(rng.uniform(0, 0.1))
    first.send_signal(signal.SIGSTOP)
    time.sleep(3)
    copy = os.path.join(run.folder, "copy")
    shutil.copytree(run.state, copy, ignore=shutil.ignore_patterns("*.sock"))
    second = run.start(state=copy)
    run.wait_for_output(second)
    first.send_signal(signal.SIGCONT)
    for _ in range(10):
        run.produce(order_lines(rng, 200, 20, run.partitions))
        time.sleep(0.2)
    run.wait_for_output(second)
    status = first.wait(60)
    said = run.log("first.log")
    if status in (0, -signal.SIGKILL) or "taken over" not in said:
        raise Failure("the zombie ended with %s and said\n%s" % (status, said))
    end(second, signal.SIGINT)
    run.check("a zombie woke up")
    print("right beside a zombie")


def frozen(broker):
    """Frozen beyond the time-out of its transactions, without a successor: it goes on by itself."""
    rng = kafkatest.rng("frozen")
    run = KafkaRun(broker, "frozen")
    run.settings["sink_kafka"] = "transaction.timeout.ms=2000"
    env = {"WEIR_FAILPOINTS": "kafka.before_commit=sleep:60"}
    process = run.start(env=env)
    for _ in range(2):
        run.produce(order_lines(rng, 500, 20, run.partitions))
        time.sleep(rng.uniform(0.2, 0.4))
        process.send_signal(signal.SIGSTOP)
        time.sleep(8)  # the time-out, and until the broker looks
        process.send_signal(signal.SIGCONT)
    run.wait_for_output(process)
    end(process, signal.SIGINT)
    run.check("frozen")
    print("right after it was frozen")


SHORT_LIVES = {
    "transactional.id.expiration.ms": 4000,
    "transaction.remove.expired.transaction.cleanup.interval.ms": 1000,
    "producer.id.expiration.ms": 4000,
    "producer.id.expiration.check.interval.ms": 1000,
}


def long_down(_):
    """Down for longer than a transaction may be open, than the broker knows transactional ids and
    producers, and than it keeps the offsets of a group; and then idle for as long."""
    rng = kafkatest.rng("long down")
    servers = kafkatest.kafka_broker
    with servers.ScratchFolder() as folder, servers.Broker(folder, settings=SHORT_LIVES) as broker:
        run = KafkaRun(broker, "long-down")
        group = "g-" + run.name
        run.settings.update(sink_kafka="transaction.timeout.ms=2000", group=group, start="group")
        for name in ("kafka.before_commit", "kafka.after_commit", "sink.before_commit"):
            run.produce(order_lines(rng, 500, 20, run.partitions))
            process = run.start(env={"WEIR_FAILPOINTS": name + "=kill@2"})
            while process.poll() is None:
                run.produce(order_lines(rng, 50, 20, run.partitions))
            time.sleep(7)
            kept = tool(broker.address, "offsets", group, run.name + "-in")
            if any(int(line.split("\t")[1]) >= 0 for line in kept):
                tool(broker.address, "forget", group)
        process = run.start()
        run.wait_for_output(process)
        time.sleep(7)
        run.produce(order_lines(rng, 500, 20, run.partitions))
        run.wait_for_output(process)
        end(process, signal.SIGINT)
        run.check("down for long")
    print("right when it was down for long")


def commit_held_back(broker):
    """The request that ends a transaction arrives 30 s late, when its sender has given up (H3)."""
    rng = kafkatest.rng("commit held back")
    name = "PROXIED"
    proxy = kafka_proxy.Proxy(broker.proxied[name], broker.ports[name])
    run = KafkaRun(broker, "held-back")
    run.settings["sink_brokers"] = "127.0.0.1:%d" % broker.proxied[name]
    run.settings["sink_kafka"] = "transaction.timeout.ms=60000"
    run.produce(order_lines(rng, 1000, 20, run.partitions))
    process = run.start()
    run.wait_for_output(process)
    proxy.hold(kafka_proxy.END_TXN, seconds=30, times=2)
    for _ in range(20):
        run.produce(order_lines(rng, 50, 20, run.partitions))
        time.sleep(0.1)
    time.sleep(32)  # the late requests arrive
    run.produce(order_lines(rng, 100, 20, run.partitions))
    run.wait_for_output(process)
    end(process, signal.SIGINT)
    if proxy.held == 0:
        raise Failure("nothing was held back")
    run.check("the end of a transaction was held back")
    print("right when the end of a transaction came late")


def partitions_added(broker):
    rng = kafkatest.rng("partitions")
    run = KafkaRun(broker, "partitions")
    run.produce(order_lines(rng, 1000, 20, 3))
    process = run.start()
    run.wait_for_output(process)
    tool(broker.address, "partitions", run.name + "-in", 6)
    run.produce(order_lines(rng, 1000, 20, 3))
    # Users of their own, since a user's orders must stay in their partition.
    run.produce([line.replace("%d\t" % u, "%d\t" % (3 + u % 3), 1)
                 for u in range(3)
                 for line in order_lines(rng, 300, 1, 3, first_user=1000 + u)
                 if line.startswith("%d\t" % u)])
    run.wait_for_output(process)
    end(process)
    run.produce(order_lines(rng, 500, 20, 3))
    process = run.start(parallelism=3)
    run.wait_for_output(process)
    end(process, signal.SIGINT)
    run.check("partitions were added")
    print("right with partitions added")


def where_it_begins(broker):
    """Each way to begin, and that it is kept: what comes while the job is down is not missed."""
    rng = kafkatest.rng("where it begins")
    run = KafkaRun(broker, "latest", partitions=1)
    old = order_lines(rng, 100, 5, 1)
    tool(broker.address, "produce", run.name + "-in", lines=old)
    run.settings["start"] = "latest"
    process = run.start()
    run.wait_for_checkpoint()
    end(process)
    run.produce(order_lines(rng, 100, 5, 1))  # with nothing read, and the job down
    process = run.start()
    run.wait_for_output(process)
    end(process, signal.SIGINT)
    run.check("begun at the latest")

    for start, skipped in (("offset:30", 30), ("time:%d", 40), ("group", 50), ("earliest", 0)):
        run = KafkaRun(broker, "begin-" + start.split(":")[0], partitions=1)
        lines = order_lines(rng, 100, 5, 1)
        tool(broker.address, "produce", run.name + "-in", lines=lines[:skipped])
        time.sleep(0.05)
        if start == "group":
            first = KafkaRun(broker, "before", partitions=1)
            first.settings.update(input=run.name + "-in", group="g-" + run.name)
            process = first.start(bounded=True)
            process.wait(60)
            run.settings["group"] = "g-" + run.name
        run.settings["start"] = start % (time.time() * 1000) if "%" in start else start
        time.sleep(0.05)
        run.produce(lines[skipped:])
        process = run.start(bounded=True)
        if process.wait(60) != 0:
            raise Failure(run.log())
        run.check("begun at " + start)

    run = KafkaRun(broker, "deleted", partitions=1)
    run.settings["start"] = "offset:500"
    run.produce(order_lines(rng, 100, 5, 1))
    process = run.start()
    if process.wait(60) == 0 or "is no longer there" not in run.log():
        raise Failure("an offset that is not there:\n" + run.log())
    print("right wherever it begins")


def by_pattern(broker):
    """Two topics by a pattern, one of which comes while the job runs."""
    rng = kafkatest.rng("pattern")
    run = KafkaRun(broker, "pattern", partitions=2)
    run.settings["input"] = "^%s-in.*" % run.name
    run.produce(order_lines(rng, 200, 5, 2))
    process = run.start()
    run.wait_for_output(process)
    tool(broker.address, "topic", run.name + "-in2", 2)
    more = order_lines(rng, 200, 5, 2, first_user=100)
    tool(broker.address, "produce", run.name + "-in2", lines=more)
    run.lines += more
    run.wait_for_output(process)
    end(process, signal.SIGINT)
    run.check("by a pattern")
    print("right with topics by a pattern")


def across_savepoints(broker):
    rng = kafkatest.rng("savepoints")
    for before, after in ((1, 3), (3, 2), (2, 1)):
        run = KafkaRun(broker, "save-%d-%d" % (before, after))
        run.produce(order_lines(rng, 2000, 30, run.partitions))
        process = run.start(parallelism=before)
        time.sleep(0.6)
        savepoint = os.path.join(run.folder, "savepoint")
        done = subprocess.run(
            ["weir", "savepoint", "--state", run.state, "--to", savepoint, "--stop"],
            capture_output=True, text=True, timeout=60,
        )
        if done.returncode != 0 or process.wait(60) != 0:
            raise Failure("no savepoint: %s%s" % (done.stderr, run.log()))
        run.produce(order_lines(rng, 2000, 30, run.partitions))
        moved = os.path.join(run.folder, "moved")
        process = run.start(parallelism=after, state=moved, source=savepoint)
        run.wait_for_output(process)
        end(process, signal.SIGINT)
        run.check("savepoint at %d, restored at %d" % (before, after))
        # What the first folder holds is older than what is out: it must not go on.
        process = run.start()
        if process.wait(60) == 0 or "committed already" not in run.log():
            raise Failure("an older checkpoint was restored:\n" + run.log())
        run.check("an older checkpoint was refused")
    print("right across savepoints")


def broker_in(folder):
    return kafkatest.kafka_broker.Broker(
        folder, listeners={"PROXIED": ("PLAINTEXT", {})}, proxied=("PROXIED",)
    )


def main():
    kafkatest.skip_without_kafka()
    servers = kafkatest.kafka_broker
    with servers.ScratchFolder() as folder, broker_in(folder) as broker:
        checks = (at_every_parallelism, across_kills, at_failpoints, broker_restarts, zombie,
                  frozen, long_down, commit_held_back, partitions_added, where_it_begins,
                  by_pattern, across_savepoints)
        kafkatest.weirtest.main(*[lambda check=check: check(broker) for check in checks])


if __name__ == "__main__":
    main()

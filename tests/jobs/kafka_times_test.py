#!/usr/bin/env python3
"""Event time over a real broker: partitions without records and partitions at their end do not hold
windows back, and two aligned topics are read side by side though one has far more records."""

import collections
import datetime
import json
import os
import shutil
import signal
import subprocess

import kafkatest
from kafkatest import BUILD, Failure, end, tool

LIBRARY = os.path.join(BUILD, "jobs", "kafka_times.so")
MINUTES = 20


def tick(partition, name, ms):
    return '%d\t%s\t{"from":"%s","at":%d}\n' % (partition, name, name, ms)


def millis(text):
    return round(datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000)


class Topics:
    def __init__(self, broker, name):
        self.broker = broker
        self.names = {x: "%s-%s" % (name, x) for x in ("slow", "quick", "seen", "counts")}
        for kind, topic in self.names.items():
            tool(broker.address, "topic", topic, 3 if kind == "quick" else 1)
        self.process = None
        self.folder = os.path.abspath(os.path.join("runs", name))
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)

    def produce(self, kind, lines):
        tool(self.broker.address, "produce", self.names[kind], lines=lines)

    def start(self, parallelism=1, **settings):
        command = ["weir", "run", LIBRARY, "--state", os.path.join(self.folder, "state")]
        command += ["--checkpoint-interval", "100ms", "--parallelism", str(parallelism)]
        for item in dict(self.names, brokers=self.broker.address, **settings).items():
            command += ["--set", "%s=%s" % item]
        with open(os.path.join(self.folder, "job.log"), "a") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        """Ends the job, also when the test has failed."""
        if self.process and self.process.poll() is None:
            end(self.process, signal.SIGINT)

    def rows(self, kind):
        lines = tool(self.broker.address, "consume", self.names[kind])
        return [json.loads(line.split("\t")[3]) for line in lines]

    def log(self):
        with open(os.path.join(self.folder, "job.log"), errors="replace") as text:
            return text.read()[-3000:]


def windows_close(broker):
    """`quick` has one partition of three with records, `slow` comes to its end long before."""
    for parallelism in (1, 3):
        with Topics(broker, "windows-%d" % parallelism) as topics:
            check_windows(topics, parallelism)
    print("windows close beside empty and idle partitions")


def check_windows(topics, parallelism):
    wanted = collections.Counter()
    slow = [tick(0, "s", ms) for ms in range(0, 120_000, 500)]
    quick = [tick(1, "q", ms) for ms in range(0, MINUTES * 60_000, 250)]
    for name, step, until in (("s", 500, 120_000), ("q", 250, MINUTES * 60_000)):
        for ms in range(0, until, step):
            wanted[(name, ms // 60_000)] += 1
    topics.produce("slow", slow)
    topics.produce("quick", quick)
    topics.start(parallelism)
    del wanted[("q", MINUTES - 1)]  # no record has come behind its end
    kafkatest.wait_for(lambda: len(topics.rows("counts")) >= len(wanted), timeout=30)
    found = {(row["from"], millis(row["start"]) // 60_000): row["count"]
             for row in topics.rows("counts")}
    if found != dict(wanted):
        raise Failure("windows: %s, not %s\n%s" % (found, dict(wanted), topics.log()))
    # A partition that was empty wakes up: what it says now is late for none of its own windows.
    later = MINUTES * 60_000
    topics.produce("quick", [tick(2, "w", later + ms) for ms in range(0, 120_000, 1000)])
    topics.produce("quick", [tick(1, "q", later + 180_000)])
    topics.produce("slow", [tick(0, "s", later + 180_000)])
    kafkatest.wait_for(lambda: len(topics.rows("counts")) >= len(wanted) + 3, timeout=30)
    end(topics.process, signal.SIGINT)
    woken = sorted((millis(row["start"]) - later, row["count"])
                   for row in topics.rows("counts") if row["from"] == "w")
    if woken != [(0, 60), (60_000, 60)]:
        raise Failure("of the partition that woke up: %s\n%s" % (woken, topics.log()))


def topics_stay_together(broker):
    """The same ten minutes are 120,000 records of `slow` and 24,000 of `quick`."""
    span, many, few = 600_000, 120_000, 24_000

    def read(align):
        with Topics(broker, "align-" + align) as topics:
            return lead_of(topics, align)

    def lead_of(topics, align):
        topics.produce("slow", [tick(0, "s", i * span // many) for i in range(many)])
        topics.produce("quick", [tick(1, "q", i * span // few) for i in range(few)])
        topics.start(align=align, drift="5s")
        kafkatest.wait_for(lambda: len(topics.rows("seen")) >= many + few, timeout=60)
        end(topics.process, signal.SIGINT)
        rows = topics.rows("seen")
        if len(rows) != many + few:
            raise Failure("%d of %d records\n%s" % (len(rows), many + few, topics.log()))
        slow_at = lead = 0
        for row in rows:  # how far `quick` is ahead, in ms of event time
            at = millis(row["at"])
            if row["from"] == "s":
                slow_at = at
            else:
                lead = max(lead, at - slow_at)
        return lead

    apart, together = read("false"), read("true")
    print("the quick topic was ahead by %d s, aligned by %d s" % (apart // 1000, together // 1000))
    # The drift, a batch of `quick`, and what of `slow` is still on its way.
    if together > 60_000 or apart < 2 * together:
        raise Failure("the alignment does nothing")


def main():
    kafkatest.skip_without_kafka()
    servers = kafkatest.kafka_broker
    with servers.ScratchFolder() as folder, servers.Broker(folder) as broker:
        checks = (windows_close, topics_stay_together)
        kafkatest.weirtest.main(*[lambda check=check: check(broker) for check in checks])


if __name__ == "__main__":
    main()

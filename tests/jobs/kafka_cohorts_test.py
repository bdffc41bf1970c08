#!/usr/bin/env python3
"""The example kafka_cohorts against the plain program of the file job: every membership that began
and ended, in order, across kills."""

import collections
import json
import os
import shutil
import subprocess
import sys

import kafkatest
from kafkatest import BUILD, SOURCE, Failure, end, tool

EXAMPLE = os.path.join(SOURCE, "examples", "kafka_cohorts")
DATA = os.path.join(SOURCE, "examples", "shop_cohorts", "data")
ROWS = 20000


def wanted():
    """Key -> what its records must say, in order: since when, or None."""
    import shop_cohorts  # an oracle; kafkatest has put its folder on the path

    path = os.path.join(DATA, "online_retail_2010-12_2011-02.csv.zst")
    text = subprocess.run(["zstd", "-dcq", path], stdout=subprocess.PIPE, check=True).stdout
    with open("rows.csv", "wb") as out:
        out.writelines(text.splitlines(keepends=True)[: ROWS + 1])
    customers, _, late, malformed = shop_cohorts.read(["rows.csv"])
    if late or malformed:
        raise Failure("the data is not what this test takes it for")
    found = collections.defaultdict(list)
    for change in shop_cohorts.changes(customers):
        key = "%s/%s" % (change["customer"], change["cohort"])
        found[key].append(change["at"] if change["change"] == "entered" else None)
    return found


def seen(address, topic="memberships"):
    found = collections.defaultdict(list)
    for line in tool(address, "consume", topic):
        _, _, key, value = line.split("\t", 3)
        found[key].append(None if value == "\\N" else json.loads(value)["since"])
    return found


def compare(want, have):
    wrong = [key for key in sorted(set(want) | set(have)) if want.get(key) != have.get(key)]
    if wrong:
        raise Failure("%d keys are wrong; %s: wanted %s, found %s"
                      % (len(wrong), wrong[0], want.get(wrong[0]), have.get(wrong[0])))


def produce_rows(broker):
    tool(broker.address, "topic", "invoice-rows", 4)
    rows = subprocess.run([sys.executable, os.path.join(EXAMPLE, "rows"), str(ROWS), "4"],
                          stdout=subprocess.PIPE, text=True, check=True).stdout
    tool(broker.address, "produce", "invoice-rows", lines=[rows])


def begin(broker, topic, state):
    """The command of a run from its beginning into a topic of its own."""
    shutil.rmtree(state, ignore_errors=True)
    tool(broker.address, "topic", topic, 3, "cleanup.policy=compact")
    library = os.path.join(BUILD, "jobs", "kafka_cohorts.so")
    command = ["weir", "run", library, "--state", state, "--set", "output=" + topic]
    return command + ["--set", "kafka.brokers=" + broker.address, "--set", "bounded=true"]


def check(broker):
    rng = kafkatest.rng("cohorts")
    produce_rows(broker)
    command = begin(broker, "memberships", os.path.abspath("state"))
    kills = 0
    while True:
        options = ["--parallelism", str(rng.choice((1, 2, 3))), "--checkpoint-interval", "20ms"]
        with open("job.log", "a") as log:
            process = subprocess.Popen(command + options, stdout=log, stderr=log)
        try:
            status = process.wait(rng.uniform(0.3, 0.6) if kills < 5 else 120)
        except subprocess.TimeoutExpired:
            end(process)
            kills += 1
            continue
        if status != 0:
            with open("job.log") as log:
                raise Failure("the job ended with %d:\n%s" % (status, log.read()[-3000:]))
        break
    have = seen(broker.address)
    compare(wanted(), have)
    ends = {int(line.split()[1]) for line in
            tool(broker.address, "offsets", "invoice-rows", "kafka-cohorts")}
    if -1 in ends:
        raise Failure("the group was not told how far the job has come: %s" % ends)
    print("kafka_cohorts: %d memberships right after %d kills"
          % (sum(len(v) for v in have.values()), kills))


def main():
    kafkatest.skip_without_kafka()
    servers = kafkatest.kafka_broker
    with servers.ScratchFolder() as folder, servers.Broker(folder) as broker:
        kafkatest.weirtest.main(lambda: check(broker))


if __name__ == "__main__":
    main()

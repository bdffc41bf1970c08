#!/usr/bin/env python3
"""What a job of Kafka says when something is wrong, and that it heals where it can: addresses,
topics, rights, secrets, encryption, broken and oversized records, a broker that is away."""

import json
import os
import signal
import socket
import subprocess
import time

import kafkatest
from kafkatest import Failure, KafkaRun, end, order_lines, tool

SECRET = "correct-horse"
PASSWORD = "changeit-7c1"


def refused(run, *texts, **options):
    """The job must end at once, with all of `texts` in what it says."""
    process = run.start(**options)
    status = process.wait(60)
    said = run.log()
    missing = [text for text in texts if text not in said]
    if status == 0 or missing:
        raise Failure("%s: it ended with %d and did not say %s:\n%s"
                      % (run.name, status, missing, said))


def wrong_places(broker):
    run = KafkaRun(broker, "address")
    run.address = "127.0.0.1:1"
    refused(run, "no broker answers", "are the brokers at 127.0.0.1:1", "Connection refused")
    run = KafkaRun(broker, "in-topic")
    run.settings["input"] = "no-such-topic"
    refused(run, "Source 'orders'", "topic 'no-such-topic' does not exist")
    run = KafkaRun(broker, "out-topic")
    run.settings["output"] = "no-such-topic"
    refused(run, "Sink 'balances'", "topic 'no-such-topic' does not exist")
    run = KafkaRun(broker, "setting")
    run.settings["kafka"] = "no.such.setting=1"
    refused(run, "no.such.setting")
    run = KafkaRun(broker, "guarantee")
    run.settings["kafka"] = "isolation.level=read_uncommitted"
    refused(run, "not for a job to make")
    print("right about wrong places")


def security(broker):
    """SASL over TLS: with the right secret it works, and the secret is nowhere to be seen."""
    rng = kafkatest.rng("security")
    run = KafkaRun(broker, "security")
    run.address = "127.0.0.1:%d" % broker.ports["SECURE"]
    good = ("security.protocol=SASL_SSL;sasl.mechanism=PLAIN;sasl.username=weir;"
            "sasl.password=env:TEST_SECRET;ssl.ca.location=" + broker.certificate)
    run.settings["kafka"] = good
    run.settings["sink_kafka"] = ""
    run.produce(order_lines(rng, 500, 10, run.partitions))
    process = run.start(env={"TEST_SECRET": SECRET})
    run.wait_for_output(process)
    status = subprocess.run(["weir", "status", "--state", run.state, "--json"],
                            capture_output=True, text=True).stdout
    end(process, signal.SIGINT)
    run.check("over TLS with SASL")
    seen = subprocess.run(["grep", "-rl", SECRET, run.folder], capture_output=True, text=True)
    if seen.stdout or SECRET in status:
        raise Failure("the secret stands in " + seen.stdout)
    for name, change, env, text in (
        ("wrong", None, {"TEST_SECRET": "wrong"}, "sasl.username and sasl.password"),
        ("unset", None, {}, "TEST_SECRET, which is not set"),
        ("written", ("env:TEST_SECRET", SECRET), {}, "is a secret"),
        ("no-tls", ("SASL_SSL", "SASL_PLAINTEXT"), {"TEST_SECRET": SECRET}, "security.protocol"),
        ("no-ca", (";ssl.ca.location=" + broker.certificate, ""), {"TEST_SECRET": SECRET},
         "ssl.ca.location"),
    ):
        bad = KafkaRun(broker, "security-" + name)
        bad.address = run.address
        bad.settings["sink_kafka"] = ""
        bad.settings["kafka"] = good.replace(*change) if change else good
        refused(bad, text, env=env)
        if SECRET in bad.log():
            raise Failure("the secret stands in the log:\n" + bad.log())
    print("right with security")


def letters(run):
    done = subprocess.run(["weir", "dlq", "export", "--state", run.state], capture_output=True)
    if done.returncode != 0:
        raise Failure("weir dlq export: %s" % done.stderr)
    return [json.loads(line) for line in done.stdout.splitlines()]


def bad_records(broker):
    """Broken and oversized records are dead letters; the others pass."""
    rng = kafkatest.rng("bad records")
    run = KafkaRun(broker, "bad")
    run.settings["max_record"] = 2000
    good = order_lines(rng, 200, 10, 3)
    run.produce(good[:100])
    bad = ["1\tk1\tnot json\n", '2\tk2\t{"user":"u","amount":"x"}\n', "0\tk3\t\\N\n"]
    tool(broker.address, "produce", run.name + "-in", lines=bad)
    long = "u" * 3000
    tool(broker.address, "produce", run.name + "-in",
         lines=['0\tl\t{"user":"%s","amount":1}\n' % long])
    run.produce(good[100:])
    process = run.start()
    run.wait_for_output(process)
    end(process, signal.SIGINT)
    run.check("with bad records")
    found = {(letter["step"], letter["reason"]): letter for letter in letters(run)}
    if len(letters(run)) != 4 or ("balances", "too_large") not in found:
        raise Failure("dead letters: %s" % letters(run))
    broken = [x for x in letters(run) if x.get("headers", {}).get("kafka.key") == "k1"]
    if not broken or broken[0]["headers"]["kafka.partition"] != "1":
        raise Failure("dead letters: %s" % letters(run))
    print("right with bad records")


def letter_topic(broker, kills=4):
    """Dead letters come to a topic, each once although the job is killed; they are in the queue as
    well, and a repaired one is replayed behind those of its key before it."""
    rng = kafkatest.rng("letter topic")
    run = KafkaRun(broker, "letters")
    topic = run.name + "-letters"
    tool(broker.address, "topic", topic, 3)
    run.settings["letters"] = topic
    bad = 0
    for _ in range(kills):
        for _ in range(5):
            run.produce(order_lines(rng, 100, 10, 3))
            lines = ["1\tk%d\tbroken %d\n" % (bad + i, bad + i) for i in range(3)]
            lines += ['0\tx\t{"user":"x","amount":-%d}\n' % (bad + i + 1) for i in range(3)]
            tool(broker.address, "produce", run.name + "-in", lines=lines)
            bad += 3
        process = run.start(parallelism=rng.choice((1, 2, 3)))
        time.sleep(rng.uniform(0.2, 1.2))
        end(process)
    process = run.start()
    run.wait_for_output(process)
    rows = wait_for_rows(broker, topic, 2 * bad)
    # In the queue they are in the same order.
    queue = letters(run)
    end(process, signal.SIGINT)
    run.check("with a topic of letters")
    failed = [row[3] for row in rows if row[2] == "x"]
    wanted = ['{"user":"x","amount":%d}' % -(i + 1) for i in range(bad)]
    if failed != wanted:
        raise Failure("letters of one key: %s" % failed)
    broken = {row[2]: row for row in rows if row[2] != "x"}
    if len(rows) != 2 * bad or set(broken) != {"k%d" % i for i in range(bad)}:
        raise Failure("letters: %s" % rows)
    for key, row in broken.items():
        said = dict(field.split("=", 1) for field in row[4:])
        if row[3] != "broken " + key[1:] or said["weir.reason"] != "decode" or \
                said["__connect.errors.topic"] != run.name + "-in" or \
                said["__connect.errors.partition"] != "1" or \
                said["kafka_dlt-original-topic"] != run.name + "-in":
            raise Failure("a letter: %s" % row)
    if {letter["id"] for letter in queue} != \
            {field[8:] for row in rows for field in row if field.startswith("weir.id=")}:
        raise Failure("the queue has other letters than the topic")
    replay(run, broker, topic, queue, 2 * bad)
    print("right with a topic of letters")


def wait_for_rows(broker, topic, count):
    rows = []

    def enough():
        rows[:] = [line.split("\t") for line in tool(broker.address, "consume", topic, "headers")]
        return len(rows) >= count

    kafkatest.wait_for(enough, timeout=30)
    return rows


def replay(run, broker, topic, queue, before):
    """A letter that fails again comes again; repaired ones take effect in order."""
    negative = [letter["id"] for letter in queue if letter["reason"] == "user_error"]
    said = subprocess.run(["weir", "dlq", "replay", negative[0], "--state", run.state],
                          capture_output=True, text=True)
    again = wait_for_rows(broker, topic, before + 1)
    if said.returncode != 1 or len(again) != before + 1 or \
            not any("weir.attempt=2" in row for row in again):
        raise Failure("a replay that fails: %s %s" % (said, again[-1]))
    done = subprocess.run(["weir", "dlq", "replay", *negative, "--state", run.state,
                           "--set", "amount=7"], capture_output=True, text=True)
    out = [line.split("\t") for line in run.output()]
    sums = [json.loads(row[3])["sum"] for row in out if row[2] == "x"]
    if done.returncode != 0 or sums != [7 * (i + 1) for i in range(len(negative))]:
        raise Failure("a replay: %s, %s" % (done, sums))


def broker_away(broker):
    """Nothing ends while the broker is away, at the start of a restored job neither."""
    rng = kafkatest.rng("broker away")
    run = KafkaRun(broker, "away")
    run.produce(order_lines(rng, 500, 10, run.partitions))
    process = run.start()
    run.wait_for_output(process)
    run.produce(order_lines(rng, 500, 10, run.partitions))
    broker.kill()
    time.sleep(8)
    if process.poll() is not None:
        raise Failure("the job ended:\n" + run.log())
    end(process)
    process = run.start()
    time.sleep(3)
    broker.start()
    run.wait_for_output(process, timeout=90)
    end(process, signal.SIGINT)
    run.check("the broker was away")
    if "trouble with Kafka" not in run.log():
        raise Failure("nothing was said:\n" + run.log())
    print("right after the broker was away")


def at_least_once(broker):
    rng = kafkatest.rng("at least once")
    run = KafkaRun(broker, "alo")
    run.settings["at_least_once"] = "true"
    run.produce(order_lines(rng, 1000, 10, run.partitions))
    process = run.start()
    run.wait_for_output(process)
    end(process)
    run.produce(order_lines(rng, 1000, 10, run.partitions))
    process = run.start()
    run.wait_for_output(process)
    time.sleep(1)  # what comes twice
    end(process, signal.SIGINT)
    rows = {line.split("\t", 3)[3] for line in run.output()}
    wanted = {json.dumps(row, separators=(",", ":"))
              for rows in kafkatest.kafka_orders.expected(run.lines).values() for row in rows}
    if rows != wanted:
        raise Failure("%d rows are missing, %d too many" % (len(wanted - rows), len(rows - wanted)))
    print("right at least once")


def two_jobs_of_one_name(broker):
    """The one that started first ends, once, and says where the other runs, which goes on."""
    rng = kafkatest.rng("two jobs")
    first, second = KafkaRun(broker, "first"), KafkaRun(broker, "second")
    first.produce(order_lines(rng, 200, 10, first.partitions))
    process = first.start()
    first.wait_for_output(process)
    second.produce(order_lines(rng, 200, 10, second.partitions))
    other = second.start()
    second.wait_for_output(other)
    first.produce(order_lines(rng, 200, 10, first.partitions))
    status, said = process.wait(60), first.log()
    for text in ("another job, on " + socket.gethostname(), second.state, "another name"):
        if status == 0 or text not in said:
            raise Failure("it ended with %d and did not say %s:\n%s" % (status, text, said))
    second.produce(order_lines(rng, 200, 10, second.partitions))
    second.wait_for_output(other)
    end(other, signal.SIGINT)
    second.check("beside a job of its name")
    print("right with two jobs of one name")


def certificates(folder):
    """A key for the broker and the certificate by which clients know it."""
    store, certificate = os.path.join(folder, "broker.p12"), os.path.join(folder, "broker.pem")
    common = ["-keystore", store, "-storepass", PASSWORD, "-alias", "broker"]
    subprocess.run(["keytool", "-genkeypair", "-keyalg", "RSA", "-dname", "CN=localhost", "-ext",
                    "SAN=IP:127.0.0.1", "-validity", "365", "-storetype", "PKCS12", *common],
                   check=True, capture_output=True)
    subprocess.run(["keytool", "-exportcert", "-rfc", "-file", certificate, *common],
                   check=True, capture_output=True)
    return store, certificate


def secured_broker(folder):
    store, certificate = certificates(folder)
    secure = {
        "ssl.keystore.location": store,
        "ssl.keystore.password": PASSWORD,
        "ssl.keystore.type": "PKCS12",
        "sasl.enabled.mechanisms": "PLAIN",
        "plain.sasl.jaas.config": "org.apache.kafka.common.security.plain.PlainLoginModule required"
                                  ' user_weir="%s";' % SECRET,
    }
    broker = kafkatest.kafka_broker.Broker(folder, listeners={"SECURE": ("SASL_SSL", secure)})
    broker.certificate = certificate
    return broker


def main():
    kafkatest.skip_without_kafka()
    servers = kafkatest.kafka_broker
    with servers.ScratchFolder() as folder, secured_broker(folder) as broker:
        checks = (wrong_places, security, bad_records, letter_topic, at_least_once,
                  two_jobs_of_one_name, broker_away)
        kafkatest.weirtest.main(*[lambda check=check: check(broker) for check in checks])


if __name__ == "__main__":
    main()

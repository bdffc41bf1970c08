#!/usr/bin/env python3
"""What a job of Kafka says when something is wrong, and that it heals where it can: addresses,
topics, rights, secrets, encryption, broken and oversized records, a broker that is away."""

import json
import os
import signal
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
        checks = (wrong_places, security, bad_records, at_least_once, broker_away)
        kafkatest.weirtest.main(*[lambda check=check: check(broker) for check in checks])


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""`./dev soak kafka [--count N] [--seed S]`: runs of the job kafka_orders against a real broker,
each through a few disasters drawn from a seed; after each the output must be exactly right.
Prints a line a run, and how often each disaster came."""

import argparse
import collections
import random
import shutil
import signal
import sys
import time

import kafkatest
from kafkatest import Failure, KafkaRun, end, kafka_proxy, order_lines, tool
import kafka_test

BROKER_LIVES = 25  # runs; then a new one, since topics add up


class Life:
    """One run and what happens to it."""

    def __init__(self, broker, proxy, rng, number):
        self.broker, self.proxy, self.rng = broker, proxy, rng
        self.run = KafkaRun(broker, "soak", partitions=3)
        # Now and then transactions that are split, or given up after 2 s.
        self.run.settings["transaction_bytes"] = rng.choice((1000, 30000, 1 << 25))
        self.timeout = rng.choice((2000, 10000))
        self.run.settings["sink_kafka"] = "transaction.timeout.ms=%d" % self.timeout
        if rng.random() < 0.3:
            self.run.settings["sink_brokers"] = "127.0.0.1:%d" % broker.proxied["PROXIED"]
        self.users = rng.randint(5, 60)
        self.process = None
        self.last_user = 1000

    def feed(self):
        lines = order_lines(self.rng, self.rng.randint(50, 1500), self.users, 3)
        self.run.produce(lines)

    def start(self, env=None, **options):
        self.process = self.run.start(
            env=env,
            parallelism=self.rng.choice((1, 2, 3)),
            interval=self.rng.choice(("20ms", "50ms", "200ms")),
            **options,
        )

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def ensure_running(self):
        if self.process is not None and self.process.poll() not in (None, -signal.SIGKILL):
            raise Failure("the job ended with %d:\n%s"
                          % (self.process.returncode, self.run.log()[-3000:]))
        if not self.alive():
            self.start()

    # ---- disasters

    def kill(self):
        self.ensure_running()
        time.sleep(self.rng.uniform(0.02, 0.8))
        end(self.process)

    def kill_at_failpoint(self):
        if self.alive():
            end(self.process)
        name = self.rng.choice(kafka_test.FAILPOINTS)
        self.start(env={"WEIR_FAILPOINTS": "%s=kill@%d" % (name, self.rng.randint(1, 4))})
        for _ in range(8):
            if not self.alive():
                return
            self.feed()
            time.sleep(0.05)
        end(self.process)

    def stop_well(self):
        self.ensure_running()
        time.sleep(self.rng.uniform(0.05, 0.5))
        if end(self.process, signal.SIGINT) != 0:
            raise Failure("it did not stop well:\n" + self.run.log()[-3000:])
        self.process = None

    def freeze(self):
        self.ensure_running()
        time.sleep(self.rng.uniform(0.05, 0.4))
        self.process.send_signal(signal.SIGSTOP)
        time.sleep(8 if self.timeout < 3000 else 0.5)  # until the broker has given up
        self.process.send_signal(signal.SIGCONT)

    def zombie(self):
        """A successor takes over from a copy of the state while the first one is frozen."""
        self.ensure_running()
        if not self.run.wait_for_checkpoint():
            return  # two that begin anew are two runs, of which each says everything
        time.sleep(self.rng.uniform(0.0, 0.4))
        first = self.process
        first.send_signal(signal.SIGSTOP)
        if self.rng.random() < 0.5:
            time.sleep(8 if self.timeout < 3000 else 0.1)
        copy = self.run.state + "x"
        shutil.copytree(self.run.state, copy, ignore=shutil.ignore_patterns("*.sock"))
        self.run.state = copy
        self.feed()
        self.start()
        # Until it has taken over: of two that begin at once the later wins, or none.
        self.run.wait_until_running()
        first.send_signal(signal.SIGCONT)
        self.feed()
        time.sleep(0.5)
        self.feed()
        if first.wait(90) == 0:
            raise Failure("a zombie ended well:\n" + self.run.log()[-3000:])

    def broker_goes(self):
        self.ensure_running()
        time.sleep(self.rng.uniform(0.05, 0.4))
        self.rng.choice((self.broker.kill, self.broker.stop))()
        time.sleep(self.rng.uniform(0, 1.5))
        self.broker.start()

    def commit_held_back(self):
        self.ensure_running()
        self.proxy.hold(kafka_proxy.END_TXN, seconds=self.rng.choice((1, 25)))
        self.feed()
        time.sleep(0.5)
        if self.rng.random() < 0.5:
            end(self.process)

    def add_partitions(self):
        if self.run.partitions > 3:
            return
        self.run.partitions = 5
        self.ensure_running()
        tool(self.broker.address, "partitions", self.run.name + "-in", 5)
        self.last_user += 1
        line = '4\tu%d\t{"user":"u%d","amount":%%d}\n' % (self.last_user, self.last_user)
        self.run.produce([line % amount for amount in range(200)])

    DISASTERS = (kill, kill, kill_at_failpoint, kill_at_failpoint, kill_at_failpoint, stop_well,
                 freeze, zombie, broker_goes, commit_held_back, add_partitions)

    def live(self, counts):
        self.feed()
        for _ in range(self.rng.randint(1, 4)):
            disaster = self.rng.choice(self.DISASTERS)
            counts[disaster.__name__] += 1
            disaster(self)
            self.feed()
        self.ensure_running()
        self.run.wait_for_output(self.process, timeout=120)
        end(self.process, signal.SIGINT)
        self.run.check("after its disasters")
        shutil.rmtree(self.run.folder, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    options = parser.parse_args()
    kafkatest.skip_without_kafka()
    counts = collections.Counter()
    servers = kafkatest.kafka_broker
    done = failed = 0
    begun = time.monotonic()
    while done < options.count:
        with servers.ScratchFolder() as folder, kafka_test.broker_in(folder) as broker:
            proxy = kafka_proxy.Proxy(broker.proxied["PROXIED"], broker.ports["PROXIED"])
            for _ in range(min(BROKER_LIVES, options.count - done)):
                seed = options.seed + done
                life = Life(broker, proxy, random.Random(seed), done)
                try:
                    life.live(counts)
                    said = "right"
                except Exception as why:  # whatever it is, the seed is worth knowing
                    failed += 1
                    said = "FAILED: %s: %s" % (type(why).__name__, why)
                    if life.alive():
                        end(life.process)
                done += 1
                print("run %d, --seed %d: %s" % (done, seed, said), flush=True)
    print("%d runs, %d failed, in %.0f s; %s" % (done, failed, time.monotonic() - begun,
          ", ".join("%s %d" % item for item in sorted(counts.items()))))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""`./dev kafka [PORT]`: a broker for trying things by hand, until Ctrl-C. Its data stays in
build/kafka."""

import os
import sys
import time

import kafka_broker

HELP = """
Kafka %(version)s listens on %(address)s (log: %(log)s). In another terminal:

  tool="build/tests/bin/kafka_tool %(address)s"
  $tool topic invoice-rows 4
  $tool topic memberships 4 cleanup.policy=compact
  examples/kafka_cohorts/rows 10000 | $tool produce invoice-rows
  build/bin/weir run build/jobs/kafka_cohorts.so --set kafka.brokers=%(address)s \\
    --state /tmp/kafka-cohorts --checkpoint-interval 50ms
  $tool consume memberships          # meanwhile, or after Ctrl-C

Ctrl-C ends the broker; the data stays in %(folder)s.
"""


def main():
    why = kafka_broker.missing()
    if why:
        sys.exit("dev: no Kafka broker: " + why)
    build = os.environ.get("WEIR_BUILD_DIR") or "build"
    folder = os.path.join(build, "kafka")
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 9092
    kafka_broker.make_archive()
    broker = kafka_broker.Broker(folder, port=port)
    broker.start()
    facts = {"version": kafka_broker.VERSION, "address": broker.address}
    print(HELP % dict(facts, log=broker.log, folder=broker.data), flush=True)
    try:
        while broker.process.poll() is None:
            time.sleep(0.2)
        print("the broker has ended; see " + broker.log)
    except KeyboardInterrupt:
        broker.stop()
    finally:
        broker.close()


if __name__ == "__main__":
    main()

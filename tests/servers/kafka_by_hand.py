#!/usr/bin/env python3
"""`./dev kafka [PORT]`: a broker for trying things by hand, until Ctrl-C. Its data stays in
build/kafka."""

import os
import sys
import time

import kafka_broker

HELP = """
Kafka %(version)s listens on %(address)s (log: %(log)s). In another terminal:

  build/tests/bin/kafka_tool %(address)s topic shop-events 4
  build/tests/bin/kafka_tool %(address)s topic memberships 4 cleanup.policy=compact
  build/bin/weir generate shop-events --users 100 --events 10000 |
    sed 's/^/-1\\tkey\\t/' | build/tests/bin/kafka_tool %(address)s produce shop-events
  build/bin/weir run build/jobs/kafka_cohorts.so --set kafka.brokers=%(address)s
  build/tests/bin/kafka_tool %(address)s consume memberships

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


if __name__ == "__main__":
    main()

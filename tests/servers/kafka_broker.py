"""A real Kafka broker for tests and for trying things by hand, on loopback: a process that is the
broker, and one that is its controller. Killing and restarting mean the broker.

This version of Kafka loses the end of a transaction: while a partition has no leader, its
transaction coordinator takes it for deleted and calls the transaction complete without having told
it. What was committed then stays open for ever. With one broker every partition is without a leader
whenever the controller takes the broker for dead, and it gets to know that while it coordinates. So
a killed broker is declared dead before it starts again, and one that is stopped for less than
SESSION_S never is.

    broker = Broker("some/folder")
    broker.start()              # ready when this returns
    broker.address              # "127.0.0.1:PORT"
    broker.kill(); broker.start()
    broker.stop()

The jars come from Maven once (serving.py). `missing()` says what stands in the way on this machine.
Only the Python standard library.
"""

import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

import serving
from serving import LOOPBACK, free_port

HERE = os.path.dirname(os.path.abspath(__file__))
VERSION = "4.3.1"
NOT_REGISTERED = 102  # an error of Kafka's protocol


def _fetching(folder):
    command = ["mvn", "-B", "-q", "-f", os.path.join(HERE, "kafka", "pom.xml")]
    command += ["dependency:copy-dependencies", "-DincludeScope=runtime"]
    return command + ["-DoutputDirectory=" + os.path.join(folder, "libs")], {}


JARS = serving.Kept(
    "kafka-" + VERSION,
    {"mvn": "there is no mvn to fetch the broker with (Debian: maven)"},
    _fetching,
)
LIBS = os.path.join(JARS.folder, "libs")
ARCHIVE = os.path.join(JARS.folder, "classes.jsa")  # of loaded classes; halves the time of a start
JAVA = ["java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]

SESSION_S = 8  # without a heartbeat; the machine may be busy

# Fast to start, fast to notice that somebody is gone, small. Not for real data.
SETTINGS = {
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    "num.partitions": "1",
    "auto.create.topics.enable": "false",
    "offsets.topic.num.partitions": "1",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.num.partitions": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "100",
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "2000",
    "log.retention.check.interval.ms": "300000",
    "num.network.threads": "2",
    "num.io.threads": "2",
    "background.threads": "2",
    "num.recovery.threads.per.data.dir": "1",
    "log.cleaner.dedupe.buffer.size": "2097152",
    "log.segment.bytes": "134217728",
    "metadata.log.segment.bytes": "8388608",
    "log.index.size.max.bytes": "1048576",
    "controlled.shutdown.enable": "true",
    "broker.session.timeout.ms": str(1000 * SESSION_S),
    "broker.heartbeat.interval.ms": "200",
    "controller.quorum.election.timeout.ms": "100",
    "controller.quorum.election.backoff.max.ms": "50",
}


def missing():
    """What a broker needs and this machine lacks, or None."""
    if not shutil.which("java"):
        return "there is no java (Debian: openjdk-17-jre-headless)"
    return JARS.missing()


class ScratchFolder:
    """A folder for a broker's data that goes with the `with` block: in memory where that is
    possible, so that what the tests and the machine write to disk does not stall the broker. It
    outlives a killed broker as a disk would."""

    def __enter__(self):
        memory = "/dev/shm"
        base = memory if os.access(memory, os.W_OK) else None
        self.path = tempfile.mkdtemp(prefix="weir-kafka-", dir=base)
        return self.path

    def __exit__(self, *_):
        shutil.rmtree(self.path, ignore_errors=True)


class Broker:
    """One broker with its data in `folder`. `settings` go over SETTINGS; `listeners` are further
    ones, as {name: (security protocol, {setting: value})}, each with a port in `ports`; those named
    in `proxied` tell clients a port of their own, on which a proxy is to listen. All listen on
    `host`."""

    def __init__(self, folder, settings=None, listeners=None, port=None, environment=None,
                 proxied=(), host=LOOPBACK):
        self.folder = os.path.abspath(folder)
        self.data = os.path.join(self.folder, "data")
        self.log = os.path.join(self.folder, "broker.log")
        self.host = host
        self.port = port or free_port(host)
        self.controller_port = free_port()
        self.controller = None
        self.ports = {name: free_port() for name in listeners or {}}
        self.proxied = {name: free_port() for name in proxied}
        self.address = "%s:%d" % (host, self.port)
        self.process = None
        self.environment = dict(os.environ, **(environment or {}))
        self._write_config(dict(SETTINGS, **(settings or {})), listeners or {})

    def _config(self, role):
        return os.path.join(self.folder, role + ".properties")

    def _write_config(self, settings, listeners):
        os.makedirs(self.folder, exist_ok=True)
        own = ["PLAINTEXT://" + self.address]
        told = list(own)
        protocols = ["PLAINTEXT:PLAINTEXT", "CONTROLLER:PLAINTEXT"]
        for name, (protocol, more) in listeners.items():
            port = self.ports[name]
            own.append("%s://%s:%d" % (name, self.host, port))
            told.append("%s://%s:%d" % (name, self.host, self.proxied.get(name, port)))
            protocols.append("%s:%s" % (name, protocol))
            for setting, value in more.items():
                settings["listener.name.%s.%s" % (name.lower(), setting)] = value
        controller = "127.0.0.1:%d" % self.controller_port
        settings["listener.security.protocol.map"] = ",".join(protocols)
        settings["controller.quorum.voters"] = "2@" + controller
        roles = {
            "broker": {"node.id": "1", "listeners": ",".join(own), "log.dirs": self.data,
                       "advertised.listeners": ",".join(told),
                       "inter.broker.listener.name": "PLAINTEXT"},
            "controller": {"node.id": "2", "listeners": "CONTROLLER://" + controller,
                           "log.dirs": os.path.join(self.folder, "controller")},
        }
        for role, more in roles.items():
            with open(self._config(role), "w") as out:
                all_of_it = dict(settings, **more, **{"process.roles": role})
                out.writelines("%s=%s\n" % item for item in sorted(all_of_it.items()))

    def start(self):
        """Starts the broker, and the first time its controller."""
        JARS.fetch()
        with open(self.log, "ab") as log:
            if self.controller is None:
                self.controller = self._run("controller", log)
            else:
                self._declare_dead()
            self.process = self._run("broker", log)
        self._wait_until_ready()

    def _run(self, role, log):
        config = self._config(role)
        if not os.path.exists(config + ".formatted"):
            command = JAVA + ["-Xmx128m", "-cp", LIBS + "/*", "kafka.tools.StorageTool", "format"]
            command += ["-t", "AAAAAAAAAAAAAAAAAAAAAQ", "-c", config]
            subprocess.run(command, stdout=log, stderr=log, check=True, timeout=120)
            open(config + ".formatted", "w").close()
        options = ["-Xmx256m", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"]
        if os.path.exists(ARCHIVE):
            options.append("-XX:SharedArchiveFile=" + ARCHIVE)
        command = JAVA + options + ["-cp", LIBS + "/*", "kafka.Kafka", config]
        return subprocess.Popen(
            command, stdout=log, stderr=log, cwd=self.folder, env=self.environment,
            preexec_fn=serving.die_with_parent,
        )

    def _declare_dead(self):
        """Has the controller forget the broker of before, as it would at the end of its session:
        request UnregisterBroker, version 0, of Kafka's protocol."""
        client = b"weir"
        body = struct.pack(">hhih", 64, 0, 1, len(client)) + client + b"\0"
        body += struct.pack(">i", 1) + b"\0"
        with socket.create_connection(("127.0.0.1", self.controller_port), timeout=20) as link:
            link.sendall(struct.pack(">i", len(body)) + body)
            answer = link.makefile("rb")
            (size,) = struct.unpack(">i", answer.read(4))
            # The id of the request, no tags, milliseconds of throttling, the code of an error.
            (code,) = struct.unpack_from(">h", answer.read(size), 9)
        if code not in (0, NOT_REGISTERED):
            raise OSError("the controller does not forget the broker: error %d" % code)

    def _wait_until_ready(self):
        give_up = time.monotonic() + 60
        while time.monotonic() < give_up:
            if self.process.poll() is not None:
                break
            try:
                socket.create_connection((self.host, self.port), timeout=1).close()
                return
            except OSError:
                time.sleep(0.02)
        with open(self.log, errors="replace") as log:
            raise OSError("the broker does not start:\n" + log.read()[-3000:])

    def stop(self):
        """Ends the broker in good order."""
        self._end(signal.SIGTERM)

    def kill(self):
        self._end(signal.SIGKILL)

    def _end(self, how):
        if self.process is None:
            return
        self.process.send_signal(how)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def __enter__(self):
        self.start()
        return self

    def close(self):
        """Ends both processes."""
        self.kill()
        if self.controller is not None:
            self.controller.kill()
            self.controller.wait()
            self.controller = None

    def __exit__(self, *_):
        self.close()


def make_archive():
    """Writes the archive of classes, unless it is there: one start and stop of a broker. Tests that
    run at once on a new machine wait for the first of them."""
    JARS.fetch()
    with JARS.locked():
        if not os.path.exists(ARCHIVE):
            _write_archive()


def _write_archive():
    folder = os.path.join(JARS.folder, "archive-run")
    shutil.rmtree(folder, ignore_errors=True)
    broker = Broker(folder)
    try:
        broker.start()
        broker.stop()
        JAVA.append("-XX:ArchiveClassesAtExit=" + ARCHIVE + ".new")
        broker.start()
        time.sleep(1)
        broker.process.send_signal(signal.SIGTERM)
        broker.process.wait(60)
        broker.process = None
        JAVA.pop()
    finally:
        broker.close()
        shutil.rmtree(folder, ignore_errors=True)
    if os.path.exists(ARCHIVE + ".new"):
        os.rename(ARCHIVE + ".new", ARCHIVE)


def serve():
    """For programs that are not Python: prints the address of a fresh broker, and ends it when
    standard input does."""
    why = missing()
    if why:
        sys.exit("skipped: no Kafka broker: " + why)
    make_archive()
    with ScratchFolder() as folder, Broker(folder) as broker:
        print(broker.address, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    serve()

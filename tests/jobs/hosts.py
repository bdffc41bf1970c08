"""Hosts of a cluster as network namespaces on one bridge, so that the links between any two of them
can be cut, in one direction or both, made lossy or slow. Needs root, ip and iptables.

    with Network() as network:
        one, two = network.host("one"), network.host("two")
        subprocess.run([*one.prefix, "some", "command"])    # runs there
        network.drop(one, two)                              # two hears nothing of one
        network.heal()

The script itself and the servers that it starts stand at `network.outside`, on the bridge.
What a killed script has left behind the next Network removes.
"""

import os
import shutil
import signal
import subprocess

TOOLS = ("ip", "iptables", "tc")


def missing():
    """What stands in the way on this machine, or None."""
    if os.geteuid() != 0:
        return "only root can make network namespaces"
    for tool in TOOLS:
        if not shutil.which(tool):
            return "there is no %s (Debian: iproute2, iptables)" % tool
    probe = "weir-%d-probe" % os.getpid()
    made = subprocess.run(["ip", "netns", "add", probe], capture_output=True, text=True)
    try:
        if made.returncode == 0:
            command = ["ip", "netns", "exec", probe, "iptables", "-A", "INPUT", "-j", "DROP"]
            made = subprocess.run(command, capture_output=True, text=True)
    finally:
        subprocess.run(["ip", "netns", "del", probe], capture_output=True)
    if made.returncode != 0:
        return "network namespaces cannot be made here: " + made.stderr.strip()
    return None


def _do(*words):
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode != 0:
        raise OSError("%s: %s" % (" ".join(words), done.stderr.strip()))
    return done.stdout


class Host:
    """Has an address; `prefix` before a command runs it there."""

    def __init__(self, address, namespace=None):
        self.address, self.namespace = address, namespace
        self.prefix = ["ip", "netns", "exec", namespace] if namespace else []


class Network:
    def __init__(self):
        remove_leftovers()
        self.name = "weir%d" % os.getpid()
        self.subnet = _free_subnet()
        self.outside = Host(self.subnet + "1")
        self.hosts = {}

    def __enter__(self):
        _do("ip", "link", "add", self.name, "type", "bridge")
        _do("ip", "addr", "add", self.outside.address + "/24", "dev", self.name)
        _do("ip", "link", "set", self.name, "up")
        return self

    def __exit__(self, *unused):
        for host in self.hosts.values():
            _remove_namespace(host.namespace)
        _do("ip", "link", "del", self.name)

    def host(self, name):
        """The host of that name, made when it is first asked for."""
        if name not in self.hosts:
            number = len(self.hosts) + 2
            self.hosts[name] = host = Host(
                self.subnet + str(number), "weir-%d-%s" % (os.getpid(), name)
            )
            inside, here = host.namespace, "weir%d.%d" % (os.getpid() % 100000, number)
            _do("ip", "netns", "add", inside)
            _do("ip", "link", "add", here, "type", "veth", "peer", "name", "eth0", "netns", inside)
            _do("ip", "link", "set", here, "master", self.name, "up")
            _do("ip", "-n", inside, "addr", "add", host.address + "/24", "dev", "eth0")
            for device in ("eth0", "lo"):
                _do("ip", "-n", inside, "link", "set", device, "up")
        return self.hosts[name]

    # ---- disasters; `heal` ends all of them

    def drop(self, come, go):
        """Nothing from one host reaches the other any more; neither is told."""
        if go.namespace:
            self._rule(go, "INPUT", "-s", come.address, "-j", "DROP")
        else:
            self._rule(come, "OUTPUT", "-d", go.address, "-j", "DROP")

    def refuse(self, one, other):
        """Connections between the two break, and none can be made."""
        for host, peer in ((one, other), (other, one)):
            if not host.namespace:
                continue
            resets = ("-p", "tcp", "!", "--tcp-flags", "RST", "RST", "-j", "REJECT")
            for chain, way in (("INPUT", "-s"), ("OUTPUT", "-d")):
                self._rule(host, chain, way, peer.address, *resets, "--reject-with", "tcp-reset")

    def lose(self, come, go, share):
        """This share of the packets from one host to the other is lost."""
        chance = ("-m", "statistic", "--mode", "random", "--probability", "%.3f" % share)
        if go.namespace:
            self._rule(go, "INPUT", "-s", come.address, *chance, "-j", "DROP")
        else:
            self._rule(come, "OUTPUT", "-d", go.address, *chance, "-j", "DROP")

    def narrow(self, host, kilobits):
        """Whatever leaves a host has to share so many kilobits a second."""
        _do("ip", "netns", "exec", host.namespace, "tc", "qdisc", "replace", "dev", "eth0", "root",
            "tbf", "rate", "%dkbit" % kilobits, "burst", "32kbit", "latency", "400ms")

    def heal(self):
        for host in self.hosts.values():
            _do(*host.prefix, "iptables", "-w", "-F")
            subprocess.run([*host.prefix, "tc", "qdisc", "del", "dev", "eth0", "root"],
                           capture_output=True)  # fails when there is none

    def _rule(self, host, chain, *words):
        _do(*host.prefix, "iptables", "-w", "-A", chain, *words)


def _remove_namespace(name):
    subprocess.run(["ip", "netns", "del", name], capture_output=True)


def remove_leftovers():
    """Removes the namespaces and bridges of scripts that are no more."""
    for line in _do("ip", "netns", "list").splitlines():
        name = line.split()[0]
        if name.startswith("weir-") and not _lives(name.split("-")[1]):
            inside = subprocess.run(["ip", "netns", "pids", name], capture_output=True, text=True)
            for pid in inside.stdout.split():
                os.kill(int(pid), signal.SIGKILL)
            _remove_namespace(name)
    for line in _do("ip", "-o", "link", "show", "type", "bridge").splitlines():
        name = line.split(": ")[1]
        if name.startswith("weir") and not _lives(name[len("weir"):]):
            subprocess.run(["ip", "link", "del", name], capture_output=True)


def _lives(pid):
    try:
        with open("/proc/%s/cmdline" % pid, "rb") as line:
            return b"python" in line.read()
    except OSError:
        return False


def _free_subnet():
    taken = _do("ip", "-4", "addr")
    for number in range(256):
        subnet = "10.231.%d." % ((os.getpid() + number) % 256)
        if " " + subnet not in taken:
            return subnet
    raise OSError("no subnet of 10.231.0.0/16 is free")

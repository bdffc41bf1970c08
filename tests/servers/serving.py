"""What the servers of this folder share: a program that is fetched once for all tests of this
machine, a free port, processes that end with the test. Only the Python standard library."""

import contextlib
import ctypes
import errno
import fcntl
import os
import random
import shutil
import signal
import socket
import subprocess

LOOPBACK = "127.0.0.1"


def free_port(host=LOOPBACK):
    """One below those that the system gives to outgoing connections (ip_local_port_range), of which
    one could take it before the server does."""
    while True:
        port = random.randrange(20_000, 32_768)
        with socket.socket() as probe:
            try:
                probe.bind((host, port))
                return port
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise


def die_with_parent():
    """For preexec_fn: a server that outlives a killed test would go on for ever (prctl(2))."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


class Kept:
    """Files that a command of another tool makes once, kept in $WEIR_CACHE_DIR (~/.cache/weir).

    name     of the folder there, with a version in it
    tools    programs that the command needs, each with what to say where it is absent
    command  from the folder to (the command, variables for it)
    """

    def __init__(self, name, tools, command):
        base = os.environ.get("WEIR_CACHE_DIR") or os.path.expanduser("~/.cache/weir")
        self.folder = os.path.join(base, name)
        self.tools, self.command = tools, command

    def is_here(self):
        return os.path.exists(os.path.join(self.folder, "complete"))

    @contextlib.contextmanager
    def locked(self):
        """Alone among the processes of this machine."""
        os.makedirs(self.folder, exist_ok=True)
        with open(os.path.join(self.folder, "lock"), "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def fetch(self):
        """Makes the files unless they are here. Who is `locked` must have them already."""
        if self.is_here():
            return
        with self.locked():
            if self.is_here():
                return
            command, variables = self.command(self.folder)
            done = subprocess.run(command, capture_output=True, text=True, timeout=900,
                                  env=dict(os.environ, **variables))
            if done.returncode != 0:
                raise OSError((done.stdout + done.stderr).strip()[-500:])
            open(os.path.join(self.folder, "complete"), "w").close()

    def missing(self):
        """What stands in the way on this machine, or None; fetches if need be."""
        if not self.is_here():
            for tool, why in self.tools.items():
                if not shutil.which(tool):
                    return why
        try:
            self.fetch()
        except (OSError, subprocess.SubprocessError) as why:
            return "it cannot be fetched: %s" % why
        return None

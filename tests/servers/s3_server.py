#!/usr/bin/env python3
"""A real S3 server for tests and for trying things by hand, on loopback: versitygw, which keeps
objects in a folder of files.

    with S3Server("some/folder") as server:   # ready when this is entered
        server.environment                    # what a client needs: AWS_ENDPOINT_URL and so on
        server.kill(); server.start()         # its objects stay

The server is built by Go once (serving.py). `missing()` says what stands in the way on this
machine. Only the Python standard library.

As a command, `s3_server.py FOLDER` starts one, prints "ready URL" (or "missing WHY"), and stops it
when its standard input ends. With WEIR_S3_URL, that of a server that runs already, unit tests use
that one; it must know the keys and the bucket below.
"""

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request

import serving
from serving import free_port

VERSION = "1.8.0"
BUCKET = "weir-test"
ACCESS_KEY, SECRET_KEY = "testkey", "testsecret"


def _building(folder):
    command = ["go", "install", "github.com/versity/versitygw/cmd/versitygw@v" + VERSION]
    return command, {"GOBIN": folder, "GOFLAGS": "-modcacherw"}


BUILT = serving.Kept(
    "versitygw-" + VERSION,
    {"go": "there is no go to build the server with (https://go.dev)"},
    _building,
)
PROGRAM = os.path.join(BUILT.folder, "versitygw")
missing = BUILT.missing


class S3Server:
    """One server with its objects in `folder`, and one bucket, BUCKET."""

    def __init__(self, folder, port=None):
        self.folder = os.path.abspath(folder)
        self.port = port or free_port()
        self.url = "http://127.0.0.1:%d" % self.port
        self.environment = {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        }
        self.process = None

    def start(self):
        objects = os.path.join(self.folder, "objects")
        attributes = os.path.join(self.folder, "attributes")
        os.makedirs(os.path.join(objects, BUCKET), exist_ok=True)
        os.makedirs(attributes, exist_ok=True)
        command = [PROGRAM, "--port", "127.0.0.1:%d" % self.port, "--region", "us-east-1"]
        command += ["--access", ACCESS_KEY, "--secret", SECRET_KEY, "--quiet"]
        command += ["--health", "/health", "posix", "--sidecar", attributes, objects]
        with open(os.path.join(self.folder, "server.log"), "ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                preexec_fn=serving.die_with_parent,
            )
        end = time.monotonic() + 30
        while not self._is_ready():
            if self.process.poll() is not None or time.monotonic() > end:
                self.kill()
                raise OSError("the S3 server does not start; see %s/server.log" % self.folder)
            time.sleep(0.02)

    def _is_ready(self):
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(self.url + "/health", timeout=1) as answer:
                return answer.status == 200
        except (OSError, urllib.error.URLError):
            return False

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.kill()


def main(folder):
    if os.environ.get("WEIR_S3_URL"):  # a server that runs already, with our keys and BUCKET
        print("ready " + os.environ["WEIR_S3_URL"], flush=True)
        return
    why = missing()
    if why:
        print("missing " + why, flush=True)
        return
    with S3Server(folder) as server:
        print("ready " + server.url, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])

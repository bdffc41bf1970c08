"""Stands before an S3 server and spoils what passes, request by request, as networks do.

    proxy = S3Proxy(server_port)
    proxy.spoil(["busy", "cut after"], 0.5)    # every other request; delay: before each one
    proxy.heal()

What can become of a request is what FAULTS names. Only the Python standard library.
"""

import random
import re
import socket
import struct
import threading
import time

from serving import LOOPBACK

FAULTS = {
    "refuse": "the connection is reset before anything is read",
    "cut before": "the connection ends before the server hears of it",
    "cut inside": "the server gets half of the body, then both connections end",
    "cut after": "the server does it, and its answer is lost",
    "cut answer": "half of the answer arrives",
    "hang": "the server hears nothing, and nobody answers",
    "hang after": "the server does it, and nobody answers",
    "busy": "503 without asking the server",
    "error after": "the server does it, and 500 is answered",
}


class S3Proxy:
    def __init__(self, target, host=LOOPBACK):
        self.target = target
        self.host = host
        self._server = socket.create_server((host, 0), backlog=128)
        self.port = self._server.getsockname()[1]
        self.url = "http://%s:%d" % (host, self.port)
        self.spoil([])
        self.heal()
        threading.Thread(target=self._accept, daemon=True).start()

    def spoil(self, faults, share=1.0, delay=0.0):
        """From now on one of `faults` befalls this share of the requests, and all wait `delay`
        seconds before the server hears of them. `spoilt` counts them."""
        self.spoilt = 0
        self._healed = threading.Event()
        self._how = list(faults), share, delay

    def heal(self):
        """All goes through again; connections that hang are broken."""
        self._how = [], 0.0, 0.0
        self._healed.set()

    def _accept(self):
        while True:
            client, _ = self._server.accept()
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        """One request on each connection: both ends are told to close."""
        try:
            with client:
                client.settimeout(60)
                self._pass(client)
        except (OSError, ValueError):
            pass

    def _pass(self, client):
        faults, share, delay = self._how
        fault = random.choice(faults) if faults and random.random() < share else None
        self.spoilt += fault is not None
        if fault == "refuse":  # close() then sends a reset
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return
        head, body = read_request(client)
        if fault == "cut before" or not head:
            return
        time.sleep(delay)
        if fault == "busy":
            return say(client, "503 Slow Down")
        if fault == "hang":
            self._healed.wait(60)
            return
        answer = self._ask(head, body, fault == "cut inside")
        if fault == "error after":
            say(client, "500 Internal Server Error")
        elif fault == "hang after":
            self._healed.wait(60)
        elif fault == "cut answer":
            client.sendall(answer[: len(answer) // 2])
        elif fault is None:
            client.sendall(answer)

    def _ask(self, head, body, half=False):
        with socket.create_connection((LOOPBACK, self.target), timeout=60) as server:
            first, rest = head.split(b"\r\n", 1)
            server.sendall(first + b"\r\nConnection: close\r\n" + rest)
            server.sendall(body[: len(body) // 2] if half else body)
            if half:
                return b""
            pieces = []
            while piece := server.recv(1 << 18):
                pieces.append(piece)
            return b"".join(pieces)


def read_request(client):
    """(head with its empty line, body), or two times nothing at the end of the connection."""
    bytes_, more = b"", True
    while b"\r\n\r\n" not in bytes_ and more:
        more = client.recv(1 << 18)
        bytes_ += more
    head, end, body = bytes_.partition(b"\r\n\r\n")
    if not end:
        return b"", b""
    size = re.search(rb"(?im)^content-length: *(\d+)", head)
    size = int(size[1]) if size else 0
    pieces, have = [body], len(body)
    while have < size:
        more = client.recv(1 << 18)
        if not more:
            return b"", b""
        pieces.append(more)
        have += len(more)
    return head + end, b"".join(pieces)


def say(client, status):
    text = "HTTP/1.1 %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" % status
    client.sendall(text.encode())

"""A proxy before a Kafka broker that delays requests of one kind, as a network may: what comes
behind such a request on its connection waits too, and it is delivered even when its sender has
given up and gone.

    proxy = Proxy(port, broker_port)
    proxy.hold(END_TXN, seconds=30, times=1)
"""

import socket
import struct
import threading
import time

END_TXN = 26


class Proxy:
    def __init__(self, port, target):
        self.target = target
        self.held = 0  # requests so far
        self._rules = {}
        self._lock = threading.Lock()
        self._server = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self._accept, daemon=True).start()

    def hold(self, kind, seconds, times=1):
        with self._lock:
            self._rules[kind] = [seconds, times]

    def _accept(self):
        while True:
            client, _ = self._server.accept()
            try:
                broker = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                client.close()
                continue
            for end in (client, broker):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._requests, args=(client, broker), daemon=True).start()
            threading.Thread(target=self._answers, args=(broker, client), daemon=True).start()

    def _pause_before(self, kind):
        with self._lock:
            rule = self._rules.get(kind)
            if rule is None or rule[1] == 0:
                return 0
            rule[1] -= 1
            self.held += 1
            return rule[0]

    def _requests(self, client, broker):
        """Frame by frame: size, kind, ..."""
        try:
            stream = client.makefile("rb")
            while True:
                head = stream.read(6)
                if len(head) < 6:
                    break
                size, kind = struct.unpack(">iH", head)
                body = stream.read(size - 2)
                pause = self._pause_before(kind)
                if pause:
                    time.sleep(pause)
                broker.sendall(head + body)
        except OSError:
            pass
        close(broker)

    def _answers(self, broker, client):
        try:
            while True:
                data = broker.recv(65536)
                if not data:
                    break
                client.sendall(data)
        except OSError:
            pass
        close(client)


def close(end):
    try:
        end.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass

"""A proxy on loopback that cuts, delays or swallows what passes between two processes."""

import socket
import threading
import time


class Link:
    """A TCP proxy whose two directions can be stopped, each for itself, or slowed."""

    def __init__(self, target):
        self.target = target
        self.forward = self.back = True  # whether bytes pass, to the target and from it
        self.delay = 0.0  # seconds before each piece
        self.accepting = True
        self._open = set()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self):
        """Breaks all connections and lets none in."""
        self.accepting = False
        for end in list(self._open):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        self.cut()
        self._server.shutdown(socket.SHUT_RDWR)

    def heal(self):
        self.accepting = self.forward = self.back = True
        self.delay = 0.0

    def _accept(self):
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return self._server.close()
            try:
                if not self.accepting:
                    raise OSError("cut")
                server = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                client.close()
                continue
            self._open |= {client, server}
            for come, go, way in ((client, server, "forward"), (server, client, "back")):
                come.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self._pass, args=(come, go, way), daemon=True).start()

    def _pass(self, come, go, way):
        try:
            while piece := come.recv(65536):
                while not getattr(self, way) and self.accepting:
                    time.sleep(0.01)
                if self.delay:
                    time.sleep(self.delay)
                go.sendall(piece)
        except OSError:
            pass
        for end in (come, go):
            self._open.discard(end)
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            end.close()

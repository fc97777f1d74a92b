"""A line to a Neo4j server that breaks when a test wants it to: within a commit, or mute."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.neo4j_server import Neo4jServer

__all__ = ["Proxy", "proxied"]

_COMMIT = b"\x00\x02\xb0\x12\x00\x00"
"""The message as Bolt sends it: its length, no fields, tag 0x12, end of message."""
_PATIENCE = b"recv_timeout_seconds\x78", b"recv_timeout_seconds\x02"
"""How long the server says its silence may last at most: 120 s, and what is made of it: 2 s."""


class Proxy:
    """Passes bytes on to a server.

    Parameters
    ----------
    server : Neo4jServer
    """

    def __init__(self, server: Neo4jServer) -> None:
        self._server = server
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._port = self._listener.getsockname()[1]
        self.cut_commits = 0
        """How many of the next commits are passed on, and the line cut before the answer."""
        self.smallest = 0
        """Bytes that must have gone out since the last commit for one to count."""
        self.cuts = 0
        self.mute = threading.Event()
        """Set: no answer of the server gets through, and no line is cut."""
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        """Where the server is to be found behind it."""
        return self._server.url.replace(f":{self._server.port}", f":{self._port}")

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._server.port))
            except ConnectionRefusedError:
                client.close()
                continue
            except OSError:
                return
            for way in (self._outward, self._inward):
                threading.Thread(target=way, args=(client, server), daemon=True).start()

    def _outward(self, client: socket.socket, server: socket.socket) -> None:
        sent = 0
        with closing_both(client, server):
            while data := client.recv(65536):
                sent += len(data)
                ends = _COMMIT in data
                if ends and self.cut_commits and sent >= self.smallest:
                    self.cut_commits -= 1
                    self.cuts += 1
                    client.shutdown(socket.SHUT_RDWR)  # first, so that no answer gets through
                    server.sendall(data)
                    time.sleep(1)  # the server gets to commit
                    return
                server.sendall(data)
                sent = 0 if ends else sent

    def _inward(self, client: socket.socket, server: socket.socket) -> None:
        with closing_both(client, server):
            while data := server.recv(65536):
                if not self.mute.is_set():
                    client.sendall(data.replace(*_PATIENCE))

    def close(self) -> None:
        self._listener.close()


@contextmanager
def closing_both(*ends: socket.socket) -> Iterator[None]:
    """Close both ends of a line when one of them is gone."""
    try:
        yield
    except OSError:
        pass
    finally:
        for end in ends:
            end.close()


@contextmanager
def proxied(server: Neo4jServer) -> Iterator[Proxy]:
    """Stand between a server and whoever uses it."""
    proxy = Proxy(server)
    try:
        yield proxy
    finally:
        proxy.close()

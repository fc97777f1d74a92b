"""Real servers for tests, started from pip packages alone; none is ever skipped."""

from __future__ import annotations

import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO
from urllib.parse import urlsplit

import neo4j

ROOT = Path(__file__).resolve().parent.parent

_BEGIN = 300.0
"""Seconds a server may take to answer: the first time its jars are downloaded."""
_END = 60.0
"""Seconds a server may take to end when asked."""


class Neo4jServer:
    """One Neo4j: stopped and started again, it has the same data, port and password.

    Parameters
    ----------
    folder : Path
        Its data, and its words in ``server.log``.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[str] | None = None
        self.url = ""
        """``bolt://user:password@host:port``, once it was started."""

    @property
    def port(self) -> int:
        """The port it listens on; 0 (a free one) before it was started."""
        return (urlsplit(self.url).port or 0) if self.url else 0

    def start(self, *, seconds: float = _BEGIN) -> None:
        """Start it and wait until it answers.

        Raises
        ------
        RuntimeError
            It ended, or did not answer within so many seconds; with what it said.
        """
        tool = str(ROOT / "tools" / "neo4j_server.py")
        command = [sys.executable, tool, str(self._folder / "data"), "--port", str(self.port)]
        self._folder.mkdir(parents=True, exist_ok=True)
        log = self._folder / "server.log"
        with log.open("a") as words:
            self._process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=words, stdin=subprocess.DEVNULL, text=True
            )
        assert self._process.stdout is not None
        said = _first_line(self._process.stdout, seconds)
        if not said:
            self.kill()
            raise RuntimeError(f"Neo4j did not start:\n{log.read_text()[-4000:]}")
        self.url = said

    @property
    def runs(self) -> bool:
        """Whether it was started, and neither stopped nor killed."""
        return self._process is not None

    def ask(self, text: str, **values: object) -> list[dict[str, object]]:
        """Run a statement behind the back of every store; returns its rows."""
        parts = urlsplit(self.url)
        uri, auth = f"bolt://127.0.0.1:{parts.port}", (parts.username or "", parts.password or "")
        with neo4j.GraphDatabase.driver(uri, auth=auth) as driver:
            return [each.data() for each in driver.execute_query(text, values).records]

    def wipe(self) -> None:
        """Empty it, whatever a test left there."""
        self.ask("MATCH (n) DETACH DELETE n")

    def stop(self) -> None:
        """Ask it to end, and wait; twice is allowed."""
        self._end(lambda process: process.terminate())

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        self._end(lambda process: process.kill())

    def _end(self, how: Callable[[subprocess.Popen[str]], None]) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        how(process)
        assert process.stdout is not None
        process.stdout.close()
        process.wait(_END)


def _first_line(words: TextIO, seconds: float) -> str:
    """Wait for a line; empty when there is none in time, or the process has ended."""
    said: queue.Queue[str] = queue.Queue()
    threading.Thread(target=lambda: said.put(words.readline()), daemon=True).start()
    try:
        return said.get(timeout=seconds).strip()
    except queue.Empty:
        return ""


@contextmanager
def neo4j_running(folder: Path) -> Iterator[Neo4jServer]:
    """Give a Neo4j that runs; it may be stopped and started within."""
    server = Neo4jServer(folder)
    server.start()
    try:
        yield server
    finally:
        server.stop()

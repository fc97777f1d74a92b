"""Served homes: real processes on a real port, found and killed by number, and people who write."""

from __future__ import annotations

import http.client
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from api.cli.demo import Recipe, prepare
from api.cli.homes import make_home
from api.wiring import Floors, load_config, open_floors
from graph.gate import Principal, copy_ledger
from graph.model import InstitutionId, Purpose, StaffRole
from graph.policy import PURPOSE_BIT
from recommender.evaluation.experiments import held_out
from tests.conftest import ROOT

LINLI = (sys.executable, "-m", "api.cli")
PATIENCE = 60.0
"""Seconds that anything may take on a busy machine."""
_IDLE = 5.0
"""Seconds after which a connection is not used again."""
_numbers = itertools.count(1)


def new_key() -> str:
    """An idempotency key never used before."""
    return f"client-{os.getpid()}-{next(_numbers)}"


def make_served_home(root: Path, *, residents: int = 180, grids: int = 3) -> Path:
    """Make a demo city that stands at this hour, by the path of ``linli demo``."""
    config = load_config(home=root)
    make_home(config)
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    with open_floors(config) as floors:
        prepare(floors, Recipe(residents, grids, 2026, hour.isoformat()))
    return root


def use_graph(home: Path, url: str) -> None:
    """Let a home use another graph: named in its settings, filled by the next drain."""
    with (home / "linli.toml").open("a", encoding="utf-8") as settings:
        settings.write(f'graph = "{url}"\n')


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Server:
    """One ``linli serve`` and all it started."""

    home: Path
    flags: Sequence[str] = ()
    command: Sequence[str] = LINLI
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        """What the processes said."""
        return self.home.parent / f"serve-{self.port}.log"

    def start(self) -> float:
        """Serve; returns after how many seconds it answered."""
        began = time.monotonic()
        said = ("--home", str(self.home), "--port", str(self.port), *self.flags)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*self.command, "serve", *said],
                cwd=ROOT,
                start_new_session=True,
                stdout=log,
                stderr=log,
            )
        while not self.answers():
            if self.process.poll() is not None:
                raise AssertionError(f"linli serve ended:\n{self.log.read_text()[-2000:]}")
            if time.monotonic() > began + PATIENCE:
                raise AssertionError("linli serve does not answer")
            time.sleep(0.05)
        return time.monotonic() - began

    def answers(self) -> bool:
        """Whether the process that was started answers, not one left over from before."""
        assert self.process is not None
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/health/live")
            return connection.getresponse().status == 200 and bool(self.workers())
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    @property
    def master(self) -> int:
        assert self.process is not None
        return self.process.pid

    def running(self) -> dict[int, str]:
        """Processes of the session that ``linli serve`` leads, and their command lines."""
        found = {}
        for folder in Path("/proc").iterdir():
            if not folder.name.isdecimal():
                continue
            try:
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
                words = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            if int(fields[3]) == self.master and fields[0] != "Z":
                found[int(folder.name)] = words
        return found

    def jobs(self) -> list[int]:
        return [pid for pid, words in self.running().items() if " jobs run " in words]

    def workers(self) -> list[int]:
        return [
            pid
            for pid, words in self.running().items()
            if pid != self.master and " serve --home " in words and "spawn" not in words
        ]

    def kill(self, pids: Sequence[int]) -> None:
        """End processes as a power cut would."""
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue

    def ended(self, seconds: float) -> float | None:
        """Wait until nothing of it runs; returns for how long, None when something still does."""
        began = time.monotonic()
        while time.monotonic() < began + seconds:
            if self.process is not None:
                self.process.poll()
            if not self.running():
                return time.monotonic() - began
            time.sleep(0.05)
        return None

    def stop(self) -> None:
        """End it in order."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(PATIENCE)
        if self.ended(PATIENCE) is None:
            left = self.running()
            self.kill(list(left))
            raise AssertionError(f"left running: {left}")


@contextmanager
def served(home: Path, *flags: str, command: Sequence[str] = LINLI) -> Iterator[Server]:
    """Serve a home for a while."""
    server = Server(home, flags, command)
    server.start()
    try:
        yield server
    finally:
        server.stop()


@dataclass(frozen=True)
class Pass:
    """A resident who is signed in: the same on every port of a home."""

    resident: str
    secret: str
    csrf: str


def sign_in(floors: Floors, residents: Sequence[str]) -> list[Pass]:
    """Begin sessions as sign-in links do."""
    access, now = floors.ledger.access, floors.clock()
    out = []
    with floors.ledger.write() as tx:
        for resident in residents:
            who = Principal(resident, StaffRole.RESIDENT, floors.institution)
            secret = access.begin(tx, who, at=now)
            session = access.session(tx, secret, at=now)
            assert session is not None
            out.append(Pass(resident, secret, session.csrf))
    return out


def new_api_key(floors: Floors, institution: str, *scopes: str) -> str:
    with floors.ledger.write() as tx:
        return floors.ledger.access.new_key(
            tx,
            title="test",
            institution=InstitutionId(institution),
            app="linli",
            scopes=scopes,
            at=floors.clock(),
        )


def generous_residents(floors: Floors, n: int) -> list[str]:
    """The most active of those who authorised most for lists and are not held out."""
    moment = floors.live.catch_up()
    matching = PURPOSE_BIT[Purpose.FEED] | PURPOSE_BIT[Purpose.GROUP_MATCHING]
    allowed = np.bitwise_count(moment.snapshot.masks & np.uint16(matching)).sum(axis=1)
    allowed[held_out(np.arange(len(allowed)), floors.trial.holdout)] = 0
    most = int(allowed.max())
    ids = [str(r) for r, _ in moment.most_active(len(allowed))]
    return [r for r in ids if allowed[moment.resident_rows[r]] == most][:n]


@dataclass
class Answer:
    status: int
    text: str
    headers: dict[str, str]

    @property
    def json(self) -> dict[str, object]:
        return dict(json.loads(self.text))


class Browser:
    """One connection to a port, kept open as a phone keeps it; made anew after an error."""

    def __init__(self, port: int, who: Pass | None = None, *, api_key: str | None = None) -> None:
        self.port = port
        self.headers: dict[str, str] = {}
        if who is not None:
            self.be(who)
        if api_key is not None:
            self.headers = {"X-API-Key": api_key, "X-Purpose": "feed"}
        self._connection: http.client.HTTPConnection | None = None
        self._used = 0.0

    def be(self, who: Pass) -> None:
        """Act as somebody else from now on."""
        self.headers = {"Cookie": f"linli_session={who.secret}", "X-CSRF-Token": who.csrf}

    def ask(self, method: str, path: str, body: object = None, *, key: str | None = None) -> Answer:
        """Send one request.

        Raises
        ------
        OSError, http.client.HTTPException
            It is not known what became of it.
        """
        if time.monotonic() - self._used > _IDLE:
            self.close()  # the server may be closing it at this moment
        if self._connection is None:
            self._connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        headers = dict(self.headers)
        sent = None
        if body is not None:
            sent, headers["Content-Type"] = json.dumps(body), "application/json"
        if key is not None:
            headers["Idempotency-Key"] = key
        try:
            self._connection.request(method, path, sent, headers)
            response = self._connection.getresponse()
            text = response.read().decode()
            self._used = time.monotonic()
        except BaseException:
            self.close()
            raise
        return Answer(response.status, text, dict(response.getheaders()))

    def get(self, path: str) -> Answer:
        return self.ask("GET", path)

    def feed(self, resident: str, n: int = 50) -> dict[str, object]:
        answer = self.get(f"/api/v1/residents/{resident}/feed?n={n}")
        assert answer.status == 200, answer.text
        return answer.json

    def publish(self, item: str, *, seats: int | None, starts: str) -> None:
        """Publish an activity for everybody."""
        body = {"title": item, "starts_at": starts, "seats": seats, "interests": ["taichi"]}
        answer = self.ask("PUT", f"/api/v1/activities/{item}", body, key=new_key())
        assert answer.status in {200, 201}, answer.text

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None


def move_ledger(home: Path, url: str) -> None:
    """Let a home use another ledger: copied, and named in its settings."""
    with open_floors(load_config(home=home)) as floors:
        copy_ledger(
            floors.ledger, url, record=lambda: None, progress=lambda done, total, table: None
        )
    with (home / "linli.toml").open("a", encoding="utf-8") as settings:
        settings.write(f'ledger = "{url}"\n')

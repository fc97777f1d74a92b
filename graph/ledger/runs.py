"""Job requests and runs: who asked for what, and how far it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection, Row, insert, select, update

from graph.codec import Json
from graph.errors import Conflict, NotFound
from graph.ledger import tables
from graph.ledger.canonical import canonical, micros, moment, parse
from graph.ledger.dialect import insert_missing
from graph.ledger.keys import HOME, Box, KeyRing
from graph.model import DataCategory

__all__ = ["JobRequest", "Run", "RunState", "Runs"]

_requests, _runs = tables.requests, tables.runs


class RunState(StrEnum):
    """How a run stands; requests wait first and are claimed."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    LOST = "lost"
    """Its process ended without a word; the slot may be started again."""


@dataclass(frozen=True, slots=True)
class JobRequest:
    """Something a page or a command asked the jobs process to do."""

    id: int
    job: str
    args: Mapping[str, Json]
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Run:
    """One execution of a job in its slot."""

    id: int
    job: str
    slot: str
    request: int | None
    state: RunState
    attempts: int
    done: int
    total: int
    note: str
    started_at: datetime
    finished_at: datetime | None


class Runs:
    """Requests, runs and their progress."""

    def __init__(self, keys: KeyRing) -> None:
        self._keys = keys

    def request(
        self, tx: Connection, job: str, args: Mapping[str, Json], by: str, at: datetime
    ) -> int:
        """Ask for a job; returns the request's id."""
        return int(
            tx.execute(
                insert(_requests)
                .values(
                    job=job,
                    args=self._keys.seal(tx, _BOX, canonical(args)),
                    by=by,
                    at=micros(at),
                    state=RunState.WAITING.value,
                )
                .returning(_requests.c.id)
            ).scalar_one()
        )

    def claim(self, tx: Connection, holder: str, at: datetime) -> JobRequest | None:
        """Take the oldest request that waits; ``None`` when there is none."""
        while True:
            first = tx.execute(
                select(_requests)
                .where(_requests.c.state == RunState.WAITING.value)
                .order_by(_requests.c.id)
                .limit(1)
            ).first()
            if first is None:
                return None
            won = tx.execute(
                update(_requests)
                .where(_requests.c.id == first.id, _requests.c.state == RunState.WAITING.value)
                .values(state=RunState.RUNNING.value, holder=holder, claimed_at=micros(at))
            ).rowcount
            if won:
                args = self._keys.open(tx, _BOX, first.args)
                said = {} if args is None else parse(args)
                return JobRequest(first.id, first.job, said, first.by, moment(first.at))

    def start(
        self, tx: Connection, job: str, slot: str, at: datetime, *, request: int | None = None
    ) -> int:
        """Begin a run; each (job, slot) runs once, or again after it failed or was lost.

        Raises
        ------
        Conflict
            It is running, or done.
        """
        insert_missing(
            tx,
            _runs,
            {
                "job": job,
                "slot": slot,
                "state": RunState.WAITING.value,
                "attempts": 0,
                "done": 0,
                "total": 0,
                "note": "",
                "started_at": micros(at),
            },
        )
        id_ = tx.execute(
            update(_runs)
            .where(_runs.c.job == job, _runs.c.slot == slot)
            .where(_runs.c.state.not_in([RunState.RUNNING.value, RunState.DONE.value]))
            .values(
                state=RunState.RUNNING.value,
                attempts=_runs.c.attempts + 1,
                done=0,
                total=0,
                note="",
                request=request,
                started_at=micros(at),
                finished_at=None,
            )
            .returning(_runs.c.id)
        ).scalar()
        if id_ is None:
            raise Conflict(f"job {job} is running or done for {slot}")
        return int(id_)

    def progress(self, tx: Connection, run: int, done: int, total: int, note: str) -> None:
        """Say how far a run is."""
        tx.execute(update(_runs).where(_runs.c.id == run).values(done=done, total=total, note=note))

    def finish(self, tx: Connection, run: int, ok: bool, note: str, at: datetime) -> None:
        """End a run, and the request it answered."""
        state = RunState.DONE if ok else RunState.FAILED
        request = tx.execute(
            update(_runs)
            .where(_runs.c.id == run)
            .values(state=state.value, note=note, finished_at=micros(at))
            .returning(_runs.c.request)
        ).scalar()
        if request is not None:
            tx.execute(update(_requests).where(_requests.c.id == request).values(state=state.value))

    def recover(self, tx: Connection, at: datetime) -> int:
        """Mark what a dead process left running, and let its requests wait again.

        Only whoever has just taken the jobs lease may call this.

        Returns
        -------
        int
            Runs that were lost.
        """
        lost = tx.execute(
            update(_runs)
            .where(_runs.c.state == RunState.RUNNING.value)
            .values(state=RunState.LOST.value, note="the process ended", finished_at=micros(at))
        ).rowcount
        tx.execute(
            update(_requests)
            .where(_requests.c.state == RunState.RUNNING.value)
            .values(state=RunState.WAITING.value, holder=None, claimed_at=None)
        )
        return lost

    def latest(self, tx: Connection, limit: int = 100) -> list[Run]:
        """All runs, the last started first."""
        query = select(_runs).order_by(_runs.c.started_at.desc(), _runs.c.id.desc())
        return [_run(line) for line in tx.execute(query.limit(limit))]

    def get(self, tx: Connection, run: int) -> Run:
        """Look a run up.

        Raises
        ------
        NotFound
            There is no run with this id.
        """
        line = tx.execute(select(_runs).where(_runs.c.id == run)).first()
        if line is None:
            raise NotFound(f"no run {run}; `linli jobs list` shows them")
        return _run(line)

    def last_request(
        self, tx: Connection, job: str, said: Mapping[str, Json], *, within: int = 200
    ) -> JobRequest | None:
        """Newest request for a job whose arguments say this, among so many of the newest."""
        query = select(_requests).where(_requests.c.job == job).order_by(_requests.c.id.desc())
        for line in tx.execute(query.limit(within)):
            args = self._keys.open(tx, _BOX, line.args)
            found = {} if args is None else parse(args)
            if all(found.get(name) == value for name, value in said.items()):
                return JobRequest(line.id, line.job, found, line.by, moment(line.at))
        return None

    def of_request(self, tx: Connection, request: int) -> Run | None:
        """Latest run that answers a request, ``None`` while it waits."""
        query = select(_runs).where(_runs.c.request == request).order_by(_runs.c.id.desc())
        line = tx.execute(query.limit(1)).first()
        return None if line is None else _run(line)

    def last(self, tx: Connection, job: str) -> Run | None:
        """Latest run of a job, however it ended."""
        query = select(_runs).where(_runs.c.job == job)
        found = tx.execute(query.order_by(_runs.c.started_at.desc(), _runs.c.id.desc()).limit(1))
        line = found.first()
        return None if line is None else _run(line)

    def last_done(self, tx: Connection, job: str) -> Run | None:
        """Latest run of a job that succeeded."""
        query = select(_runs).where(_runs.c.job == job, _runs.c.state == RunState.DONE.value)
        line = tx.execute(query.order_by(_runs.c.finished_at.desc()).limit(1)).first()
        return None if line is None else _run(line)


_BOX = Box("requests", "args", HOME, DataCategory.PUBLIC)


def _run(line: Row[tuple[object, ...]]) -> Run:
    said = line._mapping
    return Run(
        id=said["id"],
        job=said["job"],
        slot=said["slot"],
        request=said["request"],
        state=RunState(said["state"]),
        attempts=said["attempts"],
        done=said["done"],
        total=said["total"],
        note=said["note"],
        started_at=moment(said["started_at"]),
        finished_at=None if said["finished_at"] is None else moment(said["finished_at"]),
    )

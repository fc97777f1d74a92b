"""A small made-up city in a real home (SQLite, LadybugDB, snapshot, model), and ways into it."""

from __future__ import annotations

import io
import itertools
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import numpy as np
from apiflask import APIFlask
from flask.testing import FlaskClient

from api.app import create_app
from api.cli.homes import make_home
from api.security.sessions import COOKIE, STAFF
from api.wiring import Floors, load_config, open_floors
from graph.gate import Principal, open_graph
from graph.ingest import import_plan
from graph.model import InstitutionId, ItemKind, ResidentId, StaffRole
from graph.synthetic import care_plan, generate
from graph.view import ITEM_KINDS
from jobs import steps
from jobs.isolation import score_isolation
from jobs.runner import Runner
from recommender.evaluation.experiments import held_out
from tests.conftest import FixedClock
from tests.factories import NOW, operator

RESIDENTS, GRIDS, SEED = 200, 3, 2026
_numbers = itertools.count(1)


def new_key() -> str:
    """An idempotency key never used before."""
    return f"test-key-{next(_numbers)}"


def make_city(
    root: Path, *, residents: int = RESIDENTS, items: int | None = None, now: datetime = NOW
) -> None:
    """Make the city by the real path: import, drain, snapshot, train.

    Programs of their own have the machine's clock: a home for them is made at the present time.
    """
    config = load_config(home=root)
    make_home(config)
    with open_floors(config, clock=FixedClock(now)) as floors:
        pseudonym = floors.ledger.keys.pseudonym
        city = generate(residents, GRIDS, seed=SEED, now=now, n_items=items, pseudonym=pseudonym)
        import_plan(
            floors.ledger, city.plan(), gate=floors.gate, actor=operator(), clock=floors.clock
        )
        with open_graph(floors.site.config.graph_url, ledger=floors.ledger, holder="test") as lease:
            steps.take_snapshot(floors.site, lease.store)
        steps.train(floors.site)


def add_care(root: Path, *, residents: int = RESIDENTS, now: datetime = NOW) -> None:
    """Let residents of such a city authorise care visits, and score them."""
    with open_floors(load_config(home=root), clock=FixedClock(now)) as floors:
        pseudonym = floors.ledger.keys.pseudonym
        city = generate(residents, GRIDS, seed=SEED, now=now, pseudonym=pseudonym)
        import_plan(
            floors.ledger, care_plan(city), gate=floors.gate, actor=operator(), clock=floors.clock
        )
        score_isolation(floors.site, steps.silent)


@dataclass
class Instance:
    """One web process: its own floors, its own overlay, its own clients."""

    app: APIFlask
    floors: Floors
    clock: FixedClock

    def sign_in(self, resident: str) -> Person:
        principal = Principal(resident, StaffRole.RESIDENT, self.floors.institution)
        with self.floors.ledger.write() as tx:
            token = self.floors.ledger.access.new_link(tx, principal, at=self.clock())
        client = self.app.test_client()
        answer = client.post(f"/sign-in/{token}")
        assert answer.status_code == 303, answer.text
        return Person(client, resident, client.get("/api/v1/session").json["csrf"])

    def staff(self, name: str = "wang") -> Clerk:
        who = Principal(STAFF + name, StaffRole.OPERATOR, self.floors.institution)
        return self._signed_in(who, "/desk/imports")

    def _signed_in(self, who: Principal, first_page: str) -> Clerk:
        access = self.floors.ledger.access
        with self.floors.ledger.write() as tx:
            token = access.new_link(tx, who, at=self.clock())
        client = self.app.test_client()
        answer = client.post(f"/sign-in/{token}")
        assert (answer.status_code, answer.location) == (303, first_page), answer.text
        cookie = client.get_cookie(COOKIE)
        assert cookie is not None
        with self.floors.ledger.read() as tx:
            session = access.session(tx, cookie.value, at=self.clock())
        assert session is not None
        return Clerk(client, who.id, session.csrf)

    def worker(self, *grids: str, name: str = "zhou") -> Clerk:
        """Sign a social worker of these grids in, as `linli link --staff NAME --grid` does."""
        ledger = self.floors.ledger
        who = Principal(STAFF + name, StaffRole.SOCIAL_WORKER, self.floors.institution)
        with ledger.write() as tx:
            ledger.cases.post(tx, who.id, grids)
        return self._signed_in(who, "/desk/care")

    def run_jobs(self) -> None:
        """Do what was asked for, as the jobs process does."""
        site = self.floors.site
        with open_graph(site.config.graph_url, ledger=site.ledger, holder="test") as lease:
            Runner(site, lease).run_requests("test")

    def key(self, institution: str, *scopes: str, purpose: str = "feed") -> Program:
        with self.floors.ledger.write() as tx:
            secret = self.floors.ledger.access.new_key(
                tx,
                title="test",
                institution=InstitutionId(institution),
                app="linli",
                scopes=scopes,
                at=self.clock(),
            )
        return Program(self.app.test_client(), {"X-API-Key": secret, "X-Purpose": purpose})

    def residents(self, n: int) -> list[ResidentId]:
        """The n most active ones who authorised everything and are not held out."""
        moment = self.floors.live.catch_up()
        masks = moment.snapshot.masks
        most = int(np.bitwise_count(masks).sum(axis=1).max())
        full = np.bitwise_count(masks).sum(axis=1) == most
        full &= ~held_out(np.arange(len(masks)), self.floors.trial.holdout)
        ids = [ResidentId(r) for r, _ in moment.most_active(RESIDENTS)]
        return [r for r in ids if full[moment.resident_rows[r]]][:n]

    def item(self, kind: ItemKind, *, seats: bool = False) -> str:
        """An open item of a kind that is still ahead, with or without limited seats."""
        moment = self.floors.live.catch_up()
        items, now = moment.items, int(self.clock().timestamp())
        good = items.open & (items.kind == ITEM_KINDS.index(kind))
        good &= (items.starts < 0) | (items.starts > now)
        good &= (items.min_age < 0) & (items.max_age < 0)
        good &= (items.seats_left > 0) if seats else True
        return str(items.ids[np.flatnonzero(good)[0]])

    def events(self) -> list[tuple[str, str, dict[str, object] | None]]:
        """(kind, subject, payload) of every event in the outbox."""
        with self.floors.ledger.read() as tx:
            return [
                (event.kind.value, event.subject, event.payload and dict(event.payload))
                for event in self.floors.ledger.log.events(tx)
            ]


@dataclass
class Person:
    """A resident in a browser."""

    client: FlaskClient
    resident: str
    csrf: str

    def headers(self, key: str | None = None) -> dict[str, str]:
        return {"X-CSRF-Token": self.csrf, "Idempotency-Key": key or new_key()}

    def feed(self, **query: object):
        answer = self.client.get(f"/api/v1/residents/{self.resident}/feed", query_string=query)
        assert answer.status_code == 200, answer.text
        return answer.json

    def act(self, item: str, kind: str, *, rec_id: str | None = None, key: str | None = None):
        body = {"resident": self.resident, "item": item, "kind": kind, "rec_id": rec_id}
        return self.client.post("/api/v1/interactions", json=body, headers=self.headers(key))

    def sign_up(self, item: str, *, key: str | None = None):
        path = f"/api/v1/residents/{self.resident}/signups"
        return self.client.post(path, json={"item": item}, headers=self.headers(key))

    def cancel(self, item: str):
        path = f"/api/v1/residents/{self.resident}/signups/{item}"
        return self.client.delete(path, headers=self.headers())


@dataclass
class Clerk:
    """A member of staff in a browser."""

    client: FlaskClient
    staff: str
    csrf: str

    def send(self, file: Path | bytes, kind: str = "residents", *, name: str = "table.csv"):
        content = file if isinstance(file, bytes) else file.read_bytes()
        form = {"csrf": self.csrf, "file": (io.BytesIO(content), name)}
        return self.client.post(f"/desk/imports/new/{kind}", data=form)

    def post(self, path: str):
        return self.client.post(path, data={"csrf": self.csrf})


@dataclass
class Program:
    """An institution's program."""

    client: FlaskClient
    base: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, **more: str):
        return self.client.get(path, headers=self.base | more)

    def put(self, path: str, body: dict[str, object], key: str | None = None):
        extra = {"Idempotency-Key": key or new_key()}
        return self.client.put(path, json=body, headers=self.base | extra)

    def post(self, path: str, body: dict[str, object], key: str):
        extra = {"Idempotency-Key": key}
        return self.client.post(path, json=body, headers=self.base | extra)


@contextmanager
def web_process(root: Path, clock: FixedClock) -> Iterator[Instance]:
    """Open the home as one more web process would."""
    with open_floors(load_config(home=root), clock=clock) as floors:
        app = create_app(floors)
        app.testing = False
        yield Instance(app, floors, clock)


def copy_home(made: Path, root: Path) -> Path:
    """Copy a home in which nothing is open."""
    shutil.copytree(made, root)
    return root


def problem_name(answer) -> str:
    """Name of the problem that an answer tells; fails when it tells none."""
    assert answer.mimetype == "application/problem+json", (answer.status_code, answer.text)
    body = answer.json
    assert body["status"] == answer.status_code
    assert body["title"]
    assert body["request_id"] == answer.headers["X-Request-Id"]
    found = re.fullmatch(r"urn:linli:problem:([a-z_-]+)", body["type"])
    assert found
    return found[1]


def activity(**more: object) -> dict[str, object]:
    """An activity that begins in four days."""
    return {
        "title": "河边散步",
        "starts_at": "2026-06-05T09:00:00+08:00",
        "ends_at": "2026-06-05T11:00:00+08:00",
        "state": "open",
    } | more

"""An HTTP client in a process of its own.

It reads a plan as JSON from standard input and writes what happened as JSON to standard output.
In an open loop requests leave when they are due, and a latency counts from that moment: a server
that falls behind is charged for the queue it causes, and so is this client for its own delay. In
a closed loop each of a few clients asks again as soon as it was answered: that tells how many
answers a server can give.
"""

from __future__ import annotations

import asyncio
import json
import random
import secrets
import sys
import time
from collections import deque
from dataclasses import dataclass, field
from typing import cast

__all__ = ["Client", "Session"]

_TIMEOUT = 30.0
_PLACES = 20
_VISIT = 10
"""Requests on one connection, as people come and go: what a worker once took it keeps."""


class Wire(asyncio.Protocol):
    """One kept-alive connection, one request at a time."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.open = False
        self.asked = 0
        self._buffer = bytearray()
        self._body_at = -1
        self._length = 0
        self._answer: asyncio.Future[tuple[int, bytes, bytes]] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember the transport."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101
        self.transport, self.open = transport, True

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail the request under way."""
        self.open = False
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionError("closed"))

    def data_received(self, data: bytes) -> None:
        """Collect one answer: head, then as many bytes as the head promises."""
        self._buffer += data
        if self._body_at < 0:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            self._body_at = end + 4
            head = bytes(self._buffer[:end]).lower()
            at = head.find(b"content-length:")
            self._length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if b"connection: close" in head:
                self.open = False
        whole = self._body_at + self._length
        if len(self._buffer) < whole or self._answer is None:
            return
        head, body = (
            bytes(self._buffer[: self._body_at]),
            bytes(self._buffer[self._body_at : whole]),
        )
        self._buffer.clear()
        self._body_at = -1
        if not self._answer.done():
            self._answer.set_result((int(head[9:12]), head, body))

    async def ask(self, request: bytes) -> tuple[int, bytes, bytes]:
        """Send one request; returns (status, head, body)."""
        assert self.transport is not None  # noqa: S101
        self.asked += 1
        self._answer = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        async with asyncio.timeout(_TIMEOUT):
            return await self._answer


@dataclass(slots=True)
class Session:
    """One signed-in resident."""

    resident: str
    cookie: str = ""
    csrf: str = ""
    feed: bytes = b""
    """The latest feed seen."""
    tapped: set[str] = field(default_factory=set)
    """Items liked or dismissed; none twice, as a like takes a dismissal back."""
    dismissed: list[tuple[float, bytes]] = field(default_factory=list)
    """(time of the acknowledgement, item): must be in no feed asked for later."""


class Client:
    """Asks one server."""

    def __init__(
        self, host: str, port: int, connections: int, seed: int, *, visit: int = _VISIT
    ) -> None:
        self._host, self._port, self._connections = host, port, connections
        self._visit = visit
        self._idle: deque[Wire] = deque()
        self._rng = random.Random(seed)  # noqa: S311 - a load, not a secret
        self._run = secrets.token_hex(6)  # a home that is used again knows the keys of before
        self.stale = 0
        """Feeds that showed something dismissed before they were asked for."""

    async def _ask(self, request: bytes) -> tuple[int, bytes, bytes]:
        wire = self._idle.popleft() if len(self._idle) >= self._connections else None
        while wire is not None and not wire.open:
            wire = self._idle.popleft() if self._idle else None
        if wire is None:
            loop = asyncio.get_running_loop()
            _, wire = await loop.create_connection(Wire, self._host, self._port)
        answer = await wire.ask(request)
        if wire.asked >= self._visit and wire.transport is not None:
            wire.transport.close()
        elif wire.open:
            self._idle.append(wire)  # the one that rested longest goes first: all workers are used
        return answer

    def _request(self, line: str, headers: str = "", body: bytes = b"") -> bytes:
        head = f"{line} HTTP/1.1\r\nHost: {self._host}:{self._port}\r\n{headers}"
        if body or line.startswith("POST"):
            head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        return head.encode() + b"\r\n" + body

    async def sign_in(self, session: Session, token: str, address: str) -> None:
        """Use up a one-time link, as through a proxy that tells the caller's address."""
        forwarded = f"X-Forwarded-For: {address}\r\n"
        status, head, _ = await self._ask(self._request(f"POST /sign-in/{token}", forwarded))
        if status != 303:
            raise SystemExit(f"a sign-in link was answered with {status}")
        cookie = head.split(b"linli_session=", 1)[1].split(b";", 1)[0].decode()
        session.cookie = f"Cookie: linli_session={cookie}\r\n"
        status, _, body = await self._ask(self._request("GET /api/v1/session", session.cookie))
        if status != 200:
            raise SystemExit(f"a new session was answered with {status}")
        session.csrf = json.loads(body)["csrf"]

    async def feed(self, session: Session, n: int = _PLACES) -> int:
        """Look at one's feed of n places; returns the status."""
        asked = time.monotonic()
        line = f"GET /api/v1/residents/{session.resident}/feed?n={n}"
        status, _, body = await self._ask(self._request(line, session.cookie))
        if status == 200:
            session.feed = body
            gone = (item for at, item in session.dismissed if at < asked)
            self.stale += any(item in body for item in gone)
        return status

    async def tap(self, session: Session, number: int) -> int:
        """Like or dismiss something in the latest feed; returns the status.

        Whoever lives out of reach of everything has nothing to tap on, and looks once more.
        """
        cards = json.loads(session.feed)["cards"] if session.feed else []
        cards = [card for card in cards if card["item_id"] not in session.tapped]
        if not cards:
            return await self.feed(session)
        card = self._rng.choice(cards)
        session.tapped.add(card["item_id"])
        kind = self._rng.choice(("like", "dismiss"))
        said = {
            "resident": session.resident,
            "item": card["item_id"],
            "kind": kind,
            "rec_id": card["rec_id"],
        }
        headers = (
            f"{session.cookie}X-CSRF-Token: {session.csrf}\r\n"
            f"Idempotency-Key: bench-{self._run}-{number}\r\n"
        )
        request = self._request("POST /api/v1/interactions", headers, json.dumps(said).encode())
        status, _, _ = await self._ask(request)
        if status == 202 and kind == "dismiss":
            session.dismissed.append((time.monotonic(), card["item_id"].encode()))
        return status

    async def freshness(self, session: Session, number: int) -> float | None:
        """Tap, then look; returns seconds from the acknowledgement to a list that shows it.

        ``None`` when there was nothing to tap on.
        """
        await self.feed(session)
        before = session.feed
        began = len(session.dismissed)
        while len(session.dismissed) == began:  # a like may leave a list as it is
            if await self.tap(session, number) != 202:
                return None
            number += 1_000_000
        acknowledged, item = session.dismissed[-1]
        while item in session.feed or session.feed == before:
            await self.feed(session)
        return time.monotonic() - acknowledged

    async def plain_feed(self, who: int) -> int:
        """Ask for the plain feed."""
        return (await self._ask(self._request(f"GET /feed/{who}")))[0]

    async def plain(self, tap: bool) -> int:
        """Ask for the plain route instead."""
        request = self._request("POST /", "", b"{}") if tap else self._request("GET /")
        return (await self._ask(request))[0]


async def sign_all_in(client: Client, sessions: list[Session], tokens: list[str]) -> None:
    """Sign everybody in, a few at a time."""
    waiting = deque(enumerate(zip(sessions, tokens, strict=True)))

    async def some() -> None:
        while waiting:
            n, (session, token) = waiting.popleft()
            await client.sign_in(session, token, f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}")

    await asyncio.gather(*(some() for _ in range(4)))


async def run(
    plan: dict[str, list[tuple[float, int, int]]], client: Client, sessions: list[Session]
) -> list[tuple[float, int, float, int, float]]:
    """Send every request when it is due; returns (due, is tap, latency, status, client's delay)."""
    out: list[tuple[float, int, float, int, float]] = []
    started = time.monotonic() + 0.5

    async def one(number: int, due: float, tap: int, who: int) -> None:
        delay = time.monotonic() - started - due
        try:
            if not sessions:
                status = await client.plain(bool(tap))
            elif tap:
                status = await client.tap(sessions[who], number)
            else:
                status = await client.feed(sessions[who])
        except (ConnectionError, TimeoutError, OSError):
            status = -1
        out.append((due, tap, time.monotonic() - started - due, status, delay))

    tasks = []
    for number, (due, tap, who) in enumerate(plan["schedule"]):
        wait = started + due - time.monotonic()
        if wait > 0:
            await asyncio.sleep(wait)
        tasks.append(asyncio.ensure_future(one(number, due, tap, who)))
    await asyncio.gather(*tasks)
    return out


async def run_closed(
    plan: dict[str, object], client: Client, sessions: list[Session]
) -> list[tuple[float, int]]:
    """Ask as fast as answers come, each client for itself; returns (latency, status).

    For first looks, everybody asks for another number of places each time (20 on average), so
    that no list was made before.
    """
    out: list[tuple[float, int]] = []
    spread = 10 if plan["first"] else 0
    crowd = iter(enumerate(cast("list[int]", plan["crowd"])))
    end = time.monotonic() + float(str(plan["seconds"]))

    async def one() -> None:
        for number, who in crowd:
            began = time.monotonic()
            if began > end:
                return
            if plan["plain"]:
                status = await client.plain_feed(who)
            else:
                n = _PLACES - spread // 2 + number // len(sessions) % (spread + 1)
                status = await client.feed(sessions[who], n)
            out.append((time.monotonic() - began, status))

    await asyncio.gather(*(one() for _ in range(int(str(plan["clients"])))))
    return out


async def run_fresh(
    plan: dict[str, object], client: Client, sessions: list[Session]
) -> list[float]:
    """Tap and look, one resident after the other; returns seconds."""
    crowd = cast("list[int]", plan["fresh"])
    times = [await client.freshness(sessions[who], n) for n, who in enumerate(crowd)]
    return [seconds for seconds in times if seconds is not None]


async def serve_plans() -> None:
    """Do one plan after the other, as they come in, a line each."""
    sessions: list[Session] = []
    for line in sys.stdin:
        plan = json.loads(line)
        client = Client(
            plan["host"],
            plan["port"],
            plan["connections"],
            plan["seed"],
            visit=plan.get("visit", _VISIT),
        )
        if "tokens" in plan:
            sessions = [Session(resident) for resident in plan["residents"]]
            began = time.monotonic()
            await sign_all_in(client, sessions, plan["tokens"])
            answer: dict[str, object] = {"signed_in": len(sessions)}
            answer["seconds"] = time.monotonic() - began
        elif "clients" in plan:
            answer = {"closed": await run_closed(plan, client, sessions)}
        elif "fresh" in plan:
            answer = {"fresh": await run_fresh(plan, client, sessions)}
        else:
            results = await run(plan, client, [] if plan["plain"] else sessions)
            answer = {"results": results, "stale": client.stale}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(serve_plans())

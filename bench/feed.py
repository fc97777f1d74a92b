"""Serve feeds: `python -m bench.feed [--residents 3000 --items 1500 --seconds 10]`.

Makes a city (or takes the one in --home), starts `linli serve` and signs residents in through
one-time links. Then, beside a plain Flask application under the same gunicorn settings, turn by
turn, so that a busy machine slows both:

- open loop: a mix of feeds and taps at a fixed rate, residents drawn from a Zipf law;
- closed loop: 8 keep-alive clients ask as fast as they are answered, everybody in turn, for lists
  that must be made and for such as were made before; the plain application scores 500 candidates
  with numpy. CPU time per answer tells most on a busy machine;
- freshness: from the acknowledgement of a tap to a list that shows it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from statistics import median
from typing import cast

import numpy as np
from numpy.typing import NDArray

from api.services.feed import FeedService
from api.wiring import Config, open_floors
from bench.load_home import Size, prepare_home
from bench.load_server import cpu_seconds, free_port, load_average, resident_mib, serving
from graph.gate import Principal
from graph.model import ResidentId, StaffRole
from recommender.ranking.eligibility import eligible

__all__ = ["Figures", "figures_of", "make_schedule"]

Schedule = list[tuple[float, int, int]]
"""(seconds after the start, 1 for a tap, index of the session)"""

TAPS = 0.1
CLIENTS = 8
FOR_GOOD = 1_000_000_000
"""Requests on one connection of a closed loop."""
MOST_PER_SECOND = 8_000
"""Answers that a closed loop may get, at most."""
SETTLE = 100
"""Requests between a feed and the tap on it: two seconds at the rate of the promise."""
SAMPLE = 200
FRESH = 100
"""Residents who tap and look."""

Server = tuple[int, int]
"""(process id, port)"""


@dataclass(frozen=True, slots=True)
class Figures:
    """What one window of load showed; milliseconds."""

    requests: int
    p50: float
    p90: float
    p99: float
    worst: float
    errors: int
    statuses: dict[str, int]
    """Answers by HTTP status; -1 for none."""
    taps: int
    """Taps acknowledged as durable."""
    stale: int
    """Feeds that still showed something dismissed before."""
    rate: float
    """Answers per second."""
    client_p99: float
    """Of that, how late the client itself was."""
    load: float
    """Load average at the end."""


def make_schedule(
    rng: np.random.Generator, crowd: NDArray[np.int64], *, seconds: float, rate: float
) -> Schedule:
    """Plan requests at even distances; a tap is by somebody who saw a feed a moment ago.

    Parameters
    ----------
    crowd : NDArray[int64], (at least ``seconds * rate``,)
        Who comes, in order.
    """
    n = int(seconds * rate)
    who = crowd[:n].copy()
    taps = rng.random(n) < TAPS
    taps[:SETTLE] = False
    seen = np.flatnonzero(~taps)
    for at in np.flatnonzero(taps):
        before = seen[seen <= at - SETTLE][-SETTLE:]
        who[at] = who[rng.choice(before)]
    return [(at / rate, int(taps[at]), int(who[at])) for at in range(n)]


def zipf_crowd(rng: np.random.Generator, residents: int, visits: int) -> NDArray[np.int64]:
    """Draw residents with probability one over their rank; ranks are given by lot."""
    share = 1.0 / np.arange(1, residents + 1)
    return rng.permutation(residents)[rng.choice(residents, visits, p=share / share.sum())]


def figures_of(answer: dict[str, object]) -> Figures:
    """Sum up what the client wrote down."""
    rows = np.array(answer["results"], np.float64).reshape(-1, 5)
    due, tap, latency, status, delay = rows.T
    ok = np.where(tap == 1, (status == 202) | (status == 200), status == 200)
    p50, p90, p99 = (float(x) for x in np.percentile(latency, (50, 90, 99)) * 1000)
    return Figures(
        requests=len(rows),
        p50=round(p50, 2),
        p90=round(p90, 2),
        p99=round(p99, 2),
        worst=round(float(latency.max()) * 1000, 2),
        errors=int((~ok).sum()),
        statuses={str(int(s)): int((status == s).sum()) for s in np.unique(status)},
        taps=int(((status == 202) & (tap == 1)).sum()),
        stale=int(str(answer["stale"])),
        rate=round(len(rows) / float((due + latency).max()), 2),
        client_p99=round(float(np.percentile(delay, 99)) * 1000, 2),
        load=load_average(),
    )


class Look(StrEnum):
    """What a closed loop asks for."""

    FIRST = "first looks"
    """Lists that were not made before."""
    AGAIN = "looks again"
    """Lists that were, within the minute, unless something changed."""
    PLAIN = "plain"


@dataclass(frozen=True, slots=True)
class Pace:
    """What a closed loop showed."""

    rate: float
    """Answers per second."""
    p50: float
    p99: float
    """Milliseconds."""
    cpu: float
    """Milliseconds of CPU time of the server per answer."""
    errors: int


class Load:
    """The client process."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._child = subprocess.Popen(
            [sys.executable, "-m", "bench.load_client"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Load:
        """Run."""
        return self

    def __exit__(self, *_: object) -> None:
        """End."""
        self._child.kill()
        self._child.wait()

    def _do(self, **plan: object) -> dict[str, object]:
        assert self._child.stdin is not None  # noqa: S101
        assert self._child.stdout is not None  # noqa: S101
        self._seed += 1
        plan = {"host": "127.0.0.1", "connections": 32, "seed": self._seed} | plan
        self._child.stdin.write(json.dumps(plan) + "\n")
        self._child.stdin.flush()
        line = self._child.stdout.readline()
        if not line:
            raise SystemExit("the client ended")
        answer: dict[str, object] = json.loads(line)
        return answer

    def sign_in(self, port: int, residents: Sequence[str], tokens: Sequence[str]) -> object:
        """Open a session for each resident; returns the seconds it took."""
        return self._do(port=port, residents=residents, tokens=tokens)["seconds"]

    def hurry(self, server: Server, crowd: Sequence[int], *, seconds: float, look: Look) -> Pace:
        """Ask in a closed loop for some seconds."""
        pid, port = server
        before = cpu_seconds(pid)
        answer = self._do(
            port=port, crowd=list(crowd), seconds=seconds, clients=CLIENTS,
            plain=look is Look.PLAIN, first=look is Look.FIRST, connections=CLIENTS, visit=FOR_GOOD,
        )  # fmt: skip
        latency, status = np.array(answer["closed"], np.float64).T
        p50, p99 = (float(x) for x in np.percentile(latency, (50, 99)) * 1000)
        return Pace(
            rate=round(len(latency) / seconds, 1),
            p50=round(p50, 2),
            p99=round(p99, 2),
            cpu=round((cpu_seconds(pid) - before) * 1000 / len(latency), 3),
            errors=int((status != 200).sum()),
        )

    def freshness(self, port: int, crowd: Sequence[int]) -> list[float]:
        """Tap and look; returns milliseconds of each."""
        found = self._do(port=port, fresh=list(crowd), connections=2)["fresh"]
        return [seconds * 1000 for seconds in cast("list[float]", found)]

    def send(self, port: int, schedule: Schedule, *, plain: bool = False) -> Figures:
        """Send a schedule."""
        return figures_of(self._do(port=port, schedule=schedule, plain=plain))


@dataclass(frozen=True, slots=True)
class Visitors:
    """Residents who will come, with links to sign in."""

    residents: list[str]
    tokens: list[str]
    crowd: NDArray[np.int64]
    """Indices into ``residents``, in order of their visits."""
    eligible: float
    """Median number of items that a visit chooses from."""


def invite(home: Path, rng: np.random.Generator, visits: int) -> Visitors:
    """Draw the visits, and make a one-time link for everybody who comes."""
    with open_floors(Config(home=home)) as floors:
        moment = floors.live.catch_up()
        ids = moment.snapshot.resident_ids
        rows, crowd = np.unique(zipf_crowd(rng, len(ids), visits), return_inverse=True)
        people = [str(ids[row]) for row in rows]
        principals = [Principal(p, StaffRole.RESIDENT, floors.institution) for p in people]
        with floors.ledger.write() as tx:
            tokens = [
                floors.ledger.access.new_link(tx, p, at=floors.clock(), ttl=timedelta(hours=2))
                for p in principals
            ]
        feeds, source = FeedService(floors), floors.models.current().source
        counts = []
        for index in rng.choice(crowd, min(SAMPLE, visits), replace=False):
            query = feeds.viewer(moment, ResidentId(people[index])).query
            counts.append(len(eligible(query, source.candidates(query))))
    return Visitors(people, tokens, crowd, float(np.median(counts)))


@contextmanager
def linli(home: Path, logs: Path) -> Iterator[Server]:
    """Serve a home as people do; yields (process id, port)."""
    port = free_port()
    command = ["-P", "-m", "api.cli", "serve", "--home", str(home), "--port", str(port)]
    with serving(command, port, "/health/ready", logs / "linli.log") as pid:
        yield pid, port


@contextmanager
def plain(logs: Path) -> Iterator[Server]:
    """Serve the plain route; yields (process id, port)."""
    port = free_port()
    with serving(["-m", "bench.plain_server", str(port)], port, "/", logs / "plain.log") as pid:
        yield pid, port


def everybody(rng: np.random.Generator, guests: Visitors, n: int) -> list[int]:
    """Everybody in turn, again and again in another order."""
    rounds = -(-n // len(guests.residents))
    turns = [rng.permutation(len(guests.residents)) for _ in range(rounds)]
    crowd: list[int] = np.concatenate(turns)[:n].tolist()
    return crowd


def closed_loop(
    load: Load, ours: Server, peer: Server, crowd: Sequence[int], args: argparse.Namespace
) -> dict[str, object]:
    """Let both servers give as many answers as they can, in turns."""
    turn = min(args.seconds, args.turn)
    rounds = []
    for _ in range(args.pairs):
        of = {look: ours if look is not Look.PLAIN else peer for look in Look}
        rounds.append({look: load.hurry(of[look], crowd, seconds=turn, look=look) for look in Look})
    report: dict[str, object] = {
        "turns": [{look.value: asdict(pace) for look, pace in each.items()} for each in rounds]
    }
    for look in (Look.FIRST, Look.AGAIN):
        pairs = [(each[look], each[Look.PLAIN]) for each in rounds]
        report[look.value] = {
            "rate times plain": round(median(a.rate / b.rate for a, b in pairs), 3),
            "per CPU second times plain": round(median(b.cpu / a.cpu for a, b in pairs), 3),
            "p99 ms": median(a.p99 for a, _ in pairs),
            "plain p99 ms": median(b.p99 for _, b in pairs),
        }
    return report


def measure(args: argparse.Namespace, home: Path, logs: Path) -> dict[str, object]:
    """Run the whole load; returns the report."""
    rng = np.random.default_rng(args.seed)
    steps = prepare_home(home, Size(args.residents, args.items))
    turn = min(args.seconds, args.turn)
    visits = int(args.seconds * args.rate)
    guests = invite(home, rng, visits)
    whole = make_schedule(rng, guests.crowd, seconds=args.seconds, rate=args.rate)
    warm: Schedule = [(at / 20, 0, int(who)) for at, who in enumerate(guests.crowd[:100])]
    report: dict[str, object] = {
        "size": {"residents": args.residents, "items": args.items},
        "seconds to make it": steps,
        "eligible within reach (median)": guests.eligible,
        "sessions": len(guests.residents),
        "load before": load_average(),
        "cores": os.cpu_count(),
    }
    with ExitStack() as stack:
        load = stack.enter_context(Load(args.seed))
        base, base_port = stack.enter_context(plain(logs))
        pid, port = stack.enter_context(linli(home, logs))
        report["sign-in seconds"] = load.sign_in(port, guests.residents, guests.tokens)
        load.send(port, warm)
        load.send(base_port, warm, plain=True)
        report["feed"] = asdict(load.send(port, whole))
        pairs = []
        for _ in range(args.pairs):
            short = make_schedule(rng, rng.permutation(guests.crowd), seconds=turn, rate=args.rate)
            pairs.append((load.send(port, short), load.send(base_port, short, plain=True)))
        report["closed loop"] = closed_loop(
            load,
            (pid, port),
            (base, base_port),
            everybody(rng, guests, int(turn * MOST_PER_SECOND)),
            args,
        )
        found = load.freshness(port, everybody(rng, guests, FRESH))
        report["fresh after ms"] = {
            "taps": len(found),
            "p50": round(float(np.median(found)), 2),
            "p99": round(float(np.percentile(found, 99)), 2),
        }
        report["memory MiB"] = {"linli": resident_mib(pid), "plain": resident_mib(base)}
    report["turns"] = [{"feed": asdict(a), "plain": asdict(b)} for a, b in pairs]
    report["times plain"] = {
        name: round(median(getattr(a, name) / getattr(b, name) for a, b in pairs), 2)
        for name in ("p50", "p99")
    }
    return report


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--residents", type=int, default=100_000)
    parser.add_argument("--items", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--rate", type=float, default=50.0, help="requests per second")
    parser.add_argument("--pairs", type=int, default=3, help="turns beside the plain route")
    parser.add_argument("--turn", type=float, default=20.0, help="seconds of such a turn")
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--home", type=Path, help="kept and used again; else a temporary folder")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="linli-bench-") as scratch:
        home = (args.home or Path(scratch) / "home").resolve()
        report = measure(args, home, Path(scratch))
    if args.json:
        sys.stdout.write(json.dumps(report, indent=2) + "\n")
    else:
        for name, value in report.items():
            sys.stdout.write(f"{name}: {value}\n")


if __name__ == "__main__":
    main()

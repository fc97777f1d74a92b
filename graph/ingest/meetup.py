"""Read the published Meetup sets: groups or events of one city, and who went there.

Two layouts are known:

* *nashville*: ``users.csv`` (home city and position), ``groups.csv`` (name, category),
  ``train.txt`` (memberships), ``train_attendance.csv`` (how often);
* *city*: ``users.csv``, ``events.csv`` (group, venue, time), and either ``groups/train.txt`` or
  ``events/train_rsvps.csv`` with ``events/memberships.csv``: two tasks with a split each. The
  groups task never reads the other folder, which holds pairs that are held out from it.

A test split is never opened. Members are numbers, and everything they are imported with is
granted explicitly (channel ``dataset``), because nobody in the set could be asked.
"""

from __future__ import annotations

import csv
import hashlib
import io
import lzma
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from graph.errors import ImportRefused
from graph.ingest.grants import GRANTED_CATEGORIES, full_grants
from graph.ingest.plan import ImportPlan, Lazy
from graph.model import (
    Basis,
    Change,
    DataCategory,
    ItemId,
    ItemState,
    NodeChange,
    Op,
    Provenance,
    RelationshipChange,
    ResidentId,
    Scalar,
)
from graph.vocabulary import interests, meetup_interests, source, vocabulary_nodes

__all__ = ["read_meetup"]

Task = Literal["groups", "events"]
Pseudonym = Callable[[str, str], str]

SOURCE = source("internet-meetup")


@dataclass(frozen=True, slots=True)
class _Event:
    number: int
    group: str
    venue: str
    lat: float
    lon: float
    starts: int
    """Unix seconds."""


@dataclass(slots=True)
class _City:
    """What was read, before it is turned into changes."""

    name: str
    as_of: datetime
    residents: dict[int, ResidentId] = field(default_factory=dict)
    homes: dict[int, tuple[float, float]] = field(default_factory=dict)
    towns: dict[int, str] = field(default_factory=dict)
    groups: dict[str, tuple[str, str | None]] = field(default_factory=dict)
    """Title and category of each group."""
    members: list[tuple[int, str, float]] = field(default_factory=list)
    """User, group, confidence."""
    events: list[_Event] = field(default_factory=list)
    rsvps: list[tuple[int, int, int]] = field(default_factory=list)
    """User, event, Unix seconds."""
    lines: int = 0


def read_meetup(
    folder: Path,
    *,
    pseudonym: Pseudonym,
    clock: Callable[[], datetime],
    task: Task | None = None,
) -> ImportPlan:
    """Read one folder.

    Parameters
    ----------
    folder : Path
        ``meetup-nashville``, ``meetup-sfo``, ``meetup-dc`` or one of the two task folders in
        the latter.
    pseudonym : callable
        ``(domain, value) -> str``
    clock : callable
        When it is taken in: grants begin then. The facts keep the times of the set.
    task : {"groups", "events"}, optional
        For the city layout; default: as the folder is called, else ``events``.

    Raises
    ------
    ImportRefused
        A file is missing or malformed.
    """
    if task is None:
        task = "groups" if folder.name == "groups" else "events"
    if folder.name in {"groups", "events"}:
        folder = folder.parent
    digest = hashlib.sha256()
    read = _Files(folder, digest.update)
    now = clock()
    city = _City(name=folder.name, as_of=now)
    if (folder / "groups.csv.xz").exists() or (folder / "groups.csv").exists():
        _read_nashville(read, city, now)
        task = "groups"
    else:
        _read_city(read, city, task)
    # A few members of the published sets have no home.
    named = {user for user, _, _ in (*city.members, *city.rsvps)}
    for user in sorted(named | set(city.homes)):
        city.residents[user] = ResidentId(pseudonym("resident", f"{city.name}/{user}"))
    return ImportPlan(
        kind=f"{city.name}-{task}",
        source=SOURCE,
        file_hash=digest.hexdigest(),
        as_of=city.as_of,
        rows=city.lines,
        consented=frozenset(GRANTED_CATEGORIES),
        changes=Lazy(lambda: _changes(city, now)),
        residents=list(city.residents.values()),
        items=[
            *(ItemId(_group_id(city, g)) for g in city.groups),
            *(ItemId(_event_id(city, e.number)) for e in city.events),
        ],
        grids=[_town_id(city, town) for town in sorted(set(city.towns.values()))],
        grants=Lazy(lambda: full_grants(city.residents.values(), channel="dataset", start=now)),
    )


class _Files:
    """Opens files of a folder, packed or not, and digests what was read."""

    def __init__(self, folder: Path, digest: Callable[[bytes], None]) -> None:
        self._folder = folder
        self._digest = digest

    def text(self, name: str) -> str:
        """Return the content of a file, which may be packed as ``name.xz``."""
        packed = self._folder / f"{name}.xz"
        try:
            raw = lzma.decompress(packed.read_bytes()) if packed.exists() else None
            raw = (self._folder / name).read_bytes() if raw is None else raw
        except (OSError, lzma.LZMAError) as error:
            raise ImportRefused(
                f"{self._folder / name} (or .xz) cannot be read: {error}; nothing was imported"
            ) from error
        self._digest(name.encode() + b"\0" + raw)
        return raw.decode("utf-8")

    def table(self, name: str, *columns: str) -> list[dict[str, str]]:
        """Return the rows of a CSV file that has at least these columns."""
        rows = csv.DictReader(io.StringIO(self.text(name)))
        missing = set(columns) - set(rows.fieldnames or ())
        if missing:
            raise ImportRefused(
                f"{self._folder / name}: columns {', '.join(sorted(missing))} are missing; this "
                f"is not the published layout, nothing was imported"
            )
        return list(rows)

    def lists(self, name: str) -> list[tuple[int, list[str]]]:
        """Return the lines ``user item item ...``."""
        lines = (line.split() for line in self.text(name).splitlines())
        return [(int(line[0]), line[1:]) for line in lines if line]


def _read_nashville(read: _Files, city: _City, now: datetime) -> None:
    for row in read.table("users.csv", "u", "city", "state", "lat", "lon"):
        user = int(row["u"])
        city.homes[user] = (float(row["lat"]), float(row["lon"]))
        city.towns[user] = f"{row['city']}, {row['state']}"
    for row in read.table("groups.csv", "i", "group_name", "category_name"):
        city.groups[row["i"]] = (row["group_name"], row["category_name"])
    often = {
        (int(row["u"]), row["i"]): float(row["weight"])
        for row in read.table("train_attendance.csv", "u", "i", "weight")
    }
    for user, groups in read.lists("train.txt"):
        for group in groups:
            # Who came once may have been passing by; each further time makes it surer.
            weight = max(1.0, often.get((user, group), 1.0))
            city.members.append((user, group, weight / (weight + 1)))
    city.as_of = now
    city.lines = len(city.homes) + len(city.groups) + len(city.members)


def _read_city(read: _Files, city: _City, task: Task) -> None:
    for row in read.table("users.csv", "u", "lat", "lon"):
        city.homes[int(row["u"])] = (float(row["lat"]), float(row["lon"]))
    for row in read.table("events.csv", "e", "g", "v", "lat", "lon", "time_ms"):
        city.events.append(
            _Event(
                number=int(row["e"]),
                group=row["g"],
                venue=row["v"],
                lat=float(row["lat"]),
                lon=float(row["lon"]),
                starts=int(row["time_ms"]) // 1_000,
            )
        )
    if task == "groups":
        pairs = [(u, g) for u, groups in read.lists("groups/train.txt") for g in groups]
    else:
        rows = read.table("events/memberships.csv", "u", "g")
        pairs = [(int(row["u"]), row["g"]) for row in rows]
        for row in read.table("events/train_rsvps.csv", "u", "e", "rsvpTime"):
            city.rsvps.append((int(row["u"]), int(row["e"]), int(row["rsvpTime"]) // 1_000))
    # Both tasks stand at the moment of the time split.
    cut = int(read.text("events/cut_ms.txt").strip()) // 1_000
    city.as_of = datetime.fromtimestamp(cut, UTC)
    city.members = [(user, group, 1.0) for user, group in pairs]
    names = {event.group for event in city.events} | {group for _, group in pairs}
    city.groups = {g: (f"Group {g}", None) for g in sorted(names, key=int)}
    city.lines = len(city.homes) + len(city.events) + len(pairs) + len(city.rsvps)


def _changes(city: _City, now: datetime) -> Iterator[Change]:
    yield from vocabulary_nodes(city.as_of)
    yield from _nodes(city, now)
    yield from _relationships(city, now)


def _nodes(city: _City, now: datetime) -> Iterator[NodeChange]:
    public = _said(city, now, DataCategory.PUBLIC, Basis.PUBLIC)
    cut = int(city.as_of.timestamp())
    for town in sorted(set(city.towns.values())):
        spots = [city.homes[user] for user, name in city.towns.items() if name == town]
        lat, lon = (sum(axis) / len(spots) for axis in zip(*spots, strict=True))
        about: dict[str, Scalar] = {"name": town, "lat": round(lat, 4), "lon": round(lon, 4)}
        yield NodeChange(Op.PUT, "Grid", _town_id(city, town), about, public)
    for lat, lon in sorted(set(city.homes.values())):
        about = {"lat": lat, "lon": lon}
        yield NodeChange(Op.PUT, "Building", _home_id(city, lat, lon), about, public)
    venues = {event.venue: event for event in city.events}
    for venue, event in venues.items():
        about = {"name": f"Venue {venue}", "lat": event.lat, "lon": event.lon}
        yield NodeChange(Op.PUT, "Venue", f"{city.name}-v{venue}", about, public)
    for group, (title, category) in city.groups.items():
        code = meetup_interests().get(category or "")
        term = interests()[code] if code else None
        about = {"title": title, "title_en": title, "state": str(ItemState.OPEN)}
        if term is not None:
            about["life_category"] = str(term.life_category)
        yield NodeChange(Op.PUT, "Group", _group_id(city, group), about, public)
    for event in city.events:
        state = ItemState.OPEN if event.starts > cut else ItemState.CLOSED
        about = {
            "title": f"Event {event.number}",
            "state": str(state),
            "starts_at": datetime.fromtimestamp(event.starts, UTC),
        }
        yield NodeChange(Op.PUT, "Activity", _event_id(city, event.number), about, public)
    member = _said(city, now, DataCategory.IDENTITY, Basis.CONSENT)
    for resident in city.residents.values():
        yield NodeChange(Op.PUT, "Resident", resident, {"status": "active"}, member)


def _relationships(city: _City, now: datetime) -> Iterator[RelationshipChange]:
    public = _said(city, now, DataCategory.PUBLIC, Basis.PUBLIC)

    def put(
        type_: str,
        start: tuple[str, str],
        end: tuple[str, str],
        about: dict[str, Scalar],
        said: Provenance,
    ) -> RelationshipChange:
        return RelationshipChange(Op.PUT, type_, *start, *end, about, said)

    for group, (_, category) in city.groups.items():
        code = meetup_interests().get(category or "")
        if code:
            end = ("Interest", code)
            yield put("ABOUT", ("Group", _group_id(city, group)), end, {}, public)
    for event in city.events:
        start = ("Activity", _event_id(city, event.number))
        yield put("ORGANISED_BY", start, ("Group", _group_id(city, event.group)), {}, public)
        yield put("HELD_AT", start, ("Venue", f"{city.name}-v{event.venue}"), {}, public)
    dwelling = _said(city, now, DataCategory.DWELLING, Basis.CONSENT)
    for user, (lat, lon) in sorted(city.homes.items()):
        home = ("Building", _home_id(city, lat, lon))
        yield put("LIVES_IN", ("Resident", city.residents[user]), home, {}, dwelling)
    in_grid = _said(city, now, DataCategory.GRID, Basis.CONSENT)
    for user, town in sorted(city.towns.items()):
        grid = ("Grid", _town_id(city, town))
        yield put("IN_GRID", ("Resident", city.residents[user]), grid, {}, in_grid)
    for user, group, confidence in city.members:
        said = _said(city, now, DataCategory.ATTENDANCE, Basis.CONSENT, confidence)
        about: dict[str, Scalar] = {"at": city.as_of, "role": "member"}
        end = ("Group", _group_id(city, group))
        yield put("JOINED", ("Resident", city.residents[user]), end, about, said)
    attended = _said(city, now, DataCategory.ATTENDANCE, Basis.CONSENT)
    for user, event_number, at in city.rsvps:
        about = {"at": datetime.fromtimestamp(at, UTC), "state": "confirmed"}
        end = ("Activity", _event_id(city, event_number))
        yield put("SIGNED_UP", ("Resident", city.residents[user]), end, about, attended)


def _said(
    city: _City, now: datetime, category: DataCategory, basis: Basis, confidence: float = 1.0
) -> Provenance:
    return Provenance(SOURCE.id, city.as_of, now, confidence, category, basis)


def _group_id(city: _City, group: str) -> str:
    return f"{city.name}-g{group}"


def _event_id(city: _City, number: int) -> str:
    return f"{city.name}-e{number}"


def _town_id(city: _City, town: str) -> str:
    return f"{city.name}-{'-'.join(town.lower().replace(',', ' ').split())}"


def _home_id(city: _City, lat: float, lon: float) -> str:
    return f"{city.name}-home-{lat:g}-{lon:g}"

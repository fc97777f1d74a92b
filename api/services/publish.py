"""Organisers publish, change and cancel items: one ITEM event in one ledger transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import cast

import numpy as np
from sqlalchemy import Connection

from api.services.backing import Backing
from api.services.interactions import append_promotion
from graph.codec import Json, encode_scalar
from graph.errors import Conflict, DataError, Denied
from graph.gate import EventKind, RowKind
from graph.live import Moment
from graph.model import (
    Actor,
    Basis,
    Change,
    DataCategory,
    ItemId,
    ItemKind,
    ItemState,
    NodeChange,
    Op,
    Provenance,
    RelationshipChange,
    Scalar,
    SourceId,
    StaffRole,
)
from graph.schema import ITEM_LABELS, validate
from graph.view import CSR, ITEM_KINDS
from graph.vocabulary import Vocabulary, interests, needs, occupations, offers
from recommender.scorers.matrix import distance_km, row_of

__all__ = ["Draft", "Place", "Published", "Publishing"]

PUBLISHED_SOURCE = SourceId("linli-app")
"""Items typed in through a door; their organiser stands in their id."""
_NEAR_KM = 1.0
"""A venue farther than this from every grid's centre is in none of them."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where it takes place."""

    name: str
    lat: float
    lon: float
    """Degrees WGS-84."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An item as it shall be from now on, complete."""

    id: ItemId
    kind: ItemKind
    properties: Mapping[str, Scalar]
    """As :data:`graph.schema.LABELS` names them."""
    about: tuple[str, ...] = ()
    """Codes of interests."""
    answers: tuple[str, ...] = ()
    """Codes of needs."""
    welcomes: tuple[str, ...] = ()
    """Codes of occupations."""
    asks_for: tuple[str, ...] = ()
    """Codes of offers; helper roles only."""
    group: ItemId | None = None
    """Group that organises it; activities only."""
    place: Place | None = None
    organiser: str = ""


@dataclass(frozen=True, slots=True)
class Published:
    """What became of a draft."""

    item: ItemId
    created: bool
    moved_up: int
    """People who moved up from the waiting list because there are more seats now."""
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class _Links:
    """Relationships of an item: those it has from now on, and those it had."""

    now: list[dict[str, Json]] = field(default_factory=list)
    gone: list[dict[str, Json]] = field(default_factory=list)


class Publishing:
    """Takes drafts."""

    def __init__(self, backing: Backing) -> None:
        self._backing = backing

    def put(self, actor: Actor, draft: Draft, key: str) -> Published:
        """Make an item stand as the draft says; everyone's next request shows it.

        Parameters
        ----------
        actor : Actor
            An institution changes items whose id begins with its own id and a dot; the operator
            may change any.
        draft : Draft
        key : str
            Idempotency key.

        Raises
        ------
        Denied
            The id belongs to another institution.
        SchemaViolation, DataError
            A property, code or place is not as the schema has it.
        Conflict
            The id belongs to an item of another kind.
        """
        own = draft.id.startswith(f"{actor.institution}.")
        if not own and actor.role is not StaffRole.OPERATOR:
            raise Denied(f"ids of this institution's items begin with {actor.institution}.")
        moment = self._backing.live.catch_up()
        row = moment.item_rows.get(draft.id)
        if row is not None and ITEM_KINDS[int(moment.items.kind[row])] is not draft.kind:
            raise Conflict(f"{draft.id} is of another kind; take another id")
        if row is not None and not own and (draft.place or draft.organiser):
            raise DataError("place and organiser of an imported item are changed at its source")
        payload = self._payload(moment, row, draft)
        with self._backing.ledger.write() as tx:
            return self._write(tx, actor, draft, payload, key)

    def _write(
        self, tx: Connection, actor: Actor, draft: Draft, payload: dict[str, Json], key: str
    ) -> Published:
        ledger, now = self._backing.ledger, self._backing.clock()
        whole = f"item/{actor.institution}/{actor.app}/{key}"
        request = {name: value for name, value in payload.items() if name in _ASKED}
        seen = ledger.outbox.seen(
            tx, kind=EventKind.ITEM, key=whole, subject=draft.id, request=request
        )
        if seen is not None and seen.reply is not None:
            reply = seen.reply
            return Published(
                draft.id, bool(reply["created"]), int(cast("int", reply["moved_up"])), True
            )
        created = ledger.rows.get(tx, RowKind.ITEM, draft.id) is None
        ledger.rows.assign(tx, RowKind.ITEM, [draft.id])
        appended = ledger.outbox.append(
            tx,
            kind=EventKind.ITEM,
            key=whole,
            subject=draft.id,
            category=DataCategory.PUBLIC,
            payload=payload,
            at=now,
            request=request,
        )
        seats = cast("int | None", draft.properties.get("seats"))
        moved = ledger.bookings.set_seats(tx, draft.id, seats)
        for resident in moved:
            append_promotion(self._backing, tx, draft.id, draft.kind, resident, cause=appended.seq)
        published = Published(draft.id, created, len(moved))
        ledger.outbox.set_reply(tx, whole, {"created": created, "moved_up": len(moved)})
        return published

    def _payload(self, moment: Moment, row: int | None, draft: Draft) -> dict[str, Json]:
        now = self._backing.clock()
        properties = dict(draft.properties)
        if properties.get("opened_at") is None and properties.get("state") == ItemState.OPEN:
            opened = -1 if row is None else int(moment.items.opened[row])
            properties["opened_at"] = (
                now if opened < 0 else datetime.fromtimestamp(opened, now.tzinfo)
            )
        links = _links(moment, row, draft)
        _check(draft, properties, links, now)
        return {
            "item_kind": draft.kind.value,
            "properties": {k: encode_scalar(v) for k, v in properties.items() if v is not None},
            "links": cast("Json", links.now),
            "gone": cast("Json", links.gone),
            "provenance": {"source": PUBLISHED_SOURCE, "as_of": now.isoformat()},
            "asked": _digest(draft),
            **_where(moment, row, draft),
        }


_ASKED = ("item_kind", "asked")
"""What of a payload tells a retry from another request; the rest follows from it and the time."""


def _digest(draft: Draft) -> str:
    return hashlib.sha256(repr(draft).encode()).hexdigest()


def _where(moment: Moment, row: int | None, draft: Draft) -> dict[str, Json]:
    """Say where it takes place and who organises it; what is not said anew stays as it was."""
    out: dict[str, Json] = {}
    kept = None if row is None else moment.item(row)
    if draft.place is not None:
        place = draft.place
        grid = -1 if row is None else int(moment.items.grid[row])
        out["place"] = {"name": place.name, "lat": place.lat, "lon": place.lon}
        out["venue"] = {
            "id": f"venue-{draft.id}",
            "grid": _grid(moment, place),
            "left": str(moment.snapshot.grid_ids[grid]) if grid >= 0 else None,
        }
    elif kept is not None and kept.place and row is not None:
        lat, lon = float(moment.items.lat[row]), float(moment.items.lon[row])
        if np.isfinite([lat, lon]).all():
            out["place"] = {"name": kept.place, "lat": lat, "lon": lon}
    if draft.organiser:
        out["organiser"] = draft.organiser
        out["organisation"] = _organisation(draft.organiser)
    elif kept is not None and kept.organiser:
        out["organiser"] = kept.organiser
    return out


def _organisation(name: str) -> str:
    """Id of the organisation that a publisher named."""
    return f"organisation-{hashlib.sha256(name.encode()).hexdigest()[:16]}"


def _grid(moment: Moment, place: Place) -> str | None:
    """Id of the grid whose centre is nearest, if it is near."""
    centres = moment.snapshot.grid_centre
    if not len(centres):
        return None
    km = distance_km(place.lat, place.lon, centres[:, 0], centres[:, 1])
    if not np.isfinite(km).any():
        return None
    nearest = int(np.nanargmin(km))
    return str(moment.snapshot.grid_ids[nearest]) if km[nearest] <= _NEAR_KM else None


def _links(moment: Moment, row: int | None, draft: Draft) -> _Links:
    links = _Links()
    items = moment.items
    sides: tuple[tuple[str, str, tuple[str, ...], Vocabulary, CSR], ...] = (
        ("ABOUT", "Interest", draft.about, interests(), items.tags),
        ("ANSWERS_NEED", "Need", draft.answers, needs(), items.needs),
        ("WELCOMES", "Occupation", draft.welcomes, occupations(), items.occupations),
        ("ASKS_FOR", "Offer", draft.asks_for, offers(), items.offers),
    )
    for type_, label, wanted, vocabulary, known in sides:
        for code in wanted:
            if code not in vocabulary:
                raise DataError(f"{code!r} is not among the {vocabulary.name}")
        before = set() if row is None else _codes(vocabulary, known, row)
        links.now.extend(_link(type_, label, code) for code in dict.fromkeys(wanted))
        links.gone.extend(_link(type_, label, code) for code in sorted(before - set(wanted)))
    group = -1 if row is None else int(items.group[row])
    former = str(items.ids[group]) if group >= 0 else None
    if draft.group is not None:
        known_row = moment.item_rows.get(draft.group)
        if known_row is None or ITEM_KINDS[int(items.kind[known_row])] is not ItemKind.GROUP:
            raise DataError(f"there is no group {draft.group!r}")
        links.now.append(_link("ORGANISED_BY", "Group", draft.group))
    if former is not None and former != draft.group:
        links.gone.append(_link("ORGANISED_BY", "Group", former))
    organiser = "" if row is None else moment.item(row).organiser
    if draft.organiser and organiser and organiser != draft.organiser:
        links.gone.append(_link("PROVIDED_BY", "Organisation", _organisation(organiser)))
    return links


def _codes(vocabulary: Vocabulary, known: CSR, row: int) -> set[str]:
    return {vocabulary.codes[column] for column in row_of(known, row)[0].tolist()}


def _link(type_: str, label: str, id_: str) -> dict[str, Json]:
    return {"type": type_, "label": label, "id": id_}


def _check(draft: Draft, properties: Mapping[str, Scalar], links: _Links, now: datetime) -> None:
    """See to it that the event will pass the schema when it reaches the graph."""
    said = Provenance(PUBLISHED_SOURCE, now, now, 1.0, DataCategory.PUBLIC, Basis.PUBLIC)
    label = ITEM_LABELS[draft.kind]
    changes: list[Change] = [NodeChange(Op.PUT, label, draft.id, properties, said)]
    changes += [
        RelationshipChange(
            Op.PUT,
            str(link["type"]),
            label,
            draft.id,
            str(link["label"]),
            str(link["id"]),
            {},
            said,
        )
        for link in links.now
    ]
    if draft.place is not None:
        place = draft.place
        where: dict[str, Scalar] = {"name": place.name, "lat": place.lat, "lon": place.lon}
        changes.append(NodeChange(Op.PUT, "Venue", f"venue-{draft.id}", where, said))
    for change in changes:
        validate(change)
    starts, ends = properties.get("starts_at"), properties.get("ends_at")
    if isinstance(starts, datetime) and isinstance(ends, datetime) and ends <= starts:
        raise DataError(f"{draft.id}: ends_at must be later than starts_at")

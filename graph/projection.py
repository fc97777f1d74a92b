"""What an acknowledged event means for the graph.

The graph is a projection of the log: applying :func:`changes_for` to every event in order makes
it anew. The live overlay reads the same events, so a tap shows in the very next feed and, later,
in the graph, with one meaning.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import cast

from graph.codec import Json, decode_change, decode_properties
from graph.ledger.outbox import Event, EventKind
from graph.model import (
    Basis,
    Change,
    InteractionKind,
    ItemKind,
    NodeChange,
    Op,
    Provenance,
    RelationshipChange,
    Scalar,
    SourceId,
)
from graph.schema import ITEM_LABELS, LABELS, interaction_category

__all__ = ["APP_SOURCE", "EFFECTS", "changes_for", "only_waits"]

APP_SOURCE = SourceId("linli-app")
"""Source of everything that residents tell Linli themselves (class: personal)."""

EFFECTS: dict[InteractionKind, tuple[tuple[Op, str], ...]] = {
    InteractionKind.VIEW: ((Op.PUT, "VIEWED"),),
    InteractionKind.LIKE: ((Op.PUT, "LIKED"), (Op.REMOVE, "DISMISSED")),
    InteractionKind.DISMISS: ((Op.PUT, "DISMISSED"), (Op.REMOVE, "LIKED")),
    InteractionKind.UNDO: ((Op.REMOVE, "LIKED"), (Op.REMOVE, "DISMISSED")),
    InteractionKind.JOIN: ((Op.PUT, "JOINED"),),
    InteractionKind.LEAVE: ((Op.REMOVE, "JOINED"),),
    InteractionKind.SIGN_UP: ((Op.PUT, "SIGNED_UP"),),
    InteractionKind.CANCEL: ((Op.REMOVE, "SIGNED_UP"),),
    InteractionKind.ATTEND: ((Op.PUT, "ATTENDED"),),
    InteractionKind.HELP: ((Op.PUT, "HELPED"),),
}
"""What each kind of interaction makes true and untrue."""


def only_waits(payload: Mapping[str, Json]) -> bool:
    """Whether an interaction put somebody on the waiting list of a group, service or role.

    They are no member yet: nothing changes until they move up. Waiting for an activity is a
    ``SIGNED_UP`` that says so itself.
    """
    return payload["kind"] == InteractionKind.JOIN and payload.get("state") == "waitlist"


def changes_for(event: Event) -> list[Change]:
    """Translate one event.

    Parameters
    ----------
    event : Event
        ``IMPORT`` events are drained from their staged chunks and give no change here, nor do
        ``GRANT`` events (masks are read from the ledger) nor events whose key was destroyed.

    Returns
    -------
    list of Change
        In the order in which they must be applied.
    """
    if event.payload is None:
        return []
    if event.kind is EventKind.INTERACTION:
        return _interaction(event, event.payload)
    if event.kind is EventKind.ITEM:
        return _item(event, event.payload)
    if event.kind is EventKind.RESIDENT:
        encoded = cast("list[Mapping[str, Json]]", event.payload["changes"])
        return [decode_change(change) for change in encoded]
    return []


def _interaction(event: Event, payload: Mapping[str, Json]) -> list[Change]:
    if only_waits(payload):
        return []
    kind = InteractionKind(str(payload["kind"]))
    at = datetime.fromisoformat(str(payload["at"]))
    provenance = Provenance(
        source=APP_SOURCE,
        as_of=at,
        recorded_at=event.at,
        confidence=1.0,
        category=interaction_category(kind),
        basis=Basis.CONSENT,
    )
    properties: dict[str, Scalar] = {"at": at, "rec_id": cast("str | None", payload["rec_id"])}
    if kind is InteractionKind.JOIN:
        properties["role"] = str(payload.get("role", "member"))
    if kind is InteractionKind.SIGN_UP:
        properties["state"] = cast("str | None", payload.get("state"))
    return [
        RelationshipChange(
            op=op,
            type=type_,
            start_label="Resident",
            start=event.subject,
            end_label=ITEM_LABELS[ItemKind(str(payload["item_kind"]))],
            end=str(payload["item"]),
            properties=properties if op is Op.PUT else {},
            provenance=provenance if op is Op.PUT else None,
        )
        for op, type_ in EFFECTS[kind]
    ]


def _item(event: Event, payload: Mapping[str, Json]) -> list[Change]:
    label = ITEM_LABELS[ItemKind(str(payload["item_kind"]))]
    said = cast("Mapping[str, str]", payload["provenance"])
    provenance = Provenance(
        source=SourceId(said["source"]),
        as_of=datetime.fromisoformat(said["as_of"]),
        recorded_at=event.at,
        confidence=1.0,
        category=LABELS[label].category,
        basis=Basis.PUBLIC,
    )
    node = NodeChange(
        op=Op.PUT,
        label=label,
        id=event.subject,
        properties=decode_properties(label, cast("Mapping[str, Json]", payload["properties"])),
        provenance=provenance,
    )
    links = cast("list[Mapping[str, str]]", payload["links"])
    gone = cast("list[Mapping[str, str]]", payload.get("gone") or [])
    return [
        node,
        *_venue(event, payload, label, provenance),
        *_organisation(event, payload, label, provenance),
        *(
            RelationshipChange(
                op=op,
                type=link["type"],
                start_label=label,
                start=event.subject,
                end_label=link["label"],
                end=link["id"],
                provenance=provenance if op is Op.PUT else None,
            )
            for op, some in ((Op.PUT, links), (Op.REMOVE, gone))
            for link in some
        ),
    ]


def _venue(
    event: Event, payload: Mapping[str, Json], label: str, provenance: Provenance
) -> list[Change]:
    """Make the venue that an organiser named for this item alone, in its grid and no other."""
    venue = cast("Mapping[str, str | None] | None", payload.get("venue"))
    if venue is None:
        return []
    id_, grid, left = str(venue["id"]), venue.get("grid"), venue.get("left")
    place = cast("Mapping[str, Scalar]", payload["place"])

    def put(type_: str, start: tuple[str, str], end: tuple[str, str]) -> Change:
        return RelationshipChange(Op.PUT, type_, *start, *end, {}, provenance)

    changes: list[Change] = [NodeChange(Op.PUT, "Venue", id_, place, provenance)]
    changes.append(put("HELD_AT", (label, event.subject), ("Venue", id_)))
    if grid is not None:
        changes.append(put("BUILT_IN", ("Venue", id_), ("Grid", grid)))
    if left is not None and left != grid:
        changes.append(RelationshipChange(Op.REMOVE, "BUILT_IN", "Venue", id_, "Grid", left))
    return changes


def _organisation(
    event: Event, payload: Mapping[str, Json], label: str, provenance: Provenance
) -> list[Change]:
    """Make the organisation that an organiser named."""
    id_ = cast("str | None", payload.get("organisation"))
    if id_ is None:
        return []
    named = {"name": str(payload["organiser"])}
    return [
        NodeChange(Op.PUT, "Organisation", id_, named, provenance),
        RelationshipChange(
            Op.PUT, "PROVIDED_BY", label, event.subject, "Organisation", id_, {}, provenance
        ),
    ]

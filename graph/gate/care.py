"""What isolation scores are made of: what residents authorised for care visits, read for a job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from graph.codec import Json
from graph.gate.gate import Gate
from graph.gate.views import consents_now
from graph.ledger.ledger import Ledger
from graph.ledger.records import Record
from graph.model import Action, Actor, DataCategory, Purpose, ResidentId
from graph.policy import CARE_CATEGORIES
from graph.snapshot import Facts, Snapshot
from graph.snapshot.snapshot import Permitted
from graph.view import View

__all__ = ["CareFacts", "care_facts"]

_SCORE = DataCategory.ISOLATION_SCORE


@dataclass(frozen=True, slots=True, eq=False)
class CareFacts:
    """What residents authorised for care visits, as far as a score may be made of it."""

    view: View
    """Cells permitted for care visits."""
    permitted: Permitted
    scored: NDArray[np.bool_]
    """(n,) who authorised a score at all."""
    living: Mapping[int, str]
    """Row -> how the household lives (``alone``, ``spouse`` ...)."""
    registered_here: Mapping[int, bool]
    """Row -> whether the household is registered at this place."""
    ties: NDArray[np.int64]
    """(m, 2) rows: ties both of whose ends let them be used."""
    tie_kinds: Sequence[str]
    assessments: Sequence[Record]
    """Questionnaires, oldest first."""
    readings: Sequence[Record]
    """Of water meters, oldest first."""


def care_facts(
    gate: Gate, ledger: Ledger, actor: Actor, snapshot: Snapshot, facts: Facts
) -> CareFacts:
    """Read what scores are made of, for the jobs process.

    A tie counts where the one end lets ties be used for care visits and the other lets Linli use
    them for that or for group matching: else whoever has cautious friends would look lonely.

    Raises
    ------
    Denied
        The actor may not.
    AuditUnavailable
        It could not be recorded, so it does not happen.
    """
    masks, expires = consents_now(ledger, actor, snapshot)
    care = gate.authorise_bulk(
        actor,
        purpose=Purpose.CARE_VISIT,
        categories=CARE_CATEGORIES,
        action=Action.DERIVE,
        rows=None,
    )
    permitted = gate.permitted(care, masks, expires)
    matching = gate.authorise_bulk(
        actor,
        purpose=Purpose.GROUP_MATCHING,
        categories=[DataCategory.TIE],
        action=Action.TRAIN,
        rows=None,
    )
    scored = permitted[_SCORE] & snapshot.active
    tied = permitted[DataCategory.TIE] | gate.permitted(matching, masks, expires)[DataCategory.TIE]

    def told(type_: str, category: DataCategory) -> list[tuple[int, Mapping[str, Json]]]:
        return list(facts.told(snapshot, ledger, type_, scored & permitted[category]))

    ties, kinds = _ties(ledger, snapshot, facts, tied)
    household = told("MEMBER_OF_HOUSEHOLD", DataCategory.HOUSEHOLD)
    person = told("RESIDENT", DataCategory.IDENTITY)
    return CareFacts(
        view=snapshot.view(permitted),
        permitted=permitted,
        scored=scored,
        living={row: str(said["living"]) for row, said in household if said.get("living")},
        registered_here={
            row: bool(said["registered_here"]) for row, said in person if "registered_here" in said
        },
        ties=ties,
        tie_kinds=kinds,
        assessments=_records(ledger, snapshot, scored & permitted[DataCategory.SURVEY]),
        readings=_records(
            ledger, snapshot, scored & permitted[DataCategory.UTILITY_WATER], "reading"
        ),
    )


def _ties(
    ledger: Ledger, snapshot: Snapshot, facts: Facts, tied: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], list[str]]:
    rows = {str(resident): row for row, resident in enumerate(snapshot.resident_ids)}
    kinds: dict[tuple[int, int], str] = {}
    for start, said in facts.told(snapshot, ledger, "KNOWS", tied):
        end = rows.get(str(said["end"]))
        if end is not None and tied[end] and end != start:
            kinds[min(start, end), max(start, end)] = str(said.get("kind") or "friend")
    pairs = np.array(sorted(kinds), np.int64).reshape(-1, 2)
    return pairs, [kinds[one, other] for one, other in pairs.tolist()]


def _records(
    ledger: Ledger, snapshot: Snapshot, rows: NDArray[np.bool_], kind: str = "assessment"
) -> list[Record]:
    residents = [ResidentId(str(resident)) for resident in snapshot.resident_ids[rows]]
    with ledger.read() as tx:
        return ledger.records.of_many(tx, residents, kind)

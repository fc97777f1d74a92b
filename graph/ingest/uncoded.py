"""Occupations that came in as words no list knew: counted for the steward, coded when it does.

The words are sealed in the ledger. Whoever looks at them is on record, only residents whose grant
is in force count, and a text that fewer than :data:`FEWEST` of them wrote is not shown: a rare
word may name a person. Only the latest text of a resident stands.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from graph.errors import DataError
from graph.ingest.basis import ImportGate
from graph.ingest.plan import ImportPlan, Lazy, purpose_of
from graph.ledger.ledger import Ledger
from graph.ledger.words import Writing
from graph.model import (
    Action,
    Actor,
    Basis,
    Change,
    DataCategory,
    Op,
    Provenance,
    RelationshipChange,
    ResidentId,
)
from graph.vocabulary import fold, occupations, source, vocabulary_nodes

__all__ = ["FEWEST", "Uncoded", "UncodedText", "forget_coded", "plan_recode", "uncoded_occupations"]

FEWEST = 5
"""A text of fewer residents is never shown."""

SOURCE = source("government-register")
_WORK = DataCategory.OCCUPATION


@dataclass(frozen=True, slots=True)
class UncodedText:
    """One text, and how many residents it stands for."""

    text: str
    residents: int
    candidates: tuple[str, ...]
    """Codes it may mean; empty when the list does not know it at all."""
    code: str | None
    """Code it has by now: `linli vocabulary recode` writes it."""


@dataclass(frozen=True, slots=True)
class Uncoded:
    """What is kept uncoded."""

    texts: tuple[UncodedText, ...]
    """The most frequent first."""
    rare: int
    """Texts that too few residents wrote to be shown."""


def uncoded_occupations(
    ledger: Ledger, gate: ImportGate, actor: Actor, *, at_least: int = FEWEST
) -> Uncoded:
    """Count the texts that are kept; on record before anything is read.

    Raises
    ------
    Denied
        The actor may not.
    DataError
        ``at_least`` is smaller than :data:`FEWEST`.
    """
    if at_least < FEWEST:
        raise DataError(f"texts of fewer than {FEWEST} residents are not shown; ask for {FEWEST}")
    counts: Counter[str] = Counter()
    spelling: dict[str, str] = {}
    for writing in _latest(ledger, gate, actor):
        word = fold(writing.text)
        counts[word] += 1
        said = " ".join(writing.text.split())
        spelling[word] = min(spelling.get(word, said), said)
    shown = sorted((-n, word) for word, n in counts.items() if n >= at_least)
    return Uncoded(
        texts=tuple(_described(spelling[word], -n) for n, word in shown),
        rare=len(counts) - len(shown),
    )


def plan_recode(ledger: Ledger, gate: ImportGate, actor: Actor, *, now: datetime) -> ImportPlan:
    """Plan to code the texts that the list knows by now; importing it again changes nothing.

    Once it is imported, :func:`forget_coded` removes the words.
    """
    coded = _coded(_latest(ledger, gate, actor))
    named = "\n".join(f"{writing.id} {code}" for writing, code in coded)
    return ImportPlan(
        kind="recode",
        source=SOURCE,
        file_hash=hashlib.sha256(f"recode\n{named}".encode()).hexdigest(),
        as_of=now,
        rows=len(coded),
        changes=Lazy(lambda: _changes(coded, now)),
        consented=frozenset({_WORK}) if coded else frozenset(),
    )


def forget_coded(ledger: Ledger, gate: ImportGate, actor: Actor) -> int:
    """Remove the words that have a code by now; returns how many residents' they were."""
    people = {writing.resident for writing, _ in _coded(_latest(ledger, gate, actor))}
    with ledger.write() as tx:
        for resident in people:
            for writing in ledger.words.of(tx, resident):
                if writing.category is _WORK:
                    ledger.words.remove(tx, writing.id)
    return len(people)


def _latest(ledger: Ledger, gate: ImportGate, actor: Actor) -> list[Writing]:
    purpose = purpose_of(_WORK)
    gate.authorise_bulk(actor, purpose=purpose, categories={_WORK}, action=Action.DERIVE, rows=None)
    with ledger.read() as tx:
        latest: dict[ResidentId, Writing] = {
            writing.resident: writing for writing in ledger.words.in_category(tx, _WORK)
        }
    return [
        writing
        for resident, writing in latest.items()
        if gate.may(actor, purpose=purpose, category=_WORK, subject=resident, action=Action.DERIVE)
    ]


def _coded(writings: list[Writing]) -> list[tuple[Writing, str]]:
    found = ((writing, occupations().find(writing.text)) for writing in writings)
    return [(writing, code) for writing, code in found if code is not None]


def _described(text: str, residents: int) -> UncodedText:
    coding = occupations().coding(text)
    return UncodedText(text, residents, coding.candidates, coding.code)


def _changes(coded: list[tuple[Writing, str]], now: datetime) -> Iterator[Change]:
    yield from vocabulary_nodes(now)
    for writing, code in coded:
        said = Provenance(SOURCE.id, writing.at, now, 1.0, _WORK, Basis.CONSENT)
        ends = ("Resident", writing.resident, "Occupation", code)
        yield RelationshipChange(Op.PUT, "WORKS_AS", *ends, {}, said)

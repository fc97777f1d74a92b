"""What is held about a resident, by category and with who may use it; for that resident alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import cast

from api.services.backing import Backing
from api.services.consents import in_force, until
from api.services.known_facts import FactView, gather, own_properties
from api.services.looks import ComplaintView, Looks
from api.services.my_data import MyData
from api.services.viewing import find_row
from graph.codec import Json
from graph.errors import NotFound
from graph.gate import Matter
from graph.model import (
    Action,
    DataCategory,
    Grant,
    InstitutionId,
    Level,
    Purpose,
    ResidentId,
    Scalar,
)
from graph.own_word import ABOUT_ONESELF, WORK
from graph.schema import CATEGORY_LEVEL

__all__ = ["FactGroup", "FactsView", "MyFacts", "UseView"]


@dataclass(frozen=True, slots=True)
class UseView:
    """Who may use a category, for what and until when."""

    institution: InstitutionId
    purpose: Purpose
    until: datetime


@dataclass(frozen=True, slots=True)
class FactGroup:
    """Facts of one category, and who may use them."""

    category: DataCategory
    level: Level
    uses: tuple[UseView, ...]
    facts: tuple[FactView, ...]


@dataclass(frozen=True, slots=True)
class FactsView:
    """All facts about one resident, by category, the least sensitive first."""

    groups: tuple[FactGroup, ...]
    as_of: datetime
    """When what others brought in was last looked at; one's own acts and words count at once."""

    @property
    def facts(self) -> Iterator[FactView]:
        """Every fact."""
        return (fact for group in self.groups for fact in group.facts)


class MyFacts:
    """Tells residents what is held about them, and lets them correct it."""

    def __init__(self, backing: Backing, looks: Looks, my_data: MyData) -> None:
        self._backing = backing
        self._looks = looks
        self._my_data = my_data

    def of(self, resident: ResidentId) -> FactsView:
        """List every fact; that its resident looked is counted."""
        moment = self._backing.live.catch_up()
        row = find_row(moment, resident)
        for category in CATEGORY_LEVEL:
            self._my_data.authorise(resident, category, Action.VIEW)
        ledger = self._backing.ledger
        with ledger.read() as tx:
            told = ledger.told.of(tx, resident)
            held = ledger.holdings.of(tx, resident)
            grants = ledger.grants.of(tx, resident)
        known = moment.facts.about(moment.snapshot, ledger, row)
        filed = self._looks.complaints(resident)
        complaints = {one.about: one for one in filed if one.matter is Matter.FACT}
        found = gather(moment, row, known, told, held)
        facts = [replace(fact, complaint=complaints.get(fact.name)) for fact in found]
        taken = datetime.fromtimestamp(moment.snapshot.taken_at, UTC)
        return FactsView(tuple(_groups(facts, grants, self._backing.clock())), taken)

    def dispute(self, resident: ResidentId, name: str, words: str) -> ComplaintView:
        """Say that a fact is wrong, to whoever keeps the register that it is from.

        Raises
        ------
        NotFound
            It is none of the resident's facts.
        """
        if name not in {fact.name for fact in self.of(resident).facts}:
            raise NotFound("there is no such fact, or not about you")
        return self._looks.file(resident, Matter.FACT, name, words)

    def tell(self, resident: ResidentId, kind: str, value: Json, key: str) -> None:
        """Correct a fact: ``WORKS_AS``, or one of :data:`graph.own_word.ABOUT_ONESELF`.

        Parameters
        ----------
        value : Json
            What is right; ``None`` = nothing shall be held.

        Raises
        ------
        NotFound
            It is none that residents correct themselves, or there is no such occupation.
        SchemaViolation
            The value is none that it can have.
        """
        moment = self._backing.live.catch_up()
        row = find_row(moment, resident)
        ledger = self._backing.ledger
        known = moment.facts.about(moment.snapshot, ledger, row)
        with ledger.read() as tx:
            told = ledger.told.of(tx, resident)
        if kind == WORK:
            facts = gather(moment, row, known, told, ())
            before = [fact.name.partition("/")[2] for fact in facts if fact.kind == WORK]
            self._my_data.set_work(resident, value, key, before=before)
        elif kind in ABOUT_ONESELF:
            now = {name: held for name, (held, _) in own_properties(known, told).items()}
            properties = cast("Mapping[str, Scalar]", {**now, kind: value})
            self._my_data.set_property(resident, kind, key, properties=properties)
        else:
            raise NotFound(f"{kind!r} is not corrected here; complain that it is wrong")


def _groups(
    facts: Sequence[FactView], grants: Sequence[Grant], now: datetime
) -> Iterator[FactGroup]:
    for category, level in CATEGORY_LEVEL.items():
        mine = tuple(fact for fact in facts if fact.category is category)
        ends: dict[tuple[InstitutionId, Purpose], datetime] = {}
        for grant in grants:
            if grant.category is category and in_force(grant, now):
                who = (grant.institution, grant.purpose)
                ends[who] = max(until(grant), ends.get(who, now))
        if mine or ends:
            uses = tuple(UseView(*who, end) for who, end in ends.items())
            yield FactGroup(category, level, uses, mine)

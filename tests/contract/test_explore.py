"""What every engine answers about the network of people, against an answer made without Cypher.

The other way reads whole tables (``store.relationships``) and knows grants as a set; it shares
no line with the code it checks.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from graph.explore import (
    Acquaintance,
    Answer,
    Circle,
    Introducer,
    Introducers,
    Neighbour,
    Question,
    RareNeed,
    Shared,
    Thing,
)
from graph.gate import CypherStore, Explorer, Gate, RowKind
from graph.ingest import import_plan
from graph.model import Cell as Allowed
from graph.model import Change, DataCategory, ItemId, Level, Purpose, ResidentId
from graph.schema import CATEGORY_LEVEL
from graph.synthetic import generate
from jobs.site import Site
from jobs.steps import drain
from tests.conftest import SIZE, FixedClock
from tests.contract.engines import LastingEngine
from tests.contract.store_data import link
from tests.factories import NOW, operator
from tests.sizes import SIZES
from tests.small_city import RESIDENTS, Cell, bring, cells, empty_site, grants

ALL_KINDS = {Shared, Introducers, Circle, RareNeed}
PURPOSES = (Purpose.GROUP_MATCHING, Purpose.NEEDS_MATCHING)
CATEGORIES = tuple(c for c, level in CATEGORY_LEVEL.items() if level in {Level.S1, Level.S2})
few = settings(
    max_examples=max(8, SIZES[SIZE].histories // 5),
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)

pairs = st.tuples(st.sampled_from(RESIDENTS), st.sampled_from(RESIDENTS)).filter(
    lambda pair: pair[0] != pair[1]
)
blocks = st.lists(
    pairs.map(lambda p: Cell(link("BLOCKS", "Resident", p[0], "Resident", p[1], at=NOW))),
    max_size=2,
    unique_by=lambda cell: (cell.change.start, cell.change.end),
)
ties = st.lists(
    pairs.map(lambda p: Cell(link("KNOWS", "Resident", *p[:1], "Resident", p[1], strength=0.5))),
    min_size=3,
    max_size=8,
    unique_by=lambda cell: (cell.change.start, cell.change.end),
)
needy = st.lists(st.sampled_from(RESIDENTS), min_size=2, max_size=4, unique=True).map(
    lambda people: [
        Cell(change)
        for who in people
        for change in (
            link("NEEDS", "Resident", who, "Need", "meal_delivery"),
            link("IN_GRID", "Resident", who, "Grid", "grid-0"),
        )
    ]
)
"""Neighbours who need the same."""
withheld = st.frozensets(
    st.tuples(st.sampled_from(RESIDENTS), st.sampled_from(CATEGORIES)), max_size=12
)
"""What is not authorised; everything else is."""

QUESTIONS: tuple[Question, ...] = (
    *(Shared(a, b) for a in RESIDENTS[:2] for b in RESIDENTS if a != b),
    *(Introducers(r, ItemId(f"group-{n}")) for r in RESIDENTS for n in range(3)),
    *(Circle(r, depth) for r in RESIDENTS for depth in (1, 2)),
    *(RareNeed(r, "", 500, fewer) for r in RESIDENTS for fewer in (3, 20)),
    RareNeed(RESIDENTS[0], "meal_delivery"),
)


@contextmanager
def world(
    engine: LastingEngine, facts: list[Cell], allowed: frozenset[Allowed]
) -> Iterator[tuple[Site, CypherStore]]:
    given_ = dict.fromkeys(sorted(allowed), PURPOSES)
    with empty_site(FixedClock(NOW)) as site, engine.empty() as store:
        bring(site, store, facts, grants(given_))
        yield site, store


def allowed_but(withheld: Iterable[Allowed]) -> frozenset[Allowed]:
    return frozenset((r, c) for r in RESIDENTS for c in CATEGORIES) - frozenset(withheld)


def answers(site: Site, store: CypherStore) -> list[Answer]:
    explorer = Explorer(site.gate, site.ledger)
    return [
        explorer.answer(operator(), explorer.find(operator(), question, store))
        for question in QUESTIONS
    ]


def text(answers: Iterable[Answer]) -> str:
    return json.dumps([asdict(answer) for answer in answers], ensure_ascii=False)


# --- the other way ------------------------------------------------------------------------------


class Oracle:
    """Answers from whole tables."""

    def __init__(self, store: CypherStore, allowed: frozenset[Allowed]) -> None:
        self.store, self.allowed = store, allowed
        self.people = set(store.nodes("Resident")["id"].to_pylist())
        self.read: dict[tuple[str, str], set[tuple[str, str]]] = {}
        self.blocked = {frozenset(p) for p in self.pairs("BLOCKS", "Resident")}
        self.gone = {
            row["id"]
            for row in store.nodes("Resident").to_pylist()
            if row["status"] == "moved" and (row["id"], DataCategory.IDENTITY) in allowed
        }
        self.ties = {
            frozenset((a, b))
            for a, b in self.pairs("KNOWS", "Resident")
            if self.may(DataCategory.TIE, a, b)
        }

    def pairs(self, type_: str, label: str) -> set[tuple[str, str]]:
        if (type_, label) not in self.read:
            table = self.store.relationships(type_, "Resident", label)
            ends = (table[end].to_pylist() for end in ("start", "end"))
            self.read[type_, label] = set(zip(*ends, strict=True))
        return self.read[type_, label]

    def may(self, category: DataCategory, *people: str) -> bool:
        return all((ResidentId(who), category) in self.allowed for who in people)

    def together(self, *people: str) -> bool:
        """Whether these may be shown in one row."""
        two = (frozenset((a, b)) for a in people for b in people if a != b)
        return not self.gone & set(people) and not any(pair in self.blocked for pair in two)

    def know(self, a: str, b: str) -> bool:
        return frozenset((a, b)) in self.ties

    def shared(self, a: str, b: str) -> set[tuple[str, str]]:
        if not self.together(a, b):
            return set()
        found = set()
        for what, category, types, label in (
            ("grid", "grid", ["IN_GRID"], "Grid"),
            ("interest", "interest", ["INTERESTED_IN"], "Interest"),
            ("offer", "offer", ["CAN_OFFER"], "Offer"),
            ("occupation", "occupation", ["WORKS_AS"], "Occupation"),
            ("need", "need", ["NEEDS"], "Need"),
            ("group", "attendance", ["JOINED"], "Group"),
            ("activity", "attendance", ["SIGNED_UP", "ATTENDED"], "Activity"),
            ("role", "attendance", ["JOINED"], "HelperRole"),
            ("role", "help", ["HELPED"], "HelperRole"),
        ):
            if self.may(DataCategory(category), a, b):
                links = set().union(*(self.pairs(type_, label) for type_ in types))
                mine, theirs = ({x for who, x in links if who == one} for one in (a, b))
                found |= {(what, x) for x in mine & theirs}
        for c in self.people - {a, b}:
            if self.know(a, c) and self.know(b, c) and self.together(a, b, c):
                found.add(("acquaintance", c))
        return found

    def introducers(self, a: str, group: str) -> set[str]:
        if (a, group) in self.pairs("BLOCKS", "Group"):
            return set()
        members = {r for r, g in self.pairs("JOINED", "Group") if g == group}
        return {
            b
            for b in members - {a}
            if self.know(a, b) and self.may(DataCategory.ATTENDANCE, b) and self.together(a, b)
        }

    def circle(self, a: str, depth: int) -> set[tuple[str, int, tuple[str, ...]]]:
        others = self.people - {a}
        known = {b for b in others if self.know(a, b) and self.together(a, b)}
        found = {(b, 1, ()) for b in known}
        for c in others - known if depth == 2 else ():
            via = [b for b in sorted(known) if self.know(b, c) and self.together(a, b, c)]
            if via:
                found.add((c, 2, tuple(via)))
        return found

    def home(self, who: str) -> tuple[float, float] | None:
        for type_, label, category in (
            ("LIVES_IN", "Building", DataCategory.DWELLING),
            ("IN_GRID", "Grid", DataCategory.GRID),
        ):
            places = {p["id"]: (p["lat"], p["lon"]) for p in self.store.nodes(label).to_pylist()}
            here = [places[x] for r, x in self.pairs(type_, label) if r == who]
            if here and self.may(category, who):
                return here[0]
        return None

    def rare(self, question: RareNeed) -> set[tuple[str, str]]:
        a, found = question.resident, set()
        here = self.home(a)
        links = {(r, n) for r, n in self.pairs("NEEDS", "Need") if self.may(DataCategory.NEED, r)}
        for need in {n for r, n in links if r == a and question.need in {"", n}}:
            holders = {r for r, n in links if n == need}
            for b in holders - {a} if len(holders) < question.fewer_than else ():
                there = self.home(b)
                if here and there and self.together(a, b):
                    dy, dx = here[0] - there[0], here[1] - there[1]
                    dx *= math.cos(math.radians(here[0]))
                    if math.hypot(dx, dy) * 111_195 <= question.within_m:
                        found.add((b, need))
        return found


def agree(answer: Answer, oracle: Oracle) -> bool:
    match answer.question:
        case Shared(a, b):
            told: object = {(str(e.what), e.id) for e in answer.entries if isinstance(e, Thing)}
            expected: object = oracle.shared(a, b)
        case Introducers(a, group):
            told = {e.resident for e in answer.entries if isinstance(e, Introducer)}
            expected = oracle.introducers(a, group)
        case Circle(a, depth):
            told = {
                (e.resident, e.steps, e.via) for e in answer.entries if isinstance(e, Acquaintance)
            }
            expected = oracle.circle(a, depth)
        case question:
            told = {(e.resident, e.need) for e in answer.entries if isinstance(e, Neighbour)}
            expected = oracle.rare(question)
    assert told == expected, answer.question
    return bool(answer.entries)


def test_answers_are_those_made_without_cypher(lasting_engine: LastingEngine):
    answered: set[type] = set()

    @few
    @given(facts=cells, more=st.tuples(ties, blocks, needy), hidden=withheld)
    def check(facts: list[Cell], more: tuple[list[Cell], ...], hidden: frozenset[Allowed]) -> None:
        allowed = allowed_but(hidden)
        with world(
            lasting_engine, one_each([*facts, *(c for some in more for c in some)]), allowed
        ) as (
            site,
            store,
        ):
            oracle = Oracle(store, allowed)
            answered.update(type(a.question) for a in answers(site, store) if agree(a, oracle))

    check()
    assert answered == ALL_KINDS, "some question was never answered"


def test_answers_on_a_made_up_city_are_those_made_without_cypher(lasting_engine: LastingEngine):
    city_clock = FixedClock(NOW)
    with empty_site(city_clock) as site, lasting_engine.empty() as store:
        city = generate(150, 3, seed=2026, now=NOW, pseudonym=site.ledger.keys.pseudonym)
        import_plan(site.ledger, city.plan(), gate=site.gate, actor=operator(), clock=city_clock)
        drain(site, store)
        with site.ledger.read() as tx:
            people = [ResidentId(r) for r in site.ledger.rows.all(tx, RowKind.RESIDENT)]
            held = site.ledger.grants.of_many(tx, people)
        oracles = {
            purpose: Oracle(
                store,
                frozenset(
                    (g.resident, g.category)
                    for g in held
                    if g.purpose is purpose and g.not_before <= NOW < g.expires_at
                ),
            )
            for purpose in PURPOSES
        }
        groups = store.nodes("Group")["id"].to_pylist()
        explorer, answered = Explorer(site.gate, site.ledger), dict.fromkeys(ALL_KINDS, 0)
        for n, a in enumerate(people[:40]):
            for question in (
                Shared(a, people[n + 1]),
                Introducers(a, ItemId(groups[n % len(groups)])),
                Circle(a),
                RareNeed(a),
            ):
                found = explorer.find(operator(), question, store)
                answer = explorer.answer(operator(), found)
                answered[type(question)] += agree(answer, oracles[question.purpose])
    assert min(answered.values()) >= 3, answered


def one_each(facts: list[Cell]) -> list[Cell]:
    """Leave one fact per place in the graph."""

    def place(change: Change) -> tuple[str, ...]:
        if hasattr(change, "start"):
            one = change.type in {"IN_GRID", "LIVES_IN"}
            return (change.type, change.start, "" if one else change.end)
        return (change.label, change.id)

    return list({place(cell.change): cell for cell in facts}.values())


# --- two worlds ---------------------------------------------------------------------------------

QUIET = RESIDENTS[4]


def loud_facts() -> list[Cell]:
    """Facts by which the one who authorised nothing would show in every kind of answer."""
    facts: list[Change] = []
    for who in RESIDENTS:
        facts += [
            link("IN_GRID", "Resident", who, "Grid", "grid-0"),
            link("LIVES_IN", "Resident", who, "Building", "b0"),
            link("NEEDS", "Resident", who, "Need", "meal_delivery"),
            link("JOINED", "Resident", who, "Group", "group-0", at=NOW),
        ]
        if who != QUIET:
            facts.append(link("KNOWS", "Resident", who, "Resident", QUIET, strength=0.5))
    return [Cell(change) for change in facts]


def quiet_shows(answers: list[Answer]) -> set[type]:
    mine = [a for a in answers if QUIET not in a.question.named]
    return {type(a.question) for a in mine if QUIET in a.residents}


@pytest.mark.parametrize("category", ["grid", "dwelling", "need", "attendance", "tie", "all"])
def test_no_fact_of_somebody_who_authorised_nothing_changes_an_answer(
    lasting_engine: LastingEngine, category: str
):
    allowed = allowed_but((QUIET, c) for c in CATEGORIES)
    flipped = [
        cell
        for cell in loud_facts()
        if QUIET not in cell.residents or category not in {"all", str(cell.category)}
    ]
    assert len(flipped) < len(loud_facts())
    with world(lasting_engine, loud_facts(), allowed) as (site, store):
        one = answers(site, store)
    with world(lasting_engine, flipped, allowed) as (site, store):
        assert text(answers(site, store)) == text(one)
    assert quiet_shows(one) == set()


def test_without_the_guard_they_would_show(
    lasting_engine: LastingEngine, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(
        Gate, "permitted_cells", lambda self, actor, *, purpose, cells, action: frozenset(cells)
    )
    allowed = allowed_but((QUIET, c) for c in CATEGORIES)
    with world(lasting_engine, loud_facts(), allowed) as (site, store):
        assert quiet_shows(answers(site, store)) == {Shared, Introducers, Circle, RareNeed}


@pytest.mark.parametrize("towards", [True, False])
def test_a_block_keeps_two_apart_whoever_made_it(lasting_engine: LastingEngine, towards: bool):
    a, b = RESIDENTS[0], QUIET
    pair = (a, b) if towards else (b, a)
    block = Cell(link("BLOCKS", "Resident", pair[0], "Resident", pair[1], at=NOW))
    with world(lasting_engine, loud_facts(), allowed_but(())) as (site, store):
        before = answers(site, store)
    with world(lasting_engine, [*loud_facts(), block], allowed_but(())) as (site, store):
        after = answers(site, store)
    mine = [n for n, answer in enumerate(before) if a in answer.question.named]
    assert {type(before[n].question) for n in mine if b in before[n].residents} == {
        Shared, Introducers, Circle, RareNeed
    }  # fmt: skip
    assert [n for n in mine if b in after[n].residents - {*after[n].question.named}] == []
    (apart,) = (x for x in after if x.question == Shared(a, b))
    assert apart.entries == ()

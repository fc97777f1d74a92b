"""The Cypher of every question, once for all engines.

Labels stand in backquotes, rows hold scalars only, ``<>`` keeps apart what LadybugDB might meet
twice (see :mod:`graph.store.cypher`). No text has a ``LIMIT``: what is not authorised must not
take the place of what is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from graph.explore.findings import Finding, Findings, What
from graph.explore.questions import Circle, Introducers, Question, RareNeed, Shared
from graph.model import DataCategory, ResidentId, Scalar
from graph.store.base import CypherStore

__all__ = ["Pattern", "apart", "gather"]

_WORDS = "x.`label_zh` AS `zh`, x.`label_en` AS `en`"
_TITLE = "x.`title` AS `zh`, x.`title_en` AS `en`"
_NO_WORDS = "'' AS `zh`, '' AS `en`"


@dataclass(frozen=True, slots=True)
class Pattern:
    """One statement."""

    what: What
    text: str
    rests_on: tuple[tuple[str, DataCategory], ...]
    """(column that holds a resident, category of the facts used about them)."""

    def find(
        self, store: CypherStore, parameters: Mapping[str, Scalar | Sequence[Scalar]]
    ) -> list[Finding]:
        """Run it with those of the parameters that it names; rows in no particular order."""
        named = {name: value for name, value in parameters.items() if f"${name}" in self.text}
        return [
            Finding(
                self.what,
                row,
                frozenset((ResidentId(str(row[column])), c) for column, c in self.rests_on),
            )
            for row in store.cypher(self.text, named)
        ]


def _both(what: What, category: DataCategory, type_: str, label: str, words: str) -> Pattern:
    """Two residents and something that both are linked to."""
    text = (
        f"MATCH (a:`Resident` {{`id`: $a}})-[:{type_}]->(x:`{label}`) "
        f"MATCH (b:`Resident` {{`id`: $b}})-[:{type_}]->(x) "
        f"RETURN DISTINCT a.`id` AS `a`, b.`id` AS `b`, x.`id` AS `id`, {words}"
    )
    return Pattern(what, text, (("a", category), ("b", category)))


_TIE = DataCategory.TIE

_SHARED = (
    _both(What.GRID, DataCategory.GRID, "`IN_GRID`", "Grid", _NO_WORDS),
    _both(What.INTEREST, DataCategory.INTEREST, "`INTERESTED_IN`", "Interest", _WORDS),
    _both(What.OFFER, DataCategory.OFFER, "`CAN_OFFER`", "Offer", _WORDS),
    _both(What.OCCUPATION, DataCategory.OCCUPATION, "`WORKS_AS`", "Occupation", _WORDS),
    _both(What.NEED, DataCategory.NEED, "`NEEDS`", "Need", _WORDS),
    _both(What.GROUP, DataCategory.ATTENDANCE, "`JOINED`", "Group", _TITLE),
    _both(What.ACTIVITY, DataCategory.ATTENDANCE, "`SIGNED_UP`|`ATTENDED`", "Activity", _TITLE),
    _both(What.ROLE, DataCategory.ATTENDANCE, "`JOINED`", "HelperRole", _TITLE),
    _both(What.HELPED, DataCategory.HELP, "`HELPED`", "HelperRole", _TITLE),
    Pattern(
        What.ACQUAINTANCE,
        "MATCH (a:`Resident` {`id`: $a})-[:`KNOWS`]-(c:`Resident`) "
        "MATCH (b:`Resident` {`id`: $b})-[:`KNOWS`]-(c) "
        "WHERE c.`id` <> a.`id` AND c.`id` <> b.`id` "
        "RETURN DISTINCT a.`id` AS `a`, b.`id` AS `b`, c.`id` AS `c`",
        (("a", _TIE), ("b", _TIE), ("c", _TIE)),
    ),
)
"""Services are left out: which ones somebody uses tells what they need."""

_INTRODUCERS = (
    Pattern(
        What.INTRODUCER,
        "MATCH (a:`Resident` {`id`: $resident})-[k:`KNOWS`]-(b:`Resident`) "
        "MATCH (b)-[:`JOINED`]->(g:`Group` {`id`: $item}) "
        "WHERE a.`id` <> b.`id` AND NOT EXISTS { MATCH (a)-[:`BLOCKS`]->(g) } "
        "RETURN a.`id` AS `a`, b.`id` AS `b`, max(k.`strength`) AS `strength`",
        (("a", _TIE), ("b", _TIE), ("b", DataCategory.ATTENDANCE)),
    ),
)

_FIRST = Pattern(
    What.TIE,
    "MATCH (a:`Resident` {`id`: $resident})-[k:`KNOWS`]-(b:`Resident`) "
    "WHERE a.`id` <> b.`id` "
    "RETURN a.`id` AS `a`, b.`id` AS `b`, max(k.`strength`) AS `strength`",
    (("a", _TIE), ("b", _TIE)),
)
_SECOND = Pattern(
    What.SECOND_TIE,
    "MATCH (a:`Resident` {`id`: $resident})-[:`KNOWS`]-(b:`Resident`)-[:`KNOWS`]-(c:`Resident`) "
    "WHERE a.`id` <> b.`id` AND b.`id` <> c.`id` AND a.`id` <> c.`id` "
    "RETURN DISTINCT a.`id` AS `a`, b.`id` AS `b`, c.`id` AS `c`",
    (("a", _TIE), ("b", _TIE), ("c", _TIE)),
)

_SAME_NEED = (
    "MATCH (a:`Resident` {`id`: $resident})-[:`NEEDS`]->(x:`Need`)<-[:`NEEDS`]-(b:`Resident`)"
)
_ASKED_NEED = "a.`id` <> b.`id` AND ($need = '' OR x.`id` = $need)"


def _homes(what: What, category: DataCategory, type_: str, label: str) -> tuple[Pattern, ...]:
    """Where the resident lives, and where those do who have a need in common with them."""
    place = f"-[:`{type_}`]->(p:`{label}`)"
    columns = "`a`, p.`lat` AS `lat`, p.`lon` AS `lon`"
    return (
        Pattern(
            what,
            f"MATCH (a:`Resident` {{`id`: $resident}}){place} RETURN DISTINCT a.`id` AS {columns}",
            (("a", category),),
        ),
        Pattern(
            what,
            f"{_SAME_NEED} MATCH (b){place} "
            f"WHERE {_ASKED_NEED} RETURN DISTINCT b.`id` AS {columns}",
            (("a", category),),
        ),
    )


_RARE_NEED = (
    Pattern(
        What.HOLDER,
        f"{_SAME_NEED} WHERE {_ASKED_NEED} "
        f"RETURN DISTINCT a.`id` AS `a`, b.`id` AS `b`, x.`id` AS `id`, {_WORDS}",
        (("a", DataCategory.NEED), ("b", DataCategory.NEED)),
    ),
    *_homes(What.HOME, DataCategory.DWELLING, "LIVES_IN", "Building"),
    *_homes(What.HOME_GRID, DataCategory.GRID, "IN_GRID", "Grid"),
)

_APART = (
    Pattern(
        What.BLOCK,
        "MATCH (a:`Resident`)-[:`BLOCKS`]->(b:`Resident`) "
        "WHERE a.`id` IN $people AND b.`id` IN $people "
        "RETURN DISTINCT a.`id` AS `a`, b.`id` AS `b`",
        (),  # an instruction, which holds whatever else is authorised
    ),
    Pattern(
        What.GONE,
        "MATCH (a:`Resident`) WHERE a.`id` IN $people AND a.`status` IN ['moved', 'deceased'] "
        "RETURN a.`id` AS `a`",
        (("a", DataCategory.IDENTITY),),
    ),
)


def _asked(question: Question) -> tuple[tuple[Pattern, ...], dict[str, Scalar]]:
    match question:
        case Shared(a, b):
            return _SHARED, {"a": a, "b": b}
        case Introducers(resident, group):
            return _INTRODUCERS, {"resident": resident, "item": group}
        case Circle(resident, depth):
            return (_FIRST, _SECOND)[:depth], {"resident": resident}
        case RareNeed(resident, need):
            return _RARE_NEED, {"resident": resident, "need": need}


def gather(store: CypherStore, question: Question) -> Findings:
    """Ask the graph.

    Raises
    ------
    StoreUnavailable
        The engine is away.
    """
    patterns, parameters = _asked(question)
    rows = (row for pattern in patterns for row in pattern.find(store, parameters))
    return Findings(question, tuple(rows))


def apart(store: CypherStore, people: Iterable[ResidentId]) -> list[Finding]:
    """Find out who among these shall not be matched: blocked by another, or gone."""
    parameters = {"people": sorted(people)}
    return [row for pattern in _APART for row in pattern.find(store, parameters)]

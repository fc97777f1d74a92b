"""The facts about one resident as they count now, gathered from wherever they lie. No I/O.

On what residents told themselves, their own word stands. Other people are never named: of a tie
it is told that there is one, not to whom.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from api.services.looks import ComplaintView
from api.services.views import Words
from graph.codec import Json
from graph.errors import NotFound
from graph.gate import Holding, Word
from graph.live import Moment
from graph.model import Basis, DataCategory, InteractionKind, ItemId, SourceId
from graph.own_word import ABOUT_ONESELF, TAGS, WORK, property_slot
from graph.projection import APP_SOURCE
from graph.schema import STATUTORY_CATEGORIES, interaction_category
from graph.snapshot.build import HISTORY_SOURCES
from graph.snapshot.facts import ResidentFact
from graph.snapshot.snapshot import INTERACTION_KINDS
from graph.vocabulary import interests, needs, occupations, offers

__all__ = ["Correct", "FactView", "gather", "own_properties"]

_OWN = {
    TAGS["Interest"]: ("interests", interests),
    TAGS["Offer"]: ("offers", offers),
    TAGS["Need"]: ("needs", needs),
    WORK: ("occupations", occupations),
}
"""Attribute of a view and list of words, by type of relationship."""
_TYPE_OF_ACT = {kind: type_ for type_, _, kind in HISTORY_SOURCES}
_GATHERED = frozenset({*_OWN, *_TYPE_OF_ACT.values(), "RESIDENT"})
_NOT_TOLD = frozenset({"end", "rec_id", "at"})
"""Properties that name others, or say again what is told beside them."""


class Correct(StrEnum):
    """How a fact is corrected."""

    TAGS = "tags"
    """By choosing or deleting it among one's own tags."""
    TELL = "tell"
    """By telling what is right, which counts at once."""
    UNDO = "undo"
    """It is one's own act: taken back where it was done."""
    COMPLAIN = "complain"
    """By whoever keeps the register that it is from: a complaint with a due day."""


@dataclass(frozen=True, slots=True)
class FactView:
    """One fact."""

    name: str
    """Unique among the resident's facts; by it a fact is corrected or complained of."""
    kind: str
    """What it says: ``INTERESTED_IN``, ``birth_year``, ``phone``, ``like`` ..."""
    category: DataCategory
    value: Words
    source: SourceId
    """Empty when it is not known."""
    as_of: datetime
    basis: Basis
    confidence: float
    correct: Correct
    complaint: ComplaintView | None = None


@dataclass(frozen=True, slots=True)
class _Origin:
    """Where a fact is from."""

    source: SourceId
    as_of: datetime
    basis: Basis = Basis.CONSENT
    confidence: float = 1.0

    @classmethod
    def of(cls, said: ResidentFact | Word) -> _Origin:
        if isinstance(said, Word):
            return cls(APP_SOURCE, said.at)
        return cls(SourceId(said.source), said.as_of, said.basis, said.confidence)


def gather(
    moment: Moment,
    row: int,
    known: Sequence[ResidentFact],
    told: Mapping[str, Word],
    held: Sequence[Holding],
) -> list[FactView]:
    """Gather every fact about one resident.

    Parameters
    ----------
    row : int
        Row of the resident.
    known : sequence of ResidentFact
        Of the moment's snapshot.
    told : mapping of slot to Word
        What the resident told themselves.
    held : sequence of Holding
        What the ledger holds besides.
    """
    return [
        *_own_words(moment, row, known, told),
        *_about_oneself(known, told),
        *_acts(moment, row, known),
        *_others(known),
        *map(_held, held),
    ]


def own_properties(
    known: Sequence[ResidentFact], told: Mapping[str, Word]
) -> dict[str, tuple[Json, ResidentFact | Word]]:
    """Properties of a resident's own node as they count now, and who says so."""
    node = next((fact for fact in known if fact.type == "RESIDENT"), None)
    found: dict[str, tuple[Json, ResidentFact | Word]] = {}
    if node is not None:
        found = {name: (value, node) for name, value in node.value.items()}
    for name in ABOUT_ONESELF:
        word = told.get(property_slot(name))
        if word is not None:
            found[name] = (word.value, word)
    return found


def _own_words(
    moment: Moment, row: int, known: Sequence[ResidentFact], told: Mapping[str, Word]
) -> Iterator[FactView]:
    view = moment.one(row, frozenset(DataCategory))
    by_end = {(fact.type, fact.value["end"]): fact for fact in known if "end" in fact.value}
    for type_, (attribute, load) in _OWN.items():
        for column in getattr(view, attribute).indices.tolist():
            code = load().codes[column]
            slot = WORK if type_ == WORK else f"{type_}/{code}"
            said = told.get(slot) or by_end.get((type_, code))
            if said is None:  # told by an event that a destroyed key took away
                continue
            term = load()[code]
            yield _fact(
                f"{type_}/{code}",
                type_,
                said.category,
                Words(term.label_zh, term.label_en),
                _Origin.of(said),
                Correct.TELL if type_ == WORK else Correct.TAGS,
            )


def _about_oneself(known: Sequence[ResidentFact], told: Mapping[str, Word]) -> Iterator[FactView]:
    for name, (value, said) in own_properties(known, told).items():
        if value is None:
            continue
        how = Correct.TELL if name in ABOUT_ONESELF else Correct.COMPLAIN
        category, origin = DataCategory.IDENTITY, _Origin.of(said)
        yield _fact(f"Resident/{name}", name, category, _plain(value), origin, how)


def _acts(moment: Moment, row: int, known: Sequence[ResidentFact]) -> Iterator[FactView]:
    by_end = {(fact.type, fact.value["end"]): fact for fact in known if "end" in fact.value}
    history = moment.history(row)
    for item, code, at in zip(history.items, history.kinds, history.times, strict=True):
        kind, id_ = INTERACTION_KINDS[int(code)], str(moment.items.ids[int(item)])
        said = by_end.get((_TYPE_OF_ACT[kind], id_))
        origin = _Origin(APP_SOURCE, datetime.fromtimestamp(int(at), UTC))
        if said is not None:
            origin = _Origin.of(said)
        title = _title(moment, ItemId(id_))
        category = interaction_category(kind)
        brought = kind in {InteractionKind.ATTEND, InteractionKind.HELP}
        how = Correct.COMPLAIN if brought else Correct.UNDO
        yield _fact(f"{kind}/{id_}", kind.value, category, title, origin, how)


def _title(moment: Moment, item: ItemId) -> Words:
    try:
        facts = moment.item(moment.item_row(item))
    except NotFound:  # a number given out for an item that never came
        return Words(item)
    return Words(facts.title, facts.title_en)


def _others(known: Sequence[ResidentFact]) -> Iterator[FactView]:
    """Where one lives and whom one knows: the rest of what the graph holds."""
    for n, fact in enumerate(f for f in known if f.type not in _GATHERED):
        said = [str(v) for name, v in fact.value.items() if name not in _NOT_TOLD and v is not None]
        if fact.type == "IN_GRID":
            said = [str(fact.value["end"])]
        name, value = f"{fact.type}/{n}", Words(", ".join(said))
        yield _fact(name, fact.type, fact.category, value, _Origin.of(fact), Correct.COMPLAIN)


def _held(one: Holding) -> FactView:
    by_law = one.category in STATUTORY_CATEGORIES
    basis = Basis.STATUTORY if by_law else Basis.CONSENT
    origin = _Origin(SourceId(one.source), one.at, basis)
    return _fact(one.name, one.kind, one.category, _plain(one.value), origin, Correct.COMPLAIN)


def _plain(value: Json) -> Words:
    if isinstance(value, dict):
        said = "; ".join(f"{name}: {part}" for name, part in value.items() if part is not None)
        return Words(said)
    return Words(str(value).lower() if isinstance(value, bool) else str(value))


def _fact(
    name: str,
    kind: str,
    category: DataCategory,
    value: Words,
    origin: _Origin,
    correct: Correct,
) -> FactView:
    return FactView(
        name=name,
        kind=kind,
        category=category,
        value=value,
        source=origin.source,
        as_of=origin.as_of,
        basis=origin.basis,
        confidence=origin.confidence,
        correct=correct,
    )

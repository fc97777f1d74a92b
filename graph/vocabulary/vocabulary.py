"""Reading the governed lists: terms in a fixed order, exact look-up, and their nodes.

The files beside this module are the lists. A line is never moved, renamed or removed: the line
number is the column of every matrix, so new terms go at the end. Occupations stand on the minor
groups of ISCO-08 under short labels of our own, with four who do no paid work after them.

The major and sub-major groups above them are a list of their own: they are nodes, never columns.

Text that people write is coded by :mod:`graph.vocabulary.coding`. What is not found is not
guessed: it stays uncoded, and the caller says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache

from graph.errors import NotFound
from graph.model import (
    Basis,
    Category,
    DataCategory,
    NodeChange,
    Op,
    Provenance,
    Scalar,
    Source,
    SourceClass,
    SourceId,
)
from graph.vocabulary.coding import Coder, Coding, fold
from graph.vocabulary.files import read_rows

__all__ = [
    "VOCABULARIES",
    "VOCABULARY_SOURCE",
    "Guidance",
    "Term",
    "Vocabulary",
    "answers",
    "interests",
    "meetup_interests",
    "needs",
    "occupations",
    "offers",
    "source",
    "source_node",
    "sources",
    "vocabulary_nodes",
]

VOCABULARY_SOURCE = SourceId("linli-vocabulary")
"""Where the terms themselves come from."""


@dataclass(frozen=True, slots=True)
class Term:
    """One word of a governed list."""

    code: str
    label_zh: str
    label_en: str
    life_category: Category | None = None
    parent: str = ""
    """Code of the group above (occupations only); empty at the top."""
    synonyms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Guidance:
    """What a list knows beyond its terms."""

    groups: tuple[Term, ...] = ()
    """Groups above the terms, the highest first; they have no column."""
    ambiguous: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Candidates of each word that may mean several terms."""
    crosswalk: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Terms behind each code of another classification."""


class Vocabulary:
    """A governed list. Iterating gives the codes in column order.

    Parameters
    ----------
    name : str
        Plural name, as the file is called.
    label : str
        Label of its nodes in the graph.
    terms : tuple of Term
    version : str
        First 12 hex digits of the SHA-256 of the file.
    guidance : Guidance

    Examples
    --------
    >>> from graph.vocabulary import interests
    >>> interests()["taichi"].label_zh
    '太极'
    >>> interests().find("打太极")
    'taichi'
    >>> interests().find("太极推手比赛") is None
    True
    >>> occupations().candidates("司机")
    ('832', '833')
    """

    def __init__(
        self,
        name: str,
        label: str,
        terms: tuple[Term, ...],
        version: str,
        guidance: Guidance,
    ) -> None:
        self.name = name
        self.label = label
        self.terms = terms
        self.version = version
        self.codes: tuple[str, ...] = tuple(term.code for term in terms)
        self._columns = {code: n for n, code in enumerate(self.codes)}
        self.groups = guidance.groups
        self._groups = {term.code: term for term in guidance.groups}
        words = {
            fold(word): term.code
            for term in terms
            for word in (term.code, term.label_zh, term.label_en, *term.synonyms)
        }
        ambiguous = {fold(text): codes for text, codes in guidance.ambiguous.items()}
        self._coder = Coder(words, ambiguous, guidance.crosswalk)

    def __len__(self) -> int:
        """Return the number of terms: the width of a matrix."""
        return len(self.codes)

    def __iter__(self) -> Iterator[str]:
        return iter(self.codes)

    def __contains__(self, code: object) -> bool:
        return code in self._columns

    def __getitem__(self, code: str) -> Term:
        return self.terms[self.index(code)]

    def index(self, code: str) -> int:
        """Return the column of a code.

        Raises
        ------
        NotFound
            The code is not in this list.
        """
        column = self._columns.get(code)
        if column is None:
            raise NotFound(f"{code!r} is not among the {self.name} (version {self.version})")
        return column

    def coding(self, text: str) -> Coding:
        """Tell what a text is coded as and why, or what it may mean."""
        return self._coder.read(text)

    def find(self, text: str) -> str | None:
        """Return the code of this text; never a guess."""
        return self.coding(text).code

    def candidates(self, text: str) -> tuple[str, ...]:
        """Return the codes that an uncoded text may mean; empty when it is coded or unknown."""
        return self.coding(text).candidates

    def above(self, code: str) -> tuple[Term, ...]:
        """Return the groups that a term belongs to, the nearest first."""
        found = []
        parent = self[code].parent
        while parent:
            found.append(self._groups[parent])
            parent = found[-1].parent
        return tuple(found)

    def label_of(self, code: str, language: str) -> str:
        """Return the label in ``zh`` or, for every other language, in English."""
        term = self[code]
        return term.label_zh if language.startswith("zh") else term.label_en

    def of_category(self, category: Category) -> tuple[str, ...]:
        """Return the codes of one of the seven categories, in column order."""
        return tuple(term.code for term in self.terms if term.life_category is category)

    def nodes(self, at: datetime) -> Iterator[NodeChange]:
        """Yield one node per group and per term, as known since ``at`` (aware UTC)."""
        provenance = _provenance(at)
        for term in (*self.groups, *self.terms):
            properties: dict[str, Scalar] = {
                "label_zh": term.label_zh,
                "label_en": term.label_en,
            }
            if self.label == "Occupation":
                properties["parent"] = term.parent or None
            else:
                properties["life_category"] = str(term.life_category)
            yield NodeChange(Op.PUT, self.label, term.code, properties, provenance)


@cache
def interests() -> Vocabulary:
    """Return the interests (about 160)."""
    return _load("interests", "Interest")


@cache
def needs() -> Vocabulary:
    """Return the coded needs."""
    return _load("needs", "Need")


@cache
def offers() -> Vocabulary:
    """Return the offers: what residents can do for each other."""
    return _load("offers", "Offer")


@cache
def occupations() -> Vocabulary:
    """Return the occupations: the 130 minor groups of ISCO-08, and four who do no paid work."""
    groups = tuple(
        Term(row["code"], row["label_zh"], row["label_en"], parent=row["parent"])
        for row in read_rows("occupation_groups")[0]
    )
    crosswalk = {row["code"]: _split(row["isco"]) for row in read_rows("crosswalk")[0]}
    return _load("occupations", "Occupation", groups=groups, crosswalk=crosswalk)


VOCABULARIES = {
    "Interest": interests,
    "Need": needs,
    "Offer": offers,
    "Occupation": occupations,
}
"""Loader of the list behind each vocabulary label."""


@cache
def answers() -> Mapping[str, tuple[str, ...]]:
    """Return, by need, the offers of residents that answer it; none where only services do."""
    return {row["need"]: _split(row["offers"]) for row in read_rows("answers")[0]}


@cache
def meetup_interests() -> Mapping[str, str]:
    """Return the interest code of each Meetup category, by its English name (made by hand)."""
    return {row["category"]: row["interest"] for row in read_rows("meetup")[0]}


@cache
def sources() -> Mapping[SourceId, Source]:
    """Return the source registry: who the facts come from, in four classes."""
    found = (
        Source(
            id=SourceId(row["id"]),
            source_class=SourceClass(row["source_class"]),
            owner=row["owner"],
            title=row["title"],
            legal_basis=row["legal_basis"],
            licence=row["licence"],
            refresh=row["refresh"],
        )
        for row in read_rows("sources")[0]
    )
    return {entry.id: entry for entry in found}


def source(id_: str) -> Source:
    """Return one entry of the source registry.

    Raises
    ------
    NotFound
        There is no such source.
    """
    entry = sources().get(SourceId(id_))
    if entry is None:
        raise NotFound(f"source {id_!r} is not registered; add it to graph/vocabulary/sources.csv")
    return entry


def source_node(entry: Source, at: datetime) -> NodeChange:
    """Make the node of a source."""
    properties: dict[str, Scalar] = {
        "source_class": str(entry.source_class),
        "owner": entry.owner,
        "title": entry.title,
        "legal_basis": entry.legal_basis,
        "licence": entry.licence or None,
        "refresh": entry.refresh or None,
    }
    return NodeChange(Op.PUT, "Source", entry.id, properties, _provenance(at))


def vocabulary_nodes(at: datetime) -> Iterator[NodeChange]:
    """Yield the nodes that every graph starts with: all terms, then all registered sources."""
    for load in VOCABULARIES.values():
        yield from load().nodes(at)
    for entry in sources().values():
        yield source_node(entry, at)


def _load(
    name: str,
    label: str,
    *,
    groups: tuple[Term, ...] = (),
    crosswalk: Mapping[str, tuple[str, ...]] | None = None,
) -> Vocabulary:
    rows, digest = read_rows(name)
    terms = tuple(
        Term(
            code=row["code"],
            label_zh=row["label_zh"],
            label_en=row["label_en"],
            life_category=Category(row["life_category"]) if row.get("life_category") else None,
            parent=row.get("parent", ""),
            synonyms=_split(row["synonyms"]),
        )
        for row in rows
    )
    ambiguous = {
        row["text"]: _split(row["candidates"])
        for row in read_rows("ambiguous")[0]
        if row["list"] == name
    }
    guidance = Guidance(groups=groups, ambiguous=ambiguous, crosswalk=crosswalk or {})
    return Vocabulary(name, label, terms, digest[:12], guidance)


def _split(cell: str) -> tuple[str, ...]:
    return tuple(part for part in cell.split(";") if part)


def _provenance(at: datetime) -> Provenance:
    return Provenance(
        source=VOCABULARY_SOURCE,
        as_of=at,
        recorded_at=at,
        confidence=1.0,
        category=DataCategory.PUBLIC,
        basis=Basis.PUBLIC,
    )

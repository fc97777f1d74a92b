"""What residents told of themselves since the snapshot, laid over their own cells in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import cast

import numpy as np
import scipy.sparse as sp

from graph.model import Change, DataCategory, NodeChange, Op, Scalar
from graph.snapshot.build import language_bits
from graph.snapshot.snapshot import ATTRIBUTES
from graph.view import CSR, View
from graph.vocabulary import interests, needs, occupations, offers

__all__ = ["OwnWord", "applied", "with_changes"]

_WORDS = {
    "INTERESTED_IN": ("interests", interests),
    "CAN_OFFER": ("offers", offers),
    "WORKS_AS": ("occupations", occupations),
    "NEEDS": ("needs", needs),
}
"""Attribute matrix of each relationship, and the list its columns are of."""
_GONE = ("moved", "deceased")


@dataclass(frozen=True, slots=True)
class OwnWord:
    """What one resident told since the snapshot."""

    words: Mapping[tuple[str, int], float] = field(default_factory=lambda: MappingProxyType({}))
    """(attribute, column) -> weight; 0 = holds it no more."""
    about: Mapping[str, Scalar] | None = None
    """All properties of their node; ``None`` = as in the snapshot."""


def with_changes(before: OwnWord, changes: Sequence[Change]) -> OwnWord:
    """Make what is told after these changes; other changes than a resident's own are left out."""
    words, about = dict(before.words), before.about
    for change in changes:
        if isinstance(change, NodeChange):
            if change.label == "Resident":
                about = dict(change.properties) if change.op is Op.PUT else {"status": "moved"}
            continue
        name, load = _WORDS.get(change.type, ("", None))
        if load is not None and change.end in load():
            weight = float(str(change.properties.get("weight", 1.0)))
            words[name, load().index(change.end)] = weight if change.op is Op.PUT else 0.0
    return OwnWord(words, about)


def applied(view: View, told: OwnWord, permitted: frozenset[DataCategory]) -> View:
    """Lay it over the one-row view of that resident, as far as each category is permitted."""
    changed: dict[str, CSR] = {}
    for name, category in ATTRIBUTES.items():
        mine = {column: w for (attribute, column), w in told.words.items() if attribute == name}
        if mine and category in permitted:
            changed[name] = _row_with(getattr(view, name), mine)
    view = replace(view, **changed)  # type: ignore[arg-type]  # matrices of the same kind
    return view if told.about is None else _as_told(view, told.about, permitted)


def _row_with(row: CSR, mine: Mapping[int, float]) -> CSR:
    values = dict(zip(row.indices.tolist(), row.data.tolist(), strict=True)) | dict(mine)
    columns = sorted(column for column, weight in values.items() if weight)
    parts = (
        np.array([values[column] for column in columns], np.float32),
        np.array(columns, row.indices.dtype),
        np.array([0, len(columns)], row.indptr.dtype),
    )
    return cast("CSR", sp.csr_array(parts, shape=row.shape))


def _as_told(view: View, about: Mapping[str, Scalar], permitted: frozenset[DataCategory]) -> View:
    view = replace(view, active=np.array([about.get("status") not in _GONE]))
    if DataCategory.IDENTITY not in permitted:
        return view
    year, limit = about.get("birth_year"), about.get("walk_limit")
    spoken = cast("str | None", about.get("languages"))
    return replace(
        view,
        birth_year=np.array([0 if year is None else year], np.int16),
        walk_limit=np.array([-1 if limit is None else limit], np.int32),
        languages=np.array([language_bits(spoken)], np.uint8),
    )

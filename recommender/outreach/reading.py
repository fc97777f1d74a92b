"""From what residents authorised for care visits to evidence, for all rows of a snapshot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from graph.gate import CareFacts, Record
from graph.measures.cores import core_numbers
from graph.model import DataCategory
from recommender.outreach.evidence import TIE_LAYERS, UNKNOWN, Evidence

__all__ = ["evidence_of"]

Ints = NDArray[np.int64]

_DAY = 86_400
_RECENT, _YEAR, _MONTH = 90, 365, 30
_TAKING_PART = 2.0
"""Confidence from which an interaction is taking part: joining, signing up, going, helping."""
_NO_WATER = 0.01
"""Cubic metres a day: less is a dripping tap."""


def evidence_of(facts: CareFacts, residents: Mapping[str, int]) -> Evidence:
    """Lay out what is known; residents who authorised no score stay unknown.

    Parameters
    ----------
    facts : CareFacts
    residents : mapping of str to int
        Row of each pseudonym.
    """
    view, scored = facts.view, facts.scored
    n = view.n_residents
    year = datetime.fromtimestamp(view.as_of, UTC).year
    born = view.birth_year.astype(np.int64)
    tied = scored & facts.permitted[DataCategory.TIE]
    counts, core = _ties(facts, n)
    last, recent, earlier = _taking_part(facts)
    evidence = replace(
        Evidence.empty(n),
        age=np.where(scored & (born > 0), year - born, UNKNOWN),
        alone=_alone(facts, n),
        ties=np.where(tied[:, None], counts, UNKNOWN),
        core=np.where(tied, core, UNKNOWN),
        last_seen=last,
        recent=recent,
        earlier=earlier,
        silent=_silent(facts, residents),
    )
    return _with_answers(evidence, facts.assessments, residents, view.as_of)


def _alone(facts: CareFacts, n: int) -> Ints:
    alone = np.full(n, UNKNOWN, np.int64)
    for row, living in facts.living.items():
        if living != "unknown":
            alone[row] = living == "alone"
    return alone


def _ties(facts: CareFacts, n: int) -> tuple[Ints, Ints]:
    """Ties of everybody by layer, (n, 4), and k-core numbers."""
    counts = np.zeros((n, len(TIE_LAYERS)), np.int64)
    layer = np.array([TIE_LAYERS.index(kind) for kind in facts.tie_kinds], np.int64)
    for end in (0, 1):
        np.add.at(counts, (facts.ties[:, end], layer), 1)
    one, other = np.concatenate([facts.ties, facts.ties[:, ::-1]]).T
    whole = sp.coo_array((np.ones(len(one), np.float32), (one, other)), shape=(n, n)).tocsr()
    return counts, core_numbers(whole)


def _taking_part(facts: CareFacts) -> tuple[Ints, Ints, Ints]:
    """Days since the last time, times in 90 days and in the 275 before."""
    view = facts.view
    known = facts.scored & facts.permitted[DataCategory.ATTENDANCE]
    rows = np.repeat(np.arange(view.n_residents), np.diff(view.interactions.indptr))
    days = (view.as_of - view.times) // _DAY
    took = (view.interactions.data >= _TAKING_PART) & (view.times >= 0) & known[rows]
    rows, days = rows[took], np.maximum(days[took], 0)
    last = np.full(view.n_residents, _YEAR, np.int64)
    np.minimum.at(last, rows, days)
    recent = np.bincount(rows[days < _RECENT], minlength=len(known))
    year = (days >= _RECENT) & (days < _YEAR)
    earlier = np.bincount(rows[year], minlength=len(known))
    return (
        np.where(known, last, UNKNOWN),
        np.where(known, recent, UNKNOWN),
        np.where(known, earlier, UNKNOWN),
    )


def _with_answers(
    evidence: Evidence, assessments: Sequence[Record], residents: Mapping[str, int], as_of: int
) -> Evidence:
    """Take the latest whole answer to each questionnaire."""
    scales = {name: getattr(evidence, name).copy() for name in ("lsns", "ucla")}
    answered = evidence.answered.copy()
    for record in assessments:  # the latest comes last
        total, scale = record.fields.get("total"), str(record.fields["scale"])
        if isinstance(total, int) and scale in scales:
            row = residents[record.resident]
            scales[scale][row] = total
            answered[row] = max(0, (as_of - int(record.at.timestamp())) // _DAY)
    return replace(evidence, **scales, answered=answered)


def _silent(facts: CareFacts, residents: Mapping[str, int]) -> Ints:
    """Days of the last 30 on which the meter stood still; unknown with readings of under ten."""
    silent = np.full(facts.view.n_residents, UNKNOWN, np.int64)
    by_day: dict[int, dict[int, float]] = {}
    for record in facts.readings:
        day = int(record.at.timestamp()) // _DAY
        if facts.view.as_of // _DAY - day <= _MONTH:
            by_day.setdefault(residents[record.resident], {})[day] = float(str(record.fields["m3"]))
    for row, totals in by_day.items():
        used = [
            totals[after] - totals[before]
            for before, after in pairwise(sorted(totals))
            if after == before + 1 and totals[after] >= totals[before]
        ]
        if len(used) >= 10:
            silent[row] = sum(each < _NO_WATER for each in used)
    return silent

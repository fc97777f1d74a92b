"""What synthetic residents authorise for care visits, and the questionnaires they answered.

A second import after the city's own: whoever is 60 and over is asked at the door and agrees more
often. It knows who is isolated, as the questionnaires do; whatever scores people reads the answers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from graph.ingest.grants import make_grant
from graph.ingest.plan import ImportPlan, Lazy, RecordKind, RecordRow
from graph.model import DataCategory, Grant, Purpose, ResidentId
from graph.synthetic.city import City
from graph.vocabulary import source

__all__ = ["care_plan"]

_ALWAYS = (
    DataCategory.GRID,
    DataCategory.INTEREST,
    DataCategory.OFFER,
    DataCategory.ATTENDANCE,
    DataCategory.HELP,
    DataCategory.IDENTITY,
    DataCategory.NEED,
    DataCategory.TIE,
    DataCategory.ISOLATION_SCORE,
)
_SOMETIMES = ((DataCategory.HOUSEHOLD, 0.85), (DataCategory.SURVEY, 0.6))
_AGREE_OLD, _AGREE_YOUNG = 0.7, 0.2
_ANSWERED = 0.4
"""Share of those who authorise surveys that answered one."""


def care_plan(city: City) -> ImportPlan:
    """Return grants for care visits and answers to LSNS-6 and UCLA-3 as an import."""
    rng = np.random.default_rng([city.seed, 93])
    n, age = len(city.residents), city.truth.people.age
    asked = city.consent.given.any(axis=(1, 2)) & ~city.consent.lapsed
    agrees = asked & (rng.random(n) < np.where(age >= 60, _AGREE_OLD, _AGREE_YOUNG))
    given = dict.fromkeys(_ALWAYS, agrees)
    given |= {category: agrees & (rng.random(n) < share) for category, share in _SOMETIMES}
    answered = np.flatnonzero(given[DataCategory.SURVEY] & (rng.random(n) < _ANSWERED))
    recipe = f"synthetic care {city.seed} {n} {city.now.isoformat()} {city.residents[0]}"
    return ImportPlan(
        kind="synthetic",
        source=source("synthetic-city"),
        file_hash=hashlib.sha256(recipe.encode()).hexdigest(),
        as_of=city.now,
        rows=int(agrees.sum()),
        consented=frozenset({DataCategory.SURVEY}),
        changes=(),
        grants=Lazy(lambda: _grants(city, given)),
        records=Lazy(lambda: _answers(city, answered)),
    )


def _grants(city: City, given: dict[DataCategory, NDArray[np.bool_]]) -> Iterator[Grant]:
    start = city.now - timedelta(days=1)
    for category, who in given.items():
        for row in np.flatnonzero(who).tolist():
            yield make_grant(
                city.residents[row],
                category,
                Purpose.CARE_VISIT,
                channel="synthetic",
                start=start,
            )


def _answers(city: City, rows: NDArray[np.int64]) -> Iterator[RecordRow]:
    """Yield answers: few points for the isolated, more for whoever has more ties."""
    rng = np.random.default_rng([city.seed, 94])
    ends = np.concatenate([city.ties.first, city.ties.second])
    ties = np.bincount(ends, minlength=len(city.residents))
    for row in rows.tolist():
        isolated = bool(city.truth.isolated[row])
        middle = 1.2 if isolated else 2.2 + 0.25 * min(int(ties[row]), 6)
        lsns = np.clip(np.rint(rng.normal(middle, 0.8, 6)), 0, 5).astype(int).tolist()
        ucla = np.clip(np.rint(rng.normal(2.2 if isolated else 1.5, 0.6, 3)), 1, 3)
        at = city.now - timedelta(days=int(rng.integers(2, 200)))
        for scale, answers in (("lsns", lsns), ("ucla", ucla.astype(int).tolist())):
            yield RecordRow(
                ResidentId(city.residents[row]),
                DataCategory.SURVEY,
                RecordKind.ASSESSMENT,
                at,
                {"scale": scale, "answers": answers, "total": sum(answers)},
            )

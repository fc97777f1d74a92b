"""Who lives in the synthetic neighbourhood: households, ages, occupations, temper.

Children under 14 are not residents of Linli in their own right (a guardian would have to agree
for each of them); the generator only notes in which households there are some.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from graph.vocabulary import occupations

__all__ = ["LIVING", "People", "make_people"]

LIVING = ("alone", "spouse", "family", "shared")
RELATIONS = ("head", "spouse", "child", "parent", "parent")

_SIZES = (0.24, 0.33, 0.27, 0.11, 0.05)
"""Share of households by number of members aged 14 and over."""

_COMMON_WORK = {
    "112": 2, "121": 2, "142": 2, "214": 3, "221": 2, "222": 3, "226": 1, "231": 1, "233": 2,
    "234": 3, "241": 2, "242": 2, "243": 3, "251": 3, "263": 2, "311": 2, "331": 2, "332": 5,
    "335": 2, "411": 6, "422": 2, "432": 2, "512": 3, "513": 3, "514": 2, "521": 2, "522": 6,
    "523": 2, "531": 2, "532": 2, "541": 3, "711": 3, "712": 2, "723": 2, "741": 2, "753": 2,
    "821": 5, "832": 3, "833": 2, "911": 4, "932": 2, "933": 6, "961": 1,
}  # fmt: skip
_RARE = 0.15
_RURAL = ("61", "62", "92")
_ELSEWHERE = ("01", "02", "03", "63")
"""Groups nobody in a city neighbourhood belongs to: soldiers in barracks, subsistence farmers."""


@dataclass(frozen=True, slots=True, eq=False)
class People:
    """Residents and households as parallel arrays; residents of one household lie together."""

    household: NDArray[np.int64]
    member: NDArray[np.int64]
    """0 = head of the household."""
    age: NDArray[np.int64]
    woman: NDArray[np.bool_]
    occupation: NDArray[np.int64]
    """Column in the occupations."""
    household_grid: NDArray[np.int64]
    living: NDArray[np.int64]
    """(n_households,) index into :data:`LIVING`."""
    young_children: NDArray[np.bool_]
    """(n_households,) whether children under 14 live there."""
    sociability: NDArray[np.float64]
    """About 1 on average; near 0 for those with hardly a tie."""
    isolated: NDArray[np.bool_]
    """Truth: those who were made to have hardly a tie."""

    @property
    def n(self) -> int:
        """Number of residents."""
        return len(self.age)

    @property
    def n_households(self) -> int:
        """Number of households."""
        return len(self.household_grid)


def make_people(rng: np.random.Generator, n: int, n_grids: int) -> People:
    """Draw households until there are ``n`` residents."""
    sizes = rng.choice(np.arange(1, 6), size=n, p=_SIZES)
    n_households = int(np.searchsorted(np.cumsum(sizes), n)) + 1
    sizes = sizes[:n_households]
    sizes[-1] -= int(sizes.sum()) - n
    household = np.repeat(np.arange(n_households), sizes)
    start = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    member = np.arange(n) - start[household]
    senior = rng.random(n_households) < np.array([0.48, 0.38, 0.06, 0.02, 0.0])[sizes - 1]
    head = np.where(
        senior, 62 + rng.gamma(2.2, 5.0, n_households), 24 + rng.gamma(2.6, 6.5, n_households)
    )
    head = np.where(sizes >= 3, np.maximum(head, 38), head).clip(19, 94).astype(np.int64)
    age = _ages(rng, head[household], member)
    woman = rng.random(n) < np.where(age > 75, 0.58, 0.5)
    spouse = member == 1
    woman[spouse] = ~woman[np.flatnonzero(spouse) - 1]
    shares = rng.dirichlet(np.full(n_grids, 30.0))
    household_grid = rng.choice(n_grids, n_households, p=shares)
    young = (sizes >= 2) & (head >= 26) & (head <= 45) & (rng.random(n_households) < 0.6)
    living = np.where(sizes == 1, 0, np.where((sizes == 2) & ~young, 1, 2))
    living = np.where((sizes == 2) & (head < 30) & (rng.random(n_households) < 0.4), 3, living)
    alone_and_old = (living[household] == 0) & (age >= 65)
    isolated = rng.random(n) < np.where(alone_and_old, 0.3, 0.03)
    sociability = rng.lognormal(-0.12, 0.5, n)
    return People(
        household=household,
        member=member,
        age=age,
        woman=woman,
        occupation=_occupations(rng, age, woman=woman),
        household_grid=household_grid,
        living=living,
        young_children=young,
        sociability=np.where(isolated, 0.05, sociability),
        isolated=isolated,
    )


def _ages(
    rng: np.random.Generator, head: NDArray[np.int64], member: NDArray[np.int64]
) -> NDArray[np.int64]:
    step = rng.normal(0, 2.5, len(head))
    spouse = head + step
    child = np.maximum(14, head - 27 + step)
    elder = head + 26 + step
    ages = np.choose(member, [head, spouse, child, elder, elder + 1])
    return np.asarray(ages.clip(14, 97)).astype(np.int64)


def _occupations(
    rng: np.random.Generator, age: NDArray[np.int64], *, woman: NDArray[np.bool_]
) -> NDArray[np.int64]:
    vocabulary = occupations()
    weights = np.array(
        [
            0.0
            if not term.parent or term.parent in _ELSEWHERE
            else _RARE / 3
            if term.parent in _RURAL
            else float(_COMMON_WORK.get(term.code, _RARE))
            for term in vocabulary.terms
        ]
    )
    work = rng.choice(len(vocabulary), size=len(age), p=weights / weights.sum())
    roll = rng.random(len(age))
    work = np.where(roll < 0.04, vocabulary.index("unemployed"), work)
    work = np.where(woman & (roll > 0.93), vocabulary.index("homemaker"), work)
    retired = (age >= 63) | (woman & (age >= 56)) | ((age >= 60) & (roll < 0.7))
    work = np.where(retired & (roll < 0.97), vocabulary.index("retired"), work)
    student = (age < 18) | ((age < 23) & (roll < 0.75))
    return np.asarray(np.where(student, vocabulary.index("student"), work)).astype(np.int64)

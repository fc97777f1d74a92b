"""The seams of the recommender: what a scorer gets, what a feed is, why an item is in it.

One way through: candidates -> eligibility -> scorers -> blend -> re-rank -> last gate check ->
:class:`Feed`. Every scorer sees the same :class:`Query`, whether one resident asks or ten
thousand are evaluated, so the served model is the evaluated one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from graph.model import ItemId, RecId, ResidentId
from graph.view import CSR, ItemTable, View

__all__ = [
    "Breakdown",
    "CandidateSource",
    "Evidence",
    "Feed",
    "Query",
    "Reason",
    "ReasonCode",
    "Recommendation",
    "Reranker",
    "Scorer",
]

NO_ROWS = np.empty(0, dtype=np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Query:
    """Who asks (a batch of b residents) and what there is at this moment.

    Histories and attributes are the residents' own, the overlay's latest taps included: a
    scorer folds them in and never looks up a trained user vector, so a tap counts at once.
    """

    rows: NDArray[np.int64]
    """(b,) resident rows; may lie beyond the trained ones for residents who joined since."""
    history: CSR
    """(b, n_items) float32 confidence; n_items is ``len(items)``, new items included."""
    interests: CSR
    offers: CSR
    occupations: CSR
    needs: CSR
    held: CSR
    dismissed: CSR
    blocked: CSR
    home: NDArray[np.float32]
    """(b, 2) lat, lon; NaN unknown."""
    grid: NDArray[np.int32]
    birth_year: NDArray[np.int16]
    languages: NDArray[np.uint8]
    walk_limit: NDArray[np.int32]
    items: ItemTable
    now: int
    """Unix seconds."""
    masked: NDArray[np.int64] = field(default_factory=lambda: NO_ROWS)
    """Rows of residents who withdrew something since the model was fitted: never evidence."""

    def __len__(self) -> int:
        """Return the number of residents in the batch."""
        return len(self.rows)

    @classmethod
    def from_view(cls, view: View, rows: NDArray[np.int64], *, now: int | None = None) -> Self:
        """Ask for these rows of a view, at the view's own time unless told otherwise."""
        return cls(
            rows=np.asarray(rows, dtype=np.int64),
            history=view.interactions[rows],
            interests=view.interests[rows],
            offers=view.offers[rows],
            occupations=view.occupations[rows],
            needs=view.needs[rows],
            held=view.held[rows],
            dismissed=view.dismissed[rows],
            blocked=view.blocked[rows],
            home=view.home[rows],
            grid=view.grid[rows],
            birth_year=view.birth_year[rows],
            languages=view.languages[rows],
            walk_limit=view.walk_limit[rows],
            items=view.items,
            now=view.as_of if now is None else now,
        )

    @classmethod
    def from_one(
        cls, view: View, row: int, *, now: int, masked: NDArray[np.int64] = NO_ROWS
    ) -> Self:
        """Ask for one resident, from the one-row view of that resident's own cells.

        Parameters
        ----------
        view : View
            One row long, as :meth:`graph.live.Moment.one` makes it.
        row : int
            The resident's row in the model's view.
        """
        return cls(
            rows=np.array([row], np.int64),
            history=view.interactions,
            interests=view.interests,
            offers=view.offers,
            occupations=view.occupations,
            needs=view.needs,
            held=view.held,
            dismissed=view.dismissed,
            blocked=view.blocked,
            home=view.home,
            grid=view.grid,
            birth_year=view.birth_year,
            languages=view.languages,
            walk_limit=view.walk_limit,
            items=view.items,
            now=now,
            masked=masked,
        )


class ReasonCode(StrEnum):
    """The closed list of reasons a card may give (trust rules E1 to E5).

    Only the viewer's own S1 data, public facts of the item, and counts of at least 20 people in
    buckets may be cited. Anything else that carried the item is told as ``GENERAL``. New codes go
    to the end: suggestions that were given hold the place of theirs.
    """

    OWN_INTEREST = "own_interest"
    """Slot ``interest``: code of an interest the viewer declared and the item is about."""
    OWN_OFFER = "own_offer"
    """Slot ``offer``: code of something the viewer offers and the helper role asks for."""
    OWN_GROUP = "own_group"
    """Slot ``item``: id of a group the viewer is in, which organises this."""
    SIMILAR_TO_OWN = "similar_to_own"
    """Slot ``item``: id of an item the viewer joined, attended or liked."""
    POPULAR = "popular"
    """Slot ``bucket``: ``20-50``, ``50-200`` or ``200+`` people took part."""
    IN_OWN_GRID = "in_own_grid"
    """It takes place in the viewer's grid."""
    GENERAL = "general"
    """No citable part carried the item."""
    OWN_VENUE = "own_venue"
    """Slot ``item``: id of an item the viewer took part in, held at the same venue."""
    OWN_TIME = "own_time"
    """Slot ``item``: id of an item the viewer took part in, at about this hour of the week."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a scorer could cite for one item, if it turns out to have carried it."""

    code: ReasonCode
    slots: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reason:
    """Why an item is in the feed: evidence only, the wording lives in ``api``."""

    code: ReasonCode
    slots: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Breakdown:
    """What made up the scores of one list: told of an item only when somebody asks."""

    parts: Mapping[str, NDArray[np.float64]]
    """(n_places,) contribution of each scorer."""
    gains: Callable[[], Mapping[str, NDArray[np.float32]]]
    """Tells what each aim of re-ranking added, (n_places,)."""


@dataclass(frozen=True, slots=True)
class Recommendation:
    """One item suggested to one resident once."""

    rec_id: RecId
    item: ItemId
    row: int
    """Item row."""
    rank: int
    """1 is the top."""
    score: float
    reason: Reason
    propensity: float
    """Probability that this item stands at this rank; 1 where nothing was left to the lot."""
    breakdown: Breakdown = field(compare=False, repr=False)
    """Of the whole list."""

    @property
    def parts(self) -> dict[str, float]:
        """Contribution of each scorer to ``score``."""
        return {name: part.item(self.rank - 1) for name, part in self.breakdown.parts.items()}

    @property
    def gains(self) -> dict[str, float]:
        """What each aim of re-ranking added, in standard deviations of the best scores."""
        return {name: gain.item(self.rank - 1) for name, gain in self.breakdown.gains().items()}


@dataclass(frozen=True, slots=True)
class Feed:
    """A ranked list for one resident, with what it was made from."""

    resident: ResidentId
    recommendations: tuple[Recommendation, ...]
    snapshot_id: str
    model_id: str
    as_of: int
    """Unix seconds of the snapshot."""
    personalised: bool
    """False when the resident switched it off, authorised nothing, or is held out."""


@runtime_checkable
class CandidateSource(Protocol):
    """Proposes item rows worth scoring for one resident."""

    def candidates(self, query: Query) -> NDArray[np.int64]:
        """Item rows for a batch of one, unique and ascending."""
        ...


@runtime_checkable
class Scorer(Protocol):
    """One part of the model.

    ``fit`` learns from a view and nothing else: no clock, no global randomness, no earlier
    model. Item rows beyond the fitted ones (items that opened since) get the neutral score 0
    unless the scorer can judge them from ``query.items``.
    """

    name: ClassVar[str]

    def fit(self, view: View, *, seed: int) -> Self:
        """Learn from the view; the same view and seed give the same arrays, bit for bit."""
        ...

    def score(
        self, query: Query, candidates: NDArray[np.int64] | None = None
    ) -> NDArray[np.float32]:
        """Score items for each resident of the batch.

        Parameters
        ----------
        query : Query
        candidates : NDArray[int64], (n_candidates,), optional
            Item rows; all items when left out.

        Returns
        -------
        NDArray[float32], (b, n_candidates)
            Higher is better; finite; 0 says nothing either way.
        """
        ...

    def evidence(self, query: Query, candidate: int) -> Evidence | None:
        """Name what speaks for this item to the one resident asking, if it may be cited."""
        ...

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Everything learnt, as named arrays for the artifact."""
        ...

    def config(self) -> dict[str, float | int | str | bool]:
        """Hyper-parameters, as the constructor takes them."""
        ...

    @classmethod
    def restore(
        cls,
        config: Mapping[str, float | int | str | bool],
        arrays: Mapping[str, NDArray[np.generic]],
    ) -> Self:
        """Make the fitted scorer again from ``config()`` and ``arrays()`` (maybe memory-mapped)."""
        ...


@runtime_checkable
class Reranker(Protocol):
    """Reorders a scored list for one resident; never adds an item."""

    name: ClassVar[str]

    def rerank(
        self, query: Query, candidates: NDArray[np.int64], scores: NDArray[np.float32], n: int
    ) -> NDArray[np.int64]:
        """Positions into ``candidates``, best first, at most ``n``, no repeats."""
        ...

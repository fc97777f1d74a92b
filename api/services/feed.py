"""One resident's feed: overlay -> permission -> query -> ranked list -> last check -> cards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from api.services.backing import Backing, resident_actor
from api.services.cards import Cards
from api.services.kept_lists import Basis, KeptLists
from api.services.rec_ids import RecIds
from api.services.viewing import (
    Viewer,
    as_wanted,
    find_row,
    own_categories,
    view_as,
    view_as_nobody,
)
from api.services.views import CardView, FeedView
from graph.errors import Conflict
from graph.gate import LEARNT_FROM, Place, ShownList
from graph.live import Moment
from graph.model import Action, Actor, DataCategory, ItemKind, Purpose, RecId, ResidentId
from graph.schema import PURPOSE_CATEGORIES
from recommender.base import Feed, Query, Reason, Recommendation
from recommender.evaluation.experiments import Arm, as_newcomer, held_out
from recommender.reasons import Reasons

__all__ = ["MAX_FEED", "FeedService"]

MAX_FEED = 50
"""Most cards that one request gets."""
_TRIES = 3
"""How often a list is made anew because consent changed while it was made."""


class _ConsentMoved(Exception):
    """The viewer's consent changed between the query and the last check."""


@dataclass(frozen=True, slots=True)
class _Wish:
    """What is asked for."""

    resident: ResidentId
    kinds: tuple[ItemKind, ...]
    n: int
    granted: frozenset[DataCategory] | None
    """What an institution may use; None for residents themselves, who are asked at every step."""


@dataclass(frozen=True, slots=True, eq=False)
class _Made:
    """A feed with its cards, and the moment it was made for."""

    feed: Feed
    moment: Moment
    kinds: tuple[ItemKind, ...]
    cards: tuple[CardView, ...]
    written: dict[str, bytes] = field(default_factory=dict)


class FeedService:
    """Makes feeds.

    Parameters
    ----------
    backing : Backing
        For example :class:`api.wiring.Floors`.
    """

    def __init__(self, backing: Backing) -> None:
        self._backing = backing
        self.rec_ids = RecIds(backing.ledger.keys.derive("rec-ids"))
        self._kept: KeptLists[_Made] = KeptLists()

    def own(self, resident: ResidentId, kinds: Sequence[ItemKind], n: int) -> FeedView:
        """Make a resident's own feed.

        Parameters
        ----------
        kinds : sequence of ItemKind
            Only these; all when empty.
        n : int
            Cards at most.

        Raises
        ------
        NotReady
            There is no snapshot or model yet.
        NotFound
            Nobody has this id.
        """
        return self._shown(self._make(_Wish(resident, tuple(kinds), n, None)))

    def public(self, kinds: Sequence[ItemKind], n: int) -> FeedView:
        """Make the feed of whoever cannot be told while the ledger is away; nothing personal.

        Raises
        ------
        NotReady
            There is no snapshot or model yet.
        """
        moment = self._backing.live.public()
        viewer = view_as_nobody(self._backing, moment)
        found = self._backing.models.current().recommend(
            viewer.query,
            mint=lambda item, reason: RecId(""),
            n=min(n, MAX_FEED),
            kinds=frozenset(kinds) or None,
            last_check=lambda rows: _still(moment, rows),
        )
        cards = Cards(moment)
        return FeedView(
            cards=tuple(cards.card(one.row, reason=one.reason) for one in found),
            kinds=tuple(kinds),
            display_name="",
            personalised=False,
            snapshot_age=self._backing.live.snapshot_age(moment),
        )

    def for_institution(
        self, actor: Actor, resident: ResidentId, kinds: Sequence[ItemKind], n: int
    ) -> FeedView:
        """Make a resident's feed for an institution they authorised; audited before it leaves.

        Raises
        ------
        Denied
            The resident authorised nothing for this institution and purpose, or does not exist:
            the two look the same.
        """
        return self._shown(self._granted(actor, resident, kinds, n))

    def for_actor(
        self, actor: Actor, resident: ResidentId, *, kinds: Sequence[ItemKind] = (), n: int = 20
    ) -> tuple[Feed, tuple[CardView, ...]]:
        """Make a resident's feed with scores and parts, for an operator's eyes; audited.

        Raises
        ------
        Denied
            As :meth:`for_institution`.
        """
        made = self._granted(actor, resident, kinds, n)
        return made.feed, made.cards

    def viewer(self, moment: Moment, resident: ResidentId) -> Viewer:
        """Look as the resident themselves, with what they authorised at this moment."""
        permitted = own_categories(self._backing, moment, find_row(moment, resident))
        return view_as(self._backing, moment, resident, permitted)

    def reason_now(self, viewer: Viewer, row: int) -> Reason:
        """Say why an item would be suggested now, whether or not it still can be."""
        recommender = self._backing.models.current()
        query = self._query(viewer, self._arm(viewer.row))
        rows = np.union1d(recommender.source.candidates(query), np.array([row], np.int64))
        contributions = recommender.model.contributions(query, rows)
        at = int(np.searchsorted(rows, row))
        model, words = recommender.model, recommender.words
        return Reasons(model, query, rows, contributions, words).of(at)

    def imagine(
        self,
        moment: Moment,
        resident: ResidentId,
        permitted: frozenset[DataCategory],
        *,
        n: int,
        withdrawn: bool,
    ) -> tuple[Viewer, tuple[Recommendation, ...]]:
        """Make the list that these categories would give, for nobody to be shown as theirs.

        Nothing is kept, noted or left to the lot.

        Parameters
        ----------
        withdrawn : bool
            Whether they are what a withdrawal would leave: then what the model learnt from the
            resident is evidence for nobody.
        """
        row = find_row(moment, resident)
        masked = moment.masked(int(self._backing.clock().timestamp()))
        if withdrawn:
            masked = np.union1d(masked, np.array([row], np.int64))
        viewer = view_as(self._backing, moment, resident, permitted, masked=masked)
        found = self._backing.models.current().recommend(
            self._query(viewer, self._arm(row)),
            mint=lambda item, reason: RecId(""),
            n=n,
            last_check=lambda rows: _still(moment, rows),
        )
        return viewer, found

    def display_name(self, resident: ResidentId) -> str:
        """Name of a resident, for their own eyes; empty when none is known."""
        backing = self._backing
        backing.gate.authorise(
            resident_actor(resident, backing.institution),
            purpose=Purpose.FEED,
            category=DataCategory.IDENTITY,
            subject=resident,
            action=Action.VIEW,
        )
        with backing.ledger.read() as tx:
            return backing.ledger.identity.names(tx, [resident]).get(resident, "")

    def _granted(
        self, actor: Actor, resident: ResidentId, kinds: Sequence[ItemKind], n: int
    ) -> _Made:
        granted = self._backing.gate.authorise_some(
            actor,
            purpose=Purpose.FEED,
            categories=PURPOSE_CATEGORIES[Purpose.FEED],
            subject=resident,
            action=Action.DERIVE,
        )
        return self._make(_Wish(resident, tuple(kinds), n, granted))

    def _make(self, wish: _Wish) -> _Made:
        for _ in range(_TRIES):
            try:
                return self._try(wish)
            except _ConsentMoved:
                continue
        raise Conflict("your authorisations are being changed right now; ask again in a moment")

    def _try(self, wish: _Wish) -> _Made:
        backing = self._backing
        moment = backing.live.catch_up()
        epoch = moment.epoch  # before grants are looked up: they are at least of this epoch
        row = find_row(moment, wish.resident)
        granted = wish.granted
        permitted = (
            own_categories(backing, moment, row)
            if granted is None
            else as_wanted(moment, row, granted)
        )
        own = granted is None
        left_to_lot = own and permitted >= LEARNT_FROM and self._arm(row) is Arm.PERSONAL
        basis = Basis.of(
            moment,
            row,
            wanted=(wish.kinds, min(wish.n, MAX_FEED), own),
            permitted=permitted,
            explore=backing.trial.explore if left_to_lot else 0.0,
            recommender=backing.models.current(),
            now=int(backing.clock().timestamp()),
        )
        return self._kept.get(basis, lambda: self._choose(wish, moment, basis, epoch))

    def _choose(self, wish: _Wish, moment: Moment, basis: Basis, epoch: int) -> _Made:
        """Make the list, and note it; what it rests on is looked at again just before its end."""
        backing = self._backing
        arm = self._arm(basis.row)
        viewer = view_as(backing, moment, wish.resident, basis.permitted, masked=basis.masked)

        def last_check(rows: NDArray[np.int64]) -> NDArray[np.bool_]:
            latest = backing.live.catch_up()
            if basis.own and own_categories(backing, latest, basis.row) != basis.permitted:
                raise _ConsentMoved
            return _still(latest, rows)

        found = basis.recommender.recommend(
            self._query(viewer, arm),
            mint=lambda item, reason: self.rec_ids.mint(
                wish.resident, item, reason, moment.item_rows
            ),
            n=basis.n,
            kinds=frozenset(basis.kinds) or None,
            last_check=last_check,
            explore=basis.explore,
        )
        feed = Feed(
            resident=wish.resident,
            recommendations=found,
            snapshot_id=moment.snapshot.id,
            model_id=basis.recommender.model.model_id,
            as_of=moment.snapshot.as_of,
            personalised=viewer.personalised and arm is Arm.PERSONAL,
        )
        if basis.own and basis.permitted >= LEARNT_FROM and found:
            shown = self._noted(feed, basis, arm)
            backing.trial.impressions.put(shown, epoch=epoch)
        cards = Cards(moment, viewer)
        return _Made(
            feed,
            moment,
            basis.kinds,
            tuple(
                cards.card(one.row, rec_id=one.rec_id, reason=one.reason, may_join=True)
                for one in feed.recommendations
            ),
        )

    def _arm(self, row: int) -> Arm:
        return _arm_of(row, self._backing.trial.holdout)

    @staticmethod
    def _query(viewer: Viewer, arm: Arm) -> Query:
        return as_newcomer(viewer.query) if arm is Arm.HELD_OUT else viewer.query

    def _noted(self, feed: Feed, basis: Basis, arm: Arm) -> ShownList:
        return ShownList(
            resident=feed.resident,
            row=basis.row,
            at=self._backing.clock(),
            surface="/".join(["feed", *sorted(basis.kinds)]),
            model=feed.model_id,
            arm=arm,
            places=tuple(
                Place(one.rec_id, one.item, one.rank, one.propensity)
                for one in feed.recommendations
            ),
        )

    def _shown(self, made: _Made) -> FeedView:
        return FeedView(
            cards=made.cards,
            kinds=made.kinds,
            display_name="",
            personalised=made.feed.personalised,
            snapshot_age=self._backing.live.snapshot_age(made.moment),
            written=made.written,
        )


@lru_cache(maxsize=10_000)
def _arm_of(row: int, holdout: float) -> Arm:
    """Arm of one resident, for which the next look asks again; it never changes."""
    return Arm.HELD_OUT if held_out(np.array([row], np.int64), holdout)[0] else Arm.PERSONAL


def _still(moment: Moment, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which of these items are open and not full at this moment."""
    items = moment.items
    still: NDArray[np.bool_] = items.open[rows] & (items.seats_left[rows] != 0)
    return still

"""What is told of communities: to staff in counts of at least twenty, to residents of their own.

A network stands still between two nights, and residents withdraw meanwhile. Whoever changed or lost
an authorisation since it was made counts no more: not in sizes, not among the holders of a trait.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from api.services.backing import Backing, resident_actor
from api.services.views import Words
from graph.errors import Denied, NotFound, NotReady
from graph.gate import bulk_relation, looked_after, may_see_grid, withdrawn_since
from graph.live import Moment
from graph.measures.aggregate import LEAST_PEOPLE
from graph.measures.networks import between, placed, to_networkx
from graph.model import Action, Actor, DataCategory, Purpose, ResidentId
from graph.policy import Relation
from graph.vocabulary import interests, occupations, offers
from recommender.network import CommunityChange, PeopleNetwork, Scale, Trait, TraitKind
from recommender.network.traits import LEAST_HOLDERS
from recommender.scorers.popular import bucket

__all__ = ["Communities", "Community", "Dot", "Drawing"]

_CATEGORY: Mapping[TraitKind, DataCategory] = {
    TraitKind.INTEREST: DataCategory.INTEREST,
    TraitKind.OCCUPATION: DataCategory.OCCUPATION,
    TraitKind.OFFER: DataCategory.OFFER,
    TraitKind.GRID: DataCategory.GRID,
}
_VOCABULARY = {
    TraitKind.INTEREST: interests,
    TraitKind.OCCUPATION: occupations,
    TraitKind.OFFER: offers,
}
_OWN = (TraitKind.INTEREST, TraitKind.OFFER, TraitKind.GRID)
"""What residents may be told of: their own S1 data (E1)."""
_MOST_DRAWN = 60
_LEAST_NEIGHBOURS = 5
"""Members in a grid from which a circle is drawn there."""


@dataclass(frozen=True, slots=True)
class Community:
    """One community as pages and programs are told of it: no names, no small counts."""

    id: str
    scale: Scale
    label: tuple[Words, ...]
    """What its members share; empty when nothing tells it apart."""
    people: str | None
    """``20-50``, ``50-200`` or ``200+``; ``None`` below 20."""
    inside: str | None
    """Id of the community of the next scale that it is part of."""


@dataclass(frozen=True, slots=True)
class Dot:
    """One circle in a drawing."""

    community: Community
    x: float
    """0 to 1."""
    y: float
    hue: int
    """Circles of one neighbourhood have one."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """The circles of one grid and the ties between them."""

    grid: str
    dots: tuple[Dot, ...]
    lines: tuple[tuple[int, int, float], ...]
    """(dot, dot, strength 0 to 1)."""


class Communities:
    """Lists, draws, and tells residents of their own.

    Parameters
    ----------
    backing : Backing
        For example :class:`api.wiring.Floors`.
    """

    def __init__(self, backing: Backing) -> None:
        self._backing = backing

    def listed(
        self, actor: Actor, *, scale: Scale = Scale.NEIGHBOURHOOD, grid: str | None = None
    ) -> list[Community]:
        """List communities, the largest first; of one grid those with members there.

        Raises
        ------
        Denied
            The role may not see communities.
        NotReady
            None were found yet.
        NotFound
            There is no such grid.
        """
        picture = self._open(actor)
        here = picture.sizes(scale, None if grid is None else picture.of_grid(grid))
        order = np.argsort(-here, kind="stable")
        least = 1 if grid is None else _LEAST_NEIGHBOURS
        return [picture.community(scale, int(n)) for n in order if here[n] >= least]

    def changed(self, actor: Actor) -> tuple[CommunityChange, ...]:
        """Tell what became of communities since the network before."""
        self._authorise(actor)
        return self._backing.networks.current().changes

    def grids(self, actor: Actor) -> list[str]:
        """List the ids of the actor's grids in which anybody is in a circle."""
        picture = self._open(actor, relation=bulk_relation(actor))
        network = picture.network
        inside = picture.counted & (network.circle >= 0) & (network.grid >= 0)
        found = [str(picture.grid_ids[n]) for n in np.unique(network.grid[inside])]
        own = looked_after(self._backing.ledger, actor)
        return found if own is None else [grid for grid in found if grid in own]

    def drawing(self, actor: Actor, grid: str) -> Drawing:
        """Draw the circles with members in a grid, those tied to each other near each other.

        Raises
        ------
        NotFound
            There is no such grid, or it is none that the actor looks after.
        """
        if not may_see_grid(self._backing.ledger, actor, grid):
            raise NotFound(f"no grid {grid!r}")
        picture, scale = self._open(actor, relation=bulk_relation(actor)), Scale.CIRCLE
        here = picture.sizes(scale, picture.of_grid(grid))
        order = np.argsort(-here, kind="stable")
        shown = [int(n) for n in order[:_MOST_DRAWN] if here[n] >= _LEAST_NEIGHBOURS]
        ties = between(picture.network.ties, picture.network.circle)[shown][:, shown]
        places = placed(ties, seed=0)
        told = [picture.community(scale, n) for n in shown]
        hues = {name: hue for hue, name in enumerate(dict.fromkeys(c.inside for c in told))}
        strongest = float(ties.max()) if ties.nnz else 1.0
        lines = zip(*ties.nonzero(), ties.data.tolist(), strict=True)
        return Drawing(
            grid,
            tuple(
                Dot(each, float(x), float(y), hues[each.inside])
                for each, (x, y) in zip(told, places, strict=True)
            ),
            tuple((int(a), int(b), w / strongest) for a, b, w in lines if a < b),
        )

    def exported(self, actor: Actor, scale: Scale) -> nx.Graph[int]:
        """Make a graph of communities of 20 people and more, with the ties between them.

        Raises
        ------
        Denied
            The role may not export communities.
        NotReady
            None were found yet.
        """
        picture = self._open(actor, Action.EXPORT)
        shown = np.flatnonzero(picture.sizes(scale) >= LEAST_PEOPLE)
        ties = between(picture.network.ties, picture.network.members(scale))[shown][:, shown]
        told = [picture.community(scale, int(number)) for number in shown]
        return to_networkx(
            ties,
            community=[each.id for each in told],
            label=["·".join(words.zh for words in each.label) or each.id for each in told],
            label_en=[", ".join(words.en for words in each.label) or each.id for each in told],
            people=[each.people or "" for each in told],
        )

    def own(self, resident: ResidentId) -> Community | None:
        """Tell residents what the smallest community they are in shares with them.

        Only traits are told that at least 20 members hold and the resident holds and authorises
        too, all of them S1 (rules E1 and E2); ``None`` when there is nothing to tell.
        """
        moment = self._backing.live.catch_up()
        row = moment.resident_row(resident)
        try:
            allowed = self._backing.gate.authorise_some(
                resident_actor(resident, self._backing.institution),
                purpose=Purpose.GROUP_MATCHING,
                categories=[_CATEGORY[kind] for kind in _OWN],
                subject=resident,
                action=Action.DERIVE,
            )
            picture = self._picture(moment)
        except (Denied, NotReady):
            return None
        held = moment.one(row, allowed)
        mine = {(TraitKind.INTEREST, int(n)) for n in held.interests.indices} | {
            (TraitKind.OFFER, int(n)) for n in held.offers.indices
        }
        mine |= {(TraitKind.GRID, int(held.grid[0]))}
        return picture.own(row, mine)

    def _open(
        self,
        actor: Actor,
        action: Action = Action.DERIVE,
        relation: Relation = Relation.EVERYONE,
    ) -> _Picture:
        self._authorise(actor, action, relation)
        return self._picture(self._backing.live.catch_up())

    def _authorise(
        self,
        actor: Actor,
        action: Action = Action.DERIVE,
        relation: Relation = Relation.EVERYONE,
    ) -> None:
        self._backing.gate.authorise_bulk(
            actor,
            purpose=Purpose.GROUP_MATCHING,
            categories=_CATEGORY.values(),
            action=action,
            rows=None,
            relation=relation,
        )

    def _picture(self, moment: Moment) -> _Picture:
        backing, found = self._backing, self._backing.networks.current()
        gone = withdrawn_since(
            backing.ledger, backing.institution, epoch=found.epoch, since=found.made_at
        )
        counted = np.ones(found.network.n_residents, np.bool_)
        counted[gone[gone < len(counted)]] = False
        return _Picture(found.network, counted, moment.snapshot.grid_ids)


@dataclass(frozen=True, slots=True, eq=False)
class _Picture:
    """A network as it may be told now."""

    network: PeopleNetwork
    counted: NDArray[np.bool_]
    """(n,) who authorises no less than when it was made."""
    grid_ids: NDArray[np.str_]

    def of_grid(self, grid: str) -> NDArray[np.bool_]:
        """Mark the residents of a grid."""
        found = np.flatnonzero(self.grid_ids == grid)
        if not len(found):
            raise NotFound(f"no grid {grid!r}")
        here: NDArray[np.bool_] = self.network.grid == found[0]
        return here

    def sizes(self, scale: Scale, among: NDArray[np.bool_] | None = None) -> NDArray[np.int64]:
        """Count the members of each community, all or those among some."""
        members = self.network.members(scale)
        inside = self.counted & (members >= 0) & (True if among is None else among)
        return np.bincount(members[inside], minlength=len(self.network.community_ids[scale]))

    def community(self, scale: Scale, number: int) -> Community:
        """Tell of one community."""
        network = self.network
        rows = np.flatnonzero(network.members(scale) == number)
        people = int(self.counted[rows].sum())
        label = tuple(words_of(trait, self.grid_ids) for trait in self.told(scale, number))
        return Community(
            network.community_ids[scale][number],
            scale,
            label,
            bucket(people) if people >= LEAST_PEOPLE else None,
            self._inside(scale, int(rows[0])),
        )

    def told(self, scale: Scale, number: int, least: int = LEAST_HOLDERS) -> list[Trait]:
        """Return the traits that enough hold even if everybody who withdrew held them."""
        gone = int((~self.counted[self.network.members(scale) == number]).sum())
        return [t for t in self.network.traits[scale][number] if t.holders - gone >= least]

    def _inside(self, scale: Scale, row: int) -> str | None:
        scales = list(Scale)
        if scale is scales[-1]:
            return None
        wider = scales[scales.index(scale) + 1]
        number = int(self.network.members(wider)[row])
        return self.network.community_ids[wider][number] if number >= 0 else None

    def own(self, row: int, held: set[tuple[TraitKind, int]]) -> Community | None:
        """Tell of the smallest community of a resident by traits that they hold too."""
        if row >= self.network.n_residents or not self.counted[row]:
            return None
        for scale in Scale:
            number = int(self.network.members(scale)[row])
            if number < 0:
                continue
            told = [t for t in self.told(scale, number, LEAST_PEOPLE) if (t.kind, t.code) in held]
            if told:
                label = tuple(words_of(trait, self.grid_ids) for trait in told)
                return replace(self.community(scale, number), label=label)
        return None


def words_of(trait: Trait, grid_ids: NDArray[np.str_]) -> Words:
    """Word what a trait is about."""
    if trait.kind is TraitKind.GRID:
        return Words(str(grid_ids[trait.code]), str(grid_ids[trait.code]))
    term = _VOCABULARY[trait.kind]().terms[trait.code]
    return Words(term.label_zh, term.label_en)

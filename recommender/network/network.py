"""What the people network is: ties by layer, and communities at three scales with their traits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from graph.measures.events import EventKind
from graph.view import CSR

__all__ = ["CommunityChange", "Layer", "PeopleNetwork", "Scale", "Trait", "TraitKind"]


class Layer(StrEnum):
    """What ties two residents.

    There is no layer of households: they are S3, which never enters what many share.
    """

    OCCUPATION = "occupation"
    INTEREST = "interest"
    NEED = "need"
    BUILDING = "building"
    ATTENDANCE = "attendance"
    HELP = "help"
    OBSERVED = "observed"
    """Ties that both ends said themselves."""


class Scale(StrEnum):
    """How large a community is; each lies inside one of the next."""

    CIRCLE = "circle"
    """People who could sit around one table: mostly 8 to 30."""
    NEIGHBOURHOOD = "neighbourhood"
    DISTRICT = "district"


class TraitKind(StrEnum):
    """What a trait is about; ``code`` of a trait is a column or row of this.

    Needs are none: they tie people, but what a community is called is read by many.
    """

    INTEREST = "interest"
    OCCUPATION = "occupation"
    OFFER = "offer"
    GRID = "grid"


@dataclass(frozen=True, slots=True)
class Trait:
    """One attribute by which a community differs from everybody."""

    kind: TraitKind
    code: int
    """Column of the vocabulary; for a grid its row."""
    holders: int
    """Members who hold it. Below 20 no page of a resident says so, nor the trait."""
    share: float
    """Of the members."""
    lift: float
    """Shrunk share over the share of everybody."""


@dataclass(frozen=True, slots=True)
class CommunityChange:
    """What became of communities since the network before."""

    scale: Scale
    kind: EventKind
    before: tuple[str, ...]
    """Their ids."""
    after: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class PeopleNetwork:
    """Ties and communities, aligned with the resident rows of one view (n of them)."""

    view_id: str
    """Fingerprint of the view: equal views make equal networks, byte for byte."""
    ties: CSR
    """(n, n) float32 symmetric, no diagonal: the weighted sum of the layers."""
    layers: Mapping[Layer, CSR]
    """(n, n) float32 symmetric, no diagonal; layers without any tie are left out."""
    weights: Mapping[Layer, float]
    """What each layer counts in ``ties``."""
    grid: NDArray[np.int32]
    """(n,) grid row of those who authorise it; -1 unknown."""
    circle: NDArray[np.int32]
    """(n,) number of the community 0..k-1; -1 for residents without any tie."""
    neighbourhood: NDArray[np.int32]
    district: NDArray[np.int32]
    community_ids: Mapping[Scale, tuple[str, ...]]
    """Stable id of each community, by its number."""
    traits: Mapping[Scale, tuple[tuple[Trait, ...], ...]]
    """What distinguishes each community, by its number; the strongest first."""

    @property
    def n_residents(self) -> int:
        """Number of resident rows."""
        return len(self.circle)

    def members(self, scale: Scale) -> NDArray[np.int32]:
        """Return the community of each resident at a scale; -1 none."""
        of: dict[Scale, NDArray[np.int32]] = {
            Scale.CIRCLE: self.circle,
            Scale.NEIGHBOURHOOD: self.neighbourhood,
            Scale.DISTRICT: self.district,
        }
        return of[scale]

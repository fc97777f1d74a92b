"""The one list of scorers: who is in a model, and what an artifact may name."""

from __future__ import annotations

from collections.abc import Mapping

from recommender.base import Scorer
from recommender.scorers.affinity import AffinityScorer
from recommender.scorers.als import ALSScorer
from recommender.scorers.community import CommunityScorer
from recommender.scorers.content import ContentScorer
from recommender.scorers.context import (
    DistanceScorer,
    FreshScorer,
    OwnGroupScorer,
    TrendingScorer,
    UntriedScorer,
)
from recommender.scorers.item_item import ItemItemScorer
from recommender.scorers.near import NearHomeScorer
from recommender.scorers.organiser import GroupALSScorer, GroupItemScorer
from recommender.scorers.popular import PopularScorer
from recommender.scorers.social import SocialScorer
from recommender.scorers.spectral import SpectralScorer
from recommender.scorers.timing import HabitScorer, SoonScorer, TurnScorer
from recommender.scorers.venue import VenueScorer

__all__ = ["SCORERS"]

SCORERS: Mapping[str, type[Scorer]] = {
    scorer.name: scorer
    for scorer in (
        PopularScorer,
        NearHomeScorer,
        ItemItemScorer,
        ALSScorer,
        ContentScorer,
        AffinityScorer,
        OwnGroupScorer,
        GroupItemScorer,
        GroupALSScorer,
        VenueScorer,
        SoonScorer,
        TurnScorer,
        HabitScorer,
        TrendingScorer,
        UntriedScorer,
        DistanceScorer,
        SocialScorer,
        CommunityScorer,
        SpectralScorer,
        FreshScorer,
    )
}
"""Every scorer by name, in the order in which models hold them."""

"""Scorers: each ranks open items for one resident in its own way."""

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
from recommender.scorers.known import SCORERS
from recommender.scorers.near import NearHomeScorer
from recommender.scorers.organiser import GroupALSScorer, GroupItemScorer
from recommender.scorers.popular import PopularScorer
from recommender.scorers.social import SocialScorer
from recommender.scorers.spectral import SpectralScorer
from recommender.scorers.timing import HabitScorer, SoonScorer, TurnScorer
from recommender.scorers.venue import VenueScorer

__all__ = [
    "SCORERS",
    "ALSScorer",
    "AffinityScorer",
    "CommunityScorer",
    "ContentScorer",
    "DistanceScorer",
    "FreshScorer",
    "GroupALSScorer",
    "GroupItemScorer",
    "HabitScorer",
    "ItemItemScorer",
    "NearHomeScorer",
    "OwnGroupScorer",
    "PopularScorer",
    "SocialScorer",
    "SoonScorer",
    "SpectralScorer",
    "TrendingScorer",
    "TurnScorer",
    "UntriedScorer",
    "VenueScorer",
]

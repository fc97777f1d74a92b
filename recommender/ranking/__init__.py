"""From scores to a feed: eligibility, blending, bridging, fairness, diversity."""

from recommender.ranking.blend import Blend
from recommender.ranking.diversity import DiversityReranker
from recommender.ranking.eligibility import eligible, explain
from recommender.ranking.exploration import explored, lot

__all__ = ["Blend", "DiversityReranker", "eligible", "explain", "explored", "lot"]

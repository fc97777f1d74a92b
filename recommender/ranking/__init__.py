"""From scores to a feed: eligibility, blending, bridging, fairness, diversity."""

from recommender.ranking.blend import Blend
from recommender.ranking.eligibility import eligible, explain
from recommender.ranking.exploration import explored, lot
from recommender.ranking.reranker import SocialReranker
from recommender.ranking.weights import Weights

__all__ = ["Blend", "SocialReranker", "Weights", "eligible", "explain", "explored", "lot"]

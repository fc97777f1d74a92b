"""Who may be isolated, how sure that is, and what to do about it first.

The score orders a worker's list and decides nothing. It is made of what residents authorised for
care visits and of nothing else; who told too little is unknown, never isolated.
"""

from recommender.outreach.actions import Action, Capacity, Option, Plan, plan_actions
from recommender.outreach.calibration import Calibration, calibrate
from recommender.outreach.evidence import TIE_LAYERS, UNKNOWN, Evidence, TieLayer
from recommender.outreach.forecast import onset_risk
from recommender.outreach.ordering import fair_order
from recommender.outreach.points import CATEGORY_OF, POINT, Factor, Points, points_of
from recommender.outreach.score import Scores, score

__all__ = [
    "CATEGORY_OF",
    "POINT",
    "TIE_LAYERS",
    "UNKNOWN",
    "Action",
    "Calibration",
    "Capacity",
    "Evidence",
    "Factor",
    "Option",
    "Plan",
    "Points",
    "Scores",
    "TieLayer",
    "calibrate",
    "fair_order",
    "onset_risk",
    "plan_actions",
    "points_of",
    "score",
]

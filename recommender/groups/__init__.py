"""From detected communities to charters: groups that could be founded, with whom, where, when.

Whoever only reads charters needs what is named here; planning them is in the modules, as it loads
the optimiser.
"""

from recommender.groups.body import Body, Meeting, Reason, Room, broken
from recommender.groups.checks import Rule

__all__ = ["Body", "Meeting", "Reason", "Room", "Rule", "broken"]

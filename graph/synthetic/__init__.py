"""The seeded synthetic neighbourhood: residents, places, items, histories, and the truth behind."""

from graph.synthetic.care import care_plan
from graph.synthetic.city import City, generate
from graph.synthetic.history import Deeds, Ties, Truth

__all__ = ["City", "Deeds", "Ties", "Truth", "care_plan", "generate"]

"""The people network: who shares what with whom, the communities in it, what tells them apart.

:func:`recommender.network.build.network_of` makes one. It is not imported here: it compiles its
loops with numba, which takes a second to import, and whoever only reads a network needs none.
"""

from recommender.network.artifact import load_changes, load_network, save_network
from recommender.network.network import (
    CommunityChange,
    Layer,
    PeopleNetwork,
    Scale,
    Trait,
    TraitKind,
)

__all__ = [
    "CommunityChange",
    "Layer",
    "PeopleNetwork",
    "Scale",
    "Trait",
    "TraitKind",
    "load_changes",
    "load_network",
    "save_network",
]

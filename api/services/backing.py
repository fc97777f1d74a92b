"""What every service works with: the opened floors, as far as services need them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from graph.gate import Gate, ImpressionBuffer, Ledger
from graph.home import Home
from graph.live import Live
from graph.model import Actor, InstitutionId, ResidentId, StaffRole
from recommender.network import CommunityChange, PeopleNetwork
from recommender.pipeline import Recommender

__all__ = ["LINLI_APP", "Backing", "Models", "Networked", "Networks", "Trial", "resident_actor"]

LINLI_APP = "linli"
"""Name under which Linli itself is granted things."""


class Models(Protocol):
    """Where the newest model comes from."""

    def current(self) -> Recommender:
        """Return the newest model's recommender; raises ``NotReady`` when there is none."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Networked:
    """A network with what is said beside it."""

    network: PeopleNetwork
    changes: tuple[CommunityChange, ...]
    epoch: int
    """Grant epoch it was made under."""
    made_at: int
    """Unix seconds."""


class Networks(Protocol):
    """Where the newest people network comes from."""

    def current(self) -> Networked:
        """Return the newest network; raises ``NotReady`` when there is none."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """How it is found out what personal lists are good for."""

    holdout: float
    """Share of the residents who get the list of a newcomer."""
    explore: float
    """Probability that the last place of a list is given away by lot."""
    impressions: ImpressionBuffer
    """Where lists are noted."""


class Backing(Protocol):
    """One home, opened; :class:`api.wiring.Floors` is one."""

    @property
    def ledger(self) -> Ledger:
        """What must never be lost or leaked."""
        ...

    @property
    def home(self) -> Home:
        """The folder that holds all state."""
        ...

    @property
    def gate(self) -> Gate:
        """Who may do what."""
        ...

    @property
    def live(self) -> Live:
        """Snapshot and overlay."""
        ...

    @property
    def models(self) -> Models:
        """Models of this home."""
        ...

    @property
    def networks(self) -> Networks:
        """People networks of this home."""
        ...

    @property
    def trial(self) -> Trial:
        """Holdout, lot and impressions."""
        ...

    @property
    def clock(self) -> Callable[[], datetime]:
        """Aware UTC."""
        ...

    @property
    def institution(self) -> InstitutionId:
        """Institution this home works for."""
        ...


def resident_actor(resident: ResidentId, institution: InstitutionId) -> Actor:
    """Make the actor that residents are when they look at, or change, their own data."""
    return Actor(resident, StaffRole.RESIDENT, institution, LINLI_APP, resident)

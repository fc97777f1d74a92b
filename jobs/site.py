"""One home, opened for work."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from graph.gate import Gate, Ledger, open_ledger
from graph.home import Home
from graph.model import Actor, InstitutionId, StaffRole

__all__ = ["Site", "SiteConfig", "open_site"]


@dataclass(frozen=True, slots=True)
class SiteConfig:
    """What it takes to open a home, as plain values that can be handed to another process."""

    root: str
    graph_url: str
    ledger_url: str
    institution: str
    seed: int
    weights: str = ""
    """Weights of re-ranking that differ from the defaults, as ``Weights.parse`` reads them."""

    def to_json(self) -> str:
        """Serialise, for the argument of a work process."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> SiteConfig:
        """Read what :meth:`to_json` wrote."""
        return cls(**json.loads(text))


@dataclass(frozen=True, slots=True)
class Site:
    """What a step works on."""

    config: SiteConfig
    home: Home
    ledger: Ledger
    gate: Gate
    clock: Callable[[], datetime]

    @property
    def institution(self) -> InstitutionId:
        """Whose grants count."""
        return InstitutionId(self.config.institution)

    @property
    def actor(self) -> Actor:
        """The actor that scheduled work is audited under."""
        return Actor("jobs", StaffRole.OPERATOR, self.institution, "linli")


def utc_now() -> datetime:
    """Return the present moment, aware."""
    return datetime.now(UTC)


@contextmanager
def open_site(config: SiteConfig, *, clock: Callable[[], datetime] = utc_now) -> Iterator[Site]:
    """Open the ledger of a home; the graph store is opened by whoever holds its lease."""
    home = Home(Path(config.root))
    ledger = open_ledger(config.ledger_url, keys_dir=home.keys, log_dir=home.log, clock=clock)
    try:
        yield Site(config, home, ledger, Gate(ledger, clock), clock)
    finally:
        ledger.close()

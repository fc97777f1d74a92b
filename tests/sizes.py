"""How large the tests run: the one table. `make test` takes "small", `make test-long` "long"."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["SIZES", "Sizes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """One column of the table; every count is a number of things made or of repetitions."""

    name: str
    residents: int
    """Residents of the synthetic city."""
    dwellings: int
    grids: int
    items: int
    """Open items: activities, services, groups, helper roles."""
    ties: int
    interactions: int
    outbox_rows: int
    """Rows of live overlay before a delta snapshot is due."""
    requests: int
    """Requests of a load test."""
    rivals: int
    """Tries at one scarce thing at once."""
    kills: int
    """Times a process is killed at a random moment."""
    kill_rounds: int
    """Rounds in which a served home loses processes under 8 writing clients."""
    queued: int
    """Events that wait while the graph engine is away."""
    races: int
    """Last seats that are raced for over HTTP."""
    flips: int
    """Bits flipped in each file of the embedded graph."""
    graph_histories: int
    """Random lives of a graph: writes, withdrawals, rebuilds, kills and flipped bytes."""
    tamperings: int
    """Ways in which somebody edits an exported audit."""
    histories: int
    """Examples per hypothesis property."""
    repeats: int
    """Seeds of a statistical claim."""


SIZES = {
    "small": Sizes(
        name="small",
        residents=2_000,
        dwellings=750,
        grids=12,
        items=300,
        ties=12_000,
        interactions=20_000,
        outbox_rows=2_000,
        requests=200,
        rivals=20,
        kills=3,
        kill_rounds=10,
        queued=1_000,
        races=200,
        flips=20,
        graph_histories=20,
        tamperings=200,
        histories=50,
        repeats=3,
    ),
    # The city of the promises: 4.09 million residents, 1.53 million dwellings, 4,419 grids.
    "long": Sizes(
        name="long",
        residents=4_090_000,
        dwellings=1_530_000,
        grids=4_419,
        items=20_000,
        ties=25_000_000,
        interactions=40_000_000,
        outbox_rows=200_000,
        requests=20_000,
        rivals=200,
        kills=50,
        kill_rounds=50,
        queued=10_000,
        races=1_000,
        flips=500,
        graph_histories=500,
        tamperings=1_000,
        histories=2_000,
        repeats=20,
    ),
}

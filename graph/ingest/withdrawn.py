"""What residents withdrew between the preview of an import and its commit is left out of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection

from graph.ingest.basis import residents_of
from graph.ledger.ledger import Ledger
from graph.model import Change, DataCategory, ResidentId

__all__ = ["leave_out"]


def leave_out(
    ledger: Ledger,
    tx: Connection,
    batch: str,
    missing: Mapping[DataCategory, Sequence[ResidentId]],
) -> int:
    """Take out of a staged batch what is no longer authorised; the rest is as it was.

    Parameters
    ----------
    missing : mapping
        Residents by the category whose grant they withdrew, or let run out.

    Returns
    -------
    int
        How many residents they are.
    """
    gone = {category: frozenset(residents) for category, residents in missing.items()}

    def stands(change: Change) -> bool:
        said = change.provenance
        return said is None or gone.get(said.category, frozenset()).isdisjoint(residents_of(change))

    for n, chunk in enumerate(ledger.imports.changes(tx, batch)):
        kept = [change for change in chunk if stands(change)]
        if len(kept) < len(chunk):
            ledger.imports.stage(tx, batch, n, kept)
    ledger.imports.set_previewed(tx, batch)
    for category, residents in missing.items():
        ledger.staging.leave_out(tx, batch, category, residents)
    return len(frozenset().union(*gone.values()))

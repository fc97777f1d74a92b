"""The property graph as Linli sees it: one protocol, kept by every engine.

Semantics every engine keeps (``tests/contract/test_graph_store.py`` holds them to it):

* :meth:`GraphStore.apply` is one transaction: all of the batch or nothing, with the watermark.
* Changes are idempotent. ``PUT`` sets exactly the given properties (absent ones become null);
  ``REMOVE`` of what is not there does nothing; removing a node removes its relationships.
* A relationship whose end is unknown is not written; it is counted and its key returned.
* There is at most one relationship per (type, start, end).
* Times come back as aware UTC datetimes with microseconds.
* A second opener of the same embedded store fails with ``StoreUnavailable``; nothing hangs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self, runtime_checkable

import pyarrow as pa

from graph.model import Change, Scalar

__all__ = ["Applied", "CypherStore", "GraphStore"]


@dataclass(frozen=True, slots=True)
class Applied:
    """What one batch did."""

    changes: int
    """Changes carried out, those that altered nothing included."""
    dangling: tuple[str, ...] = ()
    """Relationships left out because an end is unknown, as ``TYPE start->end``."""


@runtime_checkable
class GraphStore(Protocol):
    """A property graph with provenance on every fact."""

    def apply(self, changes: Sequence[Change], *, watermark: int | None = None) -> Applied:
        """Carry out a batch in one transaction and move the watermark with it.

        Parameters
        ----------
        changes : sequence of Change
            Validated by :func:`graph.schema.validate`; carried out in order.
        watermark : int, optional
            Outbox sequence number the graph now stands at. ``None`` leaves it as it is.

        Raises
        ------
        StoreUnavailable
            The engine is away or refused; nothing of the batch was written.
        """
        ...

    def load(self, changes: Iterable[Change], *, watermark: int) -> Applied:
        """Fill an empty store in bulk; same result as :meth:`apply`, several times faster."""
        ...

    def watermark(self) -> int:
        """Outbox sequence number the graph stands at; 0 for a new store."""
        ...

    def nodes(self, label: str) -> pa.Table:
        """All nodes of a label: ``id``, its properties, the provenance; ordered by ``id``."""
        ...

    def relationships(self, type_: str, start_label: str, end_label: str) -> pa.Table:
        """All relationships of a type between two labels.

        Returns
        -------
        pyarrow.Table
            ``start``, ``end``, the properties and the provenance; ordered by start, end.
        """
        ...

    def count(self) -> Mapping[str, int]:
        """Count nodes per label and relationships per type; zeros are left out."""
        ...

    def clear(self) -> None:
        """Remove everything, the watermark included."""
        ...

    def checkpoint(self) -> None:
        """Make the store's files compact and durable now."""
        ...

    def close(self) -> None:
        """Close every connection, then the database. Closing twice is allowed."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


@runtime_checkable
class CypherStore(GraphStore, Protocol):
    """A store that also answers Cypher (every engine but the fake)."""

    def cypher(
        self, text: str, parameters: Mapping[str, Scalar | Sequence[Scalar]] | None = None
    ) -> list[dict[str, Scalar]]:
        """Run one Cypher statement and return its rows (scalars only)."""
        ...

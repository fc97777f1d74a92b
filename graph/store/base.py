"""The property graph as Linli sees it: one protocol, kept by every engine.

Semantics every engine keeps (``tests/contract/test_graph_store.py`` holds them to it):

* :meth:`GraphStore.apply` is one transaction: all of the batch or nothing, with the watermark.
* Changes are carried out in order, and are idempotent. ``PUT`` sets exactly the given properties
  and provenance (absent ones become null) and keeps a node's relationships; ``REMOVE`` of what is
  not there does nothing; removing a node removes its relationships.
* A relationship whose end is unknown when its turn comes is not written; each such change is named
  in ``Applied.dangling``, in order, and not counted in ``Applied.changes``.
* There is at most one relationship per (type, start, end).
* A history in which nothing dangled may be replayed from any earlier point: the graph is the same.
* Bulk reads have the columns of ``cypher.arrow_schema`` even when empty: text is ``string``, whole
  numbers ``int64``, others ``double``; times come back in UTC with microseconds.
* After an error of a batch nothing of it is there; the next batch starts clean.
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
            Carried out in order. Each is held against :func:`graph.schema.validate` first.
        watermark : int, optional
            Outbox sequence number the graph now stands at. ``None`` leaves it as it is.

        Raises
        ------
        SchemaViolation
            A change does not fit the schema; nothing of the batch was written.
        StoreUnavailable
            The engine is away or refused; nothing of the batch was written.
        """
        ...

    def load(self, changes: Iterable[Change], *, watermark: int) -> Applied:
        """Fill an empty store in bulk; same result as :meth:`apply`, several times faster.

        Parameters
        ----------
        changes : iterable of Change
            Validated by the caller: here only labels, types of values and ends are checked.
        watermark : int
            Outbox sequence number the graph stands at afterwards.

        Raises
        ------
        Conflict
            The store holds nodes: clear it first.
        SchemaViolation, StoreUnavailable
            The store is left empty, at watermark 0; so is one whose load was killed.
        """
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

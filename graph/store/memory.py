"""A property graph in dictionaries: for tests and trials, under the same contract."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import Self

import pyarrow as pa

from graph.errors import Conflict, StoreUnavailable
from graph.model import Change, NodeChange, Op, RelationshipChange
from graph.store.base import Applied
from graph.store.cypher import NodeTable, RelationshipTable, Table, all_tables, table_of
from graph.store.plan import checked, dangling_key
from graph.store.rows import arrow_table, key_of

__all__ = ["MemoryStore"]

_Contents = dict[Table, dict[tuple[str, ...], Change]]


class MemoryStore:
    """A :class:`~graph.store.base.GraphStore` that forgets everything when it is closed."""

    def __init__(self) -> None:
        self._contents: _Contents = {table: {} for table in all_tables()}
        self._watermark = 0
        self._closed = False

    def apply(self, changes: Sequence[Change], *, watermark: int | None = None) -> Applied:
        """Carry out a batch as a whole and move the watermark with it."""
        self._opened()
        batch = checked(changes)
        dangling = []
        for change in batch:
            if isinstance(change, NodeChange):
                self._node(change)
            elif not self._relationship(change):
                dangling.append(dangling_key(change))
        if watermark is not None:
            self._watermark = watermark
        return Applied(len(batch) - len(dangling), tuple(dangling))

    def _node(self, change: NodeChange) -> None:
        nodes = self._contents[table_of(change.label)]
        if change.op is Op.PUT:
            nodes[key_of(change)] = change
        elif nodes.pop(key_of(change), None) is not None:
            self._detach(change.label, change.id)

    def _detach(self, label: str, id_: str) -> None:
        for table, rows in self._contents.items():
            if isinstance(table, NodeTable):
                continue
            at_start, at_end = table.start_label == label, table.end_label == label
            for key in list(rows):
                if (at_start and key[0] == id_) or (at_end and key[1] == id_):
                    del rows[key]

    def _relationship(self, change: RelationshipChange) -> bool:
        """Carry out one change; return False when an end is unknown."""
        rows = self._contents[table_of(change.type, change.start_label, change.end_label)]
        if change.op is Op.REMOVE:
            rows.pop(key_of(change), None)
            return True
        ends = ((change.start_label, change.start), (change.end_label, change.end))
        if any((id_,) not in self._contents[table_of(label)] for label, id_ in ends):
            return False
        rows[key_of(change)] = change
        return True

    def load(self, changes: Iterable[Change], *, watermark: int) -> Applied:
        """Fill an empty store; same result as :meth:`apply`; empty again when it fails."""
        if self.count():
            raise Conflict("the store is not empty: clear it before a load")
        try:
            return self.apply(list(changes), watermark=watermark)
        except BaseException:
            self.clear()
            raise

    def watermark(self) -> int:
        """Outbox sequence number the graph stands at; 0 for a new store."""
        self._opened()
        return self._watermark

    def nodes(self, label: str) -> pa.Table:
        """All nodes of a label: ``id``, its properties, the provenance; ordered by ``id``."""
        return self._read(table_of(label))

    def relationships(self, type_: str, start_label: str, end_label: str) -> pa.Table:
        """All relationships of a type between two labels; ordered by ``start``, ``end``."""
        return self._read(table_of(type_, start_label, end_label))

    def _read(self, table: Table) -> pa.Table:
        self._opened()
        rows = self._contents[table]
        return arrow_table([rows[key] for key in sorted(rows)], table)

    def count(self) -> Mapping[str, int]:
        """Count nodes per label and relationships per type; zeros are left out."""
        self._opened()
        counts: dict[str, int] = {}
        for table, rows in self._contents.items():
            name = table.type if isinstance(table, RelationshipTable) else table.label
            if rows:
                counts[name] = counts.get(name, 0) + len(rows)
        return counts

    def clear(self) -> None:
        """Remove everything, the watermark included."""
        self._opened()
        self._contents = {table: {} for table in all_tables()}
        self._watermark = 0

    def checkpoint(self) -> None:
        """Do nothing: there are no files."""
        self._opened()

    def close(self) -> None:
        """Forget everything. Closing twice is allowed."""
        self._closed = True
        self._contents = {}

    def _opened(self) -> None:
        if self._closed:
            raise StoreUnavailable("this store in memory is closed: open a new one")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

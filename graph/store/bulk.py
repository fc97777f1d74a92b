"""Filling an empty store: the loader knows what is there, so that new rows may be copied.

A bulk copy neither looks for a row that is already there nor forgives an end that is not. The
loader keeps, per label, the ids that exist and, per relationship table, the pairs that exist
(one 64-bit number each). With that, every relationship change is either dangling or the last
word on its key: first words are copied, later ones merged or removed at the next flush.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import Final

import pyarrow as pa

from graph.errors import SchemaViolation
from graph.model import Change, NodeChange, Op, RelationshipChange
from graph.store.base import Applied
from graph.store.cypher import NodeTable, RelationshipTable, Table, all_tables
from graph.store.plan import Entry, Group, dangling_key
from graph.store.rows import arrow_table
from graph.store.writing import Run, put_nodes, put_relationships, remove_all

__all__ = ["LOAD_CHUNK", "Copy", "Loader"]

Copy = Callable[[Table, pa.Table], None]
"""Appends rows, in the columns of ``arrow_schema``, that are known to be new."""

LOAD_CHUNK: Final = 1_000_000
_BATCH: Final = 10_000


@dataclass(slots=True)
class _Nodes:
    """What is known of one label."""

    table: NodeTable
    ids: dict[str, int] = field(default_factory=dict)
    """Number of every node that is there; a node that comes back gets a new one."""
    fresh: dict[str, Change] = field(default_factory=dict)
    """To be copied."""
    late: dict[str, Change] = field(default_factory=dict)
    """Stored already, to be set anew."""
    doomed: list[Change] = field(default_factory=list)


@dataclass(slots=True)
class _Relationships:
    """What is known of one type between two labels; keys are pairs of node numbers."""

    table: RelationshipTable
    starts: dict[str, int]
    ends: dict[str, int]
    present: set[int] = field(default_factory=set)
    fresh: dict[int, Change] = field(default_factory=dict)
    late: dict[int, Change] = field(default_factory=dict)
    gone: dict[int, Change] = field(default_factory=dict)
    """Stored, to be removed."""


class Loader:
    """Takes changes in order and writes them in large pieces.

    Parameters
    ----------
    run : Run
        Runs one statement.
    copy : Copy
    flush_at : int
        Changes held before they are written.
    """

    def __init__(self, run: Run, copy: Copy, *, flush_at: int = LOAD_CHUNK) -> None:
        self._run, self._copy, self._flush_at = run, copy, flush_at
        self._nodes: dict[str, _Nodes] = {}
        self._relationships: dict[tuple[str, str, str], _Relationships] = {}
        for table in all_tables():
            if isinstance(table, NodeTable):
                self._nodes[table.label] = _Nodes(table)
                continue
            starts, ends = self._nodes[table.start_label].ids, self._nodes[table.end_label].ids
            names = (table.type, table.start_label, table.end_label)
            self._relationships[names] = _Relationships(table, starts, ends)
        self._next = self._held = self._taken = 0
        self._doomed = False
        self._dangling: list[str] = []

    def take(self, change: Change) -> None:
        """Take in the next change.

        Raises
        ------
        SchemaViolation
            The schema has no such label or relationship.
        """
        self._taken += 1
        if isinstance(change, NodeChange):
            if change.op is Op.PUT:
                self._put_node(change)
            else:
                self._remove_node(change)
        else:
            self._relationship(change)
        if self._held >= self._flush_at:
            self.flush()

    def finish(self) -> Applied:
        """Write what is held and report."""
        self.flush()
        return Applied(self._taken - len(self._dangling), tuple(self._dangling))

    def _put_node(self, change: NodeChange) -> None:
        if self._doomed:
            self._bury()
        nodes = self._of(change)
        if change.id not in nodes.ids:
            nodes.ids[change.id] = self._next
            self._next += 1
            nodes.fresh[change.id] = change
        elif change.id in nodes.fresh:
            nodes.fresh[change.id] = change
        else:
            nodes.late[change.id] = change
        self._held += 1

    def _remove_node(self, change: NodeChange) -> None:
        nodes = self._of(change)
        if nodes.ids.pop(change.id, None) is None:
            return
        if not self._doomed:
            self.flush()
        nodes.doomed.append(change)
        self._doomed = True

    def _of(self, change: NodeChange) -> _Nodes:
        nodes = self._nodes.get(change.label)
        if nodes is None:
            raise SchemaViolation(f"{change.label}: the schema has no such label")
        return nodes

    def _relationship(self, change: RelationshipChange) -> None:
        if self._doomed:
            self._bury()
        names = (change.type, change.start_label, change.end_label)
        known = self._relationships.get(names)
        if known is None:
            raise SchemaViolation(f"{'-'.join(names)}: the schema has no such relationship")
        start, end = known.starts.get(change.start), known.ends.get(change.end)
        if start is None or end is None:
            if change.op is Op.PUT:
                self._dangling.append(dangling_key(change))
            return
        self._held += 1
        code = start << 32 | end
        if change.op is Op.REMOVE:
            _take_back(known, code, change)
        elif code not in known.present:
            known.present.add(code)
            stored = known.gone.pop(code, None) is not None
            (known.late if stored else known.fresh)[code] = change
        else:
            (known.fresh if code in known.fresh else known.late)[code] = change

    def flush(self) -> None:
        """Write everything held; nodes before the relationships that need them."""
        self._bury()
        for nodes in self._nodes.values():
            self._append(nodes.table, nodes.fresh.values())
            for entries in _batches(nodes.late.values()):
                put_nodes(self._run, nodes.table, entries)
            nodes.fresh.clear()
            nodes.late.clear()
        for known in self._relationships.values():
            self._remove(known.table, known.gone.values())
            self._append(known.table, known.fresh.values())
            for entries in _batches(known.late.values()):
                put_relationships(self._run, known.table, entries)
            known.gone.clear()
            known.fresh.clear()
            known.late.clear()
        self._held = 0

    def _bury(self) -> None:
        for nodes in self._nodes.values():
            self._remove(nodes.table, nodes.doomed)
            nodes.doomed.clear()
        self._doomed = False

    def _append(self, table: Table, changes: Collection[Change]) -> None:
        if changes:
            self._copy(table, arrow_table(list(changes), table))

    def _remove(self, table: Table, changes: Collection[Change]) -> None:
        for entries in _batches(changes):
            remove_all(self._run, Group(Op.REMOVE, table, entries))


def _take_back(known: _Relationships, code: int, change: RelationshipChange) -> None:
    if code not in known.present:
        return
    known.present.discard(code)
    if known.fresh.pop(code, None) is None:
        known.late.pop(code, None)
        known.gone[code] = change


def _batches(changes: Collection[Change]) -> Iterator[list[Entry]]:
    waiting = list(changes)
    for at in range(0, len(waiting), _BATCH):
        yield [Entry(change, 0, [n]) for n, change in enumerate(waiting[at : at + _BATCH])]

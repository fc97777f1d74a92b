"""Filling an empty store: the loader knows what is there, so that new rows may be copied.

A bulk copy neither looks for a row that is already there nor forgives an end that is not. The
loader keeps, per label, the ids that exist and, per relationship table, the pairs that exist
(one 64-bit number each). With that, every relationship change is either dangling or the last
word on its key: first words are copied, later ones merged or removed at the next flush.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Final

import pyarrow as pa

from graph.model import Change, NodeChange, Op, RelationshipChange
from graph.store.base import Applied
from graph.store.cypher import NodeTable, RelationshipTable, Table, table_of
from graph.store.plan import Entry, Group, dangling_key
from graph.store.rows import arrow_table
from graph.store.writing import Run, put_nodes, put_relationships, remove_all

__all__ = ["Copy", "Loader"]

Copy = Callable[[Table, pa.Table], None]
"""Appends rows, in the columns of ``arrow_schema``, that are known to be new."""

_FLUSH_AT: Final = 1_000_000
_BATCH: Final = 10_000


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

    def __init__(self, run: Run, copy: Copy, *, flush_at: int = _FLUSH_AT) -> None:
        self._run, self._copy, self._flush_at = run, copy, flush_at
        self._ids: dict[str, dict[str, int]] = defaultdict(dict)
        self._next = 0
        self._present: dict[Table, set[int]] = defaultdict(set)
        self._fresh: dict[Table, dict[str | int, Change]] = defaultdict(dict)
        self._late: dict[Table, dict[str | int, Change]] = defaultdict(dict)
        self._gone: dict[Table, dict[str | int, Change]] = defaultdict(dict)
        self._doomed: dict[Table, list[Change]] = defaultdict(list)
        self._held = 0
        self._taken = 0
        self._dangling: list[str] = []

    def take(self, change: Change) -> None:
        """Take in the next change."""
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
        table, known = table_of(change.label), self._ids[change.label]
        if change.id not in known:
            known[change.id] = self._next
            self._next += 1
            self._fresh[table][change.id] = change
        elif change.id in self._fresh[table]:
            self._fresh[table][change.id] = change
        else:
            self._late[table][change.id] = change
        self._held += 1

    def _remove_node(self, change: NodeChange) -> None:
        table = table_of(change.label)
        if self._ids[change.label].pop(change.id, None) is None:
            return
        if not self._doomed:
            self.flush()
        self._doomed[table].append(change)

    def _relationship(self, change: RelationshipChange) -> None:
        if self._doomed:
            self._bury()
        table = table_of(change.type, change.start_label, change.end_label)
        start = self._ids[change.start_label].get(change.start)
        end = self._ids[change.end_label].get(change.end)
        if start is None or end is None:
            if change.op is Op.PUT:
                self._dangling.append(dangling_key(change))
            return
        self._last_word(table, start << 32 | end, change)
        self._held += 1

    def _last_word(self, table: Table, code: int, change: Change) -> None:
        present, fresh = self._present[table], self._fresh[table]
        if change.op is Op.REMOVE:
            if code in present:
                present.discard(code)
                if fresh.pop(code, None) is None:
                    self._late[table].pop(code, None)
                    self._gone[table][code] = change
        elif code not in present:
            present.add(code)
            was_stored = self._gone[table].pop(code, None) is not None
            (self._late[table] if was_stored else fresh)[code] = change
        elif code in fresh:
            fresh[code] = change
        else:
            self._late[table][code] = change

    def flush(self) -> None:
        """Write everything held; nodes before the relationships that need them."""
        self._bury()
        for table, removals in self._gone.items():
            self._remove(table, list(removals.values()))
        nodes_first = sorted({*self._fresh, *self._late}, key=_nodes_first)
        for table in nodes_first:
            fresh = list(self._fresh[table].values())
            if fresh:
                self._copy(table, arrow_table(fresh, table))
            self._merge(table, list(self._late[table].values()))
        for held in (self._gone, self._fresh, self._late):
            held.clear()
        self._held = 0

    def _bury(self) -> None:
        doomed, self._doomed = self._doomed, defaultdict(list)
        for table, removals in doomed.items():
            self._remove(table, removals)

    def _remove(self, table: Table, removals: list[Change]) -> None:
        for entries in _batches(removals):
            remove_all(self._run, Group(Op.REMOVE, table, entries))

    def _merge(self, table: Table, changes: list[Change]) -> None:
        for entries in _batches(changes):
            if isinstance(table, NodeTable):
                put_nodes(self._run, table, entries)
            else:
                put_relationships(self._run, table, entries)


def _nodes_first(table: Table) -> tuple[bool, str]:
    return isinstance(table, RelationshipTable), str(table)


def _batches(changes: list[Change]) -> list[list[Entry]]:
    entries = [Entry(change, 0, [n]) for n, change in enumerate(changes)]
    return [entries[at : at + _BATCH] for at in range(0, len(entries), _BATCH)]

"""How a planned batch is written, whatever the engine; each engine brings only ``run``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from graph.model import Change, Op, RelationshipChange
from graph.store.base import Applied
from graph.store.cypher import (
    NodeTable,
    RelationshipTable,
    Statement,
    create_node,
    put_relationship,
    remove,
    update_node,
)
from graph.store.plan import Entry, Group, dangling_key, plan
from graph.store.rows import Row, row_of

__all__ = ["Run", "carry_out", "outcome", "put_nodes", "put_relationships", "remove_all"]


class Run(Protocol):
    """Runs one statement of the open transaction and returns the ``n`` it gives back."""

    def __call__(self, statement: Statement, rows: Sequence[Row]) -> list[int]:
        """Run it; ``rows`` are not empty."""
        ...


def carry_out(run: Run, changes: Sequence[Change]) -> Applied:
    """Write a batch within the open transaction; dangling relationships are left out.

    Parameters
    ----------
    run : Run
    changes : sequence of Change
        As :func:`graph.store.plan.checked` returned them.
    """
    left_out: list[int] = []
    for group in plan(changes):
        left_out += _write(run, group)
    return outcome(changes, left_out)


def outcome(changes: Sequence[Change], left_out: Sequence[int]) -> Applied:
    """Report a batch from the positions of the relationships left out."""
    names = []
    for position in sorted(left_out):
        change = changes[position]
        if isinstance(change, RelationshipChange):
            names.append(dangling_key(change))
    return Applied(len(changes) - len(names), tuple(names))


def _write(run: Run, group: Group) -> list[int]:
    """Write one group; return the positions of the changes that were left out."""
    table = group.table
    if group.op is Op.REMOVE:
        remove_all(run, group)
    elif isinstance(table, NodeTable):
        put_nodes(run, table, group.entries)
    else:
        return put_relationships(run, table, group.entries)
    return []


def remove_all(run: Run, group: Group) -> None:
    """Make everything the group names not be there."""
    run(remove(group.table), [row_of(entry, group.table) for entry in group.entries])


def put_nodes(run: Run, table: NodeTable, entries: Sequence[Entry]) -> None:
    """Make nodes be there with exactly these properties."""
    rows = [row_of(entry, table) for entry in entries]
    found = set(run(update_node(table), rows))
    missing = [row for row in rows if row["n"] not in found]
    if missing:
        run(create_node(table), [{"id": row["id"]} for row in missing])
        run(update_node(table), missing)


def put_relationships(run: Run, table: RelationshipTable, entries: Sequence[Entry]) -> list[int]:
    """Make relationships be there; return the positions of those that lack an end."""
    rows = [row_of(entry, table) for entry in entries]
    found = set(run(put_relationship(table), rows))
    lost = (entry for entry in entries if entry.positions[0] not in found)
    return [position for entry in lost for position in entry.positions]

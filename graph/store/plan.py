"""A batch of changes as a few groups that may each be carried out in one statement.

Changes are carried out in order. Most of them do not touch each other, so the order only counts
between changes of the same node or relationship, and between a relationship and its two ends.
:func:`plan` gives each change the earliest stage that respects this; changes of one stage commute
and are grouped by what is done to which table. A ``PUT`` that follows a ``PUT`` takes its place.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from graph.errors import SchemaViolation
from graph.model import Change, NodeChange, Op, RelationshipChange
from graph.schema import validate
from graph.store.cypher import Table, table_of

__all__ = ["Entry", "Group", "checked", "dangling_key", "plan"]

_INT_LIMIT = 2**63

NodeKey = tuple[str, str]
RelationshipKey = tuple[str, str, str, str, str]


@dataclass(slots=True)
class Entry:
    """What shall be true of one key, and the changes of the batch that say so."""

    change: Change
    stage: int
    positions: list[int]
    """Where those changes stand in the batch."""


@dataclass(slots=True)
class Group:
    """Entries of one stage that do the same to one table."""

    op: Op
    table: Table
    entries: list[Entry] = field(default_factory=list)


def checked(changes: Iterable[Change]) -> list[Change]:
    """Return the changes, once all of them are known to fit the schema and the engines.

    Raises
    ------
    SchemaViolation
        Names the first change that does not fit.
    """
    kept = list(changes)
    for change in kept:
        validate(change)
        if change.op is Op.REMOVE:
            continue
        for name, value in change.properties.items():
            if isinstance(value, int) and not -_INT_LIMIT <= value < _INT_LIMIT:
                raise SchemaViolation(f"{name!r} is {value}: no engine holds more than 64 bits")
            if isinstance(value, str) and not _encodable(value):
                raise SchemaViolation(f"{name!r} holds half a character (a lone surrogate)")
    return kept


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def dangling_key(change: RelationshipChange) -> str:
    """Name a relationship as ``TYPE start->end``, the form of ``Applied.dangling``."""
    return f"{change.type} {change.start}->{change.end}"


class _Planner:
    """Gives each change its stage; one pass, a few dictionary look-ups per change."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self._node: dict[NodeKey, Entry] = {}
        self._relationship: dict[RelationshipKey, Entry] = {}
        self._touched: dict[NodeKey, int] = {}
        """Last stage in which a relationship of the node changes."""

    def add(self, position: int, change: Change) -> None:
        """Take in the next change of the batch."""
        if isinstance(change, NodeChange):
            self._add_node(position, change)
        else:
            self._add_relationship(position, change)

    def _add_node(self, position: int, change: NodeChange) -> None:
        key = (change.label, change.id)
        last = self._node.get(key)
        # A node that was put is there, whatever its relationships did since; one that was
        # removed is not, and nothing could be tied to it since.
        touched = self._touched.get(key, 0)
        repeated = last is not None and last.change.op is change.op
        if last is not None and repeated and (change.op is Op.PUT or touched <= last.stage):
            _replace(last, position, change)
            return
        earliest = max(touched, last.stage if last else 0) + 1
        self._node[key] = self._append(position, change, earliest)

    def _add_relationship(self, position: int, change: RelationshipChange) -> None:
        key = (change.type, change.start_label, change.start, change.end_label, change.end)
        ends = ((change.start_label, change.start), (change.end_label, change.end))
        known = [self._node[end].stage for end in ends if end in self._node]
        after_ends = max(known, default=0)
        last = self._relationship.get(key)
        if last is not None and last.stage > after_ends and last.change.op is change.op:
            _replace(last, position, change)
            return
        stage = max(after_ends, last.stage if last else 0) + 1
        self._relationship[key] = self._append(position, change, stage)
        for end in ends:
            self._touched[end] = max(self._touched.get(end, 0), stage)

    def _append(self, position: int, change: Change, stage: int) -> Entry:
        entry = Entry(change, stage, [position])
        self.entries.append(entry)
        return entry


def _replace(entry: Entry, position: int, change: Change) -> None:
    entry.change = change
    entry.positions.append(position)


def plan(changes: Sequence[Change]) -> list[Group]:
    """Group a batch into statements to be run one after the other.

    Parameters
    ----------
    changes : sequence of Change
        Fitting the schema; see :func:`checked`.

    Returns
    -------
    list of Group
        In the order to be carried out; nodes before relationships within a stage.
    """
    planner = _Planner()
    for position, change in enumerate(changes):
        planner.add(position, change)
    groups: dict[tuple[int, bool, Op, tuple[str, ...]], Group] = {}
    for entry in planner.entries:
        change = entry.change
        is_node = isinstance(change, NodeChange)
        names = _names(change)
        key = (entry.stage, not is_node, change.op, names)
        group = groups.get(key)
        if group is None:
            group = groups[key] = Group(change.op, table_of(*names))
        group.entries.append(entry)
    return [groups[key] for key in sorted(groups)]


def _names(change: Change) -> tuple[str, ...]:
    if isinstance(change, NodeChange):
        return (change.label,)
    return (change.type, change.start_label, change.end_label)

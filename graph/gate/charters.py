"""Whom a charter would bring together, as far as they authorise it at this moment."""

from __future__ import annotations

from collections.abc import Mapping

from graph.codec import Json
from graph.errors import NotFound
from graph.gate.assigned import is_bound, may_see_grid
from graph.gate.gate import Gate
from graph.gate.recorded import record_shown
from graph.ledger.ledger import Ledger
from graph.model import Action, Actor, DataCategory, Purpose, ResidentId
from graph.policy import Relation

__all__ = ["charter_people", "may_be_asked"]

_NEEDED = frozenset({DataCategory.GRID, DataCategory.INTEREST})
"""Without these under *group-matching* nobody is in a charter."""
_RESTS_ON = {
    "minutes": DataCategory.DWELLING,
    "born": DataCategory.IDENTITY,
    "few_ties": DataCategory.TIE,
    "bridges": DataCategory.TIE,
}
"""What a reason says that rests on another category; 0 where that is not authorised."""


def charter_people(
    gate: Gate, ledger: Ledger, actor: Actor, charter: str
) -> dict[ResidentId, Mapping[str, Json]]:
    """Read who would found a group and why; recorded before it leaves.

    Whoever withdrew is not among them from that moment on.

    Raises
    ------
    NotFound
        There is no such charter, or it is not of a grid that the actor looks after.
    AuditUnavailable
        It could not be recorded, so nothing leaves.
    """
    with ledger.read() as tx:
        grid, people = ledger.charters.get(tx, charter).grid, ledger.charters.people(tx, charter)
    if not may_see_grid(ledger, actor, grid):
        raise NotFound(f"no charter {charter!r}")
    categories = _NEEDED | set(_RESTS_ON.values())
    cells = gate.permitted_cells(
        actor,
        purpose=Purpose.GROUP_MATCHING,
        cells=[(who, category) for who in people for category in categories],
        action=Action.DERIVE,
        relation=Relation.ASSIGNED if is_bound(actor) else Relation.OTHER,
    )
    kept = {who: why for who, why in people.items() if all((who, c) in cells for c in _NEEDED)}
    shown = [cell for cell in cells if cell[0] in kept]
    if shown:
        record_shown(ledger, actor, Purpose.GROUP_MATCHING, shown)
    return {
        who: {
            name: 0 if name in _RESTS_ON and (who, _RESTS_ON[name]) not in cells else value
            for name, value in why.items()
        }
        for who, why in kept.items()
    }


def may_be_asked(gate: Gate, actor: Actor, resident: ResidentId) -> bool:
    """Whether a resident's grants still let them be asked to found a group; nothing is shown."""
    cells = {(resident, category) for category in _NEEDED}
    return cells == gate.permitted_cells(
        actor, purpose=Purpose.GROUP_MATCHING, cells=cells, action=Action.DERIVE
    )

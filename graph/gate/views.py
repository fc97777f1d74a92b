"""What models may learn from: a snapshot as far as residents authorise it now."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from graph.gate.gate import Gate
from graph.ledger.ledger import Ledger
from graph.model import Action, Actor, DataCategory, InstitutionId, Level, Purpose
from graph.schema import CATEGORY_LEVEL, PURPOSE_CATEGORIES
from graph.snapshot import Snapshot
from graph.view import View

__all__ = ["consents_now", "group_view", "training_view", "withdrawn_since"]

_LEARNT = ((Purpose.FEED, Level.S1), (Purpose.GROUP_MATCHING, Level.S2))
"""Under which purpose cells of which level enter what many share."""
_GROUPED = ((Purpose.GROUP_MATCHING, Level.S1), (Purpose.GROUP_MATCHING, Level.S2))
"""The same for ties and communities."""


def training_view(gate: Gate, ledger: Ledger, actor: Actor, snapshot: Snapshot) -> View:
    """Open a snapshot for learning.

    S1 cells are learnt from under *feed* grants. S2 cells (ties, homes, occupations) enter what
    residents share only under *group-matching* grants; S3 cells never do. Grants changed since
    the snapshot count as they stand now.

    Raises
    ------
    Denied
        The actor may not train.
    AuditUnavailable
        It could not be recorded, so it does not happen.
    """
    return _view(gate, ledger, actor, snapshot, _LEARNT)


def group_view(gate: Gate, ledger: Ledger, actor: Actor, snapshot: Snapshot) -> View:
    """Open a snapshot for finding communities: S1 and S2 cells under *group-matching* grants.

    Raises
    ------
    Denied
        The actor may not train.
    AuditUnavailable
        It could not be recorded, so it does not happen.
    """
    return _view(gate, ledger, actor, snapshot, _GROUPED)


def withdrawn_since(
    ledger: Ledger, institution: InstitutionId, *, epoch: int, since: int
) -> NDArray[np.int64]:
    """Rows of residents who authorise an institution less than then, ascending.

    They withdrew, or a grant ran out; what was made then may hold cells of theirs.

    Parameters
    ----------
    epoch : int
        Grant epoch of then.
    since : int
        Unix seconds of then.
    """
    now = int(ledger.clock().timestamp())
    with ledger.read() as tx:
        ended = ledger.grants.ended_since(tx, epoch, institution=institution)
        lapsed = ledger.grants.ran_out_between(tx, since, now, institution=institution)
    return np.array(sorted({*ended, *lapsed}), np.int64)


def _view(
    gate: Gate,
    ledger: Ledger,
    actor: Actor,
    snapshot: Snapshot,
    learnt: Sequence[tuple[Purpose, Level]],
) -> View:
    masks, expires = consents_now(ledger, actor, snapshot)
    permitted: dict[DataCategory, NDArray[np.bool_]] = {}
    for purpose, level in learnt:
        decision = gate.authorise_bulk(
            actor,
            purpose=purpose,
            categories=[c for c in PURPOSE_CATEGORIES[purpose] if CATEGORY_LEVEL[c] is level],
            action=Action.TRAIN,
            rows=None,
        )
        permitted |= gate.permitted(decision, masks, expires)
    return snapshot.view(permitted)


def consents_now(
    ledger: Ledger, actor: Actor, snapshot: Snapshot
) -> tuple[NDArray[np.uint16], NDArray[np.int64]]:
    """Consent masks and expiries of a snapshot's residents, changes since then included."""
    masks, expires = np.array(snapshot.masks), np.array(snapshot.expires)
    with ledger.read() as tx:
        changed = ledger.grants.changed_since(
            tx, snapshot.epoch, institution=actor.institution, at=ledger.clock()
        )
    for row, mask, expiry in changed:
        if row < len(masks):
            masks[row], expires[row] = mask, expiry
    return masks, expires

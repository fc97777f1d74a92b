"""What a reader may ask about people who are known already."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from graph.ingest.plan import purpose_of
from graph.ledger.ledger import Ledger
from graph.ledger.rows import RowKind
from graph.model import Action, Actor, DataCategory, Purpose, ResidentId

__all__ = ["EmptyRegister", "GrantGate", "LedgerRegister", "Register"]


class Register(Protocol):
    """Finds known residents, exactly."""

    def find(self, kind: str, value: str) -> ResidentId | None:
        """Return the one resident with this ``phone``, ``id_number`` or ``meter``, or ``None``."""
        ...

    def name_of(self, resident: ResidentId) -> str | None:
        """Return the name that is recorded."""
        ...

    def granted(self, resident: ResidentId, category: DataCategory) -> bool:
        """Whether the resident authorises facts of this category now, for its ``purpose_of``."""
        ...

    def has(self, kind: RowKind, key: str) -> bool:
        """Whether an item, grid or building of this id was imported before."""
        ...


class EmptyRegister:
    """Knows nobody: what a reader sees before anything was imported."""

    def find(self, kind: str, value: str) -> ResidentId | None:
        """Return ``None``."""
        return None

    def name_of(self, resident: ResidentId) -> str | None:
        """Return ``None``."""
        return None

    def granted(self, resident: ResidentId, category: DataCategory) -> bool:
        """Return ``False``: what is not authorised is refused."""
        return False

    def has(self, kind: RowKind, key: str) -> bool:
        """Return ``False``."""
        return False


class GrantGate(Protocol):
    """The question a register asks of the gate (:class:`graph.gate.Gate` has it)."""

    def may(
        self,
        actor: Actor,
        *,
        purpose: Purpose,
        category: DataCategory,
        subject: ResidentId,
        action: Action,
        law: str = "",
    ) -> bool:
        """Tell whether it would be allowed."""
        ...

    def may_among(
        self,
        actor: Actor,
        *,
        purpose: Purpose,
        category: DataCategory,
        subjects: Sequence[ResidentId] | None,
        action: Action,
    ) -> frozenset[ResidentId]:
        """Of these residents, or of all who granted anything, those of whom it would be."""
        ...


class LedgerRegister:
    """The residents of a ledger. What counts as authorised is for the gate to say.

    Parameters
    ----------
    ledger : Ledger
    gate : GrantGate
    actor : Actor
        Who imports; facts are taken in for what this actor may derive from them.

    Notes
    -----
    What is authorised is looked up once per category: one register is for reading one file.
    """

    def __init__(self, ledger: Ledger, gate: GrantGate, actor: Actor) -> None:
        self._ledger = ledger
        self._gate = gate
        self._actor = actor
        self._granted: dict[DataCategory, frozenset[ResidentId]] = {}

    def find(self, kind: str, value: str) -> ResidentId | None:
        """Return the one resident with this value."""
        with self._ledger.read() as tx:
            return self._ledger.identity.find(tx, kind, value)

    def name_of(self, resident: ResidentId) -> str | None:
        """Return the name that is recorded."""
        with self._ledger.read() as tx:
            return self._ledger.identity.names(tx, [resident]).get(resident)

    def granted(self, resident: ResidentId, category: DataCategory) -> bool:
        """Whether a grant for the purpose of this category is in force."""
        if category not in self._granted:
            self._granted[category] = self._gate.may_among(
                self._actor,
                purpose=purpose_of(category),
                category=category,
                subjects=None,
                action=Action.DERIVE,
            )
        return resident in self._granted[category]

    def has(self, kind: RowKind, key: str) -> bool:
        """Whether this id has a row."""
        with self._ledger.read() as tx:
            return self._ledger.rows.get(tx, kind, key) is not None

"""What a reader may ask about people who are known already."""

from __future__ import annotations

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


class LedgerRegister:
    """The residents of a ledger. What counts as authorised is for the gate to say.

    Parameters
    ----------
    ledger : Ledger
    gate : GrantGate
    actor : Actor
        Who imports; facts are taken in for what this actor may derive from them.
    """

    def __init__(self, ledger: Ledger, gate: GrantGate, actor: Actor) -> None:
        self._ledger = ledger
        self._gate = gate
        self._actor = actor

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
        return self._gate.may(
            self._actor,
            purpose=purpose_of(category),
            category=category,
            subject=resident,
            action=Action.DERIVE,
        )

    def has(self, kind: RowKind, key: str) -> bool:
        """Whether this id has a row."""
        with self._ledger.read() as tx:
            return self._ledger.rows.get(tx, kind, key) is not None

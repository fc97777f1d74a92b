"""Linli with one fault planted: what the kill rounds must find, or they find nothing.

Run as ``python -m tests.integration.planted <fault> serve ...``.
"""

from __future__ import annotations

import secrets
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import replace

from api.cli.main import main
from api.services.interactions import Act, Interactions, Receipt
from graph.model import Actor

PLANTS = {
    "acknowledged-before-commit": "lost:",
    "no-idempotency": "applied twice",
}
"""Fault -> words of the line that must tell of it."""


def planted(plant: str) -> Sequence[str]:
    """Command line of a Linli with this fault."""
    return (sys.executable, "-m", "tests.integration.planted", plant)


def acknowledge_before_commit() -> None:
    """Answer at once; write a moment later."""
    honest = Interactions.record

    def record(self: Interactions, actor: Actor, act: Act) -> Receipt:
        def write() -> None:
            time.sleep(0.7)
            honest(self, actor, act)

        threading.Thread(target=write, daemon=True).start()
        return Receipt(act.item, act.kind, act.rec_id, self._backing.clock())

    Interactions.record = record  # type: ignore[method-assign]


def forget_keys() -> None:
    """Do an act as often as it is sent; the first time under its own key."""
    honest = Interactions.record
    seen: set[str] = set()

    def record(self: Interactions, actor: Actor, act: Act) -> Receipt:
        if act.key in seen:
            act = replace(act, key=secrets.token_hex(8))
        seen.add(act.key)
        return honest(self, actor, act)

    Interactions.record = record  # type: ignore[method-assign]


if __name__ == "__main__":
    fault = sys.argv.pop(1)
    {"acknowledged-before-commit": acknowledge_before_commit, "no-idempotency": forget_keys}[
        fault
    ]()
    main()

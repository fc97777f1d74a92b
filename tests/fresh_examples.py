"""Examples that are each drawn anew, for properties that can afford few.

By itself hypothesis makes five of six examples by repeating parts of the one before, and the first
ones small. With ``settings(backend=FRESH)`` it does neither; a failure is made small as ever.
"""

from __future__ import annotations

from hypothesis.internal.conjecture.providers import AVAILABLE_PROVIDERS, HypothesisProvider

__all__ = ["FRESH"]

FRESH = "linli-fresh"


class Fresh(HypothesisProvider):
    """Draws as hypothesis does; under a name of its own, what it drew is not reworked."""


AVAILABLE_PROVIDERS[FRESH] = f"{__name__}.{Fresh.__name__}"

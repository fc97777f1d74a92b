"""What the page of facts needs besides them: the occupations to choose from, and reading a form."""

from __future__ import annotations

from functools import cache

from api.services.views import Words
from graph.errors import DataError
from graph.vocabulary import occupations

__all__ = ["read_value", "works"]

MOST = 100
"""Characters of what somebody tells of themselves."""
_NUMBERS = frozenset({"birth_year", "walk_limit"})


@cache
def works() -> tuple[tuple[str, Words], ...]:
    """All occupations that can be chosen, by code."""
    return tuple((term.code, Words(term.label_zh, term.label_en)) for term in occupations().terms)


def read_value(kind: str, text: str) -> str | int | None:
    """Read what stands in a form; nothing = nothing shall be held.

    Raises
    ------
    DataError
        It is no number where one is asked for, or too long.
    """
    if not text:
        return None
    if len(text) > MOST:
        raise DataError(f"{kind}: at most {MOST} characters")
    if kind not in _NUMBERS:
        return text
    if not (text.isascii() and text.isdigit() and len(text) < 7):
        raise DataError(f"{kind}: a number is asked for")
    return int(text)

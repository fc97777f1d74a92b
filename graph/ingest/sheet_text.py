"""Texts that are safe in a cell of a spreadsheet."""

from __future__ import annotations

from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

__all__ = ["harmless", "without_controls"]


def harmless(text: str) -> str:
    """Put an apostrophe before what a spreadsheet would run as a formula.

    Examples
    --------
    >>> harmless("=1+1"), harmless(" @x"), harmless("3-2-501"), harmless("-")
    ("'=1+1", "' @x", '3-2-501', '-')
    """
    start = text.lstrip(" \u3000")[:2]
    runs = start[:1] in {"=", "+", "-", "@", "\t", "\r", "\uff1d", "\uff0b", "\uff0d", "\uff20"}
    return "'" + text if runs and len(text.strip()) > 1 else text


def without_controls(text: str) -> str:
    """Drop the control characters that a workbook cannot hold."""
    return ILLEGAL_CHARACTERS_RE.sub("", text)

"""Refusing a file as a whole, in both languages."""

from __future__ import annotations

from graph.errors import ImportRefused

__all__ = ["refused"]


def refused(name: str, zh: str, en: str) -> ImportRefused:
    """Say of a file why it cannot be read and what to do about it; raise what is returned."""
    return ImportRefused(f"{name}: {zh}; {en}", zh=zh, en=en)

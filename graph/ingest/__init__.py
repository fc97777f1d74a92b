"""Readers, validation and the two-phase import batch."""

__all__: list[str] = []

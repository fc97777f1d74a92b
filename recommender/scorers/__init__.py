"""Scorers: each ranks open items for one resident in its own way."""

__all__: list[str] = []

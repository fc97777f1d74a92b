"""Splits, metrics and experiments: how well the suggestions work."""

__all__: list[str] = []

"""What is known about a neighbourhood, and who may see it."""

__all__: list[str] = []

"""What to suggest, to whom, and why."""

__all__: list[str] = []

"""Sign-in, sessions, keys, limits and the policy line of each operation."""

__all__: list[str] = []

"""The command line: linli."""

__all__: list[str] = []

"""The web pages: feed, desk, my data, administration."""

__all__: list[str] = []

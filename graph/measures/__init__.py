"""Pure measures on sparse graphs: ties, communities, social capital."""

__all__: list[str] = []

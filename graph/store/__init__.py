"""The property graph: one contract, an embedded engine and Neo4j."""

__all__: list[str] = []

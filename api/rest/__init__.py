"""The REST interface: blueprints, schemas and problem details."""

__all__: list[str] = []

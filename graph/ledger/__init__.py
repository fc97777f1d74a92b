"""What must never be lost or leaked, in SQL: identities, grants, audit, outbox."""

__all__: list[str] = []

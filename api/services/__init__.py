"""What a page and an endpoint have in common, without HTTP."""

__all__: list[str] = []

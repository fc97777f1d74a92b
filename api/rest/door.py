"""The blueprint that all endpoints of version 1 hang on."""

from __future__ import annotations

from apiflask import APIBlueprint

__all__ = ["api"]

api = APIBlueprint("api", __name__, url_prefix="/api/v1")

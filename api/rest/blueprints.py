"""The REST doors: ``api`` under /api/v1 with all its endpoints, and ``health``."""

from __future__ import annotations

from api.rest import (
    charters,
    communities,
    explorations,
    imports,
    items,
    my_data,
    outreach,
    residents,
    vocabularies,
)
from api.rest.door import api
from api.rest.machine import health

__all__ = ["BLUEPRINTS", "ENDPOINT_MODULES"]

ENDPOINT_MODULES = (
    residents,
    my_data,
    items,
    imports,
    explorations,
    communities,
    charters,
    outreach,
    vocabularies,
)
"""Modules whose import hung their endpoints on ``api``."""

BLUEPRINTS = (api, health)
"""What the application registers."""

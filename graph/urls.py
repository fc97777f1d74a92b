"""Addresses of stores, as they may be shown."""

from __future__ import annotations

import re

__all__ = ["masked"]


def masked(url: str) -> str:
    """Hide the password of a URL, before its host or among its parameters."""
    url = re.sub(r"(?i)([?&](?:password|passwd|pwd)=)[^&]*", r"\1***", url)
    head, at, tail = url.rpartition("@")
    if not at or "://" not in head:
        return url
    scheme, _, user = head.partition("://")
    name, colon, _ = user.partition(":")
    return f"{scheme}://{name}{':***' if colon else ''}@{tail}"

"""One spelling of values that are hashed or stored: canonical JSON and integer times."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import cast

from graph.codec import Json
from graph.errors import DataError

__all__ = ["canonical", "micros", "moment", "parse", "span"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def canonical(value: Mapping[str, Json]) -> bytes:
    """Serialise with sorted keys, no spaces, UTF-8 and no NaN: equal values, equal bytes."""
    try:
        text = json.dumps(
            value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
        )
        return text.encode()
    except (TypeError, ValueError) as error:
        raise DataError(f"not a JSON object ({error}); times go in as ISO 8601 text") from error


def parse(data: bytes) -> dict[str, Json]:
    """Read back what :func:`canonical` wrote."""
    return cast("dict[str, Json]", json.loads(data))


def micros(at: datetime) -> int:
    """Microseconds since 1970 of an aware datetime, exactly.

    Raises
    ------
    DataError
        The datetime carries no time zone.
    """
    if at.tzinfo is None:
        raise DataError(f"{at} carries no time zone; Linli's times are aware and in UTC")
    return (at - _EPOCH) // _MICROSECOND


def moment(value: int) -> datetime:
    """Aware UTC datetime of :func:`micros`."""
    return _EPOCH + timedelta(microseconds=value)


def span(length: timedelta) -> int:
    """Microseconds of a length of time."""
    return length // _MICROSECOND

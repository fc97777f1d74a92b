"""From a URL to an open store."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import unquote, urlsplit

from graph.errors import ConfigError
from graph.store.base import GraphStore
from graph.store.ladybug import LadybugStore
from graph.store.memory import MemoryStore
from graph.store.neo4j import Neo4jStore
from graph.store.neo4j_dialect import SCHEMES, Address

__all__ = ["open_store"]

_KNOWN = (
    "ladybug:///absolute/path/to/file (embedded), neo4j://user:password@host:7687 "
    "or memory: (forgets everything)"
)


def open_store(url: str, *, anew: bool = False) -> GraphStore:
    """Open the property graph that a URL names.

    Parameters
    ----------
    url : str
        ``ladybug:///absolute/path`` (spaces and the like percent-encoded), ``memory:``, or
        ``neo4j://user:password@host:port?database=name`` (also ``neo4j+s``, ``neo4j+ssc``,
        ``bolt``, ``bolt+s``, ``bolt+ssc``); without a user, ``NEO4J_USERNAME`` and
        ``NEO4J_PASSWORD`` of the environment count.
    anew : bool, optional
        Remove what is there, unread, and begin with an empty store.

    Raises
    ------
    ConfigError
        The URL is of no known form.
    StoreUnavailable, CorruptStore
        As the engine's adapter says.
    """
    parts = urlsplit(url)
    if parts.scheme == "memory":
        return MemoryStore()
    if parts.scheme in SCHEMES:
        return Neo4jStore(Address.of(parts, os.environ), anew=anew)
    if parts.scheme != "ladybug":
        raise ConfigError(f"graph URL: unknown scheme {parts.scheme!r}; use {_KNOWN}")
    path = Path(unquote(parts.path))
    if parts.netloc or parts.query or parts.fragment or not path.is_absolute():
        raise ConfigError(f"graph URL: the path must be absolute, with three slashes; use {_KNOWN}")
    return LadybugStore(path, anew=anew)

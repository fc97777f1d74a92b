"""Names of processes in leases, and whether the one so named has ended.

A lease outlives a killed holder until it runs out. Whoever waits on the same machine need not
wait so long: the name says which process it was.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path

__all__ = ["has_ended", "process_name"]

_PROC = Path("/proc")
_STATE, _STARTED = 0, 19
"""Fields of ``/proc/<pid>/stat`` after the command."""


def process_name() -> str:
    """Name this process: ``host:pid``, and where the system tells them, its start and space.

    The start tells it from a later process of the same number, the space of process numbers from
    one in another container.
    """
    pid = os.getpid()
    started, space = _started(pid), _space()
    known = () if started is None or space is None else (started, space)
    return ":".join((socket.gethostname(), str(pid), *known))


def has_ended(name: str) -> bool:
    """Whether a process named by :func:`process_name` is gone for certain.

    False wherever that cannot be known: on another machine, in another container, on a system
    that does not tell.
    """
    host, _, rest = name.partition(":")
    pid, _, rest = rest.partition(":")
    started, _, space = rest.partition(":")
    if not (pid.isdecimal() and space) or (host, space) != (socket.gethostname(), _space()):
        return False
    return _started(int(pid)) != started


def _started(pid: int) -> str | None:
    """When a process started, in ticks since boot; None when there is no such process."""
    try:
        told = (_PROC / str(pid) / "stat").read_text()
    except OSError:
        return None
    fields = told.rpartition(")")[2].split()
    return None if fields[_STATE] in {"Z", "X"} else fields[_STARTED]


def _space() -> str | None:
    """Space of process numbers this process lives in."""
    try:
        return str((_PROC / "self" / "ns" / "pid").readlink())
    except OSError:
        return None

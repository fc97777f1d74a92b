"""The web server: gunicorn with threaded workers, waitress where gunicorn cannot run."""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack

from flask import Flask

from api.app import create_app
from api.wiring import Config, open_floors
from graph.errors import NotReady
from jobs.engines.following import follow_parent

__all__ = ["gunicorn_settings", "run"]

_log = logging.getLogger(__name__)

Hook = Callable[[], None]

_LAST_ANSWERS = 1.0
"""Seconds that a worker without a master has to answer what it began."""


def run(config: Config, *, when_ready: Hook | None, on_exit: Hook | None) -> None:
    """Serve until a signal says stop.

    Parameters
    ----------
    config : Config
    when_ready : callable, optional
        Called once the port is open.
    on_exit : callable, optional
        Called before the server process ends.
    """
    if sys.platform == "win32":
        _run_waitress(config, when_ready, on_exit)
    else:
        _run_gunicorn(config, when_ready, on_exit)


def gunicorn_settings(config: Config) -> dict[str, object]:
    """Name gunicorn's settings for a configuration."""
    return {
        "bind": f"{config.host}:{config.port}",
        "workers": config.workers,
        "threads": config.threads,
        "worker_class": "gthread",
        "keepalive": 15,
        "timeout": 60,
        "graceful_timeout": 10,
        "proc_name": "linli",
        "accesslog": None,
        "loglevel": "warning",
        "control_socket_disable": True,
    }


def _application(config: Config, stack: ExitStack) -> Flask:
    floors = stack.enter_context(open_floors(config, in_background=True))
    try:  # before the first request comes, so that it does not wait for this
        floors.live.catch_up()
        floors.models.current()
    except NotReady:
        _log.info("nothing to serve yet: there is no snapshot or no model")
    app = create_app(floors)
    # What was made until now lives as long as the process: the collector need not walk through it
    # again while requests wait.
    gc.collect()
    gc.freeze()
    return app


def _run_gunicorn(config: Config, when_ready: Hook | None, on_exit: Hook | None) -> None:
    from gunicorn.app.base import BaseApplication  # not installed on Windows

    master = os.getpid()
    opened = ExitStack()  # filled in the workers only

    class Server(BaseApplication):  # type: ignore[misc]
        def load_config(self) -> None:
            for name, value in gunicorn_settings(config).items():
                if name in self.cfg.settings:
                    self.cfg.set(name, value)
            if when_ready is not None:
                self.cfg.set("when_ready", lambda server: when_ready())
            if on_exit is not None:
                self.cfg.set("on_exit", lambda server: on_exit())
            self.cfg.set("worker_exit", lambda server, worker: opened.close())

        def load(self) -> Flask:
            # Called in each worker after the fork: connections are never shared between processes.
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C: the master tells us once
            follow_parent(master, _end_soon)
            return _application(config, opened)

    Server().run()


def _end_soon() -> None:
    """End a worker whose master was killed: it would keep the port for as long as 10 seconds."""
    time.sleep(_LAST_ANSWERS)
    os._exit(1)


def _run_waitress(config: Config, when_ready: Hook | None, on_exit: Hook | None) -> None:
    import waitress

    with ExitStack() as stack:
        server = waitress.create_server(
            _application(config, stack),
            host=config.host,
            port=config.port,
            threads=config.threads * config.workers,
        )
        if when_ready is not None:
            when_ready()
        try:
            server.run()
        finally:
            if on_exit is not None:
                on_exit()

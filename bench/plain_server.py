"""The least a Flask application can do, under the settings that Linli is served with."""

from __future__ import annotations

import sys

from flask import Flask, Response, jsonify
from gunicorn.app.base import BaseApplication

from api.server import gunicorn_settings
from api.wiring import Config

__all__ = ["make_app"]


def make_app() -> Flask:
    """Make an application that answers everything with one small JSON object."""
    app = Flask("plain")

    @app.route("/", methods=["GET", "POST"])
    def answer() -> Response:
        return jsonify(ok=True)

    return app


class _Server(BaseApplication):  # type: ignore[misc]
    def load_config(self) -> None:
        for name, value in gunicorn_settings(Config(port=int(sys.argv[1]))).items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def load(self) -> Flask:
        return make_app()


if __name__ == "__main__":
    _Server().run()

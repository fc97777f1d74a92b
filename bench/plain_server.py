"""The least a Flask application can do, under the settings that Linli is served with.

``/`` answers one word. ``/feed/<n>`` is the least that could be called a feed: one user vector
against 500 item vectors, the best twenty as JSON; no session, no consent, no reason, no freshness.
"""

from __future__ import annotations

import sys

import numpy as np
from flask import Flask, Response, jsonify
from gunicorn.app.base import BaseApplication

from api.server import gunicorn_settings
from api.wiring import Config

__all__ = ["make_app"]

CANDIDATES, FACTORS, PLACES, PEOPLE = 500, 64, 20, 1_000


def make_app() -> Flask:
    """Make the application."""
    app = Flask("plain")
    rng = np.random.default_rng(2026)
    items = rng.standard_normal((CANDIDATES, FACTORS), dtype=np.float32)
    people = rng.standard_normal((PEOPLE, FACTORS), dtype=np.float32)

    @app.route("/", methods=["GET", "POST"])
    def answer() -> Response:
        return jsonify(ok=True)

    @app.get("/feed/<int:who>")
    def feed(who: int) -> Response:
        scores = items @ people[who % PEOPLE]
        best = np.argpartition(-scores, PLACES)[:PLACES]
        best = best[np.argsort(-scores[best])]
        cards = [{"item": f"item-{row}", "score": float(scores[row])} for row in best.tolist()]
        return jsonify(cards=cards)

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

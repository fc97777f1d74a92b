"""The load test and the bench of imports work, at a size that takes a moment."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bench.feed import SETTLE, figures_of, make_schedule
from bench.import_files import measure

ROOT = Path(__file__).parents[2]


@pytest.mark.timeout(300)
def test_everybody_is_answered(tmp_path):
    size = {"residents": 600, "items": 120, "seconds": 8, "rate": 20, "pairs": 1, "turn": 5}
    options = [text for name, value in size.items() for text in (f"--{name}", str(value))]
    command = ["-m", "bench.feed", *options, "--json", "--home", str(tmp_path / "home")]
    done = subprocess.run(
        [sys.executable, *command], cwd=ROOT, capture_output=True, text=True, timeout=280
    )
    assert done.returncode == 0, done.stderr[-2000:]
    report = json.loads(done.stdout)
    windows = [report["feed"], *(w for turn in report["turns"] for w in turn.values())]
    assert [w["errors"] for w in windows] == [0, 0, 0]
    assert [w["requests"] for w in windows] == [160, 100, 100]
    assert report["feed"]["stale"] == report["turns"][0]["feed"]["stale"] == 0
    assert report["feed"]["taps"] > 0
    assert report["sessions"] > 20
    assert report["eligible within reach (median)"] > 20
    closed = report["closed loop"]
    assert [pace["errors"] for pace in closed["turns"][0].values()] == [0, 0, 0]
    for look in ("first looks", "looks again"):
        assert 0 < closed[look]["rate times plain"] < 1
    assert report["fresh after ms"]["taps"] > 50
    assert report["times plain"]["p50"] > 1  # a feed for less than nothing was not measured


def test_taps_follow_feeds_of_the_same_resident():
    crowd = np.arange(1000)
    schedule = make_schedule(np.random.default_rng(1), crowd, seconds=20, rate=50)
    seen: dict[int, int] = {}
    taps = 0
    for n, (due, tap, who) in enumerate(schedule):
        assert due == n / 50
        if tap:
            taps += 1
            assert n - seen[who] >= SETTLE
        else:
            seen[who] = n
    assert 50 < taps < 150


def test_errors_and_late_answers_are_counted():
    rows = [(n / 10, 0, 0.01, 200, 0.0) for n in range(99)] + [(9.9, 1, 2.0, 500, 0.0)]
    figures = figures_of({"results": rows, "stale": 0})
    assert (figures.errors, figures.taps, figures.requests) == (1, 0, 100)
    assert figures.p50 == 10.0
    assert figures.worst == 2000.0


@pytest.mark.parametrize("kind", ["residents", "meters"])
def test_a_clean_file_is_imported_whole_and_beside_its_baselines(kind):
    report = measure(kind, 300, 1, wrong=False)
    assert report["rows"] == 300
    assert report["peak, MiB"] > 50
    for baseline in ("csv.reader and SQLite", "sealing alone and SQLite"):
        assert 0 < report[f"ratio to {baseline}"] < 1

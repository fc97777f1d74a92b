"""The update of a night beside a fresh run: `python -m bench.community_nights`.

A planted graph in which a share of ties is rewired, one group splits, two merge, one scatters and
40 newcomers meet. CPU seconds, medians of runs in turn; finding out what changed is not counted,
since the caller knows it.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from statistics import median

import numpy as np

from bench.planted import changed_night, difference, planted_graph
from graph.measures.agreement import mutual_information
from graph.measures.communities import detect, worth
from graph.measures.tracking import follow, update

RESOLUTION = 0.005


def night(n: int, share: float, runs: int) -> dict[str, float]:
    """Measure one size of change; the agreement is with the first of the fresh runs."""
    before, truth = planted_graph(np.random.default_rng(1), n, mixing=0.4)
    old = detect(before, resolution=RESOLUTION, rng=np.random.default_rng(1))
    after, _ = changed_night(before, truth, np.random.default_rng(2), share=share)
    changes = difference(after, before)
    update_s, fresh_s, fresh = [], [], []
    for seed in range(runs):
        started = time.process_time()
        updated = update(
            after, changes, old, resolution=RESOLUTION, rng=np.random.default_rng(seed)
        )
        update_s.append(time.process_time() - started)
        started = time.process_time()
        fresh.append(detect(after, resolution=RESOLUTION, rng=np.random.default_rng(seed)))
        fresh_s.append(time.process_time() - started)
    names = np.arange(old.max() + 1)
    tracked = follow(old, names, updated.labels, next_id=names.size)
    calm = ~np.isin(truth, range(4))
    worths = [worth(after, each, resolution=RESOLUTION) for each in (updated.labels, *fresh)]
    return {
        "share of ties changed": share,
        "update cpu_s": median(update_s),
        "fresh cpu_s": median(fresh_s),
        "times faster": median(fresh_s) / median(update_s),
        "looks": updated.looks,
        "nmi to fresh": mutual_information(updated.labels, fresh[0]),
        "nmi of two fresh": mutual_information(fresh[1], fresh[0]),
        "worth over best fresh": worths[0] / max(worths[1:]),
        "ids kept outside the planted changes": float(
            (tracked.ids[updated.labels[:n]] == names[old])[calm].mean()
        ),
        "events": len(tracked.events),
    }


def main() -> None:
    """Print a line of JSON per share."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=100_000)
    parser.add_argument("--shares", type=float, nargs="*", default=[0.001, 0.01])
    parser.add_argument("--runs", type=int, default=3)
    asked = parser.parse_args()
    if asked.runs < 2:
        parser.error("two fresh runs at least: their agreement is what an update is held to")
    for share in asked.shares:
        sys.stdout.write(json.dumps(night(asked.nodes, share, asked.runs)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()

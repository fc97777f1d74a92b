"""Hold the shipped defaults against their targets: `python -m bench.targets DATA [SET ...]`.

DATA holds the published sets, one folder each. For every set asked for (all that are there when
none is named) a model is chosen and fitted on the train part, and its Recall and NDCG on the whole
test part are printed as ratios of what is due: 1 and more keeps the promise.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from recommender.evaluation.datasets import read_dataset
from recommender.evaluation.report import evaluate

DUE = {
    "gowalla": (20, 0.196, 0.163),
    "lastfm-social": (20, 0.289, 0.225),
    "meetup-nashville": (10, 0.440, 0.278),
    "yelp-social": (20, 0.050, 0.0225),
    "yelp2018": (20, 0.0725, 0.0603),
}
"""Set -> (length of the list, Recall, NDCG)."""


def main() -> None:
    """Print one line per set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("sets", nargs="*", choices=[*DUE, []])
    parser.add_argument("--seed", type=int, default=2026)
    args = parser.parse_args()
    for name in args.sets or [name for name in DUE if (args.data / name).is_dir()]:
        report = evaluate(read_dataset(args.data / name), seed=args.seed)
        k, recall, ndcg = DUE[name]
        found = [float(str(report[f"{metric}@{k}"])) for metric in ("recall", "ndcg")]
        sys.stdout.write(
            f"{name} @{k}: recall {found[0]:.4f} (x {found[0] / recall:.3f}), "
            f"ndcg {found[1]:.4f} (x {found[1] / ndcg:.3f}), fit {report['fit_s']} s, "
            f"select {report['select_s']} s, peak {report['peak_rss_mib']} MiB\n"
        )
        sys.stdout.flush()


if __name__ == "__main__":
    main()

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
    "gowalla": (20, {"recall": 0.196, "ndcg": 0.163}),
    "lastfm-social": (20, {"recall": 0.289, "ndcg": 0.225}),
    "meetup-dc/events": (10, {"recall": 0.52, "ndcg": 0.43}),
    "meetup-dc/groups": (10, {"recall": 0.235}),
    "meetup-nashville": (10, {"recall": 0.440, "ndcg": 0.278}),
    "meetup-sfo/events": (10, {"recall": 0.46, "ndcg": 0.37}),
    "meetup-sfo/groups": (10, {"recall": 0.170}),
    "yelp-social": (20, {"recall": 0.050, "ndcg": 0.0225}),
    "yelp2018": (20, {"recall": 0.0725, "ndcg": 0.0603}),
}
"""Set -> (length of the list, what is due of each metric)."""


def main() -> None:
    """Print one line per set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("sets", nargs="*", choices=[*DUE, []])
    parser.add_argument("--seed", type=int, default=2026)
    args = parser.parse_args()
    for name in args.sets or [name for name in DUE if (args.data / name).is_dir()]:
        trial = evaluate(read_dataset(args.data / name), seed=args.seed)
        report, (k, due) = trial.report(), DUE[name]
        told = []
        for metric, least in due.items():
            found = float(trial.quality[f"{metric}@{k}"].mean())
            told.append(f"{metric} {found:.4f} (x {found / least:.3f})")
        sys.stdout.write(
            f"{name} @{k}: {', '.join(told)}, fit {report['fit_s']} s, "
            f"select {report['select_s']} s, peak {report['peak_rss_mib']} MiB\n"
        )
        sys.stdout.flush()


if __name__ == "__main__":
    main()

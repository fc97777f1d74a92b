"""Time charters: `python -m bench.charters [--grids 30] [--seed 1]`.

Made-up grids of 925 residents, 40 venue slots and at least 60 candidate circles, each solved alone
by mixed-integer programming, and by the greedy baseline in the same run. Printed per grid: circles,
groups of both, objective of both, the gap to the best plan that could exist, and CPU seconds.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time

import numpy as np

from bench.planted_grid import planted_grid
from recommender.groups.greedy import greedy_plan
from recommender.groups.solve import solve


def main() -> None:
    """Solve grids one after the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--grids", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    write = sys.stdout.write
    write("grid circles groups greedy objective greedy   gap    ties greedy  cpu_s greedy\n")
    totals = []
    for grid in range(asked.grids):
        problem = planted_grid(np.random.default_rng([asked.seed, grid]))
        begun = time.process_time()
        plan = solve(problem)
        solved = time.process_time()
        baseline = greedy_plan(problem)
        done = time.process_time()
        other = sum(map(problem.value, baseline))
        ties = [sum(map(problem.expected_ties, drafts)) for drafts in (plan.drafts, baseline)]
        write(
            f"{grid:4} {len(problem.circles):7} {len(plan.drafts):6} {len(baseline):6} "
            f"{plan.objective:9.2f} {other:6.2f} {plan.gap:6.2%} {ties[0]:6.1f} {ties[1]:6.1f} "
            f"{solved - begun:6.2f} {done - solved:6.2f}\n"
        )
        totals.append((len(plan.drafts) / len(baseline), plan.objective / other, plan.gap))
    slots, objective, gap = zip(*totals, strict=True)
    write(
        f"slots filled / greedy: least {min(slots):.2f}; objective / greedy: median "
        f"{statistics.median(objective):.3f}, least {min(objective):.3f}; "
        f"worst gap {max(gap):.2%}; CPU {time.process_time():.1f} s in all\n"
    )


if __name__ == "__main__":
    main()

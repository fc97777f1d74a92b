"""The command that finds groups in any graph file; it reads nothing of residents."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated
from zipfile import BadZipFile

import numpy as np
import typer

from api.cli.output import AsJson, print_json, print_table
from graph.errors import DatasetError

__all__ = ["register"]

STARTS = 5
"""Tries for modularity: as many runs as the sweep of CPM takes."""


@dataclass(frozen=True, slots=True)
class Found:
    """What was found, how it agrees with the known groups, and what it took."""

    n: int
    m: int
    communities: int
    modularity: float
    resolution: float
    nmi: float | None
    ari: float | None
    disconnected: int
    """Pieces of communities beyond the first of each: 0 unless there is a fault."""
    seconds: float
    cpu_s: float
    peak_rss_mib: float | None
    """Of the whole process; none where the system does not say."""


def communities(
    graph: Annotated[
        Path,
        typer.Option("--graph", help="File .npz: upper triangle as CSR (n, indptr, indices)."),
    ],
    truth: Annotated[
        str | None, typer.Option("--truth", help="Array in the file with the known groups.")
    ] = None,
    objective: Annotated[
        str,
        typer.Option(
            "--objective", help="cpm (resolution chosen by a sweep) or modularity.", metavar="NAME"
        ),
    ] = "cpm",
    seed: Annotated[int, typer.Option("--seed", help="Same seed, same groups.", min=0)] = 0,
    as_json: AsJson = False,
) -> None:
    """Find the groups of a graph and compare them with known ones."""
    if objective not in ("cpm", "modularity"):
        raise typer.BadParameter(f"{objective}: choose cpm or modularity")
    try:
        found = asdict(find(graph, truth, objective, seed))
    except (OSError, ValueError, BadZipFile) as error:
        raise DatasetError(f"{graph}: {error}") from error
    if as_json:
        print_json(found)
    else:
        print_table(("measure", "value"), [(key, shown(value)) for key, value in found.items()])


def find(path: Path, truth: str | None, objective: str, seed: int) -> Found:
    """Read, detect, judge; only detection is timed."""
    # Here and not above: numba takes a second to import, and no other command needs it.
    from graph.measures import agreement, graph_files, resolution
    from graph.measures.communities import Objective, detect, modularity, split_disconnected

    graph = graph_files.read_graph(path)
    expected = None if truth is None else graph_files.read_truth(path, truth)
    rng = np.random.default_rng(seed)
    started, cpu = time.perf_counter(), time.process_time()
    if Objective(objective) is Objective.CPM:
        best = resolution.chosen(resolution.sweep(graph, rng=rng))
        labels, chosen = best.labels, best.resolution
    else:
        chosen = 1.0
        labels = detect(
            graph, resolution=chosen, rng=rng, objective=Objective.MODULARITY, starts=STARTS
        )
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    both = None if expected is None else agreement.known(expected, labels)
    count = int(labels.max(initial=-1)) + 1
    return Found(
        n=graph.shape[0],
        m=graph.nnz // 2,
        communities=count,
        modularity=modularity(graph, labels),
        resolution=chosen,
        nmi=agreement.mutual_information(*both) if both else None,
        ari=agreement.adjusted_rand(*both) if both else None,
        disconnected=int(split_disconnected(graph, labels).max(initial=-1)) + 1 - count,
        seconds=seconds,
        cpu_s=cpu,
        peak_rss_mib=peak_rss_mib(),
    )


def peak_rss_mib() -> float | None:
    """Return the largest resident memory of this process so far, on Linux."""
    status = Path("/proc/self/status")
    if not status.is_file():
        return None
    peak = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(peak.split()[1]) / 1024


def shown(value: float | None) -> str:
    """Write a figure shortly."""
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:.4f}"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("communities")(communities)

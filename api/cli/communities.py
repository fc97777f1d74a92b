"""The command of communities: those of a home, told through the gate, or of any graph file."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated
from zipfile import BadZipFile

import numpy as np
import typer

from api.cli.jobs_commands import run_job
from api.cli.output import (
    AsJson,
    HomeOption,
    OperatorOption,
    operator,
    print_json,
    print_table,
    say,
)
from api.services.communities import Communities
from api.wiring import load_config, open_floors
from graph.errors import DatasetError
from graph.model import Actor
from recommender.network import Scale

__all__ = ["register"]


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


def communities(  # noqa: PLR0913 - the options of a command
    home: HomeOption = None,
    scale: Annotated[Scale, typer.Option(help="How large.")] = Scale.NEIGHBOURHOOD,
    grid: Annotated[str | None, typer.Option(help="Only those with members in a grid.")] = None,
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Find them anew in the current snapshot first.")
    ] = False,
    export: Annotated[
        Path | None,
        typer.Option(help="Write those of 20 people and more to FILE.graphml, .gexf or .mmd."),
    ] = None,
    graph: Annotated[
        Path | None,
        typer.Option("--graph", help="No home: a file .npz, upper triangle as CSR."),
    ] = None,
    truth: Annotated[
        str | None, typer.Option("--truth", help="Array in that file with the known groups.")
    ] = None,
    objective: Annotated[
        str,
        typer.Option(
            "--objective",
            help="For a file: cpm (resolution chosen by a sweep) or modularity.",
            metavar="NAME",
        ),
    ] = "cpm",
    seed: Annotated[int, typer.Option("--seed", help="For a file.", min=0)] = 0,
    as_operator: OperatorOption = None,
    as_json: AsJson = False,
) -> None:
    """List the communities of a home, with what tells them apart; or find those of a graph file."""
    if graph is not None:
        of_file(graph, truth, objective, seed, as_json=as_json)
        return
    with open_floors(load_config(home=home)) as floors:
        actor, service = operator(as_operator, floors.institution), Communities(floors)
        if refresh:
            run_job(floors.site, "communities", by=actor.id, title="finding communities")
        if export is not None:
            write_export(service, actor, scale, export)
            return
        found = service.listed(actor, scale=scale, grid=grid)
        changes = [change for change in service.changed(actor) if change.scale is scale]
    if as_json:
        told = [{**asdict(change), "scale": scale.value} for change in changes]
        print_json({"communities": [asdict(each) for each in found], "changes": told})
        return
    rows = [(c.id, c.people or "-", "·".join(w.zh for w in c.label)) for c in found]
    print_table(("community", "people", "what tells it apart"), rows)
    for change in changes:
        say(f"{change.kind}: {' '.join(change.before)} -> {' '.join(change.after)}")


def write_export(service: Communities, actor: Actor, scale: Scale, path: Path) -> None:
    """Write a graph of communities; no resident is in it."""
    # Here and not above: networkx takes a third of a second to import.
    from graph.measures.networks import FORMATS, write

    if path.suffix not in FORMATS:
        raise typer.BadParameter(f"{path.name}: choose one of {', '.join(FORMATS)}")
    G = service.exported(actor, scale)
    write(G, path)
    say(f"{G.number_of_nodes()} communities, {G.number_of_edges()} ties between them: {path}")


def of_file(graph: Path, truth: str | None, objective: str, seed: int, *, as_json: bool) -> None:
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
    from graph.measures.communities import (
        Objective,
        affordable_starts,
        detect,
        modularity,
        split_disconnected,
    )

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
            graph,
            resolution=chosen,
            rng=rng,
            objective=Objective.MODULARITY,
            starts=affordable_starts(graph),
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

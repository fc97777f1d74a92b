"""The steps of the night and of every minute, as plain idempotent functions.

A step may be killed at any instant and run again: the watermark lies in the graph store and
moves in the same transaction as the changes, snapshots and models appear by an atomic rename.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from graph.errors import ArtifactMismatch, NotReady
from graph.explore import question_of
from graph.folders import current_name, read_about, remove_old
from graph.gate import (
    Event,
    EventKind,
    Explorer,
    GraphStore,
    group_view,
    tidy_impressions,
    training_view,
    withdrawn_since,
)
from graph.model import Change
from graph.own_word import brought_in
from graph.projection import changes_for
from graph.snapshot import build_snapshot, current_snapshot, open_snapshot
from graph.view import fingerprint
from jobs.site import Site
from recommender.artifact import save_model
from recommender.network import CommunityChange, PeopleNetwork, load_network, save_network
from recommender.ranking.weights import Weights
from recommender.training import train as fit

__all__ = [
    "KEEP",
    "Progress",
    "clean_up",
    "communities",
    "drain",
    "explore",
    "is_stale",
    "overlay_length",
    "rebuild",
    "silent",
    "take_snapshot",
    "train",
]

_log = logging.getLogger(__name__)

BATCH = 1_000
"""Changes per graph transaction."""
REPORTS_LAST = timedelta(days=30)
"""How long issues and corrected copies of a committed import are kept."""
UPLOADS_LAST = timedelta(days=7)
"""How long an uploaded file waits to be validated; what a killed process left is as old."""
IMPRESSIONS_LAST = timedelta(days=90)
"""How long is kept what residents were shown."""
KEEP = 3
"""Snapshots, networks and models kept besides the current one, to go back to."""

Progress = Callable[[int, int, str], None]
"""Called with (done, total, note)."""


def silent(done: int, total: int, note: str) -> None:
    """Show no progress."""


def drain(site: Site, store: GraphStore, progress: Progress = silent) -> int:
    """Apply every event after the store's watermark.

    Where an import was undone, the graph is made anew from a log without it.

    Returns
    -------
    int
        Number of events applied.
    """
    applied = 0
    while True:
        with site.ledger.read() as tx:
            head = site.ledger.outbox.head(tx).seq
            try:
                events = site.ledger.outbox.after(tx, store.watermark(), limit=BATCH)
            except NotReady:
                _log.warning("the graph is older than the outbox: making it anew from the log")
                return applied + rebuild(site, store, progress)
        if not events:
            return applied
        for batch in _batches(events):
            if batch[0].kind is EventKind.UNDO:
                return applied + rebuild(site, store, progress)
            _apply(site, store, batch)
            applied += len(batch)
            progress(batch[-1].seq, head, "draining")


def _batches(events: Sequence[Event]) -> Iterator[list[Event]]:
    """Split into runs of ordinary events; every import and every undo stands alone."""
    run: list[Event] = []
    for event in events:
        if event.kind in {EventKind.IMPORT, EventKind.UNDO}:
            if run:
                yield run
            run = []
            yield [event]
        else:
            run.append(event)
    if run:
        yield run


def _apply(site: Site, store: GraphStore, events: Sequence[Event]) -> None:
    last = events[-1]
    if last.kind is not EventKind.IMPORT:
        changes = [change for event in events for change in changes_for(event)]
        _warn(store.apply(changes, watermark=last.seq).dangling)
        return
    with site.ledger.read() as tx:
        chunks = brought_in(site.ledger, tx, last.subject)
        if not store.count():
            everything = (change for chunk in chunks for change in chunk)
            _warn(store.load(everything, watermark=last.seq).dangling)
            return
        for chunk in chunks:
            _warn(store.apply(chunk).dangling)
    store.apply([], watermark=last.seq)


def _warn(dangling: Sequence[str]) -> None:
    if dangling:
        _log.warning("%d relationships name something unknown and were left out", len(dangling))


def rebuild(site: Site, store: GraphStore, progress: Progress = silent) -> int:
    """Make the graph anew from the log; the result equals the graph it replaces.

    Returns
    -------
    int
        Number of events replayed.
    """
    store.clear()
    replayed = 0
    with site.ledger.read() as tx:
        head = site.ledger.outbox.head(tx).seq

        def everything() -> Iterator[Change]:
            nonlocal replayed
            for event in site.ledger.log.events(tx):
                replayed += 1
                progress(event.seq, head, "replaying")
                if event.kind is EventKind.IMPORT:
                    for chunk in brought_in(site.ledger, tx, event.subject):
                        yield from chunk
                else:
                    yield from changes_for(event)

        _warn(store.load(everything(), watermark=head).dangling)
    return replayed


def take_snapshot(site: Site, store: GraphStore, progress: Progress = silent) -> str:
    """Drain, then picture the graph; afterwards the drained outbox rows move to the log files.

    Returns
    -------
    str
        Folder name of the snapshot.
    """
    drain(site, store, progress)
    previous = _watermark_of_current(site.home.snapshots)
    name = build_snapshot(
        store,
        site.ledger,
        parent=site.home.snapshots,
        institution=site.institution,
        now=site.clock(),
        progress=progress,
    )
    # Only up to the snapshot before: processes still serving from that one need the rows since.
    site.ledger.log.compact(previous)
    return name


def _watermark_of_current(snapshots: Path) -> int:
    name = current_name(snapshots)
    return int(name.split("-")[1]) if name else 0


def train(site: Site, progress: Progress = silent) -> str:
    """Fit the model on the current snapshot and publish it.

    Returns
    -------
    str
        Folder name of the model.
    """
    snapshot = open_snapshot(site.home.snapshots, current_snapshot(site.home.snapshots))
    with site.ledger.read() as tx:
        epoch = site.ledger.outbox.head(tx).epoch  # read first: what changes later is fitted later
    fitted_at = int(site.clock().timestamp())
    view = training_view(site.gate, site.ledger, site.actor, snapshot)
    weights = Weights.parse(site.config.weights)
    model = fit(view, seed=site.config.seed, weights=weights, progress=progress)
    return save_model(
        model,
        site.home.models,
        view_id=fingerprint(view),
        about={"epoch": epoch, "fitted_at": fitted_at, "snapshot": snapshot.folder},
        keep=KEEP,
    )


def communities(site: Site, progress: Progress = silent) -> str:
    """Find ties and communities in the current snapshot and publish them.

    Communities keep their ids as long as nobody withdrew anything: a kept id tells of networks
    before, and nothing may tell of what was withdrawn.

    Returns
    -------
    str
        Folder name of the network.
    """
    # Here and not above: numba takes a second to import, and nothing else here needs it.
    from recommender.network.build import network_of
    from recommender.network.identity import continued

    snapshot = open_snapshot(site.home.snapshots, current_snapshot(site.home.snapshots))
    with site.ledger.read() as tx:
        epoch = site.ledger.outbox.head(tx).epoch  # read first: what changes later is found later
    made_at = int(site.clock().timestamp())
    view = group_view(site.gate, site.ledger, site.actor, snapshot)
    network = network_of(view, seed=site.config.seed, progress=progress)
    before = _network_to_continue(site)
    changes: tuple[CommunityChange, ...] = ()
    if before is not None:
        network, changes = continued(network, before)
    return save_network(
        network,
        site.home.networks,
        changes=changes,
        about={"epoch": epoch, "made_at": made_at, "snapshot": snapshot.folder},
        keep=KEEP,
    )


def _network_to_continue(site: Site) -> PeopleNetwork | None:
    """Open the current network, unless somebody withdrew since it was made."""
    name = current_name(site.home.networks)
    if name is None:
        return None
    about = read_about(site.home.networks, name)
    epoch, made_at = int(str(about["epoch"])), int(str(about["made_at"]))
    if len(withdrawn_since(site.ledger, site.institution, epoch=epoch, since=made_at)):
        return None
    try:
        return load_network(site.home.networks, name)
    except ArtifactMismatch as error:
        _log.warning("communities get new ids: %s", error)
        return None


def explore(site: Site, store: GraphStore, progress: Progress = silent) -> int:
    """Find what every waiting question asks for; whoever asked reads it through the gate.

    Returns
    -------
    int
        Number of questions.
    """
    drain(site, store, progress)
    with site.ledger.read() as tx:
        waiting = site.ledger.answers.waiting(tx, site.clock())
    explorer = Explorer(site.gate, site.ledger)
    for n, asked in enumerate(waiting):
        progress(n, len(waiting), "exploring")
        found = explorer.find(asked.actor, question_of(asked.question), store)
        with site.ledger.write() as tx:
            site.ledger.answers.fill(tx, asked.id, found.said())
    return len(waiting)


def clean_up(site: Site) -> list[str]:
    """Delete old snapshots, networks, models, answers, uploads, lists shown, reports of imports.

    Returns
    -------
    list of str
        Names of the folders deleted.
    """
    _remove_uploads(site.home.uploads, site.clock() - UPLOADS_LAST)
    with site.ledger.write() as tx:
        site.ledger.answers.clean(tx, site.clock())
        site.ledger.staging.tidy(tx, site.clock() - REPORTS_LAST)
    tidy_impressions(site.gate, site.ledger, site.actor, lasts=IMPRESSIONS_LAST)
    gone = remove_old(site.home.snapshots, keep=KEEP)
    for parent in (site.home.models, site.home.networks):
        if parent.is_dir():  # a home of an older version has no networks yet
            gone += remove_old(parent, keep=KEEP)
    return gone


def _remove_uploads(folder: Path, before: datetime) -> None:
    """Delete what a killed web or jobs process left behind."""
    for file in folder.glob("*"):
        if file.stat().st_mtime < before.timestamp():
            file.unlink(missing_ok=True)


def overlay_length(site: Site) -> int:
    """Count the events since the current snapshot; 0 before the first one."""
    if current_name(site.home.snapshots) is None:
        return 0
    with site.ledger.read() as tx:
        head = site.ledger.outbox.head(tx).seq
    return head - _watermark_of_current(site.home.snapshots)


def is_stale(site: Site, made: Path) -> bool:
    """Whether the current model, network or scores were made under grants that have changed since.

    Parameters
    ----------
    made : Path
        The folder of the home that holds them.
    """
    name = current_name(made)
    if name is None:
        return current_name(site.home.snapshots) is not None
    fitted = int(str(read_about(made, name)["epoch"]))
    with site.ledger.read() as tx:
        return fitted < site.ledger.outbox.head(tx).epoch

"""Open the ledger, and the graph store under its lease."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from graph.errors import CorruptStore, LeaseHeld
from graph.gate.processes import has_ended
from graph.ledger.copying import Progress, copy_tables
from graph.ledger.keys import make_home_key as make_keys
from graph.ledger.ledger import Ledger
from graph.ledger.opening import open_empty
from graph.ledger.opening import open_ledger as _open_ledger

if TYPE_CHECKING:
    from graph.store.base import GraphStore

__all__ = ["OpenGraph", "copy_ledger", "make_keys", "open_graph", "open_ledger"]

GRAPH_LEASE = "graph"

_log = logging.getLogger(__name__)


def open_ledger(
    url: str, *, keys_dir: Path, log_dir: Path, clock: Callable[[], datetime]
) -> Ledger:
    """Open the ledger, making or migrating it as needed.

    Parameters
    ----------
    url : str
        ``sqlite:///<file>`` or ``postgresql://<user>:<password>@<host>/<database>``.
    keys_dir : Path
        Folder of the home key; it is made with a new ledger, mode 0600.
    log_dir : Path
        Folder of the log files and the signed audit heads.
    clock : callable
        Returns the aware UTC time.

    Raises
    ------
    ConfigError
        The home key is missing, readable by others, or another ledger's.
    CorruptStore
        The ledger was made by a newer Linli, or is none.
    StoreUnavailable
        It cannot be reached.
    """
    return _open_ledger(url, keys_dir=keys_dir, log_dir=log_dir, clock=clock)


def copy_ledger(
    ledger: Ledger, url: str, *, record: Callable[[], None], progress: Progress
) -> Mapping[str, int]:
    """Copy a ledger, row for row, into an empty database of either engine.

    It is one transaction: interrupted, it leaves the target empty. Whoever writes meanwhile
    waits; what is written to the old ledger afterwards stays there, so stop the web first. The
    home key and the files of the log are the home's and serve the copy as they are.

    Parameters
    ----------
    ledger : Ledger
        What is copied; stays as it is.
    url : str
        Where to, as :func:`open_ledger` takes it.
    record : callable
        Puts the copying on record; called once it can begin, so that a copy that is refused
        leaves no entry behind that its target does not have.
    progress : callable
        Told (rows done, rows in all, table).

    Returns
    -------
    mapping of str to int
        Rows per table.

    Raises
    ------
    LeaseHeld
        A jobs process is at work on this home.
    Conflict
        The target is not empty.
    CorruptStore
        What arrived is not what was sent; nothing is kept.
    StoreUnavailable
        One of the two cannot be reached.
    """
    with open_empty(url, ledger.keys) as target:
        record()
        with ledger.write() as tx:
            at_work = ledger.leases.holder(tx, GRAPH_LEASE, ledger.clock())
            if at_work is not None and not has_ended(at_work.holder):
                raise LeaseHeld(f"{at_work.holder} is at work on this home; stop it, then copy")
            return copy_tables(tx, target, progress)


class OpenGraph:
    """The graph store, open, under the lease. Made by :func:`open_graph`."""

    def __init__(
        self,
        store: GraphStore,
        ledger: Ledger,
        holder: str,
        token: int,
        *,
        ttl: timedelta,
        damage: str | None,
    ) -> None:
        self.store = store
        self.damage = damage
        """What was wrong with the store, which is empty now: make it again from the log."""
        self.token = token
        """Fencing token of the lease."""
        self._ledger = ledger
        self._holder = holder
        self._ttl = ttl

    def renew(self) -> None:
        """Hold the lease for as long again; call it well before it runs out.

        Raises
        ------
        LeaseLost
            Somebody took over: stop, and leave the store alone.
        """
        now = self._ledger.clock()
        with self._ledger.write() as tx:
            leases = self._ledger.leases
            leases.renew(tx, GRAPH_LEASE, self._holder, self.token, self._ttl, now)

    def asked(self) -> str | None:
        """Who waits for the graph, so that its holder can hand over; ``None`` when nobody."""
        with self._ledger.read() as tx:
            return self._ledger.leases.asked(tx, GRAPH_LEASE)


@contextmanager
def open_graph(
    url: str,
    *,
    ledger: Ledger,
    holder: str,
    ttl: timedelta = timedelta(seconds=60),
    ask: bool = False,
) -> Iterator[OpenGraph]:
    """Take the lease of the graph, open the store, give both back on leaving.

    The lease of a process that was killed on this machine is taken over at once.

    A store that is damaged, or of another version, is emptied: all of it is in the log. Its files
    are not kept aside, since they hold what residents may since have withdrawn.

    Parameters
    ----------
    url : str
        As :func:`graph.store.opening.open_store` takes it.
    ledger : Ledger
        Keeps the lease.
    holder : str
        Who asks; unique among processes: :func:`graph.gate.process_name`.
    ttl : timedelta, optional
        How long the lease lasts without :meth:`OpenGraph.renew`.
    ask : bool, optional
        Ask the process that holds it to hand over; try again soon after.

    Raises
    ------
    LeaseHeld
        Somebody else has the graph open.
    StoreUnavailable
        The store cannot be opened.
    """
    from graph.store.opening import open_store  # loads an engine: only for whoever opens one

    now = ledger.clock()
    with ledger.write() as tx:
        other = ledger.leases.holder(tx, GRAPH_LEASE, now)
        if other is not None and has_ended(other.holder):
            ledger.leases.release(tx, GRAPH_LEASE, other.holder, other.token)
        token = ledger.leases.acquire(tx, GRAPH_LEASE, holder, ttl, now)
        if token is None and ask:
            ledger.leases.ask(tx, GRAPH_LEASE, holder, now)
    if token is None:
        who = "another process" if other is None else other.holder
        raise LeaseHeld(f"{who} has the graph open; try again soon")
    try:
        damage = None
        try:
            opened = open_store(url)
        except CorruptStore as error:
            damage = str(error)
            _log.warning("%s: it is emptied and made again now", damage)
            opened = open_store(url, anew=True)
        with opened as store:
            yield OpenGraph(store, ledger, holder, token, ttl=ttl, damage=damage)
    finally:
        with ledger.write() as tx:
            ledger.leases.release(tx, GRAPH_LEASE, holder, token)

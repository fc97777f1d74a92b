"""Noting what residents were shown, beside the requests.

Only lists of residents who authorise both what interests them and what they take part in are
kept: without the second nobody could tell what came of a list.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Iterable

from graph.errors import LinliError, StoreUnavailable
from graph.ledger.impression_files import SegmentWriter
from graph.ledger.impressions import ShownList
from graph.ledger.ledger import Ledger
from graph.model import InstitutionId, InteractionKind
from graph.schema import interaction_category

__all__ = ["LEARNT_FROM", "ImpressionBuffer"]

LEARNT_FROM = frozenset(
    interaction_category(kind) for kind in (InteractionKind.VIEW, InteractionKind.SIGN_UP)
)
"""Categories that a resident authorises for the feed if lists are kept of them."""

_WAIT_SECONDS = 0.5
_MOST = 20_000
"""Lists held while the ledger or the disk is away; what comes on top pushes others out."""

_log = logging.getLogger(__name__)


class ImpressionBuffer:
    """Takes lists from requests and writes them within a second, in a thread of its own.

    Nothing waits for it, and nothing fails with it. Between a list and its writing its resident
    may change what they authorise: then the list is dropped.
    """

    def __init__(self, ledger: Ledger, institution: InstitutionId) -> None:
        self._ledger = ledger
        self._institution = institution
        self._writer = SegmentWriter(ledger.impressions.folder)
        self._waiting: deque[tuple[int, ShownList]] = deque(maxlen=_MOST)
        self._something = threading.Event()
        self._closing = threading.Event()
        self._starting = threading.Lock()
        self._flushing = threading.Lock()
        self._thread: threading.Thread | None = None

    def put(self, shown: ShownList, *, epoch: int) -> None:
        """Note a list; returns at once.

        Parameters
        ----------
        shown : ShownList
            Of a resident who authorises :data:`LEARNT_FROM`.
        epoch : int
            Grant epoch at which that was looked up.
        """
        self._waiting.append((epoch, shown))
        if not self._something.is_set():
            self._something.set()
        if self._thread is None:
            self._start()

    def flush(self) -> int:
        """Write what waits; returns how many lists were written.

        Raises
        ------
        StoreUnavailable, OSError
            Ledger or disk is away; the lists wait, as far as there is room.
        """
        with self._flushing:
            batch = [self._waiting.popleft() for _ in range(len(self._waiting))]
            if not batch:
                return 0
            try:
                return self._write(batch)
            except (StoreUnavailable, OSError):
                self._waiting.extendleft(reversed(batch))
                raise

    def close(self) -> None:
        """Write what waits and stop."""
        self._closing.set()
        self._something.set()
        if self._thread is not None:
            self._thread.join()
        self._flush_quietly()

    def _start(self) -> None:
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="impressions", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while not self._closing.is_set():
            self._something.wait()
            self._closing.wait(_WAIT_SECONDS)
            self._something.clear()
            self._flush_quietly()

    def _flush_quietly(self) -> None:
        try:
            self.flush()
        except (LinliError, OSError) as error:
            _log.warning("what was shown is not noted (%s); feeds go on without", error)

    def _write(self, batch: Iterable[tuple[int, ShownList]]) -> int:
        """Seal and append, but for residents whose grants changed since their list was made."""
        ledger, now = self._ledger, self._ledger.clock()
        oldest = min(epoch for epoch, _ in batch)
        with ledger.write() as tx:  # grants stay as they are until the keys are made
            moved: set[int] = set()
            if ledger.outbox.head(tx).epoch > oldest:
                moved = {
                    row
                    for row, _, _ in ledger.grants.changed_since(
                        tx, oldest, institution=self._institution, at=now
                    )
                }
            kept = [shown for _, shown in batch if shown.row not in moved]
            records = ledger.impressions.seal(tx, kept)
        if records:
            self._writer.append(records, at=now)
        return len(records)

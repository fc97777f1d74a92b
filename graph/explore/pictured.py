"""What two residents share as the snapshot and the overlay know it: no request opens the graph.

The rows are those that :mod:`graph.explore.cypher` finds, so they are filtered and answered
alike. The other questions follow ties through people or count holders in the whole city: a job
asks the graph for them.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from graph.explore.findings import Finding, Findings, What
from graph.explore.questions import Shared
from graph.ledger.ledger import Ledger
from graph.live import Moment
from graph.model import DataCategory, InteractionKind, ItemKind, ResidentId
from graph.snapshot.snapshot import INTERACTION_KINDS
from graph.view import CSR, ITEM_KINDS
from graph.vocabulary import interests, needs, occupations, offers

__all__ = ["pictured", "pictured_apart"]

_WORDS = (
    (What.INTEREST, DataCategory.INTEREST, "interests", interests),
    (What.OFFER, DataCategory.OFFER, "offers", offers),
    (What.OCCUPATION, DataCategory.OCCUPATION, "occupations", occupations),
    (What.NEED, DataCategory.NEED, "needs", needs),
)
_DEEDS = (
    (What.GROUP, DataCategory.ATTENDANCE, ItemKind.GROUP, {InteractionKind.JOIN}),
    (
        What.ACTIVITY,
        DataCategory.ATTENDANCE,
        ItemKind.ACTIVITY,
        {InteractionKind.SIGN_UP, InteractionKind.ATTEND},
    ),
    (What.ROLE, DataCategory.ATTENDANCE, ItemKind.HELPER_ROLE, {InteractionKind.JOIN}),
    (What.HELPED, DataCategory.HELP, ItemKind.HELPER_ROLE, {InteractionKind.HELP}),
)


def pictured(moment: Moment, question: Shared) -> Findings:
    """Find what two residents share; nothing when the home never heard of one of them."""
    rows = [moment.resident_rows.get(resident) for resident in question.named]
    found: list[Finding] = []
    if None not in rows:
        a, b = (row for row in rows if row is not None)
        found = [
            *_words(moment, question, a, b),
            *_grid(moment, question, a, b),
            *_deeds(moment, question, a, b),
            *_acquaintances(moment, question, a, b),
        ]
    return Findings(question, tuple(found))


def _words(moment: Moment, question: Shared, a: int, b: int) -> Iterator[Finding]:
    for what, category, name, vocabulary in _WORDS:
        terms = vocabulary()
        codes = tuple(terms)
        for column in _common(getattr(moment.snapshot, name), a, b):
            term = terms[codes[column]]
            yield _both(question, what, category, term.code, term.label_zh, term.label_en)


def _grid(moment: Moment, question: Shared, a: int, b: int) -> Iterator[Finding]:
    grids = moment.snapshot.grid
    if max(a, b) < len(grids) and grids[a] == grids[b] >= 0:
        grid = str(moment.snapshot.grid_ids[grids[a]])
        yield _both(question, What.GRID, DataCategory.GRID, grid)


def _deeds(moment: Moment, question: Shared, a: int, b: int) -> Iterator[Finding]:
    for what, category, item_kind, kinds in _DEEDS:
        for row in sorted(_did(moment, a, kinds) & _did(moment, b, kinds)):
            if ITEM_KINDS[moment.items.kind[row]] is item_kind:
                facts = moment.item(row)
                yield _both(question, what, category, facts.id, facts.title, facts.title_en)


def _did(moment: Moment, row: int, kinds: set[InteractionKind]) -> set[int]:
    history = moment.history(row)
    codes = [INTERACTION_KINDS.index(kind) for kind in kinds]
    return set(history.items[np.isin(history.kinds, codes)].tolist())


def _acquaintances(moment: Moment, question: Shared, a: int, b: int) -> Iterator[Finding]:
    for row in _common(moment.snapshot.ties, a, b):
        c = ResidentId(str(moment.snapshot.resident_ids[row]))
        said = {"a": question.a, "b": question.b, "c": c}
        cells = frozenset((who, DataCategory.TIE) for who in (question.a, question.b, c))
        yield Finding(What.ACQUAINTANCE, said, cells)


def _common(matrix: CSR, a: int, b: int) -> list[int]:
    """Columns that two rows both fill."""
    if max(a, b) >= matrix.shape[0]:
        return []
    one, other = (matrix.indices[matrix.indptr[row] : matrix.indptr[row + 1]] for row in (a, b))
    return list(np.intersect1d(one, other).tolist())


def _both(question: Shared, what: What, category: DataCategory, id_: str, *words: str) -> Finding:
    zh, en = words or ("", "")
    row = {"a": question.a, "b": question.b, "id": id_, "zh": zh, "en": en}
    return Finding(what, row, frozenset((who, category) for who in question.named))


def pictured_apart(moment: Moment, ledger: Ledger, people: frozenset[ResidentId]) -> list[Finding]:
    """Find out who among these shall not be matched, as :func:`graph.explore.cypher.apart`."""
    snapshot = moment.snapshot
    rows = {who: moment.resident_rows[who] for who in sorted(people)}
    known = {who: row for who, row in rows.items() if row < snapshot.n_residents}
    gone = [
        Finding(What.GONE, {"a": who}, frozenset({(who, DataCategory.IDENTITY)}))
        for who, row in known.items()
        if not snapshot.active[row]
    ]
    blocks = moment.facts.blocks(snapshot, ledger, list(known.values()))
    return gone + [
        Finding(What.BLOCK, {"a": who, "b": ResidentId(other)}, frozenset())
        for who, row in known.items()
        for other in blocks[row]
        if other in people
    ]

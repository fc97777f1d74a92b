"""Grants: what each resident authorised, for whom, for what and until when."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Select, and_, insert, or_, select, update

from graph.codec import Json
from graph.errors import SchemaViolation
from graph.ledger import tables
from graph.ledger.canonical import micros, moment
from graph.ledger.outbox import EventKind, NewEvent, Outbox
from graph.ledger.rows import RowKind
from graph.model import (
    Action,
    Basis,
    DataCategory,
    Grant,
    GrantState,
    InstitutionId,
    Purpose,
    ResidentId,
)
from graph.policy import CATEGORY_COLUMN, PURPOSE_BIT
from graph.schema import CATEGORY_LEVEL, LEVEL_MAX_GRANT, PURPOSE_CATEGORIES

__all__ = ["BULK_CHANNELS", "Grants"]

BULK_CHANNELS = frozenset({"import", "synthetic", "dataset"})
"""Grants that come through these make one event per call instead of one per resident."""

LINLI_APP = "linli"
_SECOND = 1_000_000
_grants, _rows = tables.grants, tables.rows


@dataclass(frozen=True, slots=True)
class _Cell:
    """One grant as the consent arrays need it."""

    row: int
    category: str
    purpose: str
    not_before: int
    expires_at: int


class Grants:
    """Gives, withdraws and reads grants."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox

    def give(
        self, tx: Connection, grants: Sequence[Grant], *, key: str, at: datetime | None = None
    ) -> int:
        """Record grants that residents gave, once per key.

        Parameters
        ----------
        tx : Connection
            A write transaction.
        grants : sequence of Grant
            In state ``GIVEN``, ids never used before.
        key : str
            Idempotency key.
        at : datetime, optional
            When they were given; default: the earliest ``not_before``.

        Returns
        -------
        int
            Grant epoch from which they count.

        Raises
        ------
        SchemaViolation
            A grant is not in state ``GIVEN``, or asks for a category its purpose may not have.
        """
        if not grants:
            return self._outbox.head(tx).epoch
        for grant in grants:
            _check(grant)
        residents = list(dict.fromkeys(grant.resident for grant in grants))
        asked: dict[str, Json] = {"grants": [_said(g) for g in grants[:100]], "n": len(grants)}
        when = at or min(grant.not_before for grant in grants)
        epoch = self._outbox.head(tx).epoch + 1
        if grants[0].channel in BULK_CHANNELS:
            subjects = {key: f"{grants[0].channel}:{key}"}
        else:
            subjects = {f"{key}/{resident}": str(resident) for resident in residents}
        events = self._events(subjects, asked, epoch, when)
        if not any(done.new for done in self._outbox.append_many(tx, events)):
            return self._outbox.head(tx).epoch
        self._outbox.bump_epoch(tx)
        tx.execute(insert(_grants), [_line(grant, epoch) for grant in grants])
        return epoch

    def withdraw(  # noqa: PLR0913 - what is withdrawn, and from whom
        self,
        tx: Connection,
        resident: ResidentId,
        *,
        institution: InstitutionId | None,
        category: DataCategory | None,
        purpose: Purpose | None,
        at: datetime,
        key: str,
    ) -> int:
        """Withdraw a resident's grants; there is no way back, only a new grant.

        Parameters
        ----------
        institution, category, purpose
            Which ones; ``None`` for all.

        Returns
        -------
        int
            Grants withdrawn by this key, also when it is sent again.
        """
        asked: dict[str, Json] = {
            "withdraw": [institution, category and category.value, purpose and purpose.value]
        }
        seen = self._outbox.seen(tx, kind=EventKind.GRANT, key=key, subject=resident, request=asked)
        if seen is not None:
            return int(str((seen.reply or {}).get("withdrawn", 0)))
        epoch = self._outbox.head(tx).epoch + 1
        query = update(_grants).where(
            _grants.c.resident == resident, _grants.c.state == GrantState.GIVEN.value
        )
        for column, wanted in (
            (_grants.c.institution, institution),
            (_grants.c.category, category),
            (_grants.c.purpose, purpose),
        ):
            if wanted is not None:
                query = query.where(column == str(wanted))
        done = tx.execute(query.values(state=GrantState.WITHDRAWN.value, epoch=epoch)).rowcount
        if done:
            self._outbox.bump_epoch(tx)
            self._outbox.append_many(tx, self._events({key: resident}, asked, epoch, at))
            self._outbox.set_reply(tx, key, {"withdrawn": done})
        return done

    def use(self, tx: Connection, grant: str) -> bool:
        """Take one use of a counted grant; ``False`` when none is left."""
        return bool(
            tx.execute(
                update(_grants)
                .where(_grants.c.id == grant, _grants.c.state == GrantState.GIVEN.value)
                .where(_grants.c.uses_left > 0)
                .values(uses_left=_grants.c.uses_left - 1)
            ).rowcount
        )

    def of(self, tx: Connection, resident: ResidentId) -> list[Grant]:
        """All grants of a resident in every state, by beginning and id."""
        query = (
            select(_grants)
            .where(_grants.c.resident == resident)
            .order_by(_grants.c.not_before, _grants.c.id)
        )
        return [
            Grant(
                id=line.id,
                resident=ResidentId(line.resident),
                institution=InstitutionId(line.institution),
                app=line.app,
                category=DataCategory(line.category),
                purpose=Purpose(line.purpose),
                actions=frozenset(Action(a) for a in line.actions.split(",") if a),
                not_before=moment(line.not_before),
                expires_at=moment(line.expires_at),
                state=GrantState(line.state),
                notice_hash=line.notice_hash,
                channel=line.channel,
                basis=Basis(line.basis),
                uses_left=line.uses_left,
                proxy_mandate=line.proxy_mandate,
            )
            for line in tx.execute(query)
        ]

    def arrays(
        self,
        tx: Connection,
        n_rows: int,
        *,
        institution: InstitutionId,
        at: datetime,
        app: str = LINLI_APP,
    ) -> tuple[NDArray[np.uint16], NDArray[np.int64]]:
        """Consent arrays of all residents, for :func:`graph.policy.permitted_rows`.

        A bit is set where a grant in force allows both to derive and to train. Of two grants for
        one purpose the longer counts; the expiry of a cell is the earliest among its purposes,
        so an array never allows what a grant does not.

        Returns
        -------
        masks : NDArray[uint16], (n_rows, n_categories)
        expires : NDArray[int64], (n_rows, n_categories)
            Unix seconds, rounded down; 0 where nothing is allowed.
        """
        masks = np.zeros((n_rows, len(CATEGORY_COLUMN)), np.uint16)
        expires = np.zeros((n_rows, len(CATEGORY_COLUMN)), np.int64)
        query = _in_force(institution, app, at)
        _fill(masks, expires, _cells(tx, query.where(_rows.c.row < n_rows)), at)
        return masks, expires

    def changed_since(
        self,
        tx: Connection,
        epoch: int,
        *,
        institution: InstitutionId,
        at: datetime,
        app: str = LINLI_APP,
    ) -> list[tuple[int, NDArray[np.uint16], NDArray[np.int64]]]:
        """Present arrays of every resident whose grants changed after an epoch.

        Returns
        -------
        list of (row, masks, expires)
            Shapes (n_categories,); rows ascending. See :meth:`arrays`.
        """
        changed = select(_grants.c.resident).where(_grants.c.epoch > epoch).distinct()
        rows = tx.execute(
            select(_rows.c.row)
            .where(_rows.c.kind == RowKind.RESIDENT.value, _rows.c.key.in_(changed))
            .order_by(_rows.c.row)
        ).scalars()
        place = {row: n for n, row in enumerate(rows)}
        masks = np.zeros((len(place), len(CATEGORY_COLUMN)), np.uint16)
        expires = np.zeros((len(place), len(CATEGORY_COLUMN)), np.int64)
        query = _in_force(institution, app, at).where(_grants.c.resident.in_(changed))
        cells = (
            _Cell(place[c.row], c.category, c.purpose, c.not_before, c.expires_at)
            for c in _cells(tx, query)
        )
        _fill(masks, expires, cells, at)
        return [(row, masks[n], expires[n]) for row, n in place.items()]

    def _events(
        self, subjects: dict[str, str], asked: dict[str, Json], epoch: int, at: datetime
    ) -> list[NewEvent]:
        return [
            NewEvent(
                kind=EventKind.GRANT,
                key=key,
                subject=subject,
                category=DataCategory.PUBLIC,
                payload={"epoch": epoch},
                at=at,
                request=asked,
            )
            for key, subject in subjects.items()
        ]


def _in_force(
    institution: InstitutionId, app: str, at: datetime
) -> Select[int, str, str, int, int]:
    """Grants that may allow deriving and training; expiry is cut to the level's limit later."""
    now = micros(at)
    both = [_grants.c.actions.like(f"%{a.value}%") for a in (Action.DERIVE, Action.TRAIN)]
    return (
        select(
            _rows.c.row,
            _grants.c.category,
            _grants.c.purpose,
            _grants.c.not_before,
            _grants.c.expires_at,
        )
        .join(
            _rows,
            and_(_rows.c.kind == RowKind.RESIDENT.value, _rows.c.key == _grants.c.resident),
        )
        .where(_grants.c.state == GrantState.GIVEN.value, *both)
        .where(_grants.c.institution == institution, _grants.c.app == app)
        .where(_grants.c.not_before <= now, _grants.c.expires_at > now)
        .where(or_(_grants.c.uses_left.is_(None), _grants.c.uses_left > 0))
    )


def _cells(tx: Connection, query: Select[int, str, str, int, int]) -> Iterator[_Cell]:
    for line in tx.execute(query).yield_per(20_000):
        row, category, purpose, not_before, expires_at = line
        yield _Cell(row, category, purpose, not_before, expires_at)


def _fill(
    masks: NDArray[np.uint16], expires: NDArray[np.int64], cells: Iterable[_Cell], at: datetime
) -> None:
    """Set bits and expiries: longest per purpose, then earliest per cell."""
    limits = {
        c.value: int(LEVEL_MAX_GRANT[level].total_seconds()) * _SECOND
        for c, level in CATEGORY_LEVEL.items()
        if level in LEVEL_MAX_GRANT
    }
    allowed = {(c.value, p.value) for p, cs in PURPOSE_CATEGORIES.items() for c in cs}
    columns = {c.value: n for c, n in CATEGORY_COLUMN.items()}
    bits = {p.value: bit for p, bit in PURPOSE_BIT.items()}
    now = micros(at)
    longest: dict[tuple[int, int, int], int] = {}
    for cell in cells:
        if (cell.category, cell.purpose) not in allowed:
            continue
        until = min(cell.expires_at, cell.not_before + limits[cell.category])
        name = (cell.row, columns[cell.category], bits[cell.purpose])
        if until > now and until > longest.get(name, 0):
            longest[name] = until
    for (row, column, bit), until in longest.items():
        seconds = until // _SECOND
        before = expires[row, column]
        masks[row, column] |= bit
        expires[row, column] = min(before, seconds) if before else seconds


def _check(grant: Grant) -> None:
    where = f"grant {grant.id}"
    if grant.state is not GrantState.GIVEN:
        raise SchemaViolation(f"{where}: is {grant.state}; only given grants are recorded")
    if grant.category not in PURPOSE_CATEGORIES[grant.purpose]:
        raise SchemaViolation(f"{where}: {grant.category} data may not serve {grant.purpose}")
    if not grant.not_before < grant.expires_at:
        raise SchemaViolation(f"{where}: ends before it begins")


def _said(grant: Grant) -> list[Json]:
    """Say what a grant says, to tell a retry from another request."""
    return [
        grant.resident,
        grant.institution,
        grant.app,
        grant.category.value,
        grant.purpose.value,
        ",".join(sorted(grant.actions)),
    ]


def _line(grant: Grant, epoch: int) -> dict[str, object]:
    return {
        "id": grant.id,
        "resident": grant.resident,
        "institution": grant.institution,
        "app": grant.app,
        "category": grant.category.value,
        "purpose": grant.purpose.value,
        "actions": ",".join(sorted(grant.actions)),
        "not_before": micros(grant.not_before),
        "expires_at": micros(grant.expires_at),
        "state": grant.state.value,
        "notice_hash": grant.notice_hash,
        "channel": grant.channel,
        "basis": grant.basis.value,
        "uses_left": grant.uses_left,
        "proxy_mandate": grant.proxy_mandate,
        "epoch": epoch,
    }

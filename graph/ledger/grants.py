"""Grants: what each resident authorised, for whom, for what and until when."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    case,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)

from graph.codec import Json
from graph.errors import SchemaViolation
from graph.ledger import tables
from graph.ledger.canonical import micros, moment, span
from graph.ledger.impressions import Impressions
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
_SOME = 10_000
"""Residents named in one statement."""
_BLOCK = 50_000
"""Rows whose cells are worked out at once."""

_grants, _rows = tables.grants, tables.rows


class Grants:
    """Gives, withdraws and reads grants.

    With any grant for the feed goes what its resident was shown: the lists were made of that, too.
    """

    def __init__(self, outbox: Outbox, impressions: Impressions) -> None:
        self._outbox = outbox
        self._impressions = impressions

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
        unstamped = self.lines(grants)
        residents = list(dict.fromkeys(grant.resident for grant in grants))
        asked: dict[str, Json] = {"grants": [_said(g) for g in grants[:100]], "n": len(grants)}
        when = at or min(grant.not_before for grant in grants)
        epoch = self._outbox.lock_epoch(tx) + 1
        if grants[0].channel in BULK_CHANNELS:
            subjects = {key: f"{grants[0].channel}:{key}"}
        else:
            subjects = {f"{key}/{resident}": str(resident) for resident in residents}
        events = self._events(subjects, asked, epoch, when)
        if not any(done.new for done in self._outbox.append_many(tx, events)):
            return self._outbox.head(tx).epoch
        self._outbox.set_epoch(tx, epoch)
        tx.execute(insert(_grants), [{**line, "epoch": epoch} for line in unstamped])
        return epoch

    def lines(self, grants: Sequence[Grant]) -> list[dict[str, object]]:
        """Grants as lines of the table, without the epoch from which they count.

        Raises
        ------
        SchemaViolation
            A grant is not in state ``GIVEN``, or asks for a category its purpose may not have.
        """
        for grant in grants:
            _check(grant)
        return [_line(grant) for grant in grants]

    def give_staged(self, tx: Connection, batch: str, at: datetime) -> int:
        """Record the grants that were staged with an import; returns how many.

        An id that an earlier import used already gets the batch's name behind it: each import
        stands for what it brought, and only for that.
        """
        staged = tables.staged_grants
        mine = staged.c.batch == batch
        n = int(tx.execute(select(func.count()).select_from(staged).where(mine)).scalar_one())
        if not n:
            return 0
        epoch = self._next_epoch(tx, f"import/{batch}/grants", {"n": n}, at)
        used = select(_grants.c.id).where(_grants.c.id == staged.c.id).exists()
        id_ = case((used, staged.c.id + "/" + batch), else_=staged.c.id)
        names = [c.name for c in staged.columns if c.name not in {"id", "n"}]
        query = select(id_, literal(epoch), *(staged.c[name] for name in names)).where(mine)
        tx.execute(insert(_grants).from_select(["id", "epoch", *names], query))
        return n

    def revoke_batch(self, tx: Connection, batch: str, at: datetime) -> int:
        """Revoke the grants that came with an import and are in force; returns how many."""
        mine = (_grants.c.batch == batch, _grants.c.state == GrantState.GIVEN.value)
        epoch = self._outbox.lock_epoch(tx) + 1
        theirs = select(_grants.c.resident).where(*mine, _grants.c.purpose == Purpose.FEED.value)
        shown = [ResidentId(name) for name in tx.execute(theirs.distinct()).scalars()]
        query = update(_grants).where(*mine)
        n = tx.execute(query.values(state=GrantState.REVOKED.value, epoch=epoch)).rowcount
        if n:
            self._impressions.forget(tx, shown, at=at)
            self._next_epoch(tx, f"undo/{batch}/grants", {"revoked": n}, at)
        return n

    def held_for(
        self,
        tx: Connection,
        residents: Sequence[ResidentId] | None,
        *,
        institution: InstitutionId,
        category: DataCategory,
        purpose: Purpose,
    ) -> list[Grant]:
        """Given grants of many residents, or all, to one institution for one pair of uses."""
        query = select(_grants).where(
            _grants.c.state == GrantState.GIVEN.value,
            _grants.c.institution == str(institution),
            _grants.c.category == category.value,
            _grants.c.purpose == purpose.value,
        )
        if residents is None:
            return [_grant(line) for line in tx.execute(query)]
        found: list[Grant] = []
        for start in range(0, len(residents), _SOME):
            some = query.where(_grants.c.resident.in_(residents[start : start + _SOME]))
            found += [_grant(line) for line in tx.execute(some)]
        return found

    def _next_epoch(self, tx: Connection, key: str, asked: dict[str, Json], at: datetime) -> int:
        """Count one change of many grants, with its event; returns the epoch."""
        epoch = self._outbox.lock_epoch(tx) + 1
        self._outbox.append_many(tx, self._events({key: f"import:{key}"}, asked, epoch, at))
        self._outbox.set_epoch(tx, epoch)
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
        epoch = self._outbox.lock_epoch(tx) + 1
        seen = self._outbox.seen(tx, kind=EventKind.GRANT, key=key, subject=resident, request=asked)
        if seen is not None:
            return int(str((seen.reply or {}).get("withdrawn", 0)))
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
            if purpose in {None, Purpose.FEED}:
                self._impressions.forget(tx, [resident], at=at)
            self._outbox.set_epoch(tx, epoch)
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
        return self._where(tx, _grants.c.resident == resident)

    def of_many(self, tx: Connection, residents: Sequence[ResidentId]) -> list[Grant]:
        """All grants of these residents in every state, in no particular order of residents."""
        found: list[Grant] = []
        for start in range(0, len(residents), _SOME):
            found += self._where(tx, _grants.c.resident.in_(residents[start : start + _SOME]))
        return found

    def _where(self, tx: Connection, condition: ColumnElement[bool]) -> list[Grant]:
        query = select(_grants).where(condition).order_by(_grants.c.not_before, _grants.c.id)
        return [_grant(line) for line in tx.execute(query)]

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
        for start in range(0, n_rows, _BLOCK):
            stop = min(start + _BLOCK, n_rows)
            lines = tx.execute(query.where(_rows.c.row >= start, _rows.c.row < stop))
            masks[start:stop], expires[start:stop] = _cells(lines, start, stop - start, at)
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
        query = _in_force(institution, app, at).where(_grants.c.resident.in_(changed))
        lines = ((place[line[0]], *line[1:]) for line in tx.execute(query))
        masks, expires = _cells(lines, 0, len(place), at)
        return [(row, masks[n], expires[n]) for row, n in place.items()]

    def ended_since(self, tx: Connection, epoch: int, *, institution: InstitutionId) -> list[int]:
        """Rows of residents with a grant withdrawn or revoked after an epoch; ascending."""
        query = (
            select(_rows.c.row)
            .join(_grants, _rows.c.key == _grants.c.resident)
            .where(_rows.c.kind == RowKind.RESIDENT.value, _grants.c.epoch > epoch)
            .where(_grants.c.state != GrantState.GIVEN.value)
            .where(_grants.c.institution == institution)
            .distinct()
            .order_by(_rows.c.row)
        )
        return list(tx.execute(query).scalars())

    def ran_out_between(
        self, tx: Connection, since: int, until: int, *, institution: InstitutionId
    ) -> list[int]:
        """Rows of residents with a grant that ran out in (since, until], Unix seconds; ascending.

        By its own end or by its level's limit, whichever lies in that time.
        """
        first, last = since * _SECOND, until * _SECOND
        ended = [and_(_grants.c.expires_at > first, _grants.c.expires_at <= last)]
        for category, level in CATEGORY_LEVEL.items():
            if level in LEVEL_MAX_GRANT:
                limit = span(LEVEL_MAX_GRANT[level])
                begun = _grants.c.not_before
                ended.append(
                    and_(
                        _grants.c.category == category.value,
                        begun > first - limit,
                        begun <= last - limit,
                    )
                )
        query = (
            select(_rows.c.row)
            .join(_grants, _rows.c.key == _grants.c.resident)
            .where(_rows.c.kind == RowKind.RESIDENT.value, or_(*ended))
            .where(_grants.c.state == GrantState.GIVEN.value)
            .where(_grants.c.institution == institution)
            .distinct()
            .order_by(_rows.c.row)
        )
        return list(tx.execute(query).scalars())

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


def _cells(
    lines: Iterable[Sequence[object]], first: int, n: int, at: datetime
) -> tuple[NDArray[np.uint16], NDArray[np.int64]]:
    """Masks and expiries of n rows: the longest grant per purpose, then the earliest per cell.

    Parameters
    ----------
    lines : iterable of (row, category, purpose, not_before, expires_at)
        Times in microseconds.
    first : int
        Row of the first line of the result.
    """
    longest = np.zeros((n, len(CATEGORY_COLUMN), len(PURPOSE_BIT)), np.int64)
    known = [line for line in lines if (line[1], line[2]) in _PLACE]
    if known:
        row = np.array([line[0] for line in known], np.int64) - first
        column, bit = np.array([_PLACE[line[1], line[2]] for line in known], np.int64).T
        begin, end = np.array([line[3:5] for line in known], np.int64).T
        until = np.minimum(end, begin + _LIMITS[column]) // _SECOND
        np.maximum.at(longest, (row, column, bit), until)
    longest[longest <= micros(at) // _SECOND] = 0
    given = longest > 0
    bits = np.array(list(PURPOSE_BIT.values()), np.uint16)
    masks = (given * bits).sum(axis=2).astype(np.uint16)
    never = np.iinfo(np.int64).max
    earliest = np.where(given, longest, never).min(axis=2)
    return masks, np.where(masks != 0, earliest, 0)


_PLACE: dict[tuple[object, object], tuple[int, int]] = {
    (category.value, purpose.value): (CATEGORY_COLUMN[category], bit)
    for bit, (purpose, categories) in enumerate(PURPOSE_CATEGORIES.items())
    for category in categories
}
"""Column and bit number of every pair that may be granted."""

_LIMITS = np.array(
    [
        span(LEVEL_MAX_GRANT[level]) if level in LEVEL_MAX_GRANT else 0
        for level in CATEGORY_LEVEL.values()
    ],
    np.int64,
)
"""Longest grant by column, microseconds."""


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


def _grant(line: Row[tuple[object, ...]]) -> Grant:
    said = line._mapping
    return Grant(
        id=said["id"],
        resident=ResidentId(said["resident"]),
        institution=InstitutionId(said["institution"]),
        app=said["app"],
        category=DataCategory(said["category"]),
        purpose=Purpose(said["purpose"]),
        actions=frozenset(Action(a) for a in said["actions"].split(",") if a),
        not_before=moment(said["not_before"]),
        expires_at=moment(said["expires_at"]),
        state=GrantState(said["state"]),
        notice_hash=said["notice_hash"],
        channel=said["channel"],
        basis=Basis(said["basis"]),
        uses_left=said["uses_left"],
        proxy_mandate=said["proxy_mandate"],
    )


def _line(grant: Grant) -> dict[str, object]:
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
    }

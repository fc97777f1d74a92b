"""Isolation scores through the gate: sealed, and opened for whoever may read them.

A score is as sensitive as anything Linli holds. It lies sealed under its resident's own key and is
opened only for the resident, for an operator's command, or for the social worker who looks after
the resident's grid. It rests on categories; as soon as one of these is withdrawn it is not shown,
whatever file it still lies in.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from graph.codec import Json
from graph.errors import Denied, NotFound, NotReady
from graph.folders import ArrayFolder, current_name, open_folder, publish, remove_old
from graph.gate.assigned import bulk_relation
from graph.gate.gate import Gate
from graph.ledger.audit import AuditEntry
from graph.ledger.cases import Case
from graph.ledger.keys import Box
from graph.ledger.ledger import Ledger
from graph.live import Moment
from graph.model import Action, Actor, DataCategory, Purpose, ResidentId, StaffRole
from graph.policy import CARE_CATEGORIES, Relation

__all__ = ["CareDesk", "Caseload", "publish_scores"]

_SCORE = DataCategory.ISOLATION_SCORE
_NAMED = frozenset({DataCategory.GRID, DataCategory.IDENTITY, DataCategory.TIE})
"""What neighbours authorise for care visits to be named where somebody's ties are drawn."""
_KEEP = 1
"""Files of scores: an older one would hold scores of residents who have since withdrawn."""


def publish_scores(
    ledger: Ledger,
    parent: Path,
    bodies: Mapping[ResidentId, Mapping[str, Json]],
    *,
    rows: NDArray[np.int64],
    manifest: Mapping[str, Json],
    about: Mapping[str, Json],
) -> str:
    """Seal scores, each under its resident's own key, and make them the current ones.

    Parameters
    ----------
    ledger : Ledger
    parent : Path
        The home's ``isolation`` folder.
    bodies : mapping of ResidentId to mapping
        In the order of ``rows``; must name under ``categories`` what each rests on.
    rows : NDArray[int64], (m,)
    manifest, about : mapping
        Nothing about anybody.

    Returns
    -------
    str
        The folder's name.
    """
    boxes = [
        (_box(resident), json.dumps(body, separators=(",", ":")).encode())
        for resident, body in bodies.items()
    ]
    with ledger.write() as tx:
        sealed = ledger.keys.seal_many(tx, boxes)
    ends = np.cumsum([len(value) for value in sealed], dtype=np.int64)
    name = publish(
        parent,
        arrays={
            "rows": rows.astype(np.int64),
            "ends": ends,
            "sealed": np.frombuffer(b"".join(sealed), np.uint8),
        },
        manifest={**manifest, "format": "linli-isolation"},
        about=about,
    )
    remove_old(parent, keep=_KEEP)
    return name


def _box(resident: str) -> Box:
    return Box("isolation", "score", resident, _SCORE.value)


@dataclass(frozen=True, slots=True, eq=False)
class Caseload:
    """Residents an actor may read the scores of, and what these say."""

    actor: Actor
    about: Mapping[str, Json]
    """When they were made."""
    scores: Mapping[int, Mapping[str, Json]]
    """Row -> body, all of whose categories are authorised now."""
    permitted: Mapping[int, frozenset[DataCategory]]
    """Row -> what is authorised for care visits; who is not in ``scores`` is being scored anew."""


class CareDesk:
    """Opens scores for whoever may read them.

    Parameters
    ----------
    gate : Gate
    ledger : Ledger
    parent : Path
        The home's ``isolation`` folder.
    """

    def __init__(self, gate: Gate, ledger: Ledger, parent: Path) -> None:
        self._gate, self._ledger, self._parent = gate, ledger, parent

    def grids(self, actor: Actor, moment: Moment) -> list[str]:
        """Names of the grids an actor looks after; all of them for an operator."""
        if actor.role is StaffRole.OPERATOR:
            return [str(grid) for grid in moment.snapshot.grid_ids]
        with self._ledger.read() as tx:
            return self._ledger.cases.grids_of(tx, actor.id)

    def caseload(
        self, actor: Actor, moment: Moment, grids: Sequence[str], *, only: int | None = None
    ) -> Caseload:
        """Open the scores of some grids, or of one resident in them; one audit entry for all.

        Raises
        ------
        Denied
            One of the grids is not theirs.
        NotReady
            No scores were made yet.
        AuditUnavailable
            It could not be recorded, so nothing leaves.
        """
        foreign = set(grids) - set(self.grids(actor, moment))
        if foreign:
            raise Denied(f"{actor.id} does not look after grid {min(foreign)!r}")
        rows = self._rows(moment, grids)
        if only is not None:
            rows = rows[rows == only]
        decision = self._gate.authorise_bulk(
            actor,
            purpose=Purpose.CARE_VISIT,
            categories=CARE_CATEGORIES,
            action=Action.DERIVE,
            rows=rows,
            relation=bulk_relation(actor),
        )
        permitted = {}
        for row in rows.tolist():
            now = self.permitted(moment, row) & decision.categories
            if {DataCategory.GRID, _SCORE} <= now:
                permitted[row] = now
        folder = self._folder()
        scores = self._open(folder, moment, permitted)
        return Caseload(actor, folder.about, scores, permitted)

    def own(self, actor: Actor, moment: Moment, resident: ResidentId) -> Mapping[str, Json] | None:
        """Open the score of the resident who asks; ``None`` when there is none, or not any more."""
        self._gate.authorise(
            actor,
            purpose=Purpose.CARE_VISIT,
            category=_SCORE,
            subject=resident,
            action=Action.VIEW,
        )
        row = moment.resident_row(resident)
        now = self.permitted(moment, row)
        if _SCORE not in now:
            return None
        try:
            return self._open(self._folder(), moment, {row: now}).get(row)
        except NotReady:
            return None

    def permitted(self, moment: Moment, row: int) -> frozenset[DataCategory]:
        """Categories that a resident authorises for care visits at this moment."""
        masks, expires = moment.consent(row)
        return self._gate.permitted_row(masks, expires, purpose=Purpose.CARE_VISIT)

    def record_shown(self, caseload: Caseload, moment: Moment, rows: Iterable[int]) -> None:
        """Leave an entry for each resident that is shown, which they find in their own log.

        Raises
        ------
        AuditUnavailable
            It could not be recorded, so nothing leaves.
        """
        used = {_id(moment, row): _rests_on(caseload.scores[row]) for row in rows}
        self._record(caseload.actor, used)

    def names(self, caseload: Caseload, moment: Moment, rows: Iterable[int]) -> dict[int, str]:
        """Names of residents of the caseload who authorise their identity for care visits."""
        may = [
            row for row in rows if DataCategory.IDENTITY in caseload.permitted.get(row, frozenset())
        ]
        return self._names(moment, may)

    def name_neighbours(self, actor: Actor, moment: Moment, rows: Sequence[int]) -> dict[int, str]:
        """Names of those neighbours in one's own grids who agree to be seen as somebody's tie.

        Raises
        ------
        AuditUnavailable
            It could not be recorded, so nobody is named.
        """
        own = self._rows(moment, self.grids(actor, moment))
        asked = np.intersect1d(own, np.array(rows, np.int64))
        if not len(asked):
            return {}
        self._gate.authorise_bulk(
            actor,
            purpose=Purpose.CARE_VISIT,
            categories=_NAMED,
            action=Action.DERIVE,
            rows=asked,
            relation=bulk_relation(actor),
        )
        agree = [row for row in asked.tolist() if self.permitted(moment, row) >= _NAMED]
        names = self._names(moment, agree)
        self._record(actor, {_id(moment, row): _NAMED for row in names})
        return names

    def _names(self, moment: Moment, rows: Iterable[int]) -> dict[int, str]:
        ids = {_id(moment, row): row for row in rows}
        with self._ledger.read() as tx:
            names = self._ledger.identity.names(tx, list(ids))
        return {ids[resident]: name for resident, name in names.items()}

    def _record(
        self,
        actor: Actor,
        used: Mapping[ResidentId, frozenset[DataCategory]],
        action: Action = Action.DERIVE,
    ) -> None:
        now = self._ledger.clock()
        self._ledger.audit.record_all(
            [
                AuditEntry(
                    at=now,
                    actor=actor.id,
                    role=actor.role,
                    institution=actor.institution,
                    app=actor.app,
                    action=action,
                    purpose=Purpose.CARE_VISIT,
                    categories=tuple(sorted(categories)),
                    allowed=True,
                    reason="grant",
                    subject=resident,
                )
                for resident, categories in used.items()
            ]
        )

    def neighbours(self, moment: Moment, row: int) -> list[int]:
        """Rows of whom a resident knows, as far as both ends let it be used.

        The resident must be of a caseload and authorise ties; whoever blocks the other is no tie.
        """
        ties = moment.snapshot.ties
        known = ties.indices[ties.indptr[row] : ties.indptr[row + 1]].tolist()
        shown = [other for other in known if self._lets_ties_be_seen(moment, other)]
        blocks = moment.facts.blocks(moment.snapshot, self._ledger, [row, *shown])
        ids = moment.snapshot.resident_ids
        return [
            other
            for other in shown
            if str(ids[other]) not in blocks[row] and str(ids[row]) not in blocks[other]
        ]

    def note(self, caseload: Caseload, case: Case, *, row: int, key: str) -> None:
        """Keep what came of a visit to a resident of the caseload, once per key.

        Raises
        ------
        NotFound
            The resident is not of the caseload.
        Denied
            The actor only reads.
        AuditUnavailable
            It could not be recorded, so it does not happen.
        """
        if row not in caseload.permitted:
            raise NotFound("there is no such resident, or not for you")
        self._gate.authorise_bulk(
            caseload.actor,
            purpose=Purpose.CARE_VISIT,
            categories=[_SCORE],
            action=Action.WRITE,
            rows=np.array([row]),
            relation=Relation.ASSIGNED,
        )
        self._record(caseload.actor, {case.resident: frozenset({_SCORE})}, Action.WRITE)
        with self._ledger.write() as tx:
            self._ledger.cases.note(tx, case, key=key)

    def cases(
        self, caseload: Caseload, moment: Moment, rows: Iterable[int]
    ) -> dict[int, list[Case]]:
        """Return what was done for residents of the caseload, the latest first."""
        ids = {_id(moment, row): row for row in rows if row in caseload.permitted}
        with self._ledger.read() as tx:
            found = self._ledger.cases.of(tx, list(ids))
        return {ids[resident]: cases for resident, cases in found.items()}

    def _lets_ties_be_seen(self, moment: Moment, row: int) -> bool:
        masks, expires = moment.consent(row)
        return any(
            DataCategory.TIE in self._gate.permitted_row(masks, expires, purpose=purpose)
            for purpose in (Purpose.CARE_VISIT, Purpose.GROUP_MATCHING)
        )

    @staticmethod
    def _rows(moment: Moment, grids: Sequence[str]) -> NDArray[np.int64]:
        chosen = np.flatnonzero(np.isin(moment.snapshot.grid_ids, list(grids)))
        return np.flatnonzero(np.isin(moment.snapshot.grid, chosen) & moment.snapshot.active)

    def _folder(self) -> ArrayFolder:
        name = current_name(self._parent)
        if name is None:
            raise NotReady("no isolation scores were made yet; run `linli outreach --anew`")
        return open_folder(self._parent, name)

    def _open(
        self,
        folder: ArrayFolder,
        moment: Moment,
        permitted: Mapping[int, frozenset[DataCategory]],
    ) -> dict[int, Mapping[str, Json]]:
        """Open the scores of these rows; those that rest on something withdrawn are left out."""
        ends, sealed = folder.arrays["ends"], folder.arrays["sealed"]
        places = {row: n for n, row in enumerate(folder.arrays["rows"].tolist())}
        rows = [row for row in permitted if row in places]
        boxes = []
        for row in rows:
            n = places[row]
            start = int(ends[n - 1]) if n else 0
            box = _box(_id(moment, row))
            boxes.append((box, sealed[start : int(ends[n])].tobytes()))
        with self._ledger.read() as tx:
            plain = self._ledger.keys.open_many(tx, boxes)
        found = {}
        for row, value in zip(rows, plain, strict=True):
            body = {} if value is None else json.loads(value)
            if body and _rests_on(body) <= permitted[row]:
                found[row] = body
        return found


def _rests_on(body: Mapping[str, Json]) -> frozenset[DataCategory]:
    return frozenset(DataCategory(str(c)) for c in cast("list[str]", body["categories"]))


def _id(moment: Moment, row: int) -> ResidentId:
    return ResidentId(str(moment.snapshot.resident_ids[row]))

"""Visits and questionnaires (探访记录, 量表): what a worker found, sealed in the ledger.

Nothing of it enters the graph, and nothing is taken in of a resident who does not authorise the
category "survey" for care visits. A questionnaire counts only when every question is answered.

LSNS-6 is the Lubben Social Network Scale with six questions of 0 to 5; below 12 of 30 somebody is
at risk of isolation (Lubben et al. 2006). UCLA-3 has three questions of 1 to 3 (Hughes et al.
2004).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from graph.codec import Json
from graph.ingest.cells import clean, read_id_number, read_phones, read_text
from graph.ingest.common import known_resident, need, read_moment
from graph.ingest.issues import CellFault
from graph.ingest.plan import ImportPlan, Lazy, RecordKind, RecordRow
from graph.ingest.register import Register
from graph.ingest.shelves import FirstRows, Shelves, by_pseudonym
from graph.ingest.table import Column, Row, Table
from graph.ledger.canonical import micros, moment
from graph.model import DataCategory, ResidentId
from graph.vocabulary import source

__all__ = ["LSNS_CUT_OFF", "VISIT_COLUMNS", "plan_visits"]

LSNS_CUT_OFF = 12
"""Of 30 points; who has fewer is at risk of isolation."""


@dataclass(frozen=True, slots=True)
class _Scale:
    name: str
    questions: int
    low: int
    high: int

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(f"{self.name}_q{n}" for n in range(1, self.questions + 1))

    @property
    def total(self) -> str:
        return f"{self.name}_total"


LSNS, UCLA = _Scale("lsns", 6, 0, 5), _Scale("ucla", 3, 1, 3)

VISIT_COLUMNS: tuple[Column, ...] = (
    Column("name", "对象", ("姓名", "探访对象"), required=True),
    Column("phone", "联系电话", ("电话", "手机")),
    Column("id_number", "公民身份号码", ("身份证号",)),
    Column("date", "日期", ("探访日期",), required=True),
    Column("way", "方式", ("探访方式",), required=True),
    Column("outcome", "结果", ("探访结果",), required=True),
    *(Column(c, f"LSNS-6 q{n}", (f"LSNS q{n}",)) for n, c in enumerate(LSNS.columns, 1)),
    Column(LSNS.total, "LSNS-6 总分", ("LSNS 总分",)),
    *(Column(c, f"UCLA q{n}", (f"UCLA-3 q{n}",)) for n, c in enumerate(UCLA.columns, 1)),
    Column(UCLA.total, "UCLA 总分", ("UCLA-3 总分",)),
)
"""Header of a list of visits; telephone or identity number tells who it was."""

SOURCE = source("government-register")
_WAYS = {
    **dict.fromkeys(("上门", "入户", "home"), "home"),
    **dict.fromkeys(("电话", "phone"), "phone"),
    **dict.fromkeys(("微信", "视频", "线上", "online"), "online"),
    **dict.fromkeys(("途中", "室外", "outside"), "outside"),
}
_OUTCOMES = {
    **dict.fromkeys(("见到", "已见", "正常", "met"), "met"),
    **dict.fromkeys(("不在家", "未遇", "not home"), "not home"),
    **dict.fromkeys(("拒绝", "拒访", "refused"), "refused"),
    **dict.fromkeys(("搬走", "迁出", "搬离", "moved"), "moved"),
    **dict.fromkeys(("去世", "死亡", "dead"), "dead"),
    **dict.fromkeys(("住院", "hospital"), "hospital"),
}


def plan_visits(table: Table, *, now: datetime, register: Register) -> ImportPlan:
    """Turn a list of visits into a plan."""
    seen = FirstRows()
    records: Shelves[str] = Shelves(by_pseudonym)
    for row in table.each():
        found = _read(row, now, register)
        if not found:
            continue
        visit = found[0]
        first, _ = seen.first((visit.resident, visit.at, str(visit.fields)), row.number)
        if first != row.number:
            row.report("visit_repeated", "date", str(first))
        elif not register.granted(visit.resident, DataCategory.SURVEY):
            row.report("record_not_authorised", "name")
        else:
            for kept in found:
                records.add(kept.resident, kept.kind.value, micros(kept.at), dict(kept.fields))
    return ImportPlan(
        kind="visits",
        source=SOURCE,
        file_hash=table.digest,
        as_of=now,
        rows=table.rows,
        consented=frozenset({DataCategory.SURVEY} if len(records) else ()),
        changes=(),
        records=Lazy(
            lambda: (
                RecordRow(ResidentId(who), DataCategory.SURVEY, RecordKind(kind), moment(at), said)
                for who, kind, at, said in records
            )
        ),
        issues=table.issues,
    )


def _read(row: Row, now: datetime, register: Register) -> list[RecordRow]:
    """Read a visit, and the questionnaires it brought; empty when the row has an error."""
    name, at = need(row, "name", read_text), need(row, "date", read_moment)
    way = need(row, "way", lambda raw: _word(raw, _WAYS, "way_unknown"))
    outcome = need(row, "outcome", lambda raw: _word(raw, _OUTCOMES, "outcome_unknown"))
    if at and at.date() > now.date():
        row.report("date_future", "date")
    scales = [fields for scale in (LSNS, UCLA) if (fields := _answers(row, scale))]
    if not row.good or not (name and at and outcome):
        return []
    phone, id_number = row.read("phone", read_phones), row.read("id_number", read_id_number)
    who = known_resident(row, register, name, phone, id_number)
    if who is None:
        return []
    if outcome in {"moved", "dead"}:
        row.report("status_to_check", "outcome", clean(row.cells["outcome"]))
    said: Mapping[str, Json] = {"way": way, "outcome": outcome}
    kinds = [(RecordKind.VISIT, said), *((RecordKind.ASSESSMENT, fields) for fields in scales)]
    return [RecordRow(who, DataCategory.SURVEY, kind, at, fields) for kind, fields in kinds]


def _word(raw: str, words: Mapping[str, str], code: str) -> str | None:
    text = clean(raw).casefold()
    if text and text not in words:
        raise CellFault(code, text[:20])
    return words.get(text)


def _answers(row: Row, scale: _Scale) -> dict[str, Json] | None:
    """Read one questionnaire; its total is made anew, and is missing when an answer is."""
    answers = [row.read(column, lambda raw: _answer(raw, scale)) for column in scale.columns]
    said = row.read(scale.total, _read_total)
    given = [answer for answer in answers if answer is not None]
    if not given:
        if said is not None:
            row.report("scale_total_alone", scale.total)
        return None
    total = sum(given) if len(given) == scale.questions else None
    if total is None:
        missing = scale.questions - len(given)
        row.report("scale_incomplete", scale.columns[answers.index(None)], str(missing))
    elif said is not None and said != total:
        row.report("scale_total_differs", scale.total, f"{said} / {total}")
    fields: dict[str, Json] = {"scale": scale.name, "answers": list(answers), "total": total}
    if scale is LSNS and total is not None:
        fields["at_risk"] = total < LSNS_CUT_OFF
    return fields


def _answer(raw: str, scale: _Scale) -> int | None:
    text = clean(raw)
    if not text:
        return None
    if not text.isdecimal() or not scale.low <= int(text) <= scale.high:
        raise CellFault("scale_answer_range", f"{text[:10]} ({scale.low}-{scale.high})")
    return int(text)


def _read_total(raw: str) -> int | None:
    text = clean(raw)
    if text and not text.isdecimal():
        raise CellFault("scale_total_unclear", text[:10])
    return int(text) if text else None

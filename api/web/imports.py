"""What the desk's templates show of imports: reports turned into words of one language. No HTTP."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from api.services.desk import MOST_ISSUES, Checking, CheckState, Summary
from api.services.issue_groups import IssueGroup
from api.web.look import Language
from api.web.wording import Messages, clean
from graph.gate import BatchState, ImportBatch
from graph.ingest import FILE_COLUMNS, ColumnFate, ColumnUse, Preview, Refusal, RowIssue, Severity

__all__ = [
    "CheckingPage",
    "ColumnLine",
    "ImportLine",
    "ImportPresenter",
    "Problem",
    "RefusedPage",
    "Report",
]

_EXAMPLES = 3
_SHORT = 12
"""Of columns with longer cells one example is enough."""
_LONG = timedelta(seconds=30)
"""Who has waited so long is told that nobody may be working."""
_GIVE_UP = timedelta(minutes=10)
"""A page that waited so long looks again only when somebody asks it to."""
_REFUSED, _BROKEN = "refused", "broken"


@dataclass(frozen=True, slots=True)
class ImportLine:
    """One import in the list."""

    id: str
    kind: str
    state: str
    state_label: str
    when: str
    counts: str
    """Empty before it is checked."""


@dataclass(frozen=True, slots=True)
class CheckingPage:
    """An upload that is being checked, or whose check broke off."""

    id: str
    kind: str
    kind_label: str
    broken: bool
    now: str
    """What is being done."""
    done: int
    total: int
    slow: str
    """Said when it has waited for long."""
    asks_again: bool
    """Whether the page looks again by itself; for hours that would keep an idle session alive."""


@dataclass(frozen=True, slots=True)
class RefusedPage:
    """A file that cannot be read at all."""

    id: str
    kind: str
    kind_label: str
    reason: str


@dataclass(frozen=True, slots=True)
class Problem:
    """Issues of one kind."""

    column: str
    said: tuple[str, ...]
    """What is wrong; several where it differs from row to row."""
    rows: str
    """Empty where it is about the file as a whole."""
    remedy: str


@dataclass(frozen=True, slots=True)
class ColumnLine:
    """How one column of the file is understood."""

    header: str
    read_as: str
    """As which known column, or why not."""
    examples: str
    taken: bool


@dataclass(frozen=True, slots=True)
class Report:
    """What an import would do, did, or did before it was undone."""

    id: str
    kind_label: str
    state: str
    when: str
    headline: str
    brings: tuple[str, ...]
    """What is new and what changes, in figures."""
    blocked: tuple[str, ...]
    """Why it cannot be imported like this."""
    commit: str
    """Words of the button; empty when there is nothing to import."""
    due: str
    """When residents will see it."""
    errors: tuple[Problem, ...]
    dropped: tuple[Problem, ...]
    """About the file as a whole: what is not taken in, and why."""
    notices: tuple[Problem, ...]
    cut: str
    """Said when there are more issues than are listed."""
    has_copy: bool
    columns: tuple[ColumnLine, ...]


@dataclass(frozen=True, slots=True)
class ImportPresenter:
    """Turns imports into what templates show.

    Parameters
    ----------
    t : Messages
    now : datetime
        Aware.
    """

    t: Messages
    now: datetime

    def line(self, summary: Summary) -> ImportLine:
        """Show one import in the list."""
        batch = summary.batch
        state = _BROKEN if summary.broken else batch.state.value
        state = _REFUSED if summary.refused else state
        counts = self._rows(summary.rows, summary.clean) if summary.rows else ""
        return ImportLine(
            id=batch.id,
            kind=self._kind(batch),
            state=state,
            state_label=self.t(f"import.state.{state}"),
            when=self._when(batch),
            counts=counts,
        )

    def checking(self, view: Checking) -> CheckingPage:
        """Show how far the check of an upload is."""
        waited = self.now - view.since
        slow = view.state is CheckState.WAITING and waited > _LONG
        step = min(view.done + 1, view.total)
        words = {
            CheckState.WAITING: self.t("import.checking.waiting"),
            CheckState.RUNNING: self.t("import.checking.step", n=step, total=view.total)
            if view.total
            else self.t("import.checking.reading"),
            CheckState.BROKEN: self.t("import.checking.broken"),
        }
        return CheckingPage(
            id=view.batch.id,
            kind=view.batch.kind,
            kind_label=self._kind(view.batch),
            broken=view.state is CheckState.BROKEN,
            now=words[view.state],
            done=step,
            total=view.total,
            slow=self.t("import.checking.slow") if slow else "",
            asks_again=waited < _GIVE_UP,
        )

    def refused(self, batch: ImportBatch, refusal: Refusal) -> RefusedPage:
        """Show why a file cannot be read at all."""
        return RefusedPage(
            batch.id, batch.kind, self._kind(batch), self._own(zh=refusal.zh, en=refusal.en)
        )

    def report(
        self, preview: Preview, groups: Sequence[IssueGroup], due: datetime | None
    ) -> Report:
        """Show what an import would do or did."""
        batch, t = preview.batch, self.t
        undone = batch.state is BatchState.UNDONE
        found = sum(preview.codes.values())
        whole = [group for group in groups if not group.rows]
        rows = [group for group in groups if group.rows]
        errors = [group for group in rows if group.first.severity is Severity.ERROR]
        notices = [group for group in rows if group.first.severity is Severity.NOTICE]
        return Report(
            id=batch.id,
            kind_label=self._kind(batch),
            state=batch.state.value,
            when=self._when(batch),
            headline=self._headline(preview),
            brings=() if undone else self._brings(preview),
            blocked=tuple(
                t.plural("import.blocked", n, category=t(f"category.{category}"))
                for category, n in preview.missing.items()
            ),
            commit=t.plural("import.commit", preview.clean)
            if preview.clean and not preview.missing
            else "",
            due=self._due(batch, due),
            errors=self._problems(errors),
            dropped=self._problems(whole),
            notices=self._problems(notices),
            cut=t("import.cut", n=f"{MOST_ISSUES:,}") if found > MOST_ISSUES else "",
            has_copy=bool(rows),
            columns=() if undone else self._columns(preview),
        )

    def _kind(self, batch: ImportBatch) -> str:
        known = batch.kind in FILE_COLUMNS
        return self.t(f"import.kind.{batch.kind}") if known else batch.kind

    def _when(self, batch: ImportBatch) -> str:
        at = batch.undone_at or batch.committed_at or batch.begun_at
        return self.t.moment(at, self.now)

    def _rows(self, rows: int, clean_rows: int) -> str:
        if clean_rows == rows:
            return self.t.plural("import.rows", rows)
        return self.t.plural("import.rows.some", rows, clean=f"{clean_rows:,}")

    def _headline(self, preview: Preview) -> str:
        t, rows, good = self.t, preview.rows, preview.clean
        if preview.batch.state is BatchState.COMMITTED:
            return t.plural("import.done", good)
        if preview.batch.state is BatchState.UNDONE:
            return t("import.undone")
        if good == rows:
            return t.plural("import.all", rows)
        if not good:
            return t.plural("import.none", rows)
        return t.plural("import.some", rows, clean=f"{good:,}", bad=f"{preview.left_out:,}")

    def _brings(self, preview: Preview) -> tuple[str, ...]:
        counts = (("new", preview.new), ("known", preview.known))
        return tuple(
            self.t.plural(f"import.{what}.{kind}", n)
            for what, by_kind in counts
            for kind, n in by_kind.items()
            if n
        )

    def _due(self, batch: ImportBatch, due: datetime | None) -> str:
        if batch.state not in {BatchState.COMMITTED, BatchState.UNDONE}:
            return ""
        if due is None:
            return self.t(f"import.shown.{batch.state}")
        return self.t(f"import.due.{batch.state}", when=self.t.moment(due, self.now))

    def _problems(self, groups: Iterable[IssueGroup]) -> tuple[Problem, ...]:
        return tuple(map(self._problem, groups))

    def _problem(self, group: IssueGroup) -> Problem:
        first, t = group.first, self.t
        several = len(group.examples) > 1
        said = (
            t("import.row_says", n=f"{issue.row:,}", said=self._message(issue))
            if several and issue.row
            else self._message(issue)
            for issue in group.examples
        )
        return Problem(
            column=clean(first.column),
            said=tuple(said),
            rows=self._numbers(group) if group.rows else "",
            remedy=self._own(zh=first.remedy_zh, en=first.remedy_en),
        )

    def _numbers(self, group: IssueGroup) -> str:
        numbers = self.t("import.and").join(f"{row:,}" for row in group.rows)
        if group.count > len(group.rows):
            return self.t("import.rows_more", rows=numbers, n=f"{group.count:,}")
        return self.t.plural("import.rows_named", group.count, rows=numbers)

    def _message(self, issue: RowIssue) -> str:
        return self._own(zh=issue.message_zh, en=issue.message_en)

    def _own(self, *, zh: str, en: str) -> str:
        """Return what is in the reader's language; sentences begin with a capital."""
        said = clean(en if self._english else zh)
        return said[:1].upper() + said[1:]

    @property
    def _english(self) -> bool:
        return self.t.language is Language.EN

    def _columns(self, preview: Preview) -> tuple[ColumnLine, ...]:
        names = {
            column.name: column.name if self._english else column.zh
            for column in FILE_COLUMNS.get(preview.batch.kind, ())
        }
        return tuple(self._column(use, names, preview.sample) for use in preview.columns)

    def _column(
        self, use: ColumnUse, names: Mapping[str, str], sample: Sequence[Mapping[str, str]]
    ) -> ColumnLine:
        header = clean(use.header)
        if use.fate is not ColumnFate.TAKEN:
            return ColumnLine(header, self.t(f"import.fate.{use.fate}"), "", taken=False)
        cells = dict.fromkeys(clean(row[use.column]) for row in sample if row.get(use.column))
        examples = list(cells)[: _EXAMPLES if max(map(len, cells), default=0) <= _SHORT else 1]
        read_as = names.get(use.column, use.column)
        return ColumnLine(header, read_as, self.t("import.and").join(examples), taken=True)

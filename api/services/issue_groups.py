"""The issues of a file, gathered by what is wrong, for people who read them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from graph.ingest import RowIssue, Severity

__all__ = ["IssueGroup", "group_issues"]

_ROWS_SHOWN = 8
_EXAMPLES = 3


@dataclass(slots=True)
class IssueGroup:
    """Issues of one code in one column."""

    first: RowIssue
    count: int = 0
    rows: list[int] = field(default_factory=list)
    """The first rows that have it; none where it is about the file as a whole."""
    examples: list[RowIssue] = field(default_factory=list)
    """The first issues that say different things."""

    def add(self, issue: RowIssue) -> None:
        """Count one more."""
        self.count += 1
        if len(self.rows) < _ROWS_SHOWN and issue.row:
            self.rows.append(issue.row)
        if len(self.examples) < _EXAMPLES and issue.message_en not in {
            one.message_en for one in self.examples
        }:
            self.examples.append(issue)


def group_issues(issues: Iterable[RowIssue]) -> list[IssueGroup]:
    """Gather issues by code and column, errors before notices."""
    groups: dict[tuple[str, str], IssueGroup] = {}
    for issue in issues:
        groups.setdefault((issue.code, issue.column), IssueGroup(issue)).add(issue)
    return sorted(groups.values(), key=lambda group: group.first.severity is Severity.NOTICE)

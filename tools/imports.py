"""Write the tables of docs/imports.md from the columns and codes that readers know.

Run ``python tools/imports.py`` after changing a column or a code; a test compares.
"""

from __future__ import annotations

import re
from pathlib import Path

from graph.ingest.files import FILE_COLUMNS
from graph.ingest.issues import codes, make_issue

PAGE = Path(__file__).resolve().parents[1] / "docs" / "imports.md"
_PART = re.compile(r"(<!-- made: (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)


def _columns(kind: str) -> str:
    lines = ["| column | header | also | |", "|---|---|---|---|"]
    for column in FILE_COLUMNS[kind]:
        required = "required" if column.required else ""
        also = " ".join(column.aliases)
        lines.append(f"| `{column.name}` | {column.zh} | {also} | {required} |")
    return "\n".join(lines) + "\n"


def _codes() -> str:
    lines = ["| code | row | what is said | what to do |", "|---|---|---|---|"]
    for code in codes():
        issue = make_issue(code, row=0, value="…")
        kept = "left out" if issue.severity == "error" else "kept"
        said = f"{issue.message_zh}<br>{issue.message_en}"
        lines.append(f"| `{code}` | {kept} | {said} | {issue.remedy_zh}<br>{issue.remedy_en} |")
    return "\n".join(lines) + "\n"


def page(text: str) -> str:
    """Return the page with its made parts made anew."""

    def make(found: re.Match[str]) -> str:
        made = _codes() if found[2] == "codes" else _columns(found[2])
        return found[1] + made + found[3]

    return _PART.sub(make, text)


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")

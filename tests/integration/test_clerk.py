"""A clerk's workbooks on the command line, and the page that shows what is said of one."""

from __future__ import annotations

import re

from tests.clerk import PEOPLE, clerks_register, clerks_signups
from tests.conftest import ROOT
from tests.factories import csv_file
from tests.integration.command_line import CommandLine

_SHOWN = re.compile(r"<!-- preview -->\n```text\n(.*?)```", re.DOTALL)


def test_the_page_shows_what_a_preview_says_of_a_clerks_workbooks(tmp_path):
    linli = CommandLine(tmp_path / "home")
    linli.text("init")
    register = csv_file(tmp_path, ("姓名", "联系电话"), *PEOPLE.items())
    linli.text("import", "residents", str(register), "--yes")
    page = (ROOT / "docs" / "imports.md").read_text(encoding="utf-8")
    (shown,) = _SHOWN.findall(page)
    signups = linli.text("import", "signups", str(clerks_signups(tmp_path)))
    assert signups.startswith(shown)
    register = linli.text("import", "residents", str(clerks_register(tmp_path)))
    assert "5 rows read, 3 left out" in register
    for code in ("id_scientific", "date_partial", "date_serial", "column_refused"):
        assert code in register
    fates = [line.split()[0] for line in register.splitlines() if line[:2] in {"不收", "提示"}]
    assert fates == sorted(fates)  # errors first
    assert "汉" not in register

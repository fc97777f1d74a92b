"""What the documents say is what there is."""

from __future__ import annotations

import importlib
import re
import runpy
from pathlib import Path

import pytest

from graph.ingest import FILE_COLUMNS
from graph.measures.aggregate import LEAST_PEOPLE
from recommender.outreach import CATEGORY_OF, Factor
from recommender.ranking import Weights
from tests.corruptor import CASES, Dirty

ROOT = Path(__file__).resolve().parents[2]
TOOL = runpy.run_path(str(ROOT / "tools" / "commands.py"))


def test_the_page_of_commands_is_the_command_tree():
    written = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    assert written == TOOL["page"](), "run python tools/commands.py"


def test_the_tables_of_imports_are_those_of_the_readers():
    tool = runpy.run_path(str(ROOT / "tools" / "imports.py"))
    written = (ROOT / "docs" / "imports.md").read_text(encoding="utf-8")
    assert written == tool["page"](written), "run python tools/imports.py"
    assert all(f"<!-- made: {part} -->" in written for part in (*tool["FILE_COLUMNS"], "codes"))


def test_every_command_says_what_it_does():
    commands = TOOL["commands"]()
    assert len(commands) > 15
    assert [name for name, text in commands.items() if len(text) < 10] == []


@pytest.mark.parametrize("readme", ["README.md", "README.zh-CN.md"])
def test_every_command_in_the_readme_exists(readme: str):
    text = (ROOT / readme).read_text(encoding="utf-8")
    named = {
        found.strip()
        for found in re.findall(
            r"linli ((?:import|graph|jobs|keys|ledger|audit) \w+|[a-z]+)\b", text
        )
    }
    known = {name.removeprefix("linli ") for name in TOOL["commands"]()}
    assert named
    assert named - known - {"import", "graph", "jobs"} == set()


@pytest.mark.parametrize("readme", ["README.md", "README.zh-CN.md"])
def test_every_link_of_the_readme_leads_somewhere(readme: str):
    text = (ROOT / readme).read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#:]+)\)", text) + re.findall(r'src="([^"]+)"', text)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


PROGRAM = ("graph", "recommender", "jobs", "api", "docs", "tools")
SPOKEN = re.compile(r"``?linli ([a-z][a-z-]*(?: [a-z][a-z-]*)?)[^`]*``?")
"""A command as messages, help and documents name it: in backquotes."""


def test_every_command_that_messages_and_documents_name_exists():
    known = {name.removeprefix("linli ") for name in TOOL["commands"]()}
    known |= {name.split()[0] for name in known}
    files = [path for folder in PROGRAM for path in (ROOT / folder).rglob("*")]
    files += ROOT.glob("*.md")
    unknown, seen = [], 0
    for path in files:
        if path.suffix not in {".py", ".md", ".json", ".html", ".csv"} or "vendor" in path.parts:
            continue
        for said in SPOKEN.findall(path.read_text(encoding="utf-8")):
            seen += 1
            group = any(name.startswith(f"{said.split()[0]} ") for name in known)
            if (said if group else said.split()[0]) not in known:
                unknown.append(f"{path.relative_to(ROOT)}: linli {said}")
    assert seen > 20
    assert unknown == []


def test_every_case_of_bad_input_names_a_code_and_a_test_that_are_there():
    page = (ROOT / "docs" / "bad-input.md").read_text(encoding="utf-8")
    tests = "".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py")
    )
    cases = {f"{one.kind}-{one.name}": one for one in CASES}
    lines = [line for line in page.splitlines() if line.startswith("| ")][1:]
    assert len(lines) > 70
    for line in lines:
        _, _, code, test = (cell.strip().strip("`") for cell in line.strip("|").split("|"))
        if test not in cases:
            assert f"def {test}(" in tests, line
            continue
        one = cases[test]
        table = Dirty(one.kind, [column.zh for column in FILE_COLUMNS[one.kind]])
        one.apply(table)
        assert ({code} if code else set()) <= {said for _, _, said in table.expected}, line


@pytest.mark.parametrize(
    "module",
    ["aggregate", "cores", "economic", "engagement", "mixing", "social_capital", "triangles"],
)
def test_every_measure_is_told_in_plain_words_and_with_its_source(module: str):
    page = (ROOT / "docs" / "social-capital.md").read_text(encoding="utf-8")
    measures = importlib.import_module(f"graph.measures.{module}")
    functions = [name for name in measures.__all__ if name.islower() and name != "owners"]
    assert functions
    for name in functions:
        assert f"`{name}`" in page
        text = getattr(measures, name).__doc__
        chooses_ties = name in {"ties_in_groups", "ties_within"}  # no formula of their own
        assert "References" in text or chooses_ties, name


def test_the_threshold_of_small_numbers_is_told():
    page = (ROOT / "docs" / "social-capital.md").read_text(encoding="utf-8")
    assert f"**Threshold: {LEAST_PEOPLE} people.**" in page


def test_the_weights_of_re_ranking_are_told_with_their_defaults():
    page = (ROOT / "docs" / "re-ranking.md").read_text(encoding="utf-8")
    told = dict(re.findall(r"^\| `(\w+)` \| ([\d.]+) \|", page, flags=re.MULTILINE))
    assert {name: float(value) for name, value in told.items()} == Weights().table()


def test_every_factor_of_isolation_is_told_with_the_category_it_rests_on():
    page = (ROOT / "docs" / "isolation.md").read_text(encoding="utf-8")
    told = re.findall(r"^\| `(\w+)` \| .*? \| (\w+)", page, flags=re.MULTILINE)
    assert dict(told) == {factor.value: CATEGORY_OF[factor].value for factor in Factor}

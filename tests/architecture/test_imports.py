"""The arrows between the rooms hold, and the check that says so can see a wrong one."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("graph", "recommender", "jobs", "api")


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the contracts of `folder` on the packages in `folder`, whatever else is installed."""
    code = (
        f"import sys; sys.path.insert(0, {str(folder)!r})\n"
        "from importlinter.cli import lint_imports\n"
        "sys.exit(lint_imports(no_cache=True))"
    )
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def copied_tree(tmp_path: Path) -> Path:
    for package in PACKAGES:
        for source in (ROOT / package).rglob("*.py"):
            target = tmp_path / source.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
    shutil.copyfile(ROOT / "pyproject.toml", tmp_path / "pyproject.toml")
    return tmp_path


def plant(module: Path, line: str) -> int:
    """Put an import at the end of a module, new or not, and return its line number."""
    module.parent.mkdir(parents=True, exist_ok=True)
    before = module.read_text(encoding="utf-8") if module.exists() else '"""Planted."""\n'
    module.write_text(f"{before}{line}\n", encoding="utf-8")
    return len(before.splitlines()) + 1


def test_arrows_hold():
    result = lint_imports(ROOT)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "0 broken" in result.stdout


@pytest.mark.parametrize(
    ("path", "line", "arrow"),
    [
        ("recommender/base.py", "import neo4j", "recommender.base -> neo4j"),
        ("graph/store/planted.py", "import ladybug", "graph.store.planted -> ladybug"),
        ("recommender/planted.py", "import implicit.als", "recommender.planted -> implicit"),
        ("jobs/planted.py", "import apscheduler", "jobs.planted -> apscheduler"),
        ("recommender/planted.py", "import numba", "recommender.planted -> numba"),
        ("jobs/engines/planted.py", "import pyspark.sql", "jobs.engines.planted -> pyspark"),
        ("jobs/planted.py", "import flask", "jobs.planted -> flask"),
        ("graph/model.py", "import api.security", "graph.model -> api.security"),
        ("recommender/planted.py", "import jobs.engines", "recommender.planted -> jobs.engines"),
        ("api/rest/planted.py", "import api.web", "api.rest.planted -> api.web"),
        ("graph/errors.py", "import graph.store", "graph.errors -> graph.store"),
        ("graph/store/planted.py", "import graph.ledger", "graph.store.planted -> graph.ledger"),
        (
            "graph/measures/planted.py",
            "import graph.model",
            "graph.measures.planted -> graph.model",
        ),
        ("recommender/planted.py", "import graph.store", "recommender.planted -> graph.store"),
        (
            "recommender/outreach/planted.py",
            "import graph.synthetic.isolation",
            "recommender.outreach.planted -> graph.synthetic.isolation",
        ),
        ("api/services/planted.py", "import graph.ledger", "api.services.planted -> graph.ledger"),
    ],
)
def test_planted_violation_is_caught_by_line(copied_tree: Path, path: str, line: str, arrow: str):
    number = plant(copied_tree / path, line)
    result = lint_imports(copied_tree)
    assert result.returncode == 1, result.stdout + result.stderr
    output = " ".join(result.stdout.split())
    found = re.search(re.escape(arrow) + r" \(l\.([\d, l.]+)\)", output)
    assert found, f"{arrow} is not named in:\n{result.stdout}"
    assert str(number) in re.findall(r"\d+", found[1])

"""A skipped test fails a CI run, unless shared data is what it lacks."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ENTRY = "import pytest\nfrom tests.conftest import SHARED_DATA_ABSENT\n"
SKIPPED = ENTRY + "def test_one():\n    pytest.skip('no browser')\n"
SKIPPED_MODULE = ENTRY + "pytest.skip('no browser', allow_module_level=True)\n"
DATA_ABSENT = ENTRY + "def test_one():\n    pytest.skip(SHARED_DATA_ABSENT)\n"
EXPECTED = ENTRY + "@pytest.mark.xfail(strict=True)\ndef test_one():\n    assert False\n"


def run(folder: Path, source: str, *, ci: bool) -> subprocess.CompletedProcess[str]:
    tests = folder / "tests"
    tests.mkdir()
    for name in ("__init__.py", "conftest.py", "neo4j_server.py", "postgres_server.py", "sizes.py"):
        shutil.copyfile(ROOT / "tests" / name, tests / name)
    (tests / "test_one.py").write_text(f"{source}\ndef test_two():\n    pass\n", encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if name != "CI"}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(folder)],
        cwd=folder,
        env=environment | ({"CI": "true"} if ci else {}),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("source", [SKIPPED, SKIPPED_MODULE])
def test_skip_fails_ci_and_is_named(tmp_path: Path, source: str):
    result = run(tmp_path, source, ci=True)
    assert result.returncode == pytest.ExitCode.TESTS_FAILED, result.stdout
    assert "test_one" in result.stdout
    assert "no browser" in result.stdout


@pytest.mark.parametrize("source", [DATA_ABSENT, EXPECTED])
def test_absent_shared_data_and_expected_failures_pass_ci(tmp_path: Path, source: str):
    result = run(tmp_path, source, ci=True)
    assert result.returncode == pytest.ExitCode.OK, result.stdout


def test_skip_passes_elsewhere(tmp_path: Path):
    assert run(tmp_path, SKIPPED, ci=False).returncode == pytest.ExitCode.OK

"""The committed browser libraries are the ones their list names."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[4]
FOLDERS = (ROOT / "api/web/static/vendor", ROOT / "tests/browser/vendor")


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.parts[-3])
def test_vendored_files_match_their_digests_and_nothing_else_lies_there(folder: Path):
    listed = json.loads((folder / "vendor.json").read_text(encoding="utf-8"))
    expected = {
        f"{entry['name']}@{entry['version']}/{name}": digest
        for entry in listed
        for name, digest in entry["sha256"].items()
    }
    found = {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "vendor.json"
    }
    assert found == expected
    assert all(entry["licence"] for entry in listed)


def test_style_sheets_and_scripts_name_no_other_host():
    for name in ("main.css", "linli.js", "icon.svg"):
        text = (ROOT / "api/web/static" / name).read_text(encoding="utf-8")
        assert "//" not in text.replace("http://www.w3.org/2000/svg", "").replace("// ", "")

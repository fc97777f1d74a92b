"""Nothing tracked names one person's machine or one package registry: it must build anywhere."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Written with one-letter classes, so that this file does not hold what it looks for.
MACHINE = re.compile(
    r"(?<![\w.*}>/-])/(?:[r]oot|[w]ork|[o]pt/wheels|[h]ome/\w+|[U]sers/\w+)/[\w.]|[C]:\\+Users\\"
)
REGISTRY = re.compile(
    r"[p]ypi\.(?:org|io|python)|[p]ythonhosted\.org|[r]egistry\.npm|[n]pmjs\.(?:org|com)"
    r"|(?:[r]epo1?|[c]entral)\.(?:maven|sonatype)|[r]epo\.maven|[c]rates\.io|[d]eb\.debian\.org"
    r"|[p]roxy\.golang\.org|[m]irrors?\.[\w-]+\.(?:com|cn|edu|org)"
)
LOCK_OPTION = re.compile(
    r"^\s*--?(?:i|f|index-url|extra-index-url|find-links|trusted-host)\b|://", re.M
)


def tracked() -> list[Path]:
    """Return the files that git holds, as they are in the work tree."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def findings(pattern: re.Pattern[str], paths: list[Path]) -> list[str]:
    found = []
    for path in paths:
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # a picture or a font
        for hit in pattern.finditer(text):
            line = text.count("\n", 0, hit.start()) + 1
            found.append(f"{path.relative_to(ROOT)}:{line}: {hit[0]}")
    return found


def test_no_machine_path():
    assert findings(MACHINE, tracked()) == []


def is_vendored_licence(path: Path) -> bool:
    """Tell the licence of a vendored library: it stands unaltered, with its authors' addresses."""
    return "vendor" in path.parts and path.name.startswith("LICENSE")


def test_no_registry_host():
    paths = [path for path in tracked() if not is_vendored_licence(path)]
    assert findings(REGISTRY, paths) == []


def test_locks_name_no_host():
    locks = sorted(ROOT.glob("*.lock"))
    assert len(locks) == 3
    assert findings(LOCK_OPTION, locks) == []


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (MACHINE, "cd /" + "root/x"),
        (MACHINE, 'open("/' + 'home/ann/data.csv")'),
        (REGISTRY, "https://py" + "pi.org/simple"),
        (LOCK_OPTION, "--index" + "-url https" + "://packages.example/simple"),
    ],
)
def test_what_is_looked_for_would_be_found(pattern: re.Pattern[str], text: str):
    assert pattern.search(text)

"""Fetch the browser libraries that are committed, with the npm client; or check what is committed.

``python tools/vendor.py`` downloads and writes them, ``python tools/vendor.py --check`` only
compares the committed files with their digests (no network). For developers: nobody who installs
or runs Linli needs npm.
"""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
STATIC = ROOT / "api" / "web" / "static" / "vendor"
TESTS = ROOT / "tests" / "browser" / "vendor"


@dataclass(frozen=True, slots=True)
class Package:
    """One package of the npm registry and the files of it that are kept."""

    name: str
    version: str
    licence: str
    files: tuple[str, ...]
    folder: Path

    @property
    def home(self) -> Path:
        """Where its files lie."""
        return self.folder / f"{self.name}@{self.version}"


PACKAGES = (
    Package("weui", "2.6.26", "MIT", ("dist/style/weui.min.css", "LICENSE.txt"), STATIC),
    Package("htmx.org", "2.0.11", "0BSD", ("dist/htmx.min.js", "LICENSE"), STATIC),
    Package("axe-core", "4.14.1", "MPL-2.0", ("axe.min.js", "LICENSE"), TESTS),
)


def digest(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def fetch(package: Package) -> None:
    """Download one package and write the files that are kept."""
    npm = shutil.which("npm")
    if npm is None:
        raise SystemExit("error: npm not found; install it to refresh the browser libraries")
    with tempfile.TemporaryDirectory() as folder:
        packed = subprocess.run(  # noqa: S603 - a fixed command, names and versions from above
            [npm, "pack", "--silent", "--ignore-scripts", f"{package.name}@{package.version}"],
            cwd=folder,
            check=True,
            capture_output=True,
            text=True,
        )
        content = (Path(folder) / packed.stdout.strip().splitlines()[-1]).read_bytes()
    shutil.rmtree(package.home, ignore_errors=True)
    package.home.mkdir(parents=True)
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        for name in package.files:
            member = archive.extractfile(f"package/{name}")
            if member is None:
                raise SystemExit(f"error: {package.name}@{package.version} has no file {name}")
            (package.home / Path(name).name).write_bytes(member.read())


def record(folder: Path) -> list[dict[str, object]]:
    """Describe what lies in a vendor folder."""
    return [
        {
            "name": each.name,
            "version": each.version,
            "licence": each.licence,
            "sha256": {Path(name).name: digest(each.home / Path(name).name) for name in each.files},
        }
        for each in PACKAGES
        if each.folder == folder
    ]


def main(arguments: list[str]) -> int:
    """Fetch all packages, or check them; return the exit code."""
    folders = sorted({each.folder for each in PACKAGES})
    if "--check" in arguments:
        wrong = [
            folder
            for folder in folders
            if json.loads((folder / "vendor.json").read_text(encoding="utf-8")) != record(folder)
        ]
        for folder in wrong:
            sys.stderr.write(f"error: {folder.relative_to(ROOT)} differs from its vendor.json\n")
        return 1 if wrong else 0
    for package in PACKAGES:
        fetch(package)
        sys.stdout.write(f"{package.name} {package.version}\n")
    for folder in folders:
        text = json.dumps(record(folder), indent=2) + "\n"
        (folder / "vendor.json").write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

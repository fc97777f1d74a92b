"""The public surface of each package is what its `__all__` says: sorted, complete and real."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = sorted(
    ".".join(path.parent.relative_to(ROOT).parts)
    for top in ("graph", "recommender", "jobs", "api")
    for path in (ROOT / top).rglob("__init__.py")
)


def order(name: str) -> tuple[int, list[int | str]]:
    """Order as ruff's RUF022 does: CONSTANTS, then Classes, then functions, numbers by value."""
    kind = 0 if name.isupper() else 1 if name[:1].isupper() else 2
    return kind, [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]


def imported_names(tree: ast.Module) -> set[str]:
    """Return the names that `from ... import` binds at the top level of a module."""
    return {
        alias.asname or alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module != "__future__"
        for alias in node.names
    }


def test_the_four_packages_are_found():
    assert {"graph", "recommender", "jobs", "api"} <= set(PACKAGES)


@pytest.mark.parametrize("name", PACKAGES)
def test_package_exports_what_it_says(name: str):
    package = importlib.import_module(name)
    exported = package.__all__
    assert exported == sorted(exported, key=order)
    assert len(exported) == len(set(exported))
    assert [each for each in exported if not hasattr(package, each)] == []
    source = Path(package.__file__ or "").read_text(encoding="utf-8")
    public = {each for each in imported_names(ast.parse(source)) if not each.startswith("_")}
    assert sorted(public - set(exported)) == []


@pytest.mark.parametrize("name", PACKAGES)
def test_package_front_only_re_exports(name: str):
    path = ROOT.joinpath(*name.split("."), "__init__.py")
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree), f"{path} has no docstring"
    allowed = (ast.Expr, ast.ImportFrom, ast.Assign, ast.AnnAssign)
    assert [ast.unparse(node) for node in tree.body if not isinstance(node, allowed)] == []

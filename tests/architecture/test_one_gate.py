"""Who may see what is decided in one place: nobody else calls the rules or makes decisions."""

from __future__ import annotations

import ast
import dataclasses
from datetime import UTC, datetime
from pathlib import Path

import pytest

from graph.gate import BulkDecision, Decision

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("graph", "recommender", "jobs", "api")
RULES = {"permits", "permitted_categories", "permitted_rows", "_SEAL"}
MAY_NAME_THEM = {"graph/gate/gate.py", "graph/gate/decision.py", "graph/policy.py"}
MAY_CALL_THEM = {"graph/gate/gate.py"}


def findings(sources: dict[str, str]) -> list[str]:
    """Places outside the gate that import, name or call a rule of access."""
    found = []
    for name, source in sources.items():
        for node in ast.walk(ast.parse(source)):
            called = isinstance(node, ast.Call) and _name(node.func) in RULES
            imported = isinstance(node, ast.ImportFrom) and RULES & {a.name for a in node.names}
            named = isinstance(node, ast.Name | ast.Attribute) and _name(node) in RULES
            made = isinstance(node, ast.Call) and _name(node.func) in {"Decision", "BulkDecision"}
            if (called or made) and name not in MAY_CALL_THEM:
                found.append(f"{name}:{node.lineno} calls")
            elif (imported or named) and name not in MAY_NAME_THEM:
                found.append(f"{name}:{node.lineno} names")
    return found


def _name(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def sources() -> dict[str, str]:
    return {
        path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
    }


def test_only_the_gate_applies_the_rules():
    assert findings(sources()) == []


def test_the_gate_does_apply_them():
    gate = sources()["graph/gate/gate.py"]
    called = {_name(n.func) for n in ast.walk(ast.parse(gate)) if isinstance(n, ast.Call)}
    assert {"permits", "permitted_rows", "Decision", "BulkDecision"} <= called


@pytest.mark.parametrize(
    "planted",
    [
        "from graph.policy import permits",
        "import graph.policy as p\np.permitted_rows(1, 2)",
        "from graph.gate import Decision\nDecision(None)",
        "from graph.gate import decision\nseal = decision._SEAL",
    ],
)
def test_a_second_gate_would_be_found(planted: str):
    assert findings({"api/services/planted.py": planted}) != []


@pytest.mark.parametrize("kind", [Decision, BulkDecision])
def test_decisions_cannot_be_made_outside(kind: type):
    names = [field.name for field in dataclasses.fields(kind)]
    with pytest.raises(TypeError):
        kind(*names)
    with pytest.raises(TypeError, match="only"):
        kind(object(), **dict.fromkeys(names))


def test_a_decision_cannot_be_altered():
    decision = object.__new__(Decision)
    with pytest.raises(dataclasses.FrozenInstanceError):
        decision.at = datetime(2026, 6, 1, tzinfo=UTC)  # type: ignore[misc]

"""What APIFlask cannot see of the API: problems, keys, tokens and headers."""

from __future__ import annotations

from typing import cast

from api.rest.problems import PROBLEM, PROBLEMS
from api.rest.requests import KEY_HEADER
from api.security.callers import KEY_HEADER as API_KEY
from api.security.operations import CSRF_HEADER, PURPOSE_HEADER
from api.security.sessions import COOKIE
from graph.model import Purpose

__all__ = ["SECURITY_SCHEMES", "complete"]

Spec = dict[str, object]

SECURITY_SCHEMES: Spec = {
    "session": {"type": "apiKey", "in": "cookie", "name": COOKIE},
    "institution": {"type": "apiKey", "in": "header", "name": API_KEY},
}

_PROBLEM_SCHEMA: Spec = {
    "type": "object",
    "required": ["type", "title", "status"],
    "properties": {
        "type": {"type": "string", "enum": sorted(p.type for p in PROBLEMS.values())},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "request_id": {"type": "string"},
        "errors": {"type": "object"},
    },
}
_WRITES = frozenset({"post", "put", "delete"})
_BY_FILE = "/api/v1/imports"
_STATUSES = ("400", "401", "403", "404", "409", "413", "415", "422", "429", "503")


def complete(spec: Spec | str) -> Spec | str:
    """Add problem details to every operation, and the headers it reads."""
    if isinstance(spec, str):  # a document in YAML, which is never asked for
        return spec
    components = cast("Spec", spec.setdefault("components", {}))
    cast("Spec", components.setdefault("schemas", {}))["Problem"] = _PROBLEM_SCHEMA
    for path, methods in cast("dict[str, dict[str, Spec]]", spec.get("paths", {})).items():
        for method, operation in methods.items():
            if method in {"get", *_WRITES}:
                _complete(operation, method, guarded=path.startswith("/api/"))
                if path.startswith(_BY_FILE):
                    _idempotent_by_file(operation)
    return spec


def _complete(operation: Spec, method: str, *, guarded: bool) -> None:
    answers = cast("Spec", operation.setdefault("responses", {}))
    for status in [s for s in answers if s.startswith(("4", "5"))]:
        del answers[status]
    for status in _STATUSES if guarded else ("503",):
        titles = [p.en for p in PROBLEMS.values() if str(p.status) == status]
        answers[status] = {
            "description": "; ".join(titles),
            "content": {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
    if not guarded:
        return
    operation["security"] = [{"session": []}, {"institution": []}]
    parameters = cast("list[Spec]", operation.setdefault("parameters", []))
    purposes = [purpose.value for purpose in Purpose]
    parameters.append(_header(PURPOSE_HEADER, "with an API key", enum=purposes))
    if method in _WRITES:
        parameters.append(_header(CSRF_HEADER, "with a session"))
        parameters.append(_header(KEY_HEADER, "8 to 128 visible characters", required=True))


def _idempotent_by_file(operation: Spec) -> None:
    """Take the key out again: the file, or the state of its batch, tells a retry."""
    parameters = cast("list[Spec]", operation["parameters"])
    operation["parameters"] = [p for p in parameters if p["name"] != KEY_HEADER]


def _header(
    name: str, description: str, *, required: bool = False, enum: list[str] | None = None
) -> Spec:
    schema: Spec = {"type": "string"} if enum is None else {"type": "string", "enum": enum}
    return {
        "name": name,
        "in": "header",
        "required": required,
        "description": description,
        "schema": schema,
    }

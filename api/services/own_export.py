"""Everything of a resident's own as files to take along: JSON with all, CSV with the facts."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

from api.services.backing import Backing
from api.services.consents import Consents
from api.services.facts import FactsView, MyFacts
from api.services.looks import Looks
from graph.ingest.sheet_text import harmless
from graph.model import Grant, ResidentId

__all__ = ["OwnExport"]

COLUMNS = (
    "category",
    "level",
    "kind",
    "value",
    "value_en",
    "source",
    "as_of",
    "basis",
    "confidence",
    "name",
)
BOM = "\ufeff"
"""Without it, spreadsheets take Chinese for something else."""


class OwnExport:
    """Writes them. Nothing in them is about anybody else."""

    def __init__(self, backing: Backing, facts: MyFacts, consents: Consents, looks: Looks) -> None:
        self._backing = backing
        self._facts = facts
        self._consents = consents
        self._looks = looks

    def to_json(self, resident: ResidentId) -> bytes:
        """All facts, authorisations and complaints, as JSON."""
        view = self._facts.of(resident)
        whole = {
            "resident": resident,
            "made_at": self._backing.clock(),
            "as_of": view.as_of,
            "facts": [
                {"level": group.level, **asdict(fact)}
                for group in view.groups
                for fact in group.facts
            ],
            "grants": [_grant(grant) for grant in self._consents.list(resident)],
            "complaints": [asdict(one) for one in self._looks.complaints(resident)],
        }
        text = json.dumps(whole, ensure_ascii=False, indent=2, default=_plain)
        return text.encode()

    def to_csv(self, resident: ResidentId) -> bytes:
        """All facts, as a table that a spreadsheet opens without running anything in it."""
        out = io.StringIO()
        out.write(BOM)
        writer = csv.writer(out)
        writer.writerow(COLUMNS)
        for line in _lines(self._facts.of(resident)):
            writer.writerow([harmless(cell) for cell in line])
        return out.getvalue().encode()


def _lines(view: FactsView) -> list[Sequence[str]]:
    return [
        (
            fact.category.value,
            group.level.value,
            fact.kind,
            fact.value.zh,
            fact.value.en,
            fact.source,
            fact.as_of.isoformat(),
            fact.basis.value,
            f"{fact.confidence:g}",
            fact.name,
        )
        for group in view.groups
        for fact in group.facts
    ]


def _grant(grant: Grant) -> dict[str, object]:
    said = asdict(grant)
    return said | {"actions": sorted(grant.actions)}


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"no JSON for {type(value).__name__}")

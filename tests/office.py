"""A street office that was there before: what earlier files brought, and how it takes a file in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from graph.gate import GraphStore, RowKind
from graph.ingest import ImportResult, Preview, commit_import, purpose_of
from graph.ingest.grants import make_grant
from graph.model import DataCategory, ResidentId
from graph.schema import CATEGORY_LEVEL, LEVEL_MAX_GRANT, PURPOSE_CATEGORIES
from jobs import steps
from jobs.site import Site
from jobs.uploads import preview_file
from tests.corruptor import EARLIER, OTHER_STREET, id_number, meter, person, phone
from tests.factories import csv_file, operator

__all__ = ["Office"]

PEOPLE = 120
"""People of an earlier register: as many as a corrupted table has rows, and more."""
GRIDS = (
    ("340202001001", "凤凰社区", "赭山街道"),
    ("g1", "凤凰社区", "赭山街道"),
    (OTHER_STREET, "江边社区", "弋矶山街道"),
    ("340203009001", "江边社区", "弋矶山街道"),
)


@dataclass
class Office:
    """A site and its graph, and files for it."""

    site: Site
    store: GraphStore
    files: Path

    def write(self, columns: Sequence[str], *rows: Sequence[str]) -> Path:
        """Write a table."""
        return csv_file(self.files, columns, *rows)

    def preview(self, kind: str, file: Path) -> Preview:
        """Validate a file."""
        return preview_file(self.site, kind, file, actor=operator())

    def commit(self, preview: Preview) -> ImportResult:
        """Take in what was validated."""
        return commit_import(
            self.site.ledger,
            preview.batch.id,
            gate=self.site.gate,
            actor=operator(),
            clock=self.site.clock,
        )

    def bring(self, kind: str, file: Path) -> Preview:
        """Take a file in."""
        preview = self.preview(kind, file)
        self.commit(preview)
        return preview

    def residents(self) -> list[ResidentId]:
        """All of them, in the order of their rows."""
        with self.site.ledger.read() as tx:
            return [ResidentId(key) for key in self.site.ledger.rows.all(tx, RowKind.RESIDENT)]

    def agree(self, residents: Sequence[ResidentId], *categories: DataCategory) -> None:
        """Residents authorise categories, all when none is named."""
        now = self.site.clock()
        channel = f"paper-{now:%F}"
        with self.site.ledger.write() as tx:
            for who in residents:
                grants = [
                    make_grant(who, category, purpose_of(category), channel=channel, start=now)
                    for category in categories or DataCategory
                    if category in PURPOSE_CATEGORIES[purpose_of(category)]
                    and CATEGORY_LEVEL[category] in LEVEL_MAX_GRANT
                ]
                self.site.ledger.grants.give(tx, grants, key=f"paper/{who}/{now}", at=now)

    def open(self) -> None:
        """Bring in what clean rows of the corruptor refer to, in the order an office would."""
        grids = [(id_, f"网格{id_}", area, street) for id_, area, street in GRIDS]
        self.bring("grids", self.write(("网格编码", "网格名称", "社区", "街道"), *grids))
        people = [(person(n), "", phone(n), "在住", meter(n)) for n in range(2, PEOPLE)]
        words = {"moved": "迁出", "deceased": "死亡"}
        for n, said in EARLIER.items():
            status = words.get(said.get("status", ""), "在住")
            people.append((person(n), id_number(n), phone(n), status, meter(n)))
        columns = ("姓名", "公民身份号码", "联系方式", "状态", "水表号")
        without_meters = [row[:-1] for row in people]
        self.bring("residents", self.write(columns[:-1], *without_meters))
        self.agree(self.residents())
        self.bring("residents", self.write(columns, *people))
        activity = ("活动名称", "日期", "开始", "地点")
        self.bring("activities", self.write(activity, ("周六太极", "2026-06-06", "07:30", "步道")))

    def snapshot(self) -> str:
        """Bring the graph up to date and picture it; equal contents have equal names."""
        return steps.take_snapshot(self.site, self.store)

"""What the XML of a worksheet says besides values: formulas, failed cells, what is hidden, size.

Calamine gives values alone. This scan comes before it, so that a sheet of two cells at opposite
ends, for which room for billions would be made, is refused first.
"""

from __future__ import annotations

import posixpath
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers.expat import ExpatError, ParserCreate

from graph.ingest.package import DAMAGED
from graph.ingest.refusing import refused

__all__ = ["MOST_CELLS", "SheetMarks", "scan_sheets"]

MOST_CELLS = 20_000_000
"""Of the smallest rectangle around all values of a sheet."""

_PLACE = re.compile(r"([A-Z]{1,3})(\d{1,7})")


@dataclass(slots=True)
class SheetMarks:
    """Rows and columns are counted from 0."""

    hidden_rows: set[int] = field(default_factory=set)
    hidden_columns: set[int] = field(default_factory=set)
    formulas: int = 0
    """Cells whose value comes from a formula."""
    texts: dict[tuple[int, int], str] = field(default_factory=dict)
    """What to show of cells without a value: errors, formulas that were never computed."""
    bottom: int = -1
    right: int = -1


def scan_sheets(path: Path) -> Mapping[str, SheetMarks]:
    """Scan all worksheets of an xlsx package that passed :func:`check_package`; by sheet name.

    Raises
    ------
    ImportRefused
        A part is missing or no well-formed XML, declares entities, or a sheet is too large.
    """
    try:
        with zipfile.ZipFile(path) as package:
            _check_promises(package)
            return {
                name: _scan(path, package, part) for name, part in _sheet_parts(package).items()
            }
    except (KeyError, ExpatError, ValueError, zipfile.BadZipFile) as error:
        raise refused(path.name, *DAMAGED) from error


class _Reader:
    """Feeds the elements of one part to ``start``, ``end`` and ``text``; takes no entities."""

    def __init__(self) -> None:
        self._parser = ParserCreate()
        self._parser.buffer_text = True
        self._parser.StartDoctypeDeclHandler = self._no_doctype
        self._parser.StartElementHandler = lambda name, about: self.start(_local(name), about)
        self._parser.EndElementHandler = lambda name: self.end(_local(name))

    def read(self, package: zipfile.ZipFile, part: str) -> None:
        """Read a part from beginning to end."""
        with package.open(part) as file:
            self._parser.ParseFile(file)

    def start(self, name: str, about: dict[str, str]) -> None:
        """Meet an element."""

    def end(self, name: str) -> None:
        """Leave an element."""

    def _no_doctype(self, *_: object) -> None:
        raise ValueError("a workbook declares no document type")


class _Elements(_Reader):
    """Collects the attributes of all elements of one name."""

    def __init__(self, wanted: str) -> None:
        super().__init__()
        self._wanted = wanted
        self.found: list[dict[str, str]] = []

    def start(self, name: str, about: dict[str, str]) -> None:
        if name == self._wanted:
            self.found.append({_local(key): value for key, value in about.items()})


class _Sheet(_Reader):
    """Walks the cells of a worksheet."""

    def __init__(self) -> None:
        super().__init__()
        self.marks = SheetMarks()
        self._row = self._column = -1
        self._failed = self._formula = self._filled = False
        self._value: list[str] = []

    def start(self, name: str, about: dict[str, str]) -> None:
        if name == "c":
            self._column += 1
            if "r" in about:
                self._row, self._column = _place(about["r"])
            self._failed = about.get("t") == "e"
            self._formula = self._filled = False
            self._value.clear()
        elif name == "row":
            self._row = int(about["r"]) - 1 if "r" in about else self._row + 1
            self._column = -1
            if about.get("hidden") in {"1", "true"}:
                self.marks.hidden_rows.add(self._row)
        elif name == "col" and about.get("hidden") in {"1", "true"}:
            some = range(int(about["min"]) - 1, min(int(about["max"]), 16_384))
            self.marks.hidden_columns.update(some)
        elif name == "f":
            self._formula = True
        elif name in {"v", "is"}:
            self._parser.CharacterDataHandler = self._value.append

    def end(self, name: str) -> None:
        if name in {"v", "is"}:
            self._parser.CharacterDataHandler = None
            self._filled = True
        elif name == "c" and (self._filled or self._formula):
            self._cell()

    def _cell(self) -> None:
        marks, place = self.marks, (self._row, self._column)
        marks.bottom, marks.right = max(marks.bottom, self._row), max(marks.right, self._column)
        if (marks.bottom + 1) * (marks.right + 1) > MOST_CELLS:
            raise _TooLarge
        if self._formula and not self._value:
            marks.texts[place] = "#FORMULA!"
        elif self._failed:
            marks.texts[place] = "".join(self._value)
        marks.formulas += self._formula


class _TooLarge(Exception):
    """A sheet spans more cells than are read."""


def _check_promises(package: zipfile.ZipFile) -> None:
    """Check what calamine takes on trust: where the workbook is, and how many texts it shares.

    It makes room for as many shared texts as the part says it has, and ends the process when
    there is no such room.
    """
    links = _Elements("Relationship")
    links.read(package, "_rels/.rels")
    books = {
        link["Target"].lstrip("/")
        for link in links.found
        if link.get("Type", "").endswith("/officeDocument")
    }
    if books != {"xl/workbook.xml"}:
        raise ValueError("the workbook is not where workbooks are")
    for part in package.infolist():
        if part.filename.casefold() == "xl/sharedstrings.xml":
            shared = _Elements("sst")
            shared.read(package, part.filename)
            if any(int(sst.get("uniqueCount", 0)) > part.file_size for sst in shared.found):
                raise ValueError("there cannot be as many shared texts as it says")


def _sheet_parts(package: zipfile.ZipFile) -> dict[str, str]:
    """Part of each worksheet by the name of the sheet."""
    sheets, links = _Elements("sheet"), _Elements("Relationship")
    sheets.read(package, "xl/workbook.xml")
    links.read(package, "xl/_rels/workbook.xml.rels")
    target = {
        link["Id"]: posixpath.normpath(posixpath.join("/xl", link["Target"])).lstrip("/")
        for link in links.found
    }
    parts = {sheet["name"]: target[sheet["id"]] for sheet in sheets.found}
    if len(parts) != len(sheets.found):
        raise ValueError("two sheets have the same name")
    return parts


def _scan(path: Path, package: zipfile.ZipFile, part: str) -> SheetMarks:
    sheet = _Sheet()
    try:
        sheet.read(package, part)
    except _TooLarge:
        raise refused(
            path.name,
            "表格范围太大，请删去远处的零星内容",
            "a sheet spans too many cells: delete what stands far away from the table",
        ) from None
    return sheet.marks


def _place(said: str) -> tuple[int, int]:
    """Return row and column, from 0, of a name like ``B3``."""
    found = _PLACE.fullmatch(said)
    if found is None:
        raise ValueError("a cell has no place in a sheet")
    column = 0
    for letter in found[1]:
        column = column * 26 + ord(letter) - ord("A") + 1
    return int(found[2]) - 1, column - 1


def _local(name: str) -> str:
    return name.rpartition(":")[2]

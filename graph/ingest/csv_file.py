"""Open a CSV file: its encoding, its delimiter, and its records one by one.

The encoding is found strictly: a byte order mark decides; else the whole file must be UTF-8, or
the whole file GB18030. In a file of mixed encodings the rows that are not in the encoding of the
header are errors of their own. No character is ever replaced to make a file readable.
"""

from __future__ import annotations

import codecs
import csv
import hashlib
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from graph.ingest.columns import HEADER_WITHIN
from graph.ingest.issues import CellFault, make_issue
from graph.ingest.opened import Fits, Line, Opened, readable
from graph.ingest.refusing import refused

__all__ = ["MOST_BYTES", "MOST_LINE", "open_csv"]

MOST_BYTES = 512 * 1024 * 1024
"""A larger file is refused: split it by street."""
MOST_LINE = 1024 * 1024
"""Bytes of one line; a longer one is refused."""

_CHUNK = MOST_LINE
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (b"\x84\x31\x95\x33", "gb18030"),
)
_DELIMITERS = {",": ",", ";": ";", "\t": "Tab", "|": "|", "，": "，"}


def open_csv(path: Path, fits: Fits) -> Opened:
    """Open a text file whose cells are separated by one sign.

    Raises
    ------
    ImportRefused
        It is too large, has a line beyond ``MOST_LINE``, holds NUL characters, or is neither
        UTF-8, UTF-16 nor GB18030.
    """
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise refused(
            path.name,
            "文件太大；请按街道拆成 512 MB 以内的文件",
            f"{size} bytes are too many; split it into files of 512 MB at most",
        )
    digest, encodings, strict = _survey(path)
    score, encoding, delimiter = max(
        (
            (fits(readable(islice(_lines(path, e, d, strict), HEADER_WITHIN))), e, d)
            for e in encodings
            for d in _DELIMITERS
        ),
        key=lambda found: found[0],
    )
    if score == 0:
        encoding, delimiter = encodings[0], ","
    opened = Opened(digest, lambda: _lines(path, encoding, delimiter, strict), False)
    if delimiter != ",":
        opened.issues.append(make_issue("delimiter_other", row=0, value=_DELIMITERS[delimiter]))
    return opened


def _survey(path: Path) -> tuple[str, tuple[str, ...], bool]:
    """Return the digest, the encodings that may be meant, and whether the whole file is in one."""
    digest, line = hashlib.sha256(), 0
    with path.open("rb") as file:
        first = file.read(4)
        file.seek(0)
        marked = next((name for mark, name in _MARKS if first.startswith(mark)), None)
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            if marked != "utf-16":
                _refuse_binary(path, chunk)
                line = _longest(path, chunk, line)
    for encoding in (marked,) if marked else ("utf-8", "gb18030"):
        if _decodes(path, encoding):
            return digest.hexdigest(), (encoding,), True
    if marked == "utf-16":
        raise refused(
            path.name,
            "UTF-16 编码已损坏；请另存为“CSV UTF-8”再导入",
            "it is damaged UTF-16; save it as “CSV UTF-8” and import again",
        )
    return digest.hexdigest(), (marked,) if marked else ("utf-8", "gb18030"), False


def _refuse_binary(path: Path, chunk: bytes) -> None:
    if b"\0" in chunk:
        raise refused(
            path.name,
            "这不是表格文件；请用表格软件另存为 xlsx 或“CSV UTF-8”",
            "it holds binary data (NUL) and is no CSV file; "
            "save it as xlsx or “CSV UTF-8” from a spreadsheet",
        )


def _longest(path: Path, chunk: bytes, line: int) -> int:
    """Refuse a line beyond the limit; return how long the last line is so far."""
    first, last = chunk.find(b"\n"), chunk.rfind(b"\n")
    if first < 0:
        first, last = chunk.find(b"\r"), chunk.rfind(b"\r")
    if line + (len(chunk) if first < 0 else first) > MOST_LINE:
        raise refused(
            path.name,
            "有一行超过 1 MB；请检查换行和引号",
            "it has a line of more than 1 MB; check its line breaks and quotation marks",
        )
    return line + len(chunk) if first < 0 else len(chunk) - last - 1


def _decodes(path: Path, encoding: str) -> bool:
    """Whether the whole file is in an encoding."""
    decoder = codecs.getincrementaldecoder(encoding)()
    line = 0
    with path.open("rb") as file:
        try:
            while chunk := file.read(_CHUNK):
                text = decoder.decode(chunk)
                if encoding == "utf-16":
                    line = _longest(path, text.encode("utf-8"), line)
                    _refuse_binary(path, text.encode("utf-8"))
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return True


def _lines(path: Path, encoding: str, delimiter: str, strict: bool) -> Iterator[Line]:
    """Yield the records of a file with their numbers, blank ones left out."""
    errors = "strict" if strict else "surrogateescape"
    with path.open(encoding=encoding, errors=errors, newline="") as file:
        reader = csv.reader(file, delimiter=delimiter, strict=True)
        number = 0
        while True:
            number += 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error:
                yield number, CellFault("row_quotes")
                continue
            if not strict and _foreign(cells, encoding):
                yield number, CellFault("row_encoding")
            elif cells:
                yield number, cells


def _foreign(cells: Iterable[str], encoding: str) -> bool:
    """Whether a record of a mixed file is not in the encoding of the file."""
    text = "".join(cells)
    if text.isascii():
        return False
    if any("\udc80" <= sign <= "\udcff" for sign in text):
        return True
    return encoding == "gb18030" and _is_utf8_chinese(text.encode(encoding))


def _is_utf8_chinese(raw: bytes) -> bool:
    """Whether bytes that pass as GB18030 are UTF-8: three bytes to each character."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return any(sign > "\u2e80" for sign in text)

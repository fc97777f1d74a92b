"""Files of records: one process appends to one a day, and each is read as far as it goes.

``<day>-<writer>.imp`` holds ``LINLIIMP`` and a version, then framed records
(:mod:`graph.ledger.frames`). One process writes a file, only at its end, and does not wait for
the disk: a crash may cost the last second, and leaves at most one torn record behind.
"""

from __future__ import annotations

import secrets
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from graph.errors import CorruptStore
from graph.ledger.frames import Torn, framed, unframed
from graph.ledger.log import write_durably

__all__ = ["Record", "SegmentWriter", "day_of", "files_in", "read_records", "rewrite"]

_MAGIC = b"LINLIIMP\x01"
_FIXED = struct.Struct(">qII")


@dataclass(frozen=True, slots=True)
class Record:
    """A sealed list as it lies in a file."""

    at: int
    """Microseconds since 1970."""
    row: int
    """Resident row."""
    generation: int
    """Which of the resident's keys it is sealed under."""
    sealed: bytes

    def framed(self) -> bytes:
        """Bytes of the record in a file."""
        return framed(_FIXED.pack(self.at, self.row, self.generation) + self.sealed)

    @classmethod
    def of(cls, body: bytes) -> Record:
        """Read the body of a frame."""
        at, row, generation = _FIXED.unpack_from(body)
        return cls(at, row, generation, body[_FIXED.size :])


class SegmentWriter:
    """Appends records to the file of the day. One per process, used by one thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writer = secrets.token_hex(6)

    def append(self, records: Sequence[Record], *, at: datetime) -> None:
        """Write records at the end of the file of this day.

        Raises
        ------
        OSError
            The disk is full or away; the next records go into another file, as this one may end
            in the middle of a record.
        """
        path = self._folder / f"{at:%Y%m%d}-{self._writer}.imp"
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            with path.open("ab") as file:
                file.write((b"" if file.tell() else _MAGIC) + b"".join(r.framed() for r in records))
        except OSError:
            self._writer = secrets.token_hex(6)
            raise


def files_in(folder: Path) -> list[Path]:
    """Every such file, oldest day first."""
    return sorted(folder.glob("*.imp"))


def day_of(path: Path) -> str:
    """Day of a file, ``YYYYMMDD`` in UTC."""
    return path.name.partition("-")[0]


def read_records(path: Path) -> list[Record]:
    """Read a file, up to a record that its writer did not finish.

    Raises
    ------
    CorruptStore
        It was altered.
    """
    data = path.read_bytes()
    records: list[Record] = []
    try:
        if data[: len(_MAGIC)] != _MAGIC[: len(data)]:
            raise ValueError("it does not begin as one")
        for body in unframed(data, len(_MAGIC)):
            records.append(Record.of(body))
    except Torn:  # its writer was killed; what it was about to say is lost
        pass
    except (ValueError, struct.error) as error:
        raise CorruptStore(
            f"{path} is no file of impressions ({error}); delete it: nothing else depends on it"
        ) from error
    return records


def rewrite(path: Path, records: Iterable[Record]) -> None:
    """Replace what is in a file that nobody appends to any more."""
    write_durably(path, _MAGIC + b"".join(record.framed() for record in records))

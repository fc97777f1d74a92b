"""An exported audit that somebody edited: found by whoever has the published heads and no key."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from graph.errors import DataError
from graph.gate import verify_file
from graph.ledger import audit_chain
from graph.ledger.audit_chain import ChainHead, chained
from graph.ledger.audit_file import _read, _written
from graph.ledger.audit_heads import HeadsFile, PublishedHeads
from tests.conftest import FixedClock
from tests.sizes import Sizes

CHAINS, ENTRIES = 3, 20
Line = dict[str, object]


@dataclass
class Published:
    """An export and its heads, as they lie on an auditor's desk."""

    folder: Path
    lines: list[bytes]
    key: str

    @property
    def heads(self) -> Path:
        return self.folder / "heads.jsonl"

    def finds(self, lines: list[bytes]) -> bool:
        """Whether the verifier finds fault with this file."""
        file = self.folder / "audit.jsonl"
        file.write_bytes(b"".join(lines))
        try:
            return not verify_file(file, self.heads, public_key=self.key).report.ok
        except DataError:
            return True


@pytest.fixture
def published(tmp_path: Path, rng: np.random.Generator, clock: FixedClock) -> Published:
    heads = HeadsFile(tmp_path / "heads.jsonl", Ed25519PrivateKey.from_private_bytes(bytes(32)))
    lines: list[bytes] = []
    for chain in sorted(rng.bytes(8).hex() for _ in range(CHAINS)):
        last = bytes(32)
        for n in range(1, ENTRIES + 1):
            line = entry(rng, chain, n, last)
            last = line["hash"]
            lines.append(_written(line))
            if n in {7, ENTRIES}:  # signed on the way, and at the end
                heads.add([ChainHead(chain, n, last)], clock())
    return Published(tmp_path, lines, heads.public_key)


def entry(rng: np.random.Generator, chain: str, n: int, previous: bytes) -> Line:
    said: Line = {
        "chain": chain,
        "n": n,
        "at": 1_780_000_000_000_000 + n,
        "subject": "" if n % 5 == 0 else rng.bytes(6).hex(),
        "body": rng.bytes(60),
        "previous": previous,
    }
    return said | {"hash": chained(said)}


def changed(rng: np.random.Generator, lines: list[bytes]) -> list[bytes]:
    """Say something else in one entry, with or without a hash that fits."""
    at = int(rng.integers(len(lines)))
    said = _read(lines[at])
    field = str(rng.choice(["at", "subject", "body", "n", "previous", "hash"]))
    said[field] = {"at": 5, "subject": "somebody", "n": 999}.get(field, rng.bytes(32))
    if field != "hash" and rng.random() < 0.5:
        said["hash"] = chained(said)
    return [*lines[:at], _written(said), *lines[at + 1 :]]


def flipped(rng: np.random.Generator, lines: list[bytes]) -> list[bytes]:
    whole = bytearray(b"".join(lines))
    whole[int(rng.integers(len(whole)))] ^= 1 << int(rng.integers(8))
    return [bytes(whole)]


def deleted(rng: np.random.Generator, lines: list[bytes]) -> list[bytes]:
    start = int(rng.integers(len(lines)))
    return lines[:start] + lines[start + int(rng.integers(1, 4)) :]


def inserted(rng: np.random.Generator, lines: list[bytes]) -> list[bytes]:
    """Put an entry in that follows from the one before it: in the middle, at an end, or alone."""
    at = int(rng.integers(len(lines)))
    before = _read(lines[at])
    new = entry(rng, str(before["chain"]), int(str(before["n"])) + 1, before["hash"])
    if rng.random() < 0.3:
        return [*lines, _written(entry(rng, "f" * 16, 1, bytes(32)))]
    return [*lines[: at + 1], _written(new), *lines[at + 1 :]]


def reordered(rng: np.random.Generator, lines: list[bytes]) -> list[bytes]:
    out = list(lines)
    one, other = rng.choice(len(lines), 2, replace=False)
    out[one], out[other] = out[other], out[one]
    return out


def truncated(rng: np.random.Generator, lines: list[bytes]) -> list[bytes]:
    """Cut the end off the file, at a line or in one, or off one of its chains."""
    if rng.random() < 0.3:
        whole = b"".join(lines)
        return [whole[: int(rng.integers(len(whole)))]]
    end = int(rng.integers(1, CHAINS + 1)) * ENTRIES
    return lines[: end - int(rng.integers(1, ENTRIES + 1))] + lines[end:]


def rebuilt(rng: np.random.Generator, lines: list[bytes]) -> list[bytes]:
    """Say something else in one entry and write its chain anew from there, all hashes fitting."""
    start = int(rng.integers(len(lines)))
    out, chain = list(lines), _read(lines[start])["chain"]
    last: bytes | None = None
    for at in range(start, len(lines)):
        said = _read(out[at])
        if said["chain"] != chain:
            break
        said |= {"subject": "somebody"} if last is None else {"previous": last}
        last = said["hash"] = chained(said)
        out[at] = _written(said)
    return out


TAMPERINGS: tuple[Callable[[np.random.Generator, list[bytes]], list[bytes]], ...] = (
    changed,
    flipped,
    deleted,
    inserted,
    reordered,
    truncated,
    rebuilt,
)


def tampered(published: Published, rng: np.random.Generator, n: int) -> Iterator[list[bytes]]:
    """Files that differ from what was exported, each kind of tampering in its turn."""
    whole = b"".join(published.lines)
    for turn in range(n):
        found = TAMPERINGS[turn % len(TAMPERINGS)](rng, published.lines)
        assert b"".join(found) != whole
        yield found


def test_an_export_that_nobody_touched_is_as_it_was_signed(published: Published):
    assert not published.finds(published.lines)


def test_every_tampering_is_found_with_the_published_heads_alone(
    published: Published, rng: np.random.Generator, sizes: Sizes
):
    files = tampered(published, rng, sizes.tamperings)
    assert [published.finds(lines) for lines in files] == [True] * sizes.tamperings


def test_positive_control_without_the_checks_tamperings_are_not_found(
    published: Published,
    rng: np.random.Generator,
    sizes: Sizes,
    monkeypatch: pytest.MonkeyPatch,
):
    for check in ("_fault", "_order_fault", "_end_fault"):
        monkeypatch.setattr(audit_chain, check, lambda *_, **__: None)
    monkeypatch.setattr(audit_chain, "_by_place", lambda heads: ({}, None))
    found = [
        published.finds(lines)
        for turn, lines in enumerate(tampered(published, rng, sizes.tamperings))
        if TAMPERINGS[turn % len(TAMPERINGS)] not in {flipped, truncated}  # may spoil a line
    ]
    assert not any(found)


@pytest.mark.parametrize("kind", [rebuilt, truncated])
def test_positive_control_without_heads_a_chain_written_anew_is_not_found(
    published: Published, kind, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(audit_chain, "_end_fault", lambda *_, **__: None)
    monkeypatch.setattr(audit_chain, "_by_place", lambda heads: ({}, None))
    draws = np.random.default_rng(4)
    lines = [kind(draws, published.lines) for _ in range(20)]
    assert sum(not published.finds(file) for file in lines) >= 10


def test_heads_signed_by_somebody_else_do_not_pass_for_the_published_ones(
    published: Published, tmp_path: Path, rng: np.random.Generator, clock: FixedClock
):
    forged = rebuilt(rng, published.lines)
    other = HeadsFile(tmp_path / "forged.jsonl", Ed25519PrivateKey.generate())
    ends = {said["chain"]: said for said in map(_read, forged)}
    heads = [ChainHead(str(s["chain"]), int(str(s["n"])), s["hash"]) for s in ends.values()]
    other.add(heads, clock())
    published.heads.write_bytes((tmp_path / "forged.jsonl").read_bytes())
    assert published.finds(forged)
    published.key = other.public_key  # control: with the forger's key it all fits
    assert not published.finds(forged)


def test_two_signed_hashes_of_one_entry_are_a_fault(published: Published, clock: FixedClock):
    key = Ed25519PrivateKey.from_private_bytes(bytes(32))
    chain = str(_read(published.lines[0])["chain"])
    HeadsFile(published.heads, key).add([ChainHead(chain, 7, bytes(32))], clock())
    assert published.finds(published.lines)
    assert PublishedHeads.read(published.heads).fault is None


@pytest.mark.parametrize("content", [b"", b"{}\n", b'{"key":"zz"}\n', b"no heads\n", b"[]\n{}"])
def test_a_file_that_holds_no_heads_is_refused(published: Published, content: bytes):
    published.heads.write_bytes(content)
    with pytest.raises(DataError, match="signed heads"):
        PublishedHeads.read(published.heads)

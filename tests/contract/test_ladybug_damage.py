"""Flipped bytes, files cut short, a full disk, a folder that may not be written to."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from graph.errors import CorruptStore, LinliError, StoreUnavailable
from graph.store import seal
from graph.store.dump import differences, fingerprint
from graph.store.ladybug import LadybugStore
from graph.store.memory import MemoryStore
from tests.contract.store_data import opened, people, put
from tests.contract.test_ladybug_store import batch_of
from tests.sizes import Sizes

CHECKPOINTED, WRITTEN = 3, 6
"""Batches in the main file; batches in all."""

WRITER = f"""
import os, sys
from pathlib import Path
from tests.contract.store_data import opened
from tests.contract.test_ladybug_store import batch_of
store = opened(Path(sys.argv[1]))
for n in range(1, {WRITTEN} + 1):
    store.apply(batch_of(n), watermark=n)
    if n == {CHECKPOINTED}:
        store.checkpoint()
os._exit(9)
"""


def files_of(path: Path) -> dict[str, Path]:
    """The files of a database that say something, by their ending."""
    found = (path.with_name(path.name + ending) for ending in ("", ".wal", ".sha256"))
    return {file.name.removeprefix(path.name): file for file in found if file.exists()}


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the main file of a database whose process was killed; copied for each trial."""
    path = tmp_path_factory.mktemp("killed") / "linli.lbug"
    done = subprocess.run([sys.executable, "-c", WRITER, str(path)], timeout=60, check=False)
    assert done.returncode == 9
    assert set(files_of(path)) == {"", ".wal", ".sha256"}
    return path


@pytest.fixture
def path(killed: Path, tmp_path: Path) -> Path:
    return copied(killed, tmp_path / "copy")


def copied(path: Path, folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(path.parent, folder)
    return folder / path.name


def wanted(watermark: int) -> MemoryStore:
    store = MemoryStore()
    for n in range(1, watermark + 1):
        store.apply(batch_of(n), watermark=n)
    return store


def look(path: Path) -> str:
    """What comes of opening it: noticed, right, or wrong."""
    try:
        with opened(path) as store, wanted(store.watermark()) as fake:
            return "wrong" if differences(store, fake) else f"right at {store.watermark()}"
    except CorruptStore:
        return "noticed"
    except StoreUnavailable as error:
        return f"taken for an outage: {error}"


def test_a_killed_database_is_no_false_alarm(path: Path):
    assert look(path) == f"right at {WRITTEN}"


@pytest.mark.parametrize("ending", ["", ".wal", ".sha256"])
def test_a_flipped_bit_is_noticed_or_harmless(
    killed: Path, tmp_path: Path, ending: str, rng: np.random.Generator, sizes: Sizes
):
    found: Counter[str] = Counter()
    for _ in range(sizes.flips):
        file = files_of(copied(killed, tmp_path / "trial"))[ending]
        content = bytearray(file.read_bytes())
        content[rng.integers(len(content))] ^= 1 << rng.integers(8)
        file.write_bytes(content)
        found[look(tmp_path / "trial" / killed.name)] += 1
    sys.stdout.write(f"{ending or 'main'}: {dict(found)}\n")
    assert set(found) <= {"noticed", *(f"right at {n}" for n in range(WRITTEN + 1))}
    if ending != ".sha256":  # a flip there may only cut off the last line
        assert set(found) == {"noticed"}


def test_without_the_check_flipped_values_come_back(
    killed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The control: the engine itself does not look."""
    path = copied(killed, tmp_path / "trial")
    with opened(path) as store:
        store.checkpoint()
    content = path.read_bytes()
    path.write_bytes(content.replace(f"{WRITTEN}-1".encode(), f"{WRITTEN}-x".encode()))
    assert look(path) == "noticed"
    monkeypatch.setattr(seal.Seal, "check", lambda self: True)
    with opened(path) as store, wanted(WRITTEN) as fake:
        assert differences(store, fake) != []


@pytest.mark.parametrize("cut", [1, 100, 10_000])
def test_a_log_without_its_end_is_noticed(path: Path, cut: int):
    wal = files_of(path)[".wal"]
    os.truncate(wal, wal.stat().st_size - cut)
    assert look(path) == "noticed"


@pytest.mark.parametrize("more", [b"\0", b"half a record" * 50])
def test_a_torn_transaction_at_the_end_is_cut_off(path: Path, more: bytes):
    """As a kill leaves it while the engine writes; by itself it would not open again."""
    with files_of(path)[".wal"].open("ab") as wal:
        wal.write(more)
    assert look(path) == f"right at {WRITTEN}"
    with opened(path) as store:
        store.apply(batch_of(WRITTEN + 1), watermark=WRITTEN + 1)
    assert look(path) == f"right at {WRITTEN + 1}"


def test_a_torn_last_line_counts_for_nothing(path: Path):
    """The log stands at the transaction before; draining brings back the last."""
    lines = files_of(path)[".sha256"]
    os.truncate(lines, lines.stat().st_size - 10)
    assert look(path) == f"right at {WRITTEN - 1}"
    with opened(path) as store:
        store.apply(batch_of(WRITTEN), watermark=WRITTEN)
    assert look(path) == f"right at {WRITTEN}"


@pytest.mark.parametrize("ending", ["", ".sha256"])
def test_a_file_that_is_gone_is_noticed(path: Path, ending: str):
    files_of(path)[ending].unlink()
    assert look(path) == "noticed"


@pytest.mark.parametrize("ending", [".shadow", ".wal.checkpoint"])
def test_a_checkpoint_cut_short_is_noticed(path: Path, ending: str):
    path.with_name(path.name + ending).write_bytes(b"pages")
    assert look(path) == "noticed"


def test_closing_and_looking_leave_the_files_as_they_are(path: Path):
    """So no kill, but one within a checkpoint, costs a rebuild."""
    before = {name: file.read_bytes() for name, file in files_of(path).items()}
    for _ in range(2):
        with opened(path) as store:
            fingerprint(store)
    assert {name: file.read_bytes() for name, file in files_of(path).items()} == before


def test_a_damaged_file_can_be_made_anew(path: Path):
    path.write_bytes(b"nothing")
    assert look(path) == "noticed"
    with LadybugStore(path, buffer_pool=512 << 20, anew=True) as store:
        assert (store.count(), store.watermark()) == ({}, 0)
        store.load(people("a"), watermark=1)
    with opened(path) as store:
        assert store.count() == {"Resident": 1}


def test_whoever_is_refused_does_not_judge_the_files(path: Path):
    """While another process writes, digests and files differ for a moment."""
    script = """
import sys
from pathlib import Path
from graph.errors import StoreUnavailable
from tests.contract.store_data import opened
try:
    opened(Path(sys.argv[1]))
except StoreUnavailable:
    sys.exit(3)
"""
    with opened(path) as store:
        store.apply(people("x"))
        files_of(path)[".sha256"].write_bytes(b"main 1 0\n")
        done = subprocess.run([sys.executable, "-c", script, str(path)], timeout=60, check=False)
    assert done.returncode == 3


def test_statements_that_write_past_the_batches_are_no_damage(path: Path):
    with opened(path) as store:
        store.cypher("MATCH (n:Resident {id: '6-1'}) SET n.birth_year = 1950")
        store.cypher("CHECKPOINT")
        before = fingerprint(store)
    with opened(path) as store:
        assert fingerprint(store) == before


FULL = """
import resource, signal, sys
from pathlib import Path
from graph.errors import StoreUnavailable
from tests.contract.store_data import opened
from tests.contract.test_ladybug_store import batch_of
path = Path(sys.argv[1])
store = opened(path)
n = store.watermark()
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
most = max(each.stat().st_size for each in path.parent.iterdir()) + 300_000
resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
try:
    for _ in range(100):
        n += 1
        store.apply(batch_of(n), watermark=n)
except StoreUnavailable:
    print(n)
try:
    store.watermark()
except StoreUnavailable as error:
    assert "open it again" in str(error)
    store.close()
    sys.exit(3)
"""


def test_a_full_disk_is_an_outage_and_nothing_is_lost(path: Path):
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(path)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 3, (done.stdout, done.stderr)
    failed_at = int(done.stdout.split()[0])
    assert failed_at > WRITTEN + 1, "it was full before anything was written"
    with opened(path) as store:
        assert store.watermark() == failed_at - 1
        with wanted(store.watermark()) as fake:
            assert differences(store, fake) == []
        for n in range(store.watermark() + 1, failed_at + 1):
            store.apply(batch_of(n), watermark=n)
    assert look(path) == f"right at {failed_at}"


def test_a_folder_that_cannot_be_made_is_an_outage(tmp_path: Path):
    (tmp_path / "graph").write_bytes(b"a file stands where the folder should be")
    with pytest.raises(StoreUnavailable):
        opened(tmp_path / "graph" / "linli.lbug")


def test_every_error_of_opening_is_ours(path: Path):
    path.unlink()
    path.mkdir()
    with pytest.raises(LinliError):
        opened(path)


def test_a_store_that_is_not_empty_is_still_there_after_a_refused_load(path: Path):
    with opened(path) as store, pytest.raises(LinliError):
        store.load([put("Resident", "a")], watermark=9)
    assert look(path) == f"right at {WRITTEN}"

"""What only the embedded engine must do: files, second openers, kills, Cypher, URLs."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest

from graph.errors import (
    ConfigError,
    CorruptStore,
    DataError,
    SchemaViolation,
    StoreUnavailable,
)
from graph.model import Change
from graph.schema import LABELS
from graph.store.dump import differences
from graph.store.ladybug import LadybugStore
from graph.store.memory import MemoryStore
from graph.store.opening import open_store
from tests.contract.store_data import (
    BAD,
    NOW,
    full,
    ids,
    link,
    opened,
    people,
    put,
    remove,
    smallest,
    tie,
    ties,
    untie,
)
from tests.sizes import Sizes


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "graph" / "linli.lbug"


OPENER = """
import sys
from graph.errors import StoreUnavailable
from graph.store.opening import open_store
try:
    open_store("ladybug://" + sys.argv[1]).close()
except StoreUnavailable as error:
    print(error)
    sys.exit(3)
"""


def open_elsewhere(path: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", OPENER, str(path)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


class TestLadybug:
    def test_a_second_opener_in_this_process_is_refused(self, path: Path):
        with opened(path) as store:
            store.apply(people("a"))
            with pytest.raises(StoreUnavailable, match="this process"):
                opened(path)
            with pytest.raises(StoreUnavailable, match="this process"):
                opened(path.parent / ".." / path.parent.name / path.name)
            store.apply(people("b"))
            assert ids(store) == ["a", "b"]
        opened(path).close()

    def test_a_second_process_is_refused_until_the_first_closes(self, path: Path):
        store = opened(path)
        refused = open_elsewhere(path)
        assert refused.returncode == 3, refused.stderr
        assert "open in another process" in refused.stdout
        with pytest.raises(StoreUnavailable):
            opened(path)
        assert open_elsewhere(path).returncode == 3, "the refused opener dropped the lock"
        store.apply(people("a"))
        store.close()
        assert open_elsewhere(path).returncode == 0
        with opened(path) as again:
            assert ids(again) == ["a"]

    def test_a_store_forgotten_without_close_is_closed(self, path: Path):
        opened(path).apply(people("a"))
        with opened(path) as store:
            assert ids(store) == ["a"]

    def test_a_failure_of_the_engine_in_the_middle_rolls_back(self, path: Path):
        with opened(path) as store:
            store.apply([*people("a", "b"), tie("a", "b")], watermark=1)
            store.cypher("DROP TABLE `LIKED`")
            before = (ids(store), ties(store))
            batch = [
                *people("c"),
                untie("a", "b"),
                smallest("Group", "g"),
                link("LIKED", "Resident", "a", "Group", "g", at=NOW),
                remove("Resident", "a"),
            ]
            with pytest.raises((StoreUnavailable, DataError), match="LIKED"):
                store.apply(batch, watermark=2)
            assert (ids(store), ties(store)) == before
            assert (ids(store, "Group"), store.watermark()) == ([], 1)
            store.apply(people("d"), watermark=3)
            assert (ids(store), store.watermark()) == (["a", "b", "d"], 3)

    def test_many_failures_and_loads_in_one_process(self, path: Path):
        """The engine crashes when a copy follows a copy rolled back on the same connection."""
        bad = BAD[0]
        with opened(path) as store:
            for _ in range(3):
                with pytest.raises(SchemaViolation):
                    store.load([*people("a", "b"), tie("a", "b"), bad], watermark=3)
            store.load([*people("a", "b"), tie("a", "b")], watermark=3)
            assert ties(store) == [("a", "b")]

    def test_a_load_cut_short_is_undone_at_the_next_opening(self, path: Path):
        script = """
import os, sys
from pathlib import Path
from tests.contract.store_data import put
from graph.store.bulk import Loader
from graph.store.ladybug import LadybugStore
def changes():
    for n in range(3000):
        yield put("Resident", str(n))
Loader.finish = lambda loader: (loader.flush(), os._exit(9))
LadybugStore(Path(sys.argv[1]), buffer_pool=512 << 20).load(changes(), watermark=4)
"""
        command = [sys.executable, "-c", script, str(path)]
        assert subprocess.run(command, timeout=60, check=False).returncode == 9
        with opened(path) as store:
            assert (store.count(), store.watermark()) == ({}, 0)

    def test_clear_leaves_no_byte_of_what_was_deleted(self, path: Path):
        words = "only-once-in-this-file"
        with opened(path) as store:
            store.apply([put("Organisation", "o", name=words)])
            store.checkpoint()
            assert self._holds(path, words), "the control must find it"
            store.clear()
            store.checkpoint()
            assert not self._holds(path, words)

    @staticmethod
    def _holds(path: Path, text: str) -> bool:
        return any(text.encode() in each.read_bytes() for each in path.parent.iterdir())

    def test_a_file_that_is_no_database(self, path: Path):
        path.parent.mkdir(parents=True)
        path.write_bytes(b"something else" * 1000)
        for _ in range(2):
            with pytest.raises(CorruptStore, match=path.name):
                opened(path)
        path.unlink()
        opened(path).close()

    def test_many_shapes_of_batches_do_not_fill_the_memory(self, path: Path):
        """A connection that is kept holds a plan for each combination of nulls it has seen."""
        names = [p.name for p in LABELS["Group"].properties if not p.required]
        with opened(path) as store:
            for n in range(300):
                given = {name: None for k, name in enumerate(names) if n >> k & 1}
                properties = full(LABELS["Group"].properties, n % 100) | given
                store.apply([put("Group", "g", **properties)])
            (used,) = store.cypher("CALL bm_info() RETURN mem_usage AS n")
            assert used["n"] < 160 << 20


class TestOpening:
    def test_memory(self):
        assert isinstance(open_store("memory:"), MemoryStore)

    def test_ladybug_makes_the_file_and_its_folder(self, tmp_path: Path):
        path = tmp_path / "a home" / "graph" / "linli.lbug"
        with open_store(path.as_uri().replace("file:", "ladybug:")) as store:
            assert isinstance(store, LadybugStore)
        assert path.is_file()

    @pytest.mark.parametrize(
        "url", ["", "linli.lbug", "ladybug:", "ladybug:x.lbug", "ladybug://x/y.lbug", "redis:///x"]
    )
    def test_anything_else_says_what_is_known(self, url: str):
        with pytest.raises(ConfigError, match="ladybug:///"):
            open_store(url)


WRITER = """
import sys
from pathlib import Path
from tests.contract.test_ladybug_store import batch_of
from graph.store.ladybug import LadybugStore
store = LadybugStore(Path(sys.argv[1]), buffer_pool=512 << 20)
print("ready", flush=True)
n = store.watermark()
while True:
    n += 1
    store.apply(batch_of(n), watermark=n)
"""


def batch_of(n: int) -> list[Change]:
    """The n-th batch of an endless history: one whole batch is easily told from a part."""
    names = [f"{n}-{k}" for k in range(50)]
    made = [put("Resident", name, birth_year=1900 + n % 100) for name in names]
    made += [tie(a, b) for a, b in pairwise(names)]
    gone = [remove("Resident", f"{n - 1}-{k}") for k in range(0, 50, 7)] if n > 1 else []
    return [*made, *gone]


def test_killed_at_any_moment_a_prefix_of_whole_batches_is_there(path: Path, sizes: Sizes, rng):
    reached = rebuilds = 0
    for _ in range(sizes.kills):
        command = [sys.executable, "-c", WRITER, str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path.cwd()) as writer:
            assert writer.stdout is not None
            assert writer.stdout.readline() == b"ready\n"
            time.sleep(float(rng.uniform(0.05, 0.6)))
            writer.send_signal(signal.SIGKILL)
        try:
            store = opened(path)
        except CorruptStore:  # killed within a checkpoint: nobody can tell what the file is worth
            LadybugStore(path, buffer_pool=512 << 20, anew=True).close()
            reached, rebuilds = 0, rebuilds + 1
            continue
        with store, MemoryStore() as wanted:
            assert store.watermark() >= reached
            reached = store.watermark()
            for n in range(1, reached + 1):
                wanted.apply(batch_of(n), watermark=n)
            assert differences(store, wanted) == []
    assert reached > 0, "no batch was ever written: the test says nothing"
    assert rebuilds <= sizes.kills // 10, "checkpoints are rare, and so must rebuilds be"

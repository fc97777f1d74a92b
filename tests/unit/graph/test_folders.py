"""Array folders appear whole or not at all, are named by content, and tell altered bytes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from graph import folders
from graph.errors import CorruptStore, NotReady
from graph.folders import current_name, open_folder, publish, read_about, remove_old, set_current
from tests.conftest import ROOT

ARRAYS = {
    "a": np.arange(6, dtype=np.int32).reshape(2, 3),
    "b.data": np.array([0.5, np.nan], np.float32),
    "empty": np.empty((0, 4), np.int64),
    "words": np.array(["邻里", ""]),
}


def made(parent, *, arrays=ARRAYS, about=None, **manifest):
    return publish(parent, arrays=arrays, manifest=manifest, about=about or {})


def test_what_was_written_is_read_mapped_and_read_only(tmp_path):
    name = made(tmp_path / "m", about={"taken_at": 7}, kind="test")
    folder = open_folder(tmp_path / "m", name)
    assert current_name(tmp_path / "m") == name == folder.id == folder.name
    assert folder.manifest["kind"] == "test"
    assert folder.about["taken_at"] == read_about(tmp_path / "m", name)["taken_at"] == 7
    assert folder.arrays.keys() == ARRAYS.keys()
    for key, array in ARRAYS.items():
        assert folder.arrays[key].dtype == array.dtype
        np.testing.assert_array_equal(folder.arrays[key], array)
    assert isinstance(folder.arrays["a"].base, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        folder.arrays["a"][0, 0] = 1


def test_the_same_content_has_the_same_id_whatever_is_said_about_it(tmp_path):
    first = made(tmp_path, about={"n": 1}, kind="test")
    assert made(tmp_path / "elsewhere", about={"n": 2}, kind="test") == first
    order = dict(reversed(ARRAYS.items()))
    assert made(tmp_path, arrays=order, kind="test") == first
    not_contiguous = {**ARRAYS, "a": np.asfortranarray(ARRAYS["a"])}
    assert made(tmp_path, arrays=not_contiguous, kind="test") == first


@pytest.mark.parametrize(
    "other",
    [
        {"a": ARRAYS["a"] + 1},
        {"a": ARRAYS["a"].astype(np.int64)},
        {"a": ARRAYS["a"].reshape(3, 2)},
        {"empty": np.empty((4, 0), np.int64)},
        {"more": np.zeros(1)},
    ],
    ids=["value", "dtype", "shape", "shape of nothing", "name"],
)
def test_other_content_has_another_id(tmp_path, other):
    assert made(tmp_path, arrays={**ARRAYS, **other}, kind="test") != made(tmp_path, kind="test")
    assert made(tmp_path, kind="else") != made(tmp_path, kind="test")


def test_publishing_the_same_content_again_says_the_newer_things_about_it(tmp_path):
    """A refit that gives the model there is must count as fitted, or it would be fitted forever."""

    def extras(text):
        return lambda folder: (folder / "facts.txt").write_text(text)

    first = publish(tmp_path, arrays=ARRAYS, manifest={}, about={"epoch": 1}, extras=extras("old"))
    mapped = open_folder(tmp_path, first).arrays["a"]
    other = made(tmp_path, kind="other")
    again = publish(tmp_path, arrays=ARRAYS, manifest={}, about={"epoch": 2}, extras=extras("new"))
    assert again == first != other
    assert current_name(tmp_path) == first
    assert read_about(tmp_path, first) == {"epoch": 2, "id": first}
    assert (tmp_path / first / "facts.txt").read_text() == "new"
    np.testing.assert_array_equal(mapped, ARRAYS["a"])
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_building_again_mends_what_was_altered(tmp_path):
    name = made(tmp_path)
    (tmp_path / name / "a.npy").write_bytes(b"spoilt")
    with pytest.raises(CorruptStore, match="build it again"):
        open_folder(tmp_path, name)
    assert made(tmp_path) == name
    np.testing.assert_array_equal(open_folder(tmp_path, name).arrays["a"], ARRAYS["a"])


@pytest.mark.parametrize("file", ["a.npy", "b.data.npy", "words.npy"])
def test_any_altered_byte_of_an_array_is_told_with_the_file(tmp_path, file):
    name = made(tmp_path)
    path = tmp_path / name / file
    whole = path.read_bytes()
    payload = len(whole) - np.load(path).nbytes
    for at in (payload, (payload + len(whole)) // 2, len(whole) - 1):
        altered = bytearray(whole)
        altered[at] ^= 1
        path.write_bytes(altered)
        with pytest.raises(CorruptStore, match=file):
            open_folder(tmp_path, name)
    path.write_bytes(whole)
    open_folder(tmp_path, name)


@pytest.mark.parametrize("file", ["a.npy", "empty.npy"])
@pytest.mark.parametrize("left", [0, 5, 60, -3], ids=["empty", "magic", "header", "cut short"])
def test_a_file_cut_short_is_told_with_its_name(tmp_path, file, left):
    name = made(tmp_path)
    path = tmp_path / name / file
    if file == "empty.npy" and left == -3:
        left = -60
    path.write_bytes(path.read_bytes()[:left])
    with pytest.raises(CorruptStore, match=file):
        open_folder(tmp_path, name)


def test_an_array_replaced_by_another_shape_of_the_same_bytes_is_told(tmp_path):
    name = made(tmp_path)
    np.save(tmp_path / name / "a.npy", ARRAYS["a"].reshape(3, 2))
    with pytest.raises(CorruptStore, match=r"a\.npy"):
        open_folder(tmp_path, name)


def test_an_altered_manifest_is_told(tmp_path):
    name = made(tmp_path, kind="test")
    path = tmp_path / name / "manifest.json"
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"test", b"fest"))
    with pytest.raises(CorruptStore, match="altered"):
        open_folder(tmp_path, name)
    path.write_bytes(whole[:-1])
    with pytest.raises(CorruptStore, match="manifest"):
        open_folder(tmp_path, name)


def test_what_is_not_there_is_not_ready(tmp_path):
    assert current_name(tmp_path) is None
    assert current_name(tmp_path / "never") is None
    for ask in (open_folder, read_about):
        with pytest.raises(NotReady, match="nothing"):
            ask(tmp_path, "nothing")
    name = made(tmp_path)
    (tmp_path / name / "a.npy").unlink()
    with pytest.raises(NotReady, match=r"a\.npy"):
        open_folder(tmp_path, name)


def test_arrays_of_objects_are_refused_and_nothing_is_left(tmp_path):
    with pytest.raises(ValueError, match=r"[Oo]bject"):
        made(tmp_path, arrays={"a": np.array([{}], object)})
    assert list(tmp_path.iterdir()) == []


def test_an_error_on_the_way_leaves_what_was_current(tmp_path):
    name = made(tmp_path)

    def fail(folder):
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        publish(tmp_path, arrays=ARRAYS, manifest={"n": 2}, about={}, extras=fail)
    assert current_name(tmp_path) == name
    assert {p.name for p in tmp_path.iterdir()} == {"CURRENT", name}


def test_current_is_replaced_whole(tmp_path):
    for name in ("first", "second-with-a-longer-name", "3"):
        set_current(tmp_path, name)
        assert current_name(tmp_path) == name
    assert [p.name for p in tmp_path.iterdir()] == ["CURRENT"]


def test_old_ones_go_but_never_the_current_or_a_spared_one(tmp_path):
    names = [made(tmp_path, n=n) for n in range(6)]
    for age, name in enumerate(reversed(names)):
        os.utime(tmp_path / name, (1_000_000 - age, 1_000_000 - age))
    set_current(tmp_path, names[0])
    gone = remove_old(tmp_path, keep=2, spare=[names[1]])
    assert sorted(gone) == sorted(names[2:4])
    left = {p.name for p in tmp_path.iterdir() if p.is_dir()}
    assert left == {names[0], names[1], names[4], names[5]}
    open_folder(tmp_path, names[0])
    assert remove_old(tmp_path, keep=6) == []


_PUBLISHER = """
import sys
from pathlib import Path
import numpy as np
from graph.folders import publish
for n in range(100_000):
    arrays = {name: np.full(2000, n) for name in "abcdef"}
    publish(Path(sys.argv[1]), arrays=arrays, manifest={"n": n}, about={"n": n})
    print(n, flush=True)
"""


def test_a_publisher_killed_at_any_moment_leaves_a_whole_current_folder(tmp_path, rng, sizes):
    for _ in range(sizes.kills):
        writer = subprocess.Popen(
            [sys.executable, "-c", _PUBLISHER, str(tmp_path)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        writer.stdout.readline()
        try:
            writer.wait(float(rng.uniform(0.01, 0.2)))
        except subprocess.TimeoutExpired:
            writer.send_signal(signal.SIGKILL)
        said = writer.communicate()[0].split("\n")[:-1]
        folder = open_folder(tmp_path, current_name(tmp_path))
        n = folder.manifest["n"]
        assert not said or n >= int(said[-1])
        assert all((array == n).all() for array in folder.arrays.values())
        for path in tmp_path.iterdir():  # every folder with a final name is whole
            if path.is_dir() and not path.name.startswith("."):
                open_folder(tmp_path, path.name)


def test_the_manifest_has_one_spelling():
    one = folders.canonical({"b": [1, 2.5], "a": "邻"})
    assert one == '{"a":"邻","b":[1,2.5]}'.encode()
    assert json.loads(one) == {"a": "邻", "b": [1, 2.5]}


def test_what_a_killed_process_left_half_written_goes_when_it_is_old(tmp_path):
    name = publish(tmp_path, arrays={}, manifest={"n": 1}, about={})
    old, young = tmp_path / ".new-old", tmp_path / ".new-young"
    for scratch in (old, young):
        scratch.mkdir()
        (scratch / "a.npy").write_bytes(b"half")
    os.utime(old, (1, 1))
    remove_old(tmp_path, keep=3)
    assert not old.exists()
    assert young.exists()
    assert current_name(tmp_path) == name

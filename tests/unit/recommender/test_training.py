from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from graph.errors import ArtifactMismatch, NotReady
from recommender.artifact import load_model, save_model
from recommender.base import Query
from recommender.evaluation.splits import without_cells
from recommender.selection import PRIOR_WEIGHTS
from recommender.training import train
from tests.worlds import checkerboard, csr


@pytest.fixture(scope="module")
def view():
    return checkerboard(n_residents=300)


@pytest.fixture(scope="module")
def model(view):
    return train(view, seed=3)


def manifest_id(model, folder: Path) -> str:
    return save_model(model, folder, view_id="abc")


def test_the_same_view_twice_gives_the_same_id(view, model, tmp_path):
    first = manifest_id(model, tmp_path)
    assert manifest_id(train(view, seed=3), tmp_path) == first
    assert manifest_id(train(view, seed=4), tmp_path) != first


def test_after_a_withdrawal_the_model_is_that_of_the_other_world(view, model, tmp_path):
    """Row 8's cells emptied == a world in which they never were; and they had made a difference."""
    owner = np.repeat(np.arange(view.n_residents), np.diff(view.interactions.indptr))
    withdrawn = without_cells(view, owner == 8).view
    never = view.interactions.toarray()
    never[8] = 0.0
    other_world = replace(withdrawn, interactions=csr(never), times=view.times[owner != 8])
    found = manifest_id(train(withdrawn, seed=3), tmp_path)
    assert found == manifest_id(train(other_world, seed=3), tmp_path)
    assert found != manifest_id(model, tmp_path)


def test_needs_and_occupations_of_residents_never_shape_the_model(view, model, tmp_path):
    """Two worlds that differ in one resident's S2 attributes have one model."""
    needs, occupations = view.needs.toarray(), view.occupations.toarray()
    needs[8], occupations[8] = 1 - needs[8], 1 - occupations[8]
    flipped = replace(view, needs=csr(needs), occupations=csr(occupations))
    assert manifest_id(train(flipped, seed=3), tmp_path) == manifest_id(model, tmp_path)


def test_with_too_little_to_validate_the_priors_stand():
    model = train(checkerboard(n_residents=20), seed=0)
    assert model.chosen == {"validated": 20}
    assert dict(model.blend.weights) == dict(PRIOR_WEIGHTS)


def test_what_was_chosen_is_told(model):
    assert model.chosen["validated"] > 100
    assert 0.5 < model.chosen["validation_1-3"] <= 1 or model.chosen["validation_4+"] > 0.5
    assert model.blend.weights["popular"][0] > 0


def test_progress_is_told(view):
    told = []
    train(view, seed=3, progress=lambda done, total, note: told.append((done, total, note)))
    assert [done for done, _, _ in told] == sorted(done for done, _, _ in told)
    assert told[-1][0] == told[-1][1]


def test_loaded_model_scores_the_same(view, model, tmp_path):
    name = manifest_id(model, tmp_path)
    loaded = load_model(tmp_path, view_id="abc")
    assert (loaded.model_id, loaded.view_id, loaded.seed) == (name, "abc", 3)
    assert loaded.blend == model.blend
    assert loaded.chosen == model.chosen
    assert loaded.reranker.config() == model.reranker.config()
    query = Query.from_view(view, np.arange(20))
    assert loaded.score(query).tobytes() == model.score(query).tobytes()


def test_arrays_are_mapped_and_never_pickled(model, tmp_path):
    folder = tmp_path / manifest_id(model, tmp_path)
    for file in folder.glob("*.npy"):
        np.load(file, allow_pickle=False)
    assert not list(folder.glob("*.pkl"))
    item_item = next(s for s in load_model(tmp_path).scorers if s.name == "item_item")
    assert isinstance(item_item.weights_.base, np.memmap)


def test_nothing_trained_yet(tmp_path):
    with pytest.raises(NotReady, match="train"):
        load_model(tmp_path)


def test_a_model_of_another_view_is_refused(model, tmp_path):
    manifest_id(model, tmp_path)
    with pytest.raises(ArtifactMismatch, match="view"):
        load_model(tmp_path, view_id="other")


def test_a_model_of_another_version_is_refused(model, tmp_path, monkeypatch):
    manifest_id(model, tmp_path)
    monkeypatch.setattr("recommender.artifact.MODEL_VERSION", 99)
    with pytest.raises(ArtifactMismatch, match="model_version"):
        load_model(tmp_path)


@pytest.mark.parametrize("file", ["popular.score.npy", "manifest.json"])
def test_altered_bytes_are_refused(model, tmp_path, file):
    path = tmp_path / manifest_id(model, tmp_path) / file
    raw = bytearray(path.read_bytes())
    raw[-3] ^= 1
    path.write_bytes(raw)
    with pytest.raises(ArtifactMismatch):
        load_model(tmp_path)


def test_the_last_few_are_kept(view, model, tmp_path):
    names = [
        save_model(model, tmp_path, view_id=f"s{n}", keep=2, about={"trained_at": n})
        for n in range(4)
    ]
    left = {path.name for path in tmp_path.iterdir() if path.is_dir()}
    assert names[-1] in left
    assert len(left) == 2
    about = json.loads((tmp_path / names[-1] / "about.json").read_text())
    assert about["trained_at"] == 3

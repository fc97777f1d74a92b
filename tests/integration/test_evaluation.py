"""The shipped model on a published data set: as good as promised, from the train part alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from graph.errors import NotFound
from recommender.evaluation.datasets import read_dataset
from recommender.evaluation.report import evaluate, evaluate_cold, measure, spread
from recommender.fitted import FittedModel
from recommender.ranking import Blend
from recommender.scorers import ItemItemScorer, PopularScorer


@pytest.fixture(scope="module")
def nashville(shared_data):
    return read_dataset(shared_data / "meetup-nashville")


def test_warm_quality_and_the_form_of_the_report(nashville):
    trial = evaluate(nashville)
    report = trial.report()
    assert list(report) == [
        "dataset",
        "task",
        "model",
        "recall@10",
        "ndcg@10",
        "recall@20",
        "ndcg@20",
        "stderr",
        "users",
        "fit_s",
        "select_s",
        "cpu_s",
        "peak_rss_mib",
        "by_history",
    ]
    assert report["users"] == 8209
    assert report["recall@10"] >= 0.43
    assert report["ndcg@10"] >= 0.27
    by_history = report["by_history"]
    assert list(by_history) == ["0", "1-3", "4+"]
    assert sum(part["users"] for part in by_history.values()) == 8209
    assert set(by_history["1-3"]) == {"recall@10", "ndcg@10", "stderr", "users"}
    assert set(report["stderr"]) == set(trial.quality)
    assert 0.0 < report["stderr"]["recall@10"] < by_history["4+"]["stderr"]["recall@10"] < 0.02


def test_anchors_are_met_by_our_measure(nashville):
    """Popularity and EASE score what the reference measured: the metrics are the same.

    The reference counts every pair once, however often it met.
    """
    once = replace(nashville.train, interactions=nashville.train.interactions.sign())
    rows = np.flatnonzero(np.diff(nashville.test.indptr))
    for scorer, recall, ndcg in (
        (PopularScorer(), 0.1583, 0.0813),
        (ItemItemScorer(regularization=200.0, balance=0.0, tags=0.0), 0.4295, 0.2700),
    ):
        fitted = scorer.fit(once, seed=0)
        found = measure(fitted, once, nashville.test, rows, ks=(10,))
        assert found["recall@10"].mean() == pytest.approx(recall, abs=0.002)
        assert found["ndcg@10"].mean() == pytest.approx(ndcg, abs=0.002)


def test_residents_without_a_history(nashville, sizes):
    """One fold of five in the small run, all in the long one."""
    report = evaluate_cold(nashville, folds=5, most=1 if sizes.name == "small" else None)
    assert report["users"] > 1_500
    assert report["home_ratio"] >= 1.1
    assert report["declared_ratio"] >= 1.5
    assert str(report["declared"]).startswith("simulated")


def test_lists_reach_more_items_than_popularity_does(nashville):
    scorer = ItemItemScorer().fit(nashville.train, seed=0)
    model = FittedModel((scorer,), Blend({"item_item": (1.0, 1.0, 1.0)}))
    found = spread(model, nashville.train, np.arange(0, nashville.train.n_residents, 20))
    assert found["coverage"] > 0.3
    assert 0.0 < found["gini"] < 0.95


def test_groups_tell_what_residents_come_to_next(shared_data, sizes):
    """Where most items are too new to have been joined; in the long run without members, too."""
    known = ((True, 0.50, 0.42), (False, 0.42, 0.37))
    for memberships, recall, ndcg in known[: 1 if sizes.name == "small" else None]:
        dataset = read_dataset(shared_data / "meetup-dc" / "events", memberships=memberships)
        trial = evaluate(dataset)
        report = trial.report()
        assert (report["task"], report["users"]) == ("events", 991)
        assert report["recall@10"] >= recall
        assert report["ndcg@10"] >= ndcg
        by_item = trial.by_item_history()
        assert set(by_item) == {"new", "known"}
        assert by_item["new"]["recall@10"] > 0.4


def test_an_unknown_model_is_named_with_those_there_are(nashville):
    with pytest.raises(NotFound, match="popular"):
        evaluate(nashville, model="oracle")

"""What each aim of re-ranking says of an item, and that its weight moves the list that way."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from graph.model import ItemKind
from graph.view import ITEM_KINDS
from recommender.base import Query
from recommender.evaluation.splits import without_cells
from recommender.exposure import RESIDENTS, expected_exposure
from recommender.ranking import Blend, SocialReranker, Weights
from recommender.ranking.bridging import bridging, inclusion, mutual_ties, tied
from recommender.ranking.fairness import capacity, dominance, due, helper, merit, provider
from recommender.selection import PRIOR_WEIGHTS, Selection
from recommender.training import fit, with_reranker
from tests.worlds import checkerboard, csr, with_new_items


@pytest.fixture(scope="module")
def view():
    return checkerboard()


@pytest.fixture(scope="module")
def model(view):
    return fit(view, Selection(Blend(PRIOR_WEIGHTS)), seed=0)


def ask(view, row: int) -> Query:
    return Query.from_view(view, np.array([row]))


def only(**weights: float) -> Weights:
    return replace(Weights.none(), **weights)


def test_weights_are_read_as_they_are_written():
    assert Weights.parse("") == Weights()
    assert Weights.parse(str(Weights.none())) == Weights.none()
    assert Weights.parse("helper=0.5, kind=0") == replace(Weights(), helper=0.5, kind=0.0)


@pytest.mark.parametrize("text", ["bridge=1", "helper", "helper=much", "helper=-1", "helper=nan"])
def test_a_wrong_weight_is_told_by_name(text):
    with pytest.raises(ValueError, match=text.partition("=")[0]):
        Weights.parse(text)


def test_few_mutual_ties_bridge_more_than_none_or_many():
    gains = bridging(np.arange(12, dtype=np.float32))
    assert gains[0] == 0
    assert gains.argmax() == 2
    assert gains.max() == 1
    assert (np.diff(gains[2:]) < 0).all()
    assert gains[1] > gains[6]


def test_mutual_ties_are_those_who_took_part(view):
    ties, did = np.zeros((60, 60)), np.zeros((60, 40))
    ties[0, [1, 2, 3]] = ties[[1, 2, 3], 0] = 0.5
    did[[1, 2], 5] = did[3, 7] = did[4, 7] = 1.0
    asked, rows = ask(view, 0), np.array([5, 7, 9, 41])
    others = tied(csr(ties), asked)
    assert mutual_ties(csr(did), others, rows).tolist() == [2, 1, 0, 0]
    others = tied(csr(ties), replace(asked, masked=np.array([2])))
    assert mutual_ties(csr(did), others, rows).tolist() == [1, 1, 0, 0]
    assert not len(tied(csr(ties), replace(asked, masked=np.array([0]))))
    assert not len(tied(csr(ties), replace(asked, rows=np.array([99]))))


def test_inclusion_is_for_few_ties_and_small_circles_that_do_things():
    together, people = np.array([1, 1, 0], np.float32), np.array([0, 60, 0], np.float32)
    lonely, sociable = inclusion(0, together, people), inclusion(9, together, people)
    np.testing.assert_allclose(lonely, [1.0, 0.2, 0.0], rtol=1e-6)
    np.testing.assert_allclose(sociable, lonely / 8)


def test_roles_are_told_from_other_items_and_scarce_seats_cost(view):
    kind = np.full(view.n_items, ITEM_KINDS.index(ItemKind.ACTIVITY), np.int8)
    kind[3] = ITEM_KINDS.index(ItemKind.HELPER_ROLE)
    seats = np.full(view.n_items, -1, np.int32)
    seats[[4, 5]] = 1, 10
    items, rows = replace(view.items, kind=kind, seats_left=seats), np.array([3, 4, 5])
    assert helper(items, rows).tolist() == [1, 0, 0]
    np.testing.assert_allclose(capacity(items, rows), [0, -1, -0.1])


def test_attention_is_due_in_proportion_to_merit():
    behind = np.array([0, 1, 2, 2])
    got, merits = np.array([8.0, 0.0, 2.0, 2.0]), np.array([4.0, 4.0, 4.0, 0.0])
    owed = due(got, merits, behind)
    assert owed[0] < 0 < owed[1]
    assert owed[2] == owed[3] == 0  # of one group, which got what it was due
    assert np.abs(due(got * 1000, merits, behind)).max() <= 1
    assert not due(np.zeros(4), merits, behind).any()


def test_merits_of_one_list_add_up_to_one():
    merits = merit(np.array([3.0, 1.0, 1.0]))
    assert merits.sum() == pytest.approx(1)
    assert merits[0] > merits[1] == merits[2]
    assert len(merit(np.empty(0))) == 0


def test_dominance_grows_with_the_attention_taken():
    taken = dominance(np.array([0.0, 1.0, 5.0, 100.0]))
    assert taken[0] == 0
    assert taken[-1] == 1
    assert (np.diff(taken) > 0).all()
    assert not dominance(np.zeros(3)).any()


def test_items_of_a_group_count_for_the_group(view):
    assert provider(view.items)[:6].tolist() == [0, 1, 0, 1, 0, 1]


@pytest.mark.parametrize("aim", ["bridging", "inclusion", "participatory", "helper", "capacity"])
def test_a_weight_raises_what_it_is_for(view, aim):
    """Scores that hardly differ: the item that the aim is for comes first."""
    rows, scores = np.arange(2, 40), np.linspace(0.1, 0.0, 38).astype(np.float32)
    ties, did = np.zeros((60, 60)), view.interactions.toarray()
    ties[0, 1] = ties[1, 0] = ties[5, 6] = ties[6, 5] = 1.0
    did[:, 30] = 0.0
    did[1] = 0.0
    did[1, 30] = 2.0
    kind, seats = view.items.kind.copy(), np.ones(view.n_items, np.int32)
    together = np.zeros(view.n_items, np.bool_)
    kind[30], seats[30], together[30] = ITEM_KINDS.index(ItemKind.HELPER_ROLE), -1, True
    items = replace(view.items, kind=kind, seats_left=seats, participatory=together)
    city = replace(view, items=items, ties=csr(ties), interactions=csr(did))
    off = SocialReranker(Weights.none()).fit(city)
    on = SocialReranker(only(**{aim: 5.0})).fit(city)
    assert rows[off.rerank(ask(city, 0), rows, scores, 3)].tolist() == [2, 3, 4]
    assert rows[on.rerank(ask(city, 0), rows, scores, 3)].tolist() == [30, 2, 3]
    assert [name for name, gain in on.gains(ask(city, 0), rows).items() if gain.any()] == [aim]


def test_without_ties_in_the_view_the_aims_about_ties_say_nothing(view):
    untied = replace(view, ties=csr(np.zeros((60, 60))))
    gains = (
        SocialReranker(only(bridging=1, inclusion=1))
        .fit(untied)
        .gains(ask(untied, 0), np.arange(40))
    )
    assert not any(gain.any() for gain in gains.values())


def test_somebody_without_ties_looks_like_somebody_who_authorised_none(view):
    ties = view.ties.toarray()
    ties[4] = ties[:, 4] = 0.0
    reranker = SocialReranker().fit(replace(view, ties=csr(ties)))
    known = reranker.gains(ask(view, 4), np.arange(40))
    unknown = reranker.gains(replace(ask(view, 4), rows=np.array([99])), np.arange(40))
    assert {n: g.tolist() for n, g in known.items()} == {n: g.tolist() for n, g in unknown.items()}


def test_what_got_too_much_attention_goes_down(view):
    """One item was first in every list, for no merit of its own: it makes room."""
    alone = replace(view, items=replace(view.items, group=np.full(40, -1, np.int32)))
    rows, scores = np.arange(40), np.linspace(0.1, 0.0, 40).astype(np.float32)
    got, merits = np.ones(40), np.ones(40)
    got[0] = 40.0
    for weights in (only(exposure=0.5), only(dominance=0.5)):
        reranker = SocialReranker(weights).fit(alone).fit_attention(alone, got, merits)
        order = rows[reranker.rerank(ask(alone, 1), rows, scores, 40)].tolist()
        assert order.index(0) > 2
        assert [item for item in order if item] == list(range(1, 40))


def test_attention_and_merit_of_the_same_lists_add_up_to_the_same(view, model):
    got, merits = expected_exposure(model, view, seed=0)
    assert got.sum() == pytest.approx(merits.sum())
    assert got.sum() > 0


def test_exposure_is_the_same_each_time_and_takes_a_sample(view, model):
    one, two = (expected_exposure(model, view, seed=3) for _ in range(2))
    assert one[0].tobytes() == two[0].tobytes()
    assert one[1].tobytes() == two[1].tobytes()
    assert view.n_residents < RESIDENTS


def test_an_emptied_resident_leaves_the_reranker_of_one_who_never_was(view, model):
    owner = np.repeat(np.arange(view.n_residents), np.diff(view.interactions.indptr))
    emptied = without_cells(view, owner == 4).view
    dense = view.interactions.toarray()
    dense[4] = 0.0
    other = replace(emptied, interactions=csr(dense), times=view.times[owner != 4])
    kept, never = (
        with_reranker(fit(w, Selection(Blend(PRIOR_WEIGHTS)), seed=0), w, Weights()).reranker
        for w in (emptied, other)
    )
    for name, array in kept.arrays().items():
        assert array.tobytes() == never.arrays()[name].tobytes(), name
    known = with_reranker(model, view, Weights()).reranker.arrays()
    assert any(known[n].tobytes() != a.tobytes() for n, a in kept.arrays().items())


def test_items_that_opened_since_are_neutral(view, model):
    reranker = with_reranker(model, view, Weights()).reranker
    query = replace(ask(view, 0), items=with_new_items(view.items, 3))
    gains = reranker.gains(query, np.array([40, 41, 42]))
    assert not any(gains[name].any() for name in ("bridging", "exposure", "dominance"))


def test_restored_from_its_arrays_it_ranks_the_same(view, model):
    reranker = with_reranker(model, view, Weights.parse("helper=0.5")).reranker
    again = SocialReranker.restore(reranker.config(), reranker.arrays())
    scores = np.linspace(1, 0, 40).astype(np.float32)
    lists = [r.rerank(ask(view, 0), np.arange(40), scores, 20).tolist() for r in (reranker, again)]
    assert lists[0] == lists[1]
    assert again.weights == reranker.weights

"""What every scorer promises, and the right answers on a world where they are known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from graph.view import CSR, View, empty_csr
from recommender.base import Query, Scorer
from recommender.evaluation.splits import without_cells
from recommender.scorers import (
    AffinityScorer,
    ALSScorer,
    CommunityScorer,
    ContentScorer,
    DistanceScorer,
    FreshScorer,
    GroupALSScorer,
    GroupItemScorer,
    HabitScorer,
    ItemItemScorer,
    NearHomeScorer,
    OwnGroupScorer,
    PopularScorer,
    SocialScorer,
    SoonScorer,
    SpectralScorer,
    TrendingScorer,
    TurnScorer,
    UntriedScorer,
    VenueScorer,
)
from recommender.scorers.matrix import csr_arrays
from tests.worlds import NOW, checkerboard, csr, stranger, wider, with_new_items, without_resident


def ask(view, *rows: int) -> Query:
    return Query.from_view(view, np.array(rows))


def widened(query: Query, n_new: int) -> Query:
    """The same residents after n_new more items opened."""
    items = with_new_items(query.items, n_new)
    n = len(items)
    names = ("history", "held", "dismissed", "blocked")
    return replace(query, items=items, **{k: wider(getattr(query, k), n) for k in names})


def liked(query: Query, item: int, confidence: float = 2.0) -> Query:
    """The same resident after one more like."""
    history = query.history.toarray()
    history[0, item] = confidence
    return replace(query, history=csr(history))


@pytest.fixture(scope="module")
def view() -> View:
    return checkerboard()


class ScorerContract:
    """Inherited once per scorer."""

    judges_new_items = False
    """Scores items that opened after fitting, from what the item table says of them."""
    reads_history = True
    learns_from_interactions = True
    is_personal = True
    """Has nothing to say to a resident of whom nothing is known."""

    def make(self) -> Scorer:
        raise NotImplementedError

    @pytest.fixture
    def scorer(self, view) -> Scorer:
        return self.make().fit(view, seed=7)

    def test_keeps_the_protocol(self, scorer):
        assert isinstance(scorer, Scorer)
        assert type(scorer)(**scorer.config()).config() == scorer.config()

    def test_prefers_the_own_colour(self, view, scorer):
        scores = scorer.score(ask(view, *range(10)))
        for row in range(10):
            own, other = scores[row, row % 2 :: 2], scores[row, 1 - row % 2 :: 2]
            left = view.interactions[[row]].toarray()[0, row % 2 :: 2] == 0
            assert own[left].mean() > other.mean() + 1e-4, f"resident {row}"

    def test_scores_have_shape_dtype_and_are_finite(self, view, scorer):
        scores = scorer.score(ask(view, 0, 1, 2))
        assert scores.shape == (3, view.n_items)
        assert scores.dtype == np.float32
        assert np.isfinite(scores).all()

    def test_same_view_and_seed_give_the_same_bytes(self, view, scorer):
        again = self.make().fit(view, seed=7).arrays()
        for name, array in scorer.arrays().items():
            assert array.dtype == again[name].dtype
            assert array.tobytes() == again[name].tobytes(), name

    def test_emptied_resident_equals_one_who_never_was(self, view):
        owner = np.repeat(np.arange(view.n_residents), np.diff(view.interactions.indptr))
        emptied = without_cells(view, owner == 4).view
        never = view.interactions.toarray()
        never[4] = 0.0
        other_world = replace(emptied, interactions=csr(never), times=view.times[owner != 4])
        withdrawn = self.make().fit(emptied, seed=7).arrays()
        for name, array in self.make().fit(other_world, seed=7).arrays().items():
            assert array.tobytes() == withdrawn[name].tobytes(), name
        if self.learns_from_interactions:  # it could have seen the difference
            known = self.make().fit(view, seed=7).arrays()
            assert any(known[n].tobytes() != a.tobytes() for n, a in withdrawn.items())

    def test_restored_from_files_scores_the_same(self, view, scorer, tmp_path: Path):
        arrays = {}
        for name, array in scorer.arrays().items():
            np.save(tmp_path / f"{name}.npy", array, allow_pickle=False)
            mode = "r" if array.size else None
            arrays[name] = np.load(tmp_path / f"{name}.npy", mmap_mode=mode, allow_pickle=False)
        restored = type(scorer).restore(scorer.config(), arrays)
        for query in (ask(view, 0, 1, 2), ask(view, 5)):
            assert scorer.score(query).tobytes() == restored.score(query).tobytes()
        some = np.array([3, 4, 9])
        one = ask(view, 5)
        assert scorer.score(one, some).tobytes() == restored.score(one, some).tobytes()
        assert scorer.evidence(one, 3) == restored.evidence(one, 3)

    def test_candidates_are_columns_of_all(self, view, scorer):
        some = np.array([7, 2, 30, 31])
        for query in (ask(view, 0, 1, 2), ask(view, 3)):
            whole = scorer.score(query)
            np.testing.assert_allclose(scorer.score(query, some), whole[:, some], atol=1e-5)

    def test_a_batch_scores_as_its_members(self, view, scorer):
        batch = scorer.score(ask(view, 0, 1, 2))
        for row in range(3):
            np.testing.assert_allclose(scorer.score(ask(view, row))[0], batch[row], atol=1e-5)

    def test_resident_beyond_the_fitted_rows(self, view, scorer):
        query = replace(ask(view, 0), rows=np.array([view.n_residents + 5]))
        assert np.isfinite(scorer.score(query)).all()

    def test_resident_of_whom_nothing_is_known(self, view, scorer):
        query = ask(stranger(view.items, row=100), 100)
        scores = scorer.score(query)
        assert np.isfinite(scores).all()
        if self.is_personal:
            assert not scores.any()

    def test_items_that_opened_since(self, view, scorer):
        query = widened(ask(view, 0), 4)
        new = np.arange(view.n_items, view.n_items + 4)
        for scores in (scorer.score(query)[0, new], scorer.score(query, new)[0]):
            assert np.isfinite(scores).all()
            if self.judges_new_items:
                assert scores[::2].mean() > scores[1::2].mean()  # copies of even and odd items
            else:
                assert not scores.any()
        np.testing.assert_allclose(
            scorer.score(query)[0, : view.n_items], scorer.score(ask(view, 0))[0], atol=1e-2
        )
        assert scorer.evidence(query, int(new[0])) is None or self.judges_new_items

    def test_a_like_of_a_new_item_does_not_break(self, view, scorer):
        query = widened(ask(view, 0), 2)
        history = query.history.toarray()
        history[0, -1] = 1.0
        assert np.isfinite(scorer.score(replace(query, history=csr(history)))).all()

    def test_a_like_counts_at_once(self, view, scorer):
        """A resident who so far did even things likes odd ones: odd ones rise, without a refit."""
        before = after = ask(view, 0)
        for item in (3, 5, 7, 9):
            after = liked(after, item)
        gain = (scorer.score(after) - scorer.score(before))[0]
        if self.reads_history:
            assert gain[11:20:2].mean() > gain[10:20:2].mean() + 1e-4
        else:
            assert not gain.any()

    def test_nothing_to_learn_from(self):
        empty = stranger(checkerboard().items, row=3)
        scorer = self.make().fit(empty, seed=7)
        assert np.isfinite(scorer.score(ask(empty, 0, 1))).all()

    def test_masked_residents_are_no_evidence(self, view, scorer):
        """Scores with someone masked are those of a model that never knew their deeds."""
        asked = ask(view, 0)
        masked = replace(asked, masked=np.array([2]))
        if isinstance(scorer, SocialScorer | CommunityScorer):
            never = self.make().fit(without_resident(view, 2), seed=7)
            np.testing.assert_allclose(scorer.score(masked), never.score(asked), rtol=1e-5)
            assert not np.array_equal(scorer.score(asked), scorer.score(masked))  # it had counted
        else:
            assert np.array_equal(scorer.score(asked), scorer.score(masked))


class TestPopular(ScorerContract):
    reads_history = False
    is_personal = False

    def make(self) -> Scorer:
        return PopularScorer()

    def test_prefers_the_own_colour(self, view, scorer):
        """It knows no colours: its right answer is the number of people."""
        people = np.asarray((view.interactions > 0).sum(axis=0)).reshape(-1)
        scores = scorer.score(ask(view, 0))[0]
        assert (np.diff(scores[np.argsort(people, kind="stable")]) >= 0).all()

    def test_old_deeds_fade(self, view):
        old = replace(view, times=np.where(view.interactions.indices < 20, 0, NOW))
        scores = PopularScorer(half_life_days=30).fit(old, seed=0).score(ask(view, 0))[0]
        assert scores[20:].min() > scores[:20].max()

    @pytest.mark.parametrize(
        ("people", "told"),
        [(19, None), (20, "20-50"), (49, "20-50"), (50, "50-200"), (200, "200+")],
    )
    def test_counts_are_told_in_buckets_from_20_on(self, people, told):
        did = np.zeros((250, 2), np.float32)
        did[:people, 0] = 2.0
        did[:, 1] = 1.0  # likes are no taking part
        view = replace(stranger(checkerboard().items.take(np.array([0, 1])), row=249))
        view = replace(view, interactions=csr(did), times=np.full(people + 250, NOW))
        scorer = PopularScorer().fit(view, seed=0)
        found = scorer.evidence(ask(view, 0), 0)
        assert (found.slots["bucket"] if found else None) == told
        assert scorer.evidence(ask(view, 0), 1) is None

    def test_those_masked_are_not_counted(self, view):
        did = np.full((20, 1), 2.0, np.float32)
        view = replace(
            stranger(view.items.take(np.array([0])), row=19),
            interactions=csr(did),
            times=np.full(20, NOW),
        )
        scorer = PopularScorer().fit(view, seed=0)
        assert scorer.evidence(ask(view, 0), 0) is not None
        assert scorer.evidence(replace(ask(view, 0), masked=np.array([3])), 0) is None


class TestTrending(TestPopular):
    def make(self) -> Scorer:
        return TrendingScorer()

    def test_fades_faster_than_popularity(self):
        assert TrendingScorer().half_life_days < PopularScorer().half_life_days / 10


class TestUntried(ScorerContract):
    is_personal = False
    reads_history = False

    def make(self) -> Scorer:
        return UntriedScorer()

    @pytest.fixture
    def view(self) -> View:
        """Nobody but resident 4 joined item 20; nobody at all joined item 21."""
        view = checkerboard()
        did = view.interactions.toarray()
        did[:, 20:22] = 0.0
        did[4, 20] = 2.0
        return replace(view, interactions=csr(did), times=np.full((did > 0).sum(), NOW))

    def test_prefers_the_own_colour(self, view, scorer):
        """It knows no colours: what nobody joined comes first."""
        assert np.flatnonzero(scorer.score(ask(view, 0))[0]).tolist() == [21]

    def test_items_that_opened_since(self, view, scorer):
        scores = scorer.score(widened(ask(view, 0), 4))[0]
        assert scores[-4:].tolist() == [1.0] * 4


class TestNearHome(ScorerContract):
    reads_history = False
    is_personal = False

    def make(self) -> Scorer:
        return NearHomeScorer(prior=20.0)

    def test_without_a_home_it_is_popularity(self, view, scorer):
        scores = scorer.score(ask(stranger(view.items), 0))[0]
        assert np.array_equal(np.argsort(scores), np.argsort(scorer.share_))


class TestItemItem(ScorerContract):
    def make(self) -> Scorer:
        return ItemItemScorer(regularization=5.0)

    def test_cites_the_own_item_that_speaks_loudest(self, view, scorer):
        evidence = scorer.evidence(ask(view, 0), 10)
        assert evidence is not None
        own = [f"item-{i}" for i in view.interactions[[0]].indices]
        assert evidence.slots["item"] in own

    def test_a_view_alone_is_not_cited(self, view, scorer):
        query = ask(view, 0)
        assert scorer.evidence(replace(query, history=query.history * 0.1), 10) is None


class TestALS(ScorerContract):
    def make(self) -> Scorer:
        return ALSScorer(factors=4, regularization=1.0, ties=0.0, iterations=8)


class TestALSWithTies(ScorerContract):
    def make(self) -> Scorer:
        return ALSScorer(factors=4, regularization=1.0, ties=0.5, iterations=8)

    def test_masked_residents_are_no_evidence(self, view, scorer):
        """Scores with a friend masked are those without the tie."""
        query = ask(view, 0)
        masked = scorer.score(replace(query, masked=np.array([2])))
        assert not np.array_equal(scorer.score(query), masked)  # it had counted
        ties = view.ties.toarray()
        ties[0, 2] = 0.0
        scorer = type(scorer).restore(
            scorer.config(), {**scorer.arrays(), **csr_arrays("ties", csr(ties))}
        )
        np.testing.assert_allclose(masked, scorer.score(query), atol=1e-6)

    def test_friends_speak_for_whoever_did_nothing_yet(self, view, scorer):
        """And nobody speaks for them once they withdrew something."""
        query = replace(ask(view, 0), history=csr(np.zeros((1, view.n_items))))
        scores = scorer.score(query)[0]
        assert scores[::2].mean() > scores[1::2].mean() + 0.1
        assert not scorer.score(replace(query, masked=np.array([0]))).any()


class TestContent(ScorerContract):
    learns_from_interactions = False
    judges_new_items = True

    def make(self) -> Scorer:
        return ContentScorer()

    def test_never_cites_needs_or_occupations(self, view, scorer):
        query = ask(view, 0)
        nothing = empty_csr(1, 2)
        assert scorer.evidence(query, 2) is not None
        secret = replace(query, interests=nothing, offers=nothing)
        assert scorer.score(secret)[0, 2] > 0  # they do count
        assert scorer.evidence(secret, 2) is None


class TestAffinity(ScorerContract):
    judges_new_items = True

    def make(self) -> Scorer:
        return AffinityScorer()


class TestOwnGroup(ScorerContract):
    learns_from_interactions = False
    judges_new_items = True

    def make(self) -> Scorer:
        return OwnGroupScorer()

    def test_items_that_opened_since(self, view, scorer):
        query = widened(ask(view, 0), 4)
        scores = scorer.score(query)[0]
        assert scores[-2] > scores[-1] == 0.0  # of the own group, of the other


class TestDistance(ScorerContract):
    learns_from_interactions = False
    judges_new_items = True
    reads_history = False

    def make(self) -> Scorer:
        return DistanceScorer()

    def test_cites_the_own_grid_only_with_20_residents(self, view, scorer):
        assert scorer.evidence(ask(view, 0), 2) is not None
        small = checkerboard(n_residents=38)
        assert DistanceScorer().fit(small, seed=0).evidence(ask(small, 0), 2) is None


class TestFresh(ScorerContract):
    is_personal = False
    learns_from_interactions = False
    judges_new_items = True
    reads_history = False

    def make(self) -> Scorer:
        return FreshScorer()

    def test_prefers_the_own_colour(self, view, scorer):
        """It knows no colours: the newest comes first."""
        opened = NOW - np.arange(view.n_items) * 86_400
        query = replace(ask(view, 0), items=replace(view.items, opened=opened))
        assert (np.diff(scorer.score(query)[0]) < 0).all()

    def test_items_that_opened_since(self, view, scorer):
        query = widened(ask(view, 0), 4)
        opened = np.append(view.items.opened, np.full(4, NOW))
        scores = scorer.score(replace(query, items=replace(query.items, opened=opened)))[0]
        assert scores[-4:].min() > scores[:-4].max()


class TestSocial(ScorerContract):
    reads_history = False

    def make(self) -> Scorer:
        return SocialScorer()

    def test_a_masked_resident_gets_nothing_from_ties(self, view, scorer):
        query = ask(view, 0)
        assert scorer.score(query).any()
        assert not scorer.score(replace(query, masked=np.array([0]))).any()

    def test_keeps_no_histories_where_nobody_has_ties(self, view):
        untied: CSR = empty_csr(view.n_residents, view.n_residents)
        scorer = SocialScorer().fit(replace(view, ties=untied), seed=0)
        assert scorer.did_.nnz == 0


class TestCommunity(ScorerContract):
    reads_history = False

    def make(self) -> Scorer:
        return CommunityScorer()

    def test_nobodys_own_past_speaks_for_them(self, view, scorer):
        """An item that the resident alone of their colour took up scores as one nobody did."""
        dense = view.interactions.toarray()
        dense[0, 39] = 2.0
        alone = replace(view, interactions=csr(dense), times=np.full(int((dense > 0).sum()), NOW))
        scores = self.make().fit(alone, seed=7).score(ask(alone, 0))[0]
        assert scores[39] == 0.0

    def test_a_masked_resident_gets_nothing_from_a_community(self, view, scorer):
        query = ask(view, 0)
        assert scorer.score(query).any()
        assert not scorer.score(replace(query, masked=np.array([0]))).any()


class TestVenue(ScorerContract):
    learns_from_interactions = False
    judges_new_items = True

    def make(self) -> Scorer:
        return VenueScorer()


def with_four_groups(view: View) -> View:
    """Items 0 to 3 are the groups, two of each colour; every other item has one of its colour."""
    rows = np.arange(view.n_items)
    group = np.where(rows < 4, -1, rows % 4).astype(np.int32)
    kind = view.items.kind.copy()
    kind[2:4] = kind[0]
    return replace(view, items=replace(view.items, group=group, kind=kind))


class ByGroup(ScorerContract):
    @pytest.fixture
    def view(self) -> View:
        return with_four_groups(checkerboard())

    def test_items_that_opened_since(self, view, scorer):
        query = widened(ask(view, 0), 8)  # the last four are no groups
        scores = scorer.score(query)[0]
        assert scores[-4::2].mean() > scores[-3::2].mean()
        assert not scores[-8:-4].any()  # groups that organise nothing yet

    def test_says_nothing_where_nobody_organises(self, view):
        alone = replace(view.items, group=np.full(view.n_items, -1, np.int32))
        scorer = self.make().fit(replace(view, items=alone), seed=7)
        assert not scorer.score(ask(replace(view, items=alone), 0)).any()


class TestGroupItem(ByGroup):
    def make(self) -> Scorer:
        return GroupItemScorer()


class TestGroupALS(ByGroup):
    def make(self) -> Scorer:
        return GroupALSScorer(factors=4, regularization=1.0, iterations=8)


def with_starts(view: View) -> View:
    """What is no group starts on a Monday if it is even, else on the day after; one each week."""
    rows = np.arange(view.n_items)
    starts = NOW + 86_400 * (7 * (rows // 2) + rows % 2)
    return replace(view, items=replace(view.items, starts=np.where(rows < 2, -1, starts)))


class Timing(ScorerContract):
    learns_from_interactions = False
    judges_new_items = True

    @pytest.fixture
    def view(self) -> View:
        return with_starts(checkerboard())


class TestHabit(Timing):
    def make(self) -> Scorer:
        return HabitScorer()


class TestSoon(Timing):
    reads_history = False
    is_personal = False

    def make(self) -> Scorer:
        return SoonScorer()

    def test_prefers_the_own_colour(self, view, scorer):
        """It knows no colours: what starts first comes first."""
        assert (np.diff(scorer.score(ask(view, 0))[0, 2:]) < 0).all()

    def test_has_nothing_to_say_of_what_began_or_never_begins(self, view, scorer):
        later = replace(ask(view, 0), now=int(view.items.starts[10]))
        scores = scorer.score(later)[0]
        assert not scores[:11].any()
        assert scores[11] > 0


class TestTurn(Timing):
    reads_history = False
    is_personal = False

    def make(self) -> Scorer:
        return TurnScorer()

    def test_prefers_the_own_colour(self, view, scorer):
        """It knows no colours: of one group the next thing comes first."""
        scores = scorer.score(ask(view, 0))[0]
        for side in (0, 1):
            assert (np.diff(scores[2 + side :: 2]) < 0).all()

    def test_items_that_opened_since(self, view, scorer):
        query = widened(ask(view, 0), 4)
        scores = scorer.score(query)[0]
        assert (scores[-2:] < scores[2:4]).all()  # one more of the group at the same hour
        assert (scores[4:6] < scorer.score(ask(view, 0))[0, 4:6]).all()


class TestSpectral(ScorerContract):
    def make(self) -> Scorer:
        return SpectralScorer(factors=4)

    def test_masked_residents_are_no_evidence(self, view, scorer):
        """Scores with someone masked are those of a filter without their row."""
        asked = ask(view, 0)
        masked = replace(asked, masked=np.array([2, 1000]))
        people = scorer.people_.toarray()
        people[:, 2] = 0.0
        arrays = {**scorer.arrays(), **csr_arrays("people", csr(people))}
        never = SpectralScorer.restore(scorer.config(), arrays)
        every = np.arange(view.n_items)
        for some in (None, every):
            found = scorer.score(masked, some)
            np.testing.assert_allclose(found, never.score(asked, some), atol=1e-6)
            assert not np.array_equal(found, scorer.score(asked, some))  # they had counted

    def test_cites_the_own_item_that_speaks_loudest(self, view, scorer):
        """Loudest is what costs the item most when it is taken away."""
        query = ask(view, 0)
        evidence = scorer.evidence(query, 10)
        whole = scorer.score(query)[0, 10]
        losses = {}
        for item in view.interactions[[0]].indices:
            left = scorer.score(liked(query, int(item), 0.0))[0, 10]
            losses[f"item-{item}"] = whole - left
        assert evidence is not None
        assert losses[evidence.slots["item"]] >= max(losses.values()) - 1e-6

    def test_a_view_alone_is_not_cited(self, view, scorer):
        query = ask(view, 0)
        assert scorer.evidence(replace(query, history=query.history * 0.1), 10) is None

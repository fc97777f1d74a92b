"""What residents were shown: sealed, kept only with their consent, gone with it."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import update

from graph.errors import CorruptStore, Denied
from graph.gate import Gate, ImpressionBuffer, Place, ShownList, shown_and_done, tidy_impressions
from graph.ledger import tables
from graph.ledger.impression_files import Record, SegmentWriter
from graph.ledger.ledger import Ledger
from graph.ledger.outbox import EventKind
from graph.ledger.rows import RowKind
from graph.model import (
    Actor,
    DataCategory,
    InteractionKind,
    ItemId,
    Purpose,
    RecId,
    ResidentId,
    StaffRole,
)
from graph.schema import interaction_category
from tests.conftest import FixedClock
from tests.contract.ledger.data import LI, OPERATOR, TAICHI, WANG, make_grant
from tests.ledger_worker import NOW

CHESS = ItemId("a-chess")
JOBS = Actor("jobs", StaffRole.OPERATOR, OPERATOR, "linli")
LONG_AGO = NOW - timedelta(days=1000)


def shown(resident: ResidentId, *, n: int = 0, at: object = NOW) -> ShownList:
    row = {LI: 0, WANG: 1}[resident]
    places = tuple(
        Place(RecId(f"rec-{row}-{n}-{rank}"), item, rank, propensity)
        for rank, item, propensity in ((1, TAICHI, 1.0), (2, CHESS, 0.9))
    )
    return ShownList(resident, row, at, "feed", "model-1", "personal", places)


@pytest.fixture
def home(ledger: Ledger) -> Ledger:
    """Two residents who authorise both categories, and two items."""
    with ledger.write() as tx:
        ledger.rows.assign(tx, RowKind.RESIDENT, [LI, WANG])
        ledger.rows.assign(tx, RowKind.ITEM, [TAICHI, CHESS])
        give(ledger, tx, LI, "first")
        give(ledger, tx, WANG, "first")
    return ledger


def give(ledger: Ledger, tx, resident: ResidentId, key: str) -> None:
    grants = [
        make_grant(resident, id=f"{key}-{resident}-{category}", category=category)
        for category in (DataCategory.INTEREST, DataCategory.ATTENDANCE)
    ]
    ledger.grants.give(tx, grants, key=f"{key}-{resident}")


def withdraw(ledger: Ledger, resident: ResidentId, category: DataCategory | None = None) -> None:
    with ledger.write() as tx:
        ledger.grants.withdraw(
            tx,
            resident,
            institution=None,
            category=category,
            purpose=Purpose.FEED,
            at=NOW,
            key=f"out-{resident}-{category}",
        )


def epoch(ledger: Ledger) -> int:
    with ledger.read() as tx:
        return ledger.outbox.head(tx).epoch


def write(ledger: Ledger, lists: Sequence[ShownList], *, under: int | None = None) -> int:
    buffer = ImpressionBuffer(ledger, OPERATOR)
    for one in lists:
        buffer._waiting.append((epoch(ledger) if under is None else under, one))
    return buffer.flush()


def kept(ledger: Ledger) -> list[ShownList]:
    with ledger.read() as tx:
        return list(ledger.impressions.lists(tx, [LI, WANG], since=LONG_AGO))


def files(ledger: Ledger) -> list[Path]:
    return sorted(ledger.impressions.folder.glob("*"))


def tap(ledger: Ledger, rec_id: str, kind: InteractionKind, resident: ResidentId = LI) -> None:
    with ledger.write() as tx:
        ledger.outbox.append(
            tx,
            kind=EventKind.INTERACTION,
            key=f"{rec_id}-{kind}",
            subject=resident,
            category=interaction_category(kind),
            payload={
                "kind": kind.value,
                "item": TAICHI,
                "at": NOW.isoformat(),
                "rec_id": rec_id,
            },
            at=NOW,
        )


class TestKeeping:
    def test_lists_come_back_as_they_were_shown(self, home: Ledger):
        lists = [shown(LI), shown(WANG), shown(LI, n=1)]
        assert write(home, lists[:2]) == 2
        assert write(home, lists[2:]) == 1
        assert sorted(kept(home), key=str) == sorted(lists, key=str)

    def test_a_buffer_writes_by_itself_and_when_it_is_closed(self, home: Ledger):
        buffer = ImpressionBuffer(home, OPERATOR)
        for n in range(50):
            buffer.put(shown(LI, n=n), epoch=epoch(home))
        buffer.close()
        assert len(kept(home)) == 50

    def test_nothing_can_be_read_from_the_files(self, home: Ledger):
        write(home, [shown(LI), shown(WANG)])
        raw = b"".join(path.read_bytes() for path in files(home))
        words = [LI, WANG, TAICHI, CHESS, "rec-0-0-1", "model-1", "feed"]
        assert [word for word in words if word.encode() in raw] == []
        plain = repr(kept(home)).encode()  # the control: this is where the words would be found
        assert [word for word in words if word.encode() not in plain] == []

    def test_a_full_disk_loses_lists_and_no_others(self, home: Ledger, tmp_path: Path):
        write(home, [shown(LI)])
        path = files(home)[0]
        path.write_bytes(path.read_bytes()[:-7])  # what a full disk left of the last record
        write(home, [shown(WANG)])
        assert kept(home) == [shown(WANG)]

    def test_a_writer_goes_on_in_another_file_after_an_error(self, tmp_path: Path):
        folder = tmp_path / "impressions"
        writer = SegmentWriter(folder)
        folder.write_text("in the way")
        with pytest.raises(OSError, match="impressions"):
            writer.append([Record(0, 0, 0, b"x")], at=NOW)
        folder.unlink()
        writer.append([Record(0, 0, 0, b"x")], at=NOW)
        assert len(list(folder.iterdir())) == 1

    def test_lists_wait_while_the_disk_is_away(self, home: Ledger):
        folder = home.impressions.folder
        folder.parent.mkdir(exist_ok=True)
        folder.write_text("in the way")
        buffer = ImpressionBuffer(home, OPERATOR)
        buffer._waiting.append((epoch(home), shown(LI)))
        with pytest.raises(OSError, match="impressions"):
            buffer.flush()
        folder.unlink()
        assert buffer.flush() == 1
        assert kept(home) == [shown(LI)]


class TestDamage:
    def test_a_file_cut_anywhere_keeps_the_records_before(self, home: Ledger):
        lists = [shown(LI, n=n) for n in range(3)]
        write(home, lists)
        path = files(home)[0]
        whole = path.read_bytes()
        seen = set()
        for length in range(0, len(whole) + 1, 5):
            path.write_bytes(whole[:length])
            found = kept(home)
            assert found == lists[: len(found)]
            seen.add(len(found))
        assert seen >= {0, 1, 2}

    def test_a_changed_bit_is_noticed_or_costs_what_follows(self, home: Ledger, rng):
        lists = [shown(LI, n=n) for n in range(3)]
        write(home, lists)
        path = files(home)[0]
        whole = path.read_bytes()
        noticed = 0
        for at in rng.integers(0, len(whole), 60):
            broken = bytearray(whole)
            broken[at] ^= 1 << int(rng.integers(8))
            path.write_bytes(bytes(broken))
            try:
                found = kept(home)
            except CorruptStore:
                noticed += 1
            else:
                assert found == lists[: len(found)] != lists
        assert noticed > 30

    def test_a_record_does_not_open_as_somebody_elses(self, home: Ledger):
        write(home, [shown(LI), shown(WANG)])
        with home.read() as tx, pytest.raises(CorruptStore, match="seal"):
            list(home.impressions.lists(tx, [WANG, LI], since=LONG_AGO))


class TestForgetting:
    @pytest.mark.parametrize("category", [None, DataCategory.INTEREST, DataCategory.ATTENDANCE])
    def test_a_withdrawal_makes_all_of_it_unreadable(
        self, home: Ledger, category: DataCategory | None
    ):
        write(home, [shown(LI), shown(WANG)])
        assert {one.resident for one in kept(home)} == {LI, WANG}  # the control
        withdraw(home, LI, category)
        assert [one.resident for one in kept(home)] == [WANG]

    def test_a_copy_of_the_files_is_unreadable_too(self, home: Ledger, tmp_path: Path):
        write(home, [shown(LI)])
        copy = shutil.copytree(home.impressions.folder, tmp_path / "copy")
        withdraw(home, LI)
        for path in files(home):
            path.unlink()
        for path in copy.iterdir():
            shutil.copy(path, home.impressions.folder)
        assert kept(home) == []

    def test_what_waits_when_somebody_withdraws_is_never_written(self, home: Ledger):
        before = epoch(home)
        withdraw(home, LI, DataCategory.ATTENDANCE)
        assert write(home, [shown(LI), shown(WANG)], under=before) == 1
        assert [one.resident for one in kept(home)] == [WANG]
        # The control: a buffer that did not look at the epoch would have written it.
        assert write(home, [shown(LI)]) == 1

    def test_somebody_who_authorises_again_begins_anew(self, home: Ledger):
        write(home, [shown(LI)])
        withdraw(home, LI)
        with home.write() as tx:
            give(home, tx, LI, "again")
        write(home, [shown(LI, n=7)])
        assert kept(home) == [shown(LI, n=7)]
        with home.write() as tx:
            assert home.impressions.forget(tx, [LI], at=NOW) == 1
            assert home.impressions.forget(tx, [LI], at=NOW) == 0
        assert kept(home) == []

    def test_an_undone_import_takes_what_its_grants_allowed(self, home: Ledger):
        write(home, [shown(LI), shown(WANG)])
        with home.write() as tx:
            mine = tables.grants.c.resident == LI
            tx.execute(update(tables.grants).where(mine).values(batch="register-1"))
            assert home.grants.revoke_batch(tx, "register-1", NOW) == 2
        assert [one.resident for one in kept(home)] == [WANG]

    def test_withdrawing_for_another_purpose_forgets_nothing(self, home: Ledger):
        write(home, [shown(LI)])
        with home.write() as tx:
            other = make_grant(LI, id="g-match", purpose=Purpose.GROUP_MATCHING)
            home.grants.give(tx, [other], key="match")
            home.grants.withdraw(
                tx,
                LI,
                institution=None,
                category=None,
                purpose=Purpose.GROUP_MATCHING,
                at=NOW,
                key="out",
            )
        assert kept(home) == [shown(LI)]


class TestTidying:
    def test_old_files_go_and_forgotten_records_are_written_out_of_the_others(
        self, home: Ledger, clock: FixedClock
    ):
        gate = Gate(home, clock)
        write(home, [shown(LI), shown(WANG)])
        withdraw(home, LI)
        whole = files(home)[0].stat().st_size

        def tidy() -> list[str]:
            return tidy_impressions(gate, home, JOBS, lasts=timedelta(days=90))

        assert tidy() == []
        assert files(home)[0].stat().st_size == whole  # today's: somebody may be writing to it
        clock.advance(days=3)
        assert tidy() == []
        assert files(home)[0].stat().st_size < whole
        assert [one.resident for one in kept(home)] == [WANG]
        clock.advance(days=40)  # the grants have run out, and nobody withdrew
        assert tidy() == []
        assert kept(home) == []
        clock.advance(days=60)
        assert len(tidy()) == 1
        assert files(home) == []


class TestLearning:
    def test_taps_are_joined_by_their_suggestion(self, home: Ledger, clock: FixedClock):
        write(home, [shown(LI), shown(WANG)])
        tap(home, "rec-0-0-2", InteractionKind.LIKE)
        tap(home, "rec-0-0-2", InteractionKind.SIGN_UP)
        tap(home, "rec-1-0-1", InteractionKind.DISMISS)  # Li cannot tap on Wang's suggestion
        found = shown_and_done(Gate(home, clock), home, JOBS, since=LONG_AGO)
        assert found.residents.tolist() == [0, 0, 1, 1]
        assert found.items.tolist() == [0, 1, 0, 1]
        assert found.ranks.tolist() == [1, 2, 1, 2]
        np.testing.assert_allclose(found.propensities, [1.0, 0.9, 1.0, 0.9])
        assert found.did(InteractionKind.LIKE).tolist() == [False, True, False, False]
        assert found.did(InteractionKind.SIGN_UP).tolist() == [False, True, False, False]
        assert not found.did(InteractionKind.DISMISS).any()
        assert found.joins.tolist() == [1, 0]
        assert set(found.arms) == {"personal"}

    def test_only_who_authorises_both_categories_now_is_learnt_from(
        self, home: Ledger, clock: FixedClock
    ):
        write(home, [shown(LI), shown(WANG)])
        gate = Gate(home, clock)
        clock.advance(days=31)  # the grants ended by themselves; the keys are there still
        assert len(kept(home)) == 2
        assert len(shown_and_done(gate, home, JOBS, since=LONG_AGO).items) == 0

    def test_whoever_may_not_train_reads_nothing(self, home: Ledger, clock: FixedClock):
        write(home, [shown(LI)])
        worker = dataclasses.replace(JOBS, role=StaffRole.GRID_WORKER)
        with pytest.raises(Denied):
            shown_and_done(Gate(home, clock), home, worker, since=LONG_AGO)

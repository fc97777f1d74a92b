"""Seats and waiting lists."""

from __future__ import annotations

import subprocess
import threading
from pathlib import Path

import pytest

from graph.errors import (
    DataError,
)
from graph.ledger.bookings import BookingState
from graph.ledger.ledger import Ledger
from graph.model import (
    ItemId,
    ResidentId,
)
from tests.conftest import ROOT
from tests.contract.ledger.data import (
    LI,
    TAICHI,
    WANG,
    WORKER,
    ZHAO,
)
from tests.ledger_worker import NOW
from tests.sizes import Sizes


class TestBookings:
    def test_seats_then_a_line_in_order(self, ledger: Ledger):
        with ledger.write() as tx:
            ledger.bookings.set_seats(tx, TAICHI, 1)
            got = [ledger.bookings.book(tx, TAICHI, r, at=NOW) for r in (LI, WANG, ZHAO)]
            again = ledger.bookings.book(tx, TAICHI, ZHAO, at=NOW)
        assert [(b.state, b.position, b.already) for b in got] == [
            (BookingState.CONFIRMED, None, False),
            (BookingState.WAITLIST, 1, False),
            (BookingState.WAITLIST, 2, False),
        ]
        assert (again.state, again.position, again.already) == (BookingState.WAITLIST, 2, True)
        with ledger.write() as tx:
            assert ledger.bookings.taken(tx, [TAICHI]) == {TAICHI: (1, 1, 2)}
            assert ledger.bookings.cancel(tx, TAICHI, LI, at=NOW) == WANG
            assert ledger.bookings.cancel(tx, TAICHI, LI, at=NOW) is None
            assert ledger.bookings.taken(tx, None) == {TAICHI: (1, 1, 1)}
            assert ledger.bookings.of(tx, ZHAO)[0].position == 1
            assert ledger.bookings.of(tx, WANG)[0].state is BookingState.CONFIRMED
            assert ledger.bookings.book(tx, TAICHI, LI, at=NOW).position == 2

    def test_leaving_the_line_moves_nobody_up(self, ledger: Ledger):
        with ledger.write() as tx:
            ledger.bookings.set_seats(tx, TAICHI, 1)
            for who in (LI, WANG, ZHAO):
                ledger.bookings.book(tx, TAICHI, who, at=NOW)
            assert ledger.bookings.cancel(tx, TAICHI, WANG, at=NOW) is None
            assert ledger.bookings.taken(tx, None) == {TAICHI: (1, 1, 1)}
            assert ledger.bookings.cancel(tx, TAICHI, LI, at=NOW) == ZHAO

    def test_more_seats_take_from_the_line_and_fewer_take_from_nobody(self, ledger: Ledger):
        with ledger.write() as tx:
            ledger.bookings.set_seats(tx, TAICHI, 0)
            for who in (ZHAO, LI, WANG):
                ledger.bookings.book(tx, TAICHI, who, at=NOW)
            assert ledger.bookings.set_seats(tx, TAICHI, 2) == [ZHAO, LI]
            assert ledger.bookings.set_seats(tx, TAICHI, 1) == []
            assert ledger.bookings.taken(tx, None) == {TAICHI: (1, 2, 1)}
            assert ledger.bookings.cancel(tx, TAICHI, LI, at=NOW) is None  # still full
            assert ledger.bookings.set_seats(tx, TAICHI, None) == [WANG]
            with pytest.raises(DataError):
                ledger.bookings.set_seats(tx, TAICHI, -1)

    def test_no_limit_means_everybody(self, ledger: Ledger):
        with ledger.write() as tx:
            states = {
                ledger.bookings.book(tx, TAICHI, ResidentId(f"r{n}"), at=NOW).state
                for n in range(30)
            }
        assert states == {BookingState.CONFIRMED}

    def test_the_last_seat_goes_to_one_of_many_threads(self, ledger: Ledger, sizes: Sizes):
        rounds = max(5, 200 // sizes.rivals)
        for n in range(rounds):
            item = ItemId(f"race-{n}")
            with ledger.write() as tx:
                ledger.bookings.set_seats(tx, item, 1)
            states: list[str] = []
            gate = threading.Barrier(sizes.rivals)

            def race(who: str, item: ItemId = item, gate: threading.Barrier = gate) -> None:
                gate.wait()
                with ledger.write() as tx:
                    got = ledger.bookings.book(tx, item, ResidentId(who), at=NOW)
                states.append(got.state)  # noqa: B023 - joined before the next round

            threads = [threading.Thread(target=race, args=(f"r{k}",)) for k in range(sizes.rivals)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert states.count(BookingState.CONFIRMED) == 1
            assert states.count(BookingState.WAITLIST) == sizes.rivals - 1
            with ledger.write() as tx:
                order = [ledger.bookings.cancel(tx, item, _winner(ledger, tx, item), at=NOW)]
                while order[-1] is not None:
                    order.append(ledger.bookings.cancel(tx, item, order[-1], at=NOW))
            assert (
                len(set(order)) == sizes.rivals
            )  # everybody in line got the seat once, then nobody

    def test_the_last_seat_goes_to_one_of_several_processes(
        self, ledger: Ledger, ledger_url: str, tmp_path: Path, sizes: Sizes
    ):
        items = max(50, sizes.rivals)
        with ledger.write() as tx:
            for n in range(items):
                ledger.bookings.set_seats(tx, ItemId(f"i{n}"), 1)
        rivals = [
            subprocess.Popen(
                [*WORKER, "book", ledger_url, str(tmp_path), name, str(items)],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for name in ("p1", "p2", "p3", "p4")
        ]
        for rival in rivals:
            assert rival.stdin is not None
            rival.stdin.write("go\n")
            rival.stdin.flush()
        said = [rival.communicate()[0].split("\n") for rival in rivals]
        assert [rival.returncode for rival in rivals] == [0, 0, 0, 0]
        won = [line for lines in said for line in lines if line.endswith(" confirmed")]
        assert sorted(won) == sorted(f"i{n} confirmed" for n in range(items))
        with ledger.read() as tx:
            assert set(ledger.bookings.taken(tx, None).values()) == {(1, 1, 3)}


def _winner(ledger: Ledger, tx: object, item: ItemId) -> ResidentId:
    line = tx.exec_driver_sql(  # type: ignore[attr-defined]
        f"SELECT resident FROM bookings WHERE item = '{item}' AND state = 'confirmed'"  # noqa: S608
    )
    return ResidentId(line.scalar_one())

"""Requests, runs and leases."""

from __future__ import annotations

from datetime import timedelta

import pytest

from graph.errors import (
    Conflict,
    LeaseLost,
    NotFound,
)
from graph.ledger.ledger import Ledger
from graph.ledger.runs import RunState
from tests.ledger_worker import NOW


class TestRunsAndLeases:
    def test_a_request_is_claimed_once_and_answered(self, ledger: Ledger):
        with ledger.write() as tx:
            asked = ledger.runs.request(tx, "train", {"seed": 7}, "operator", NOW)
        with ledger.write() as tx:
            request = ledger.runs.claim(tx, "jobs-1", NOW)
            assert request is not None
            assert (request.id, request.job, request.args) == (asked, "train", {"seed": 7})
            assert ledger.runs.claim(tx, "jobs-2", NOW) is None
            run = ledger.runs.start(tx, "train", f"request-{asked}", NOW, request=asked)
            ledger.runs.progress(tx, run, 1, 4, "fitting")
            ledger.runs.finish(tx, run, True, "done", NOW)
            found = ledger.runs.of_request(tx, asked)
            assert found is not None
            assert (found.state, found.done, found.total) == (RunState.DONE, 1, 4)
            assert ledger.runs.last_done(tx, "train") == found
            assert ledger.runs.latest(tx) == [found]

    def test_the_newest_request_that_says_something_is_found(self, ledger: Ledger):
        with ledger.write() as tx:
            for batch in ("b1", "b2", "b1", "b3"):
                ledger.runs.request(tx, "import", {"batch": batch, "n": 1}, "operator", NOW)
            ledger.runs.request(tx, "train", {"batch": "b1"}, "operator", NOW)
            found = ledger.runs.last_request(tx, "import", {"batch": "b1"})
            assert found is not None
            assert (found.id, found.args["batch"], found.at) == (3, "b1", NOW)
            assert ledger.runs.last_request(tx, "import", {"batch": "b4"}) is None
            assert ledger.runs.last_request(tx, "import", {"batch": "b1"}, within=1) is None

    def test_a_slot_runs_once(self, ledger: Ledger):
        with ledger.write() as tx:
            run = ledger.runs.start(tx, "drain", "2026-06-01T08", NOW)
            with pytest.raises(Conflict):
                ledger.runs.start(tx, "drain", "2026-06-01T08", NOW)
            ledger.runs.finish(tx, run, True, "", NOW)
            with pytest.raises(Conflict):
                ledger.runs.start(tx, "drain", "2026-06-01T08", NOW)
            with pytest.raises(NotFound):
                ledger.runs.get(tx, 999)

    def test_what_a_dead_process_left_is_done_again(self, ledger: Ledger):
        with ledger.write() as tx:
            asked = ledger.runs.request(tx, "train", {}, "operator", NOW)
            ledger.runs.claim(tx, "jobs-1", NOW)
            run = ledger.runs.start(tx, "train", "s", NOW, request=asked)
        with ledger.write() as tx:
            assert ledger.runs.recover(tx, NOW) == 1
            assert ledger.runs.get(tx, run).state is RunState.LOST
            request = ledger.runs.claim(tx, "jobs-2", NOW)
            assert request is not None
            assert ledger.runs.start(tx, "train", "s", NOW, request=asked) == run
            assert ledger.runs.get(tx, run).attempts == 2

    def test_a_lease_has_one_holder_and_rising_tokens(self, ledger: Ledger):
        ttl, later = timedelta(seconds=30), NOW + timedelta(seconds=31)
        leases = ledger.leases
        with ledger.write() as tx:
            assert leases.acquire(tx, "graph", "a", ttl, NOW) == 1
            assert leases.acquire(tx, "graph", "b", ttl, NOW) is None
            assert leases.ask(tx, "graph", "b", NOW)
            assert leases.asked(tx, "graph") == "b"
            leases.renew(tx, "graph", "a", 1, ttl, NOW)
        with ledger.write() as tx:
            assert leases.acquire(tx, "graph", "b", ttl, later) == 2
            assert leases.asked(tx, "graph") is None
            with pytest.raises(LeaseLost):
                leases.renew(tx, "graph", "a", 1, ttl, later)
            leases.release(tx, "graph", "a", 1)  # not its own any more
            held = leases.holder(tx, "graph", later)
            assert held is not None
            assert (held.holder, held.token) == ("b", 2)
            with pytest.raises(LeaseLost):  # an earlier life of the same holder
                leases.renew(tx, "graph", "b", 1, ttl, later)
            leases.release(tx, "graph", "b", 2)
            assert leases.holder(tx, "graph", later) is None
            assert not leases.ask(tx, "graph", "c", later)
            assert leases.acquire(tx, "graph", "c", ttl, later) == 3

"""What the served model may know of a resident is masked from withdrawal to the next fit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from graph.gate import open_graph
from graph.live import Live
from graph.model import InstitutionId, ResidentId
from jobs.site import open_site
from jobs.steps import take_snapshot, train
from tests.integration.demo_world import Instance


def withdraw_everything(web: Instance, resident: ResidentId, key: str) -> None:
    ledger = web.floors.ledger
    with ledger.write() as tx:
        ledger.grants.withdraw(
            tx,
            resident,
            institution=InstitutionId("operator"),
            category=None,
            purpose=None,
            at=web.floors.clock(),
            key=key,
        )


def somebody_who_authorised(web: Instance) -> tuple[int, ResidentId]:
    picture = web.floors.live.catch_up().snapshot
    row = int(np.argmax((picture.masks != 0).all(axis=1) | (picture.masks != 0).sum(axis=1)))
    return row, ResidentId(str(picture.resident_ids[row]))


def test_a_snapshot_taken_after_a_withdrawal_does_not_unmask_what_the_model_knows(web: Instance):
    row, resident = somebody_who_authorised(web)
    floors = web.floors
    now = int(floors.clock().timestamp())
    assert row not in floors.live.catch_up().masked(now)

    withdraw_everything(web, resident, "w1")
    assert row in floors.live.catch_up().masked(now)

    with open_site(floors.config.site(), clock=floors.clock) as site:
        with open_graph(site.config.graph_url, ledger=site.ledger, holder="test") as lease:
            take_snapshot(site, lease.store)
        assert row in floors.live.catch_up().masked(now)

        # The control: an overlay that asks the snapshot only has forgotten the older model.
        forgetful = Live(
            floors.ledger,
            floors.home.snapshots,
            institution=InstitutionId("operator"),
            clock=floors.clock,
        )
        assert row not in forgetful.catch_up().masked(now)

        train(site)
    assert row not in floors.live.catch_up().masked(now)


def test_a_grant_that_runs_out_masks_without_any_job(web: Instance):
    moment = web.floors.live.catch_up()
    expires = moment.snapshot.expires
    row = int(np.argmax(expires.max(axis=1)))
    ends = int(expires[row][expires[row] > 0].min())
    assert row not in replace(moment).masked(ends - 1)
    assert row in moment.masked(ends)


def test_a_grant_that_ran_out_stays_masked_when_a_snapshot_forgets_it(web: Instance):
    floors = web.floors
    expires = floors.live.catch_up().snapshot.expires
    row = int(np.argmax(expires.max(axis=1)))
    ends = int(expires[row][expires[row] > 0].min())
    web.clock.advance(seconds=ends + 1 - web.clock().timestamp())
    now = int(web.clock().timestamp())

    with open_site(floors.config.site(), clock=floors.clock) as site:
        with open_graph(site.config.graph_url, ledger=site.ledger, holder="test") as lease:
            take_snapshot(site, lease.store)
        assert row in floors.live.catch_up().masked(now)

        # The control: an overlay that knows nothing of the older model has forgotten it.
        forgetful = Live(
            floors.ledger,
            floors.home.snapshots,
            institution=InstitutionId("operator"),
            clock=floors.clock,
        )
        assert row not in forgetful.catch_up().masked(now)

        train(site)
    assert row not in floors.live.catch_up().masked(now)

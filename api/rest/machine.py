"""Endpoints for machines that look after this one: jobs and health."""

from __future__ import annotations

from apiflask import APIBlueprint

from api.rest.door import api
from api.rest.requests import services
from api.rest.schemas import HealthOut, JobOut, JobsOut, ReadyOut

__all__ = ["health"]

_SHOWN = 50

health = APIBlueprint("health", __name__, url_prefix="/health")


@api.get("/jobs", endpoint="jobs")
@api.output(JobsOut)
def jobs() -> JobsOut:
    """List the latest runs of jobs, the last started first."""
    ledger = services().ledger
    with ledger.read() as tx:
        runs = ledger.runs.latest(tx, _SHOWN)
    return JobsOut(runs=[JobOut.model_validate(run) for run in runs])


@health.get("/live", endpoint="alive")
@health.output(HealthOut)
def alive() -> HealthOut:
    """Tell that the process answers."""
    return HealthOut(status="alive")


@health.get("/ready", endpoint="ready")
@health.output(ReadyOut)
def ready() -> ReadyOut:
    """Tell whether ledger, snapshot and model are there; 503 while they are not."""
    backing = services().backing
    moment = backing.live.catch_up()
    model = backing.models.current().model
    return ReadyOut(
        status="ready",
        snapshot=moment.snapshot.id,
        snapshot_age=int(backing.live.snapshot_age(moment).total_seconds()),
        model=model.model_id,
        institution=backing.institution,
    )

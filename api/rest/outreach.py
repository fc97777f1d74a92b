"""Endpoints for isolation scores: the list of an operator, and a resident's own."""

from __future__ import annotations

from api.rest.door import api
from api.rest.requests import about, services
from api.rest.schemas import ExplanationOut, OutreachOut, OutreachQuery, OwnIsolationOut
from api.security.callers import caller
from graph.model import ResidentId

__all__: list[str] = []


@api.get("/outreach", endpoint="outreach")
@api.input(OutreachQuery, location="query")
@api.output(OutreachOut)
def outreach(query_data: OutreachQuery) -> OutreachOut:
    """List whom to look in on first, why, and what to do; each resident listed finds an entry.

    Only residents who authorise it for care visits. It orders a list and decides nothing.
    """
    found = services().outreach.worklist(
        caller().actor,
        grids=query_data.grid,
        minutes=query_data.minutes,
        limit=query_data.limit,
    )
    return OutreachOut.model_validate(found)


@api.get("/residents/<resident>/isolation", endpoint="isolation")
@api.output(OwnIsolationOut)
def isolation(resident: str) -> OwnIsolationOut:
    """Tell the resident who is signed in what is computed of them, with all it rests on."""
    about(resident)
    own, id_ = services().outreach, ResidentId(resident)
    why = own.own(id_)
    return OwnIsolationOut(
        allowed=own.allowed(id_),
        why=None if why is None else ExplanationOut.model_validate(why),
    )

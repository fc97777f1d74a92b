"""Endpoints for the communities of a home."""

from __future__ import annotations

from api.rest.door import api
from api.rest.requests import services
from api.rest.schemas import CommunitiesOut, CommunitiesQuery, CommunityOut
from api.security.callers import caller

__all__: list[str] = []


@api.get("/communities", endpoint="communities")
@api.input(CommunitiesQuery, location="query")
@api.output(CommunitiesOut)
def communities(query_data: CommunitiesQuery) -> CommunitiesOut:
    """List the communities found in the network, the largest first.

    Nobody is named, and no number of people below 20 is told.
    """
    found = services().communities.listed(
        caller().actor, scale=query_data.scale, grid=query_data.grid
    )
    return CommunitiesOut(communities=[CommunityOut.model_validate(each) for each in found])

"""Endpoints with which residents see and steer their own data."""

from __future__ import annotations

from api.rest.door import api
from api.rest.my_data_schemas import (
    ComplainIn,
    ComplaintOut,
    ComplaintsOut,
    LooksOut,
    LooksQuery,
)
from api.rest.requests import about, idempotency_key, services
from graph.model import ResidentId

__all__: list[str] = []


@api.get("/residents/<resident>/looks", endpoint="looks")
@api.input(LooksQuery, location="query")
@api.output(LooksOut)
def looks(resident: str, query_data: LooksQuery) -> LooksOut:
    """Who looked at the data of the resident who is signed in, newest first."""
    about(resident)
    return LooksOut.model_validate(services().looks.page(ResidentId(resident), query_data.skip))


@api.get("/residents/<resident>/complaints", endpoint="complaints")
@api.output(ComplaintsOut)
def complaints(resident: str) -> ComplaintsOut:
    """All complaints of the resident who is signed in, with the day each is due."""
    about(resident)
    found = services().looks.complaints(ResidentId(resident))
    return ComplaintsOut(complaints=[ComplaintOut.model_validate(one) for one in found])


@api.post("/residents/<resident>/complaints", endpoint="complain")
@api.input(ComplainIn)
@api.output(ComplaintOut, status_code=201)
def complain(resident: str, json_data: ComplainIn) -> tuple[ComplaintOut, int]:
    """Say that a look was not expected; once per look, whatever key a retry brings."""
    about(resident)
    idempotency_key()
    made = services().looks.complain(ResidentId(resident), json_data.ref, json_data.words)
    return ComplaintOut.model_validate(made), 201

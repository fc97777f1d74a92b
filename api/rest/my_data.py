"""Endpoints with which residents see and steer their own data."""

from __future__ import annotations

from api.rest.door import api
from api.rest.my_data_schemas import (
    ComplainIn,
    ComplaintOut,
    ComplaintsOut,
    LooksOut,
    LooksQuery,
    PersonalisationIn,
    PersonalisationOut,
    TagOut,
    TagsOut,
)
from api.rest.requests import about, idempotency_key, services
from graph.model import ResidentId

__all__: list[str] = []


@api.get("/residents/<resident>/personalisation", endpoint="personalisation")
@api.output(PersonalisationOut)
def personalisation(resident: str) -> PersonalisationOut:
    """Whether lists are made for the resident personally, as far as they authorise it."""
    about(resident)
    return _personalisation(resident)


@api.put("/residents/<resident>/personalisation", endpoint="set_personalisation")
@api.input(PersonalisationIn)
@api.output(PersonalisationOut)
def set_personalisation(resident: str, json_data: PersonalisationIn) -> PersonalisationOut:
    """Turn personal lists on or off; the next request in every process obeys."""
    about(resident)
    services().my_data.set_personal(ResidentId(resident), idempotency_key(), on=json_data.on)
    return _personalisation(resident)


@api.get("/residents/<resident>/tags", endpoint="tags")
@api.output(TagsOut)
def tags(resident: str) -> TagsOut:
    """Words of the governed lists that are the resident's."""
    about(resident)
    return _tags(resident)


@api.put("/residents/<resident>/tags/<list_>/<code>", endpoint="choose_tag")
@api.output(TagsOut)
def choose_tag(resident: str, list_: str, code: str) -> TagsOut:
    """Choose a word of a list: ``interests``, ``offers`` or ``needs``."""
    return _set_tag(resident, list_, code, held=True)


@api.delete("/residents/<resident>/tags/<list_>/<code>", endpoint="delete_tag")
@api.output(TagsOut)
def delete_tag(resident: str, list_: str, code: str) -> TagsOut:
    """Delete a word; it stays deleted, whatever others bring in."""
    return _set_tag(resident, list_, code, held=False)


def _personalisation(resident: str) -> PersonalisationOut:
    return PersonalisationOut(on=services().my_data.is_personal(ResidentId(resident)))


def _tags(resident: str) -> TagsOut:
    view = services().my_data.tags(ResidentId(resident))
    return TagsOut(tags=[TagOut.model_validate(tag) for tag in view.tags if tag.held])


def _set_tag(resident: str, list_: str, code: str, *, held: bool) -> TagsOut:
    about(resident)
    key = idempotency_key()
    services().my_data.set_tag(ResidentId(resident), list_, code, key, held=held)
    return _tags(resident)


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

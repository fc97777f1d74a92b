"""Endpoints with which residents see and steer their own data."""

from __future__ import annotations

from flask import Response

from api.rest.door import api
from api.rest.my_data_schemas import (
    ComplainIn,
    ComplaintOut,
    ComplaintsOut,
    DisputeIn,
    ExportQuery,
    FactsOut,
    LooksOut,
    LooksQuery,
    PersonalisationIn,
    PersonalisationOut,
    TagOut,
    TagsOut,
    TellIn,
    WhatIfOut,
    WhatIfQuery,
)
from api.rest.requests import about, idempotency_key, services
from api.security.attachments import attachment
from api.services.what_if import Withdrawal
from graph.model import InstitutionId, ResidentId

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


@api.get("/residents/<resident>/grants/what-if", endpoint="what_if")
@api.input(WhatIfQuery, location="query")
@api.output(WhatIfOut)
def what_if(resident: str, query_data: WhatIfQuery) -> WhatIfOut:
    """Tell what a withdrawal would change in the feed: a question that leaves no trace."""
    about(resident)
    institution = InstitutionId(query_data.institution or services().institution)
    asked = Withdrawal(institution, query_data.purpose, query_data.category)
    return WhatIfOut.model_validate(services().what_if.withdrawn(ResidentId(resident), asked))


@api.get("/residents/<resident>/facts", endpoint="facts")
@api.output(FactsOut)
def facts(resident: str) -> FactsOut:
    """Every fact about the resident who is signed in, and who may use it."""
    about(resident)
    return FactsOut.model_validate(services().facts.of(ResidentId(resident)))


@api.put("/residents/<resident>/facts/<kind>", endpoint="tell")
@api.input(TellIn)
@api.output(FactsOut)
def tell(resident: str, kind: str, json_data: TellIn) -> FactsOut:
    """Correct ``WORKS_AS``, ``birth_year``, ``languages`` or ``walk_limit``; it counts at once."""
    about(resident)
    services().facts.tell(ResidentId(resident), kind, json_data.value, idempotency_key())
    return FactsOut.model_validate(services().facts.of(ResidentId(resident)))


@api.post("/residents/<resident>/facts/complaints", endpoint="dispute")
@api.input(DisputeIn)
@api.output(ComplaintOut, status_code=201)
def dispute(resident: str, json_data: DisputeIn) -> tuple[ComplaintOut, int]:
    """Say that a fact is wrong, to whoever keeps its register; once per fact."""
    about(resident)
    idempotency_key()
    made = services().facts.dispute(ResidentId(resident), json_data.name, json_data.words)
    return ComplaintOut.model_validate(made), 201


@api.get("/residents/<resident>/export", endpoint="export_own")
@api.input(ExportQuery, location="query")
@api.doc(responses={200: "a file, JSON or CSV"})
def export_own(resident: str, query_data: ExportQuery) -> Response:
    """Everything of one's own as a file: JSON with all, CSV with the facts."""
    about(resident)
    export, who = services().export, ResidentId(resident)
    content = export.to_csv(who) if query_data.format == "csv" else export.to_json(who)
    return attachment(content, query_data.format)


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

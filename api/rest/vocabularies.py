"""The governed lists, for everyone who sends or reads codes."""

from __future__ import annotations

from flask import Response, after_this_request, request

from api.rest.door import api
from api.rest.schemas import ReleaseOut, TermOut, VocabulariesOut, VocabularyOut
from graph.errors import NotFound
from graph.vocabulary import VOCABULARIES, edition, manifest, release

__all__: list[str] = []

_LISTS = {load().name: load for load in VOCABULARIES.values()}


@api.get("/vocabularies", endpoint="vocabularies")
@api.output(VocabulariesOut)
def vocabularies() -> VocabulariesOut:
    """List the governed lists with their versions and sizes."""
    _tag(edition() + "-" + "".join(entry.digest[:4] for entry in manifest()))
    found = [ReleaseOut.model_validate(release(name)) for name in _LISTS]
    return VocabulariesOut(version=edition(), vocabularies=found)


@api.get("/vocabularies/<name>", endpoint="vocabulary")
@api.output(VocabularyOut)
def vocabulary(name: str) -> VocabularyOut:
    """Show one governed list: interests, needs, offers or occupations."""
    if name not in _LISTS:
        raise NotFound(f"there is no list {name!r}; there are {', '.join(_LISTS)}")
    found, released = _LISTS[name](), release(name)
    _tag(f"{released.version}-{found.version}")
    return VocabularyOut(
        name=name,
        version=released.version,
        entries=released.entries,
        digest=released.digest,
        groups=[TermOut.model_validate(term) for term in found.groups],
        terms=[TermOut.model_validate(term) for term in found.terms],
    )


def _tag(version: str) -> None:
    """Let whoever has this version already be answered with 304."""

    @after_this_request
    def add(response: Response) -> Response:
        response.set_etag(version)
        response.make_conditional(request)
        return response

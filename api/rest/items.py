"""Endpoints about what there is: lists, single items, and publishing activities."""

from __future__ import annotations

from api.rest.door import api
from api.rest.requests import REPLAYED, idempotency_key, services, viewer
from api.rest.schemas import ActivityIn, CardOut, ItemOut, ListOut, ListQuery, PublishedOut
from api.security.callers import caller
from api.services.catalogue import Wanted
from api.services.publish import Draft, Place
from graph.model import ItemId, ItemKind

__all__: list[str] = []


def _add_kind(kind: ItemKind, path: str, one: str, many: str) -> None:
    def list_items(query_data: ListQuery) -> ListOut:
        wanted = Wanted(
            kind,
            grid=query_data.grid,
            life_category=query_data.life_category,
            text=query_data.text,
            closed=query_data.closed,
        )
        page = services().catalogue.page(
            wanted, viewer(), limit=query_data.limit, cursor=query_data.cursor
        )
        cards = [CardOut.model_validate(card) for card in page.cards]
        return ListOut(items=cards, next_cursor=page.next_cursor)

    def show_item(item: str) -> ItemOut:
        return ItemOut.model_validate(services().catalogue.item(kind, ItemId(item), viewer()))

    list_items.__name__, show_item.__name__ = many, one
    list_items.__doc__ = f"List {path.replace('-', ' ')}, in pages."
    show_item.__doc__ = f"Show one of the {path.replace('-', ' ')}."
    listing = api.input(ListQuery, location="query")(api.output(ListOut)(list_items))
    api.get(f"/{path}", endpoint=many)(listing)
    api.get(f"/{path}/<item>", endpoint=one)(api.output(ItemOut)(show_item))


_add_kind(ItemKind.GROUP, "groups", "group", "groups")
_add_kind(ItemKind.ACTIVITY, "activities", "activity", "activities")
_add_kind(ItemKind.SERVICE, "services", "service", "services")
_add_kind(ItemKind.HELPER_ROLE, "roles", "role", "roles")

_LINKS = frozenset({"interests", "needs", "occupations", "group", "place", "organiser"})


@api.put("/activities/<item>", endpoint="publish_activity")
@api.input(ActivityIn)
@api.output(PublishedOut)
def publish_activity(item: str, json_data: ActivityIn) -> tuple[PublishedOut, int, dict[str, str]]:
    """Publish an activity, change it, or call it off (``state: cancelled``).

    The body is the whole activity as it shall be. Ids of an institution's activities begin with
    the institution's id and a dot.
    """
    properties = json_data.model_dump(exclude=set(_LINKS))
    properties["languages"] = ",".join(json_data.languages) or None
    place = json_data.place
    draft = Draft(
        id=ItemId(item),
        kind=ItemKind.ACTIVITY,
        properties={name: value for name, value in properties.items() if value is not None},
        about=tuple(json_data.interests),
        answers=tuple(json_data.needs),
        welcomes=tuple(json_data.occupations),
        group=None if json_data.group is None else ItemId(json_data.group),
        place=None if place is None else Place(place.name, place.lat, place.lon),
        organiser=json_data.organiser,
    )
    published = services().publishing.put(caller().actor, draft, idempotency_key())
    headers = {REPLAYED: "true"} if published.repeated else {}
    return PublishedOut.model_validate(published), 201 if published.created else 200, headers

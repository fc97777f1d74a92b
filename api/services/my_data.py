"""What residents decide of their own data: whether lists are personal, which words are theirs.

Every decision is an outbox event and, in the same transaction, the resident's standing word
(:mod:`graph.ledger.told`): the next request in every process obeys, and no import overwrites it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import cast

from sqlalchemy import Connection

from api.services.backing import Backing, resident_actor
from api.services.viewing import find_row
from api.services.views import Words
from graph.codec import Json, encode_change
from graph.errors import NotFound
from graph.gate import EventKind, Word
from graph.model import Action, Category, Change, DataCategory, Purpose, ResidentId, Scalar
from graph.own_word import (
    WORK,
    about_oneself,
    property_slot,
    tag_changes,
    tag_slot,
    work_changes,
)
from graph.schema import PURPOSE_CATEGORIES, validate
from graph.vocabulary import Vocabulary, interests, needs, occupations, offers

__all__ = ["LISTS", "MyData", "TagView", "TagsView", "TheList"]


@dataclass(frozen=True, slots=True)
class TheList:
    """A governed list that residents choose their words from."""

    load: Callable[[], Vocabulary]
    category: DataCategory


LISTS: Mapping[str, TheList] = MappingProxyType(
    {
        "interests": TheList(interests, DataCategory.INTEREST),
        "offers": TheList(offers, DataCategory.OFFER),
        "needs": TheList(needs, DataCategory.NEED),
    }
)


@dataclass(frozen=True, slots=True)
class TagView:
    """One word of a list."""

    list: str
    code: str
    label: Words
    life_category: Category | None
    held: bool


@dataclass(frozen=True, slots=True)
class TagsView:
    """All words of all lists, and which of them are the resident's."""

    tags: tuple[TagView, ...]
    used: frozenset[str]
    """Lists that the resident's authorisations let the feed use now."""


class MyData:
    """Decides on behalf of the resident who is signed in."""

    def __init__(self, backing: Backing) -> None:
        self._backing = backing

    def is_personal(self, resident: ResidentId) -> bool:
        """Whether lists may be made for this resident personally, as far as they authorise it."""
        moment = self._backing.live.catch_up()
        return find_row(moment, resident) not in moment.impersonal

    def set_personal(self, resident: ResidentId, key: str, *, on: bool) -> None:
        """Turn personal lists on or off; authorisations stay as they are.

        Off, lists are made of what is public, near and soon, as for somebody unknown who lives in
        the same grid.
        """

        def decide(tx: Connection) -> None:
            told = self._backing.ledger.told
            if on:
                told.be_personal(tx, resident)
            else:
                told.be_impersonal(tx, resident, self._backing.clock())

        self._tell(resident, DataCategory.INTEREST, key, decide, {"changes": [], "personal": on})

    def tags(self, resident: ResidentId) -> TagsView:
        """List all words that can be chosen, and which are."""
        backing = self._backing
        moment = backing.live.catch_up()
        row = find_row(moment, resident)
        for each in LISTS.values():
            self.authorise(resident, each.category, Action.VIEW)
        view = moment.one(row, frozenset(each.category for each in LISTS.values()))
        tags = []
        for name, each in LISTS.items():
            held = set(getattr(view, name).indices.tolist())
            tags += [
                TagView(
                    name,
                    term.code,
                    Words(term.label_zh, term.label_en),
                    term.life_category,
                    column in held,
                )
                for column, term in enumerate(each.load().terms)
            ]
        masks, expires = moment.consent(row)
        granted = backing.gate.permitted_row(masks, expires, purpose=Purpose.FEED)
        used = frozenset(name for name, each in LISTS.items() if each.category in granted)
        return TagsView(tuple(tags), used)

    def set_tag(self, resident: ResidentId, list_: str, code: str, key: str, *, held: bool) -> None:
        """Choose a word of a list, or delete it: then it stays deleted, whatever others bring in.

        Raises
        ------
        NotFound
            There is no such list or word.
        """
        the_list = LISTS.get(list_)
        if the_list is None or code not in the_list.load():
            raise NotFound(f"no word {code!r} in a list {list_!r}; see /api/v1/vocabularies")
        now, label = self._backing.clock(), the_list.load().label
        changes = tag_changes(resident, label, code, held=held, at=now)
        word = Word(tag_slot(label, code), the_list.category, held, now)
        self._say(resident, key, word, changes)

    def set_work(
        self, resident: ResidentId, code: Json, key: str, *, before: Sequence[str]
    ) -> None:
        """Have this occupation, or none, instead of those that were known before.

        Raises
        ------
        NotFound
            There is no such occupation.
        """
        if code is not None and code not in occupations():
            raise NotFound(f"no occupation {code!r}; see /api/v1/vocabularies/occupations")
        now, chosen = self._backing.clock(), None if code is None else str(code)
        changes = work_changes(resident, chosen, before=before, at=now)
        self._say(resident, key, Word(WORK, DataCategory.OCCUPATION, chosen, now), changes)

    def set_property(
        self, resident: ResidentId, name: str, key: str, *, properties: Mapping[str, Scalar]
    ) -> None:
        """Have these properties, of which one is corrected.

        Raises
        ------
        SchemaViolation
            A value is none that its property can have.
        """
        now = self._backing.clock()
        said = {kind: value for kind, value in properties.items() if value is not None}
        changes = about_oneself(resident, said, now)
        for change in changes:
            validate(change)
        value = cast("Json", properties[name])
        word = Word(property_slot(name), DataCategory.IDENTITY, value, now)
        self._say(resident, key, word, changes)

    def _say(self, resident: ResidentId, key: str, word: Word, changes: list[Change]) -> None:
        def decide(tx: Connection) -> None:
            self._backing.ledger.told.put(tx, resident, word)

        payload: dict[str, Json] = {"changes": [encode_change(change) for change in changes]}
        request: dict[str, Json] = {"slot": word.slot, "value": word.value}
        self._tell(resident, word.category, key, decide, payload, request)

    def _tell(
        self,
        resident: ResidentId,
        category: DataCategory,
        key: str,
        decide: Callable[[Connection], None],
        payload: Mapping[str, Json],
        request: Mapping[str, Json] | None = None,
    ) -> None:
        """Put it on record, then decide it with its event: once per key."""
        find_row(self._backing.live.catch_up(), resident)
        self.authorise(resident, category, Action.WRITE)
        ledger = self._backing.ledger
        with ledger.write() as tx:
            appended = ledger.outbox.append(
                tx,
                kind=EventKind.RESIDENT,
                key=f"my-data/{resident}/{key}",
                subject=resident,
                category=category,
                payload=payload,
                at=self._backing.clock(),
                request=request,
            )
            if appended.new:
                decide(tx)

    def authorise(self, resident: ResidentId, category: DataCategory, action: Action) -> None:
        """Ask the gate for one's own data of one category."""
        backing = self._backing
        # Looking at oneself has no purpose of its own: any will do that may have the category.
        purposes = (p for p, categories in PURPOSE_CATEGORIES.items() if category in categories)
        backing.gate.authorise(
            resident_actor(resident, backing.institution),
            purpose=next(purposes, Purpose.FEED),
            category=category,
            subject=resident,
            action=action,
        )

"""What the page of one's own words shows: lists, the words held, and the others by part of life."""

from __future__ import annotations

from dataclasses import dataclass

from api.services.my_data import LISTS, TagsView, TagView
from graph.model import Category

__all__ = ["Group", "ListOfTags", "TagsPage", "tags_page"]


@dataclass(frozen=True, slots=True)
class Group:
    """Words of one part of life that can be chosen."""

    life: str
    """Empty for words of none."""
    tags: tuple[TagView, ...]


@dataclass(frozen=True, slots=True)
class ListOfTags:
    """One list."""

    name: str
    used: bool
    held: tuple[TagView, ...]
    groups: tuple[Group, ...]


@dataclass(frozen=True, slots=True)
class TagsPage:
    """The page."""

    lists: tuple[ListOfTags, ...]


def tags_page(view: TagsView) -> TagsPage:
    """Sort words into what the page shows."""
    return TagsPage(tuple(_list(view, name) for name in LISTS))


def _list(view: TagsView, name: str) -> ListOfTags:
    tags = [tag for tag in view.tags if tag.list == name]
    free = [tag for tag in tags if not tag.held]
    lives: tuple[Category | None, ...] = (*Category, None)
    groups = ((life, tuple(t for t in free if t.life_category is life)) for life in lives)
    return ListOfTags(
        name=name,
        used=name in view.used,
        held=tuple(tag for tag in tags if tag.held),
        groups=tuple(Group(life or "", some) for life, some in groups if some),
    )

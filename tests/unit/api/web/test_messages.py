"""Both message tables say the same things, in their own language, and nothing is left over."""

from __future__ import annotations

import re
import string
from enum import StrEnum
from pathlib import Path

import pytest

import api.web
from api.security.operations import MAX_FILE
from api.services.charters import ANSWERS
from api.services.looks import LookBasis
from api.services.my_data import LISTS
from api.services.views import CardState
from api.web.look import Language
from api.web.wording import BUCKETS, MESSAGES
from graph.gate import BatchState, CharterState, ComplaintState, Outcome, RowKind
from graph.ingest import FILE_COLUMNS, ColumnFate, RecordKind
from graph.ledger.identity import CATEGORY_OF
from graph.model import (
    Action,
    Category,
    DataCategory,
    GrantState,
    ItemKind,
    Level,
    Purpose,
    StaffRole,
)
from graph.schema import LABELS, RELATIONSHIPS
from graph.snapshot.build import HISTORY_SOURCES
from graph.vocabulary import sources as known_sources
from recommender.base import ReasonCode
from recommender.groups.checks import Rule
from recommender.outreach.actions import Action as NextAction
from recommender.outreach.points import Factor

WEB = Path(api.web.__file__).parent
ZH, EN = MESSAGES[Language.ZH].table, MESSAGES[Language.EN].table
CHINESE = re.compile(r"[\u3000-\u303f\u3400-\u9fff\uff00-\uffef]")
NAMES_OF_LANGUAGES = {"look.language.zh", "look.language.en"}


def slots(message: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(message) if name is not None}


def expanded(prefix: str, members: type[StrEnum] | set[str] | range) -> set[str]:
    return {f"{prefix}.{member}" for member in members}


_RESIDENT = LABELS["Resident"].properties
_VALUES = {value for prop in _RESIDENT for value in prop.values}
_ACTS = {kind.value for _, _, kind in HISTORY_SOURCES}
_FACTS = (
    {kind.name for kind in RELATIONSHIPS.values() if kind.pairs[0][0] == "Resident"}
    - {type_ for type_, _, _ in HISTORY_SOURCES}
    | {"HELPED", "words", "name", "former_name", "id_number", "sex", "birth_date"}
    | {prop.name for prop in _RESIDENT}
    | set(CATEGORY_OF)
    | set(RecordKind)
    | _ACTS
)
"""What a fact may say: relationships, properties, fields of the register, records and acts."""

DYNAMIC = (
    expanded("kind", ItemKind)
    | expanded("feed.tab", {"all", *ItemKind})
    | expanded("life", Category)
    | expanded("category", DataCategory)
    | expanded("reason", ReasonCode)
    | expanded("bucket", set(BUCKETS))
    | expanded("when.weekday", range(7))
    | expanded("when.month", range(1, 13))
    | expanded("act.join", ItemKind)
    | expanded("act.leave", {"wait", *ItemKind})
    | expanded("state.joined", ItemKind)
    | expanded("state", {CardState.LIKED, CardState.DISMISSED})
    | expanded("item.step_free", {"yes", "no"})
    | expanded("look", {"mode", "theme", "language"})
    | expanded("import.kind", set(FILE_COLUMNS))
    | expanded("import.about", set(FILE_COLUMNS))
    | expanded("import.state", {*BatchState, "refused", "broken"})
    | expanded("import.due", {BatchState.COMMITTED, BatchState.UNDONE})
    | expanded("import.shown", {BatchState.COMMITTED, BatchState.UNDONE})
    | expanded("import.fate", {ColumnFate.UNKNOWN, ColumnFate.REFUSED})
    | {f"grants.state.{state}" for state in GrantState if state is not GrantState.GIVEN}
    | expanded("facts.level", Level)
    | expanded("source", {"unknown", *known_sources()})
    | expanded("value", {"true", "false", *_VALUES})
    | expanded("fact", _FACTS)
    | expanded("tags.list", set(LISTS))
    | {f"tags.{act}.spoken" for act in ("choose", "delete")}
    | expanded("looks.basis", LookBasis)
    | expanded("complaint.state", ComplaintState)
    | expanded("purpose", Purpose)
    | expanded("action", Action)
    | expanded("role", StaffRole)
    | expanded("choose.problem", {"nothing", "empty", "taken"})
    | expanded("care.action", {*NextAction, "wait"})
    | expanded("care.outcome", Outcome)
    | expanded("charter.state", CharterState)
    | expanded("charter.rule", Rule)
    | expanded("charter.reject", {"place", "people", "theme", "exists", "other"})
    | expanded("charters.done", {"approved", "rejected"})
    | expanded("invitation", set(ANSWERS))
    | expanded("invitation.said", set(ANSWERS))
    | expanded("own.care", {"sooner", "usual", "later"})
    | {
        f"{key}.{ending}"
        for voice in ("care", "own")
        for key in expanded(f"{voice}.why", Factor)
        for ending in ("more", "less", *(("week", "year") if key.endswith(".seen") else ()))
    }
    | {f"{key}.{n}" for key in expanded("import.new", RowKind) for n in ("one", "other")}
    | {f"{key}.{n}" for key in expanded("import.known", RowKind) for n in ("one", "other")}
)
"""Keys that the code makes from enumerations."""


def sources() -> str:
    paths = [*WEB.glob("*.py"), *(WEB / "templates").rglob("*.html")]
    return "\n".join(path.read_text(encoding="utf-8") for path in paths)


def test_tables_have_the_same_keys():
    assert list(ZH) == list(EN)


@pytest.mark.parametrize("key", ZH)
def test_message_has_the_same_slots_in_both_languages(key):
    assert slots(ZH[key]) == slots(EN[key])
    assert ZH[key].strip()
    assert EN[key].strip()


def test_english_holds_no_chinese_and_chinese_is_chinese():
    assert [k for k, v in EN.items() if CHINESE.search(v) and k not in NAMES_OF_LANGUAGES] == []
    bare = [k for k, v in ZH.items() if not CHINESE.search(v) and k not in NAMES_OF_LANGUAGES]
    signs = ("when.month.", "when.moment", "bucket.", "communities.and")
    assert [k for k in bare if not k.startswith(signs)] == []


def test_every_key_made_from_an_enumeration_exists():
    assert sorted(DYNAMIC - set(ZH)) == []


def test_every_key_named_in_the_sources_exists():
    named = set(re.findall(r"""\bt\(\s*["']([\w.+-]+)["']""", sources()))
    assert len(named) > 40
    assert sorted(key for key in named - set(ZH) if not key.endswith(".")) == []


def test_no_message_is_left_over():
    text = sources()
    plural = {key for key in ZH if key.endswith((".one", ".other"))}
    languages = {key for key in ZH if key.startswith("language.")}
    errors = {key for key in ZH if key.startswith("error.")}
    rest = set(ZH) - DYNAMIC - plural - languages - errors
    assert sorted(key for key in rest if f'"{key}"' not in text) == []
    stems = {key.rsplit(".", 1)[0] for key in plural - DYNAMIC}
    assert sorted(stem for stem in stems if f'"{stem}"' not in text) == []


def test_the_limit_of_a_file_is_told_as_it_is():
    for table in (ZH, EN):
        assert f"{MAX_FILE >> 20} MB" in table["error.413.desk.lead"]


def test_templates_hold_no_words_of_their_own():
    for path in (WEB / "templates").rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        assert CHINESE.findall(text.replace('"、"', "")) == [], path.name
        visible = re.sub(r"\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}|<svg.*?</svg>", "", text, flags=re.S)
        visible = re.sub(r"<meta[^>]*htmx-config[^>]*'>", "", visible)
        visible = re.sub(
            r"<!doctype html>|</?[\w-]+(?:\s[^<>]*)?>|<[^>]*>", "", visible, flags=re.S
        )
        assert re.findall(r"[A-Za-z]{3,}", visible) == [], path.name

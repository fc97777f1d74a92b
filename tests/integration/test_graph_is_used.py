"""The graph is no decoration: what is deleted in it is gone from feed and reasons."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.integration.command_line import CommandLine
from tests.integration.demo_world import make_city

TOOK_PART = {"JOINED", "LIKED", "ATTENDED", "SIGNED_UP", "HELPED", "VIEWED"}


@pytest.fixture
def linli(tmp_path: Path) -> CommandLine:
    """A city with so much on offer that lists can differ, at the present time."""
    root = tmp_path / "home"
    make_city(root, residents=400, items=160, now=datetime.now(UTC))
    return CommandLine(root)


def feed(linli: CommandLine, resident: str) -> list[dict]:
    return linli.json("recommend", resident, "--json", "-n", "20")["recommendations"]


def cited(cards: list[dict]) -> list[str]:
    """Items that reasons name, the top card's first."""
    return [card["reason"]["slots"]["item"] for card in cards if "item" in card["reason"]["slots"]]


def between(resident: str, item: str) -> str:
    """Cypher of what connects the two."""
    return f"MATCH (r:Resident {{id: '{resident}'}})-[d]->(i {{id: '{item}'}})"


def deeds(linli: CommandLine, resident: str, item: str) -> set[str]:
    """Types of relationships between the two."""
    query = between(resident, item) + " RETURN label(d) AS type"
    return {row["type"] for row in linli.json("graph", "cypher", query)}


def find_case(linli: CommandLine) -> tuple[str, str, list[dict]]:
    """A resident whose top card cites an item they took part in, with something to reorder."""
    for entry in linli.json("residents", "--json", "-n", "60"):
        resident = entry["resident"]
        try:
            cards = feed(linli, resident)
        except AssertionError:
            continue  # authorises nothing
        if len(cards) >= 8 and cited(cards[:1]):
            return resident, cited(cards)[0], cards
    raise AssertionError("no top card cites anything: the city is too small for this test")


def test_a_participation_deleted_by_cypher_leaves_feed_and_reason_until_a_rebuild(
    linli: CommandLine,
):
    resident, item, before = find_case(linli)
    types = deeds(linli, resident, item)
    assert types & TOOK_PART
    linli.text("graph", "cypher", between(resident, item) + " DELETE d")
    assert deeds(linli, resident, item) == set()
    assert cited(feed(linli, resident))[0] == item  # nothing was learnt from that yet
    linli.text("snapshot")
    linli.text("train")
    without = feed(linli, resident)
    assert item not in cited(without)
    assert [card["item"] for card in without] != [card["item"] for card in before]

    linli.text("graph", "rebuild")
    assert deeds(linli, resident, item) == types
    linli.text("snapshot")
    linli.text("train")
    again = feed(linli, resident)

    def plain(cards: list[dict]) -> list[tuple[str, dict]]:
        return [(card["item"], card["reason"]) for card in cards]

    assert plain(again) == plain(before)

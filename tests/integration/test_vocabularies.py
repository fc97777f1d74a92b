"""The governed lists as integrators and clerks see them."""

from __future__ import annotations

import pytest

from api.wiring import load_config, open_floors
from graph.gate import RowKind
from graph.ingest import LedgerRegister
from graph.model import DataCategory
from graph.vocabulary import VOCABULARIES, edition, needs, occupations
from tests.factories import operator
from tests.integration.command_line import CommandLine
from tests.integration.demo_world import Instance, problem_name

PATH = "/api/v1/vocabularies"


@pytest.fixture
def linli(tmp_path):
    return CommandLine(tmp_path / "home")


def test_anybody_may_read_the_lists(web: Instance):
    client = web.app.test_client()
    said = client.get(PATH).json
    assert said["version"] == edition()
    assert [entry["name"] for entry in said["vocabularies"]] == [
        load().name for load in VOCABULARIES.values()
    ]
    found = client.get(f"{PATH}/occupations").json
    assert [term["code"] for term in found["terms"]] == list(occupations())
    assert len(found["groups"]) == 53
    assert {term["life_category"] for term in client.get(f"{PATH}/needs").json["terms"]} == {
        term.life_category for term in needs().terms
    }
    assert problem_name(client.get(f"{PATH}/sources")) == "not-found"


@pytest.mark.parametrize("path", [PATH, f"{PATH}/interests"])
def test_whoever_has_this_version_is_not_sent_it_again(web: Instance, path: str):
    client = web.app.test_client()
    first = client.get(path)
    tag = first.headers["ETag"]
    assert tag.startswith(f'"{edition()}-')
    again = client.get(path, headers={"If-None-Match": tag})
    assert (again.status_code, again.data) == (304, b"")
    assert client.get(path, headers={"If-None-Match": '"2020.01-0"'}).status_code == 200


def test_the_command_line_shows_lists_terms_and_what_a_text_is_coded_as(linli: CommandLine):
    said = linli.json("vocabulary", "--json")
    assert said["version"] == edition()
    assert {"interests", "crosswalk"} <= {entry["name"] for entry in said["lists"]}
    assert "interests" in linli.text("vocabulary")
    fun = linli.json("vocabulary", "interests", "--category", "fun", "--json")
    assert {term["life_category"] for term in fun["terms"]} == {"fun"}
    assert "麻将" in linli.text("vocabulary", "interests", "--category", "fun")
    coded = linli.text("vocabulary", "occupations", "--find", "跑外卖的")
    assert "933" in coded
    assert "搬运快递" in coded
    unsure = linli.json("vocabulary", "occupations", "--find", "老师", "--json")
    assert (unsure["way"], unsure["code"]) == ("ambiguous", None)
    assert "231" in unsure["candidates"]
    assert "does not know" in linli.text("vocabulary", "needs", "--find", "修时光机")
    assert not linli.home.exists()  # the lists need no home


def test_kept_occupations_are_listed_and_recoded(present_home):
    config = load_config(home=present_home)
    with open_floors(config) as floors:
        with floors.ledger.read() as tx:
            everyone = floors.ledger.rows.all(tx, RowKind.RESIDENT)
        register = LedgerRegister(floors.ledger, floors.gate, operator())
        found = [r for r in everyone if register.granted(r, DataCategory.OCCUPATION)]
        with floors.ledger.write() as tx:
            for resident in found[:6]:
                floors.ledger.words.put(
                    tx,
                    resident,
                    "外卖员",
                    category=DataCategory.OCCUPATION,
                    at=floors.clock(),
                )
    linli = CommandLine(present_home)
    (text,) = linli.json("vocabulary", "uncoded", "--json")["texts"]
    assert (text["text"], text["residents"], text["code"]) == ("外卖员", 6, "933")
    assert "外卖员" in linli.text("vocabulary", "uncoded")
    assert linli.json("vocabulary", "recode", "--json") == {"coded": 6}
    assert linli.json("vocabulary", "uncoded", "--json") == {"texts": [], "rare": 0}
    assert linli.json("vocabulary", "recode", "--json") == {"coded": 0}

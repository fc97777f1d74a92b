"""One home on the embedded graph and on Neo4j: moved there and back, and asked the same there."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pytest

from graph.gate import open_graph
from graph.store.cypher import NodeTable, all_tables
from jobs import steps
from tests.conftest import FixedClock
from tests.integration.command_line import CommandLine, Said
from tests.integration.demo_world import Instance, web_process
from tests.integration.test_jobs import opened
from tests.integration.test_rebuild import live_a_little
from tests.neo4j_server import Neo4jServer

EMBEDDED = ""
Picture = dict[str, pa.Table | int]
"""Every table, ordered by its keys, and the watermark."""


@dataclass(frozen=True)
class Moving:
    """A home whose graph may lie on either engine."""

    home: Path
    neo4j: str

    def linli(self, url: str, *words: str) -> Said:
        return CommandLine(self.home).run(*words, env={"LINLI_GRAPH": url} if url else {})

    def move(self, url: str) -> None:
        said = self.linli(url, "graph", "rebuild")
        assert said.code == 0, said.err

    def picture(self, url: str) -> Picture:
        """Return all that is in the graph as it is, without draining."""
        with (
            opened(self.home) as site,
            open_graph(url or site.config.graph_url, ledger=site.ledger, holder="test") as lease,
        ):
            found: Picture = {str(table): rows_of(lease.store, table) for table in all_tables()}
            return found | {"watermark": lease.store.watermark()}


def rows_of(store, table) -> pa.Table:
    if isinstance(table, NodeTable):
        return store.nodes(table.label)
    return store.relationships(table.type, table.start_label, table.end_label)


def unequal(a: Picture, b: Picture) -> set[str]:
    assert a.keys() == b.keys()
    return {name for name in a if a[name] != b[name]}


@pytest.fixture
def moving(demo_home: Path, empty_neo4j: Neo4jServer) -> Moving:
    return Moving(demo_home, empty_neo4j.url)


def test_a_home_moves_to_neo4j_and_back_row_for_row(moving: Moving, clock: FixedClock):
    first = moving.picture(EMBEDDED)
    moving.move(moving.neo4j)
    assert unequal(moving.picture(moving.neo4j), first) == set()

    with web_process(moving.home, clock) as web:
        live_a_little(web)
        drained_on(moving.neo4j, web)
    there = moving.picture(moving.neo4j)
    changed = unequal(there, first)
    assert {"watermark", "Resident-JOINED->Group", "Resident-LIKED->Group"} <= changed
    assert unequal(moving.picture(EMBEDDED), first) == set(), "the other one was left alone"

    moving.move(EMBEDDED)
    assert unequal(moving.picture(EMBEDDED), there) == set()
    moving.move(moving.neo4j)
    assert unequal(moving.picture(moving.neo4j), there) == set()


def drained_on(url: str, web: Instance) -> None:
    site = web.floors.site
    with open_graph(url, ledger=site.ledger, holder="test") as lease:
        assert steps.drain(site, lease.store) > 0


def test_explore_says_the_same_on_both_engines(present_home: Path, empty_neo4j: Neo4jServer):
    moving = Moving(present_home, empty_neo4j.url)
    questions = list(asked(moving))
    embedded = [moving.linli(EMBEDDED, *question) for question in questions]
    moving.move(moving.neo4j)
    assert [moving.linli(moving.neo4j, *question) for question in questions] == embedded
    told = [
        question[1]
        for question, said in zip(questions, embedded, strict=True)
        if said.code == 0 and '"entries": []' not in said.out
    ]
    assert min(told.count(kind) for kind in KINDS) >= 2, told


KINDS = ("shared", "introducers", "circle", "rare-need")
"""Of questions."""


def asked(moving: Moving) -> list[tuple[str, ...]]:
    """Return questions of every kind about several residents."""
    linli = CommandLine(moving.home)
    people = [row["resident"] for row in linli.json("residents", "--json", "-n", "16")]
    groups = linli.json("graph", "cypher", "MATCH (g:`Group`) RETURN g.id AS id ORDER BY id")
    questions = []
    for n, (a, b) in enumerate(itertools.pairwise(people)):
        questions += [
            ("explore", "shared", a, b, "--json"),
            ("explore", "introducers", a, groups[n % len(groups)]["id"], "--json"),
            ("explore", "circle", a, "--json"),
            ("explore", "rare-need", a, "--fewer-than", "100", "--within", "2000", "--json"),
        ]
    return questions

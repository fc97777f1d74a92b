"""`linli communities` on graph files: what it prints, and what it says of files it cannot read."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest

from bench.communities import measure
from bench.planted import planted_graph
from graph.measures.graph_files import write_graph
from tests.integration.command_line import CommandLine


@pytest.fixture
def linli(tmp_path):
    return CommandLine(tmp_path / "home")


@pytest.fixture
def planted_file(tmp_path):
    path = tmp_path / "planted.npz"
    write_graph(path, *planted_graph(np.random.default_rng(1), 3_000, mixing=0.3))
    return path


def test_planted_groups_are_found_and_measured(linli, planted_file):
    command = ["communities", "--graph", str(planted_file), "--truth", "truth", "--json"]
    said = linli.run(*command, "--seed", "3")
    assert said.code == 0, said.err
    found = json.loads(said.out)
    assert found["n"] == 3_000
    assert found["ari"] > 0.97
    assert found["nmi"] > 0.97
    assert found["disconnected"] == 0
    assert found["cpu_s"] > 0
    assert found["peak_rss_mib"] > 50
    again = json.loads(linli.run(*command, "--seed", "3").out)
    same = ("communities", "modularity", "resolution", "nmi", "ari")
    assert [again[key] for key in same] == [found[key] for key in same]


def test_modularity_is_higher_when_asked_for(linli, planted_file):
    command = ["communities", "--graph", str(planted_file), "--json", "--objective"]
    cpm, modularity = (json.loads(linli.run(*command, name).out) for name in ("cpm", "modularity"))
    assert modularity["modularity"] >= cpm["modularity"]
    assert modularity["ari"] is None


def test_files_that_hold_no_graph_are_named_with_what_they_lack(linli, tmp_path, planted_file):
    text, other = tmp_path / "a.npz", tmp_path / "b.npz"
    text.write_text("no archive")
    np.savez(other, n=3)
    for path, options, why in (
        (text, [], "not an .npz file"),
        (other, [], "no array indices, indptr"),
        (planted_file, ["--truth", "dorm"], "no array dorm"),
        (tmp_path / "c.npz", [], "No such file"),
    ):
        said = linli.run("communities", "--graph", str(path), *options)
        assert said.code == 3
        assert why in said.err
    assert linli.run("communities", "--graph", str(other), "--objective", "x").code == 2


def test_the_bench_measures_time_and_memory_of_an_engine():
    graph, truth = planted_graph(np.random.default_rng(1), 2_000, mixing=0.2)
    figures = measure("linli cpm", graph, truth, python=sys.executable, seed=1)
    assert figures["ari"] > 0.95
    assert figures["disconnected"] == 0
    assert figures["cpu_s"] > 0
    assert figures["peak_rss_mib"] > 50

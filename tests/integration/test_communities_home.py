"""Communities of a home: command, REST, the desk and one's own page, each through the gate."""

from __future__ import annotations

import json
from pathlib import Path

import networkx as nx
import pytest

from api.services.communities import Communities, Community
from graph.errors import Denied, NotReady
from graph.model import Actor, DataCategory, InstitutionId, ResidentId, StaffRole
from jobs import steps
from recommender.network import Scale, TraitKind, load_network
from tests.conftest import FixedClock
from tests.factories import NOW, operator
from tests.integration.command_line import CommandLine
from tests.integration.demo_world import Instance, copy_home, problem_name, web_process

PATH = "/api/v1/communities"


@pytest.fixture(scope="module")
def found_home(made_rich_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home of 400 residents in which communities were found."""
    home = copy_home(made_rich_home, tmp_path_factory.mktemp("found") / "home")
    with web_process(home, FixedClock(NOW)) as instance:
        steps.communities(instance.floors.site)
    return home


@pytest.fixture
def town(found_home: Path, tmp_path: Path, clock: FixedClock):
    with web_process(copy_home(found_home, tmp_path / "town"), clock) as instance:
        yield instance


def service(town: Instance) -> Communities:
    return Communities(town.floors)


def told_someone(town: Instance) -> tuple[ResidentId, Community]:
    """The first resident who has a line of their own, and what it tells."""
    ids = town.floors.live.catch_up().snapshot.resident_ids
    for each in ids:
        if (own := service(town).own(ResidentId(str(each)))) is not None:
            return ResidentId(str(each)), own
    raise AssertionError("nobody is told of a community")


def test_before_the_first_night_there_are_none(web: Instance):
    with pytest.raises(NotReady):
        service(web).listed(operator())
    desk = web.staff("王敏").client.get("/desk/communities")
    assert desk.status_code == 200
    assert "还没有找出圈子" in desk.text
    assert (
        web.key("operator", "communities:read", purpose="group-matching").get(PATH).status_code
        == 503
    )


def test_social_workers_see_the_circles_of_their_own_grids_alone(town: Instance):
    everywhere = service(town).grids(operator())
    own, foreign = everywhere[:2]
    worker = town.worker(own)
    page = worker.client.get("/desk/communities").text
    assert f">{own}</option>" in page.replace(" selected", "")
    assert foreign not in page
    assert worker.client.get(f"/desk/communities?grid={foreign}").status_code == 404


def test_programs_of_the_operator_list_them_and_nobody_else(town: Instance):
    ours = town.key("operator", "communities:read", purpose="group-matching")
    answer = ours.get(PATH).json["communities"]
    assert answer
    assert {each["people"] for each in answer} <= {None, "20-50", "50-200", "200+"}
    assert any(each["label"] for each in answer)
    circles = ours.get(f"{PATH}?scale=circle").json["communities"]
    assert {each["inside"] for each in circles} - {None} <= {each["id"] for each in answer}
    assert ours.get(f"{PATH}?grid=nowhere").status_code == 404
    club = town.key("club", "communities:read", purpose="group-matching").get(PATH)
    assert problem_name(club) == "not-allowed"
    wrong = town.key("operator", "communities:read", purpose="feed").get(PATH)
    assert problem_name(wrong) == "purpose_not_authorised"
    resident, _ = told_someone(town)
    assert problem_name(town.sign_in(resident).client.get(PATH)) == "not-allowed"


def test_other_roles_are_refused_by_the_gate_itself(town: Instance):
    found = service(town)
    for role in set(StaffRole) - {StaffRole.OPERATOR}:
        actor = Actor("somebody", role, InstitutionId("operator"), "linli")
        for read in (found.listed, found.changed):
            with pytest.raises(Denied):
                read(actor)
        if role is not StaffRole.SOCIAL_WORKER:
            with pytest.raises(Denied):
                found.grids(actor)
        with pytest.raises(Denied):
            found.exported(actor, Scale.CIRCLE)


def test_reading_is_audited_before_anything_leaves(town: Instance):
    def recorded() -> int:
        with town.floors.ledger.read() as tx:
            return len(town.floors.ledger.audit.bulk(tx, 10_000))

    before = recorded()
    service(town).listed(operator())
    assert recorded() == before + 1


def test_the_desk_draws_a_grid_without_names_and_small_numbers(town: Instance):
    clerk = town.staff("王敏").client
    page = clerk.get("/desk/communities")
    assert page.status_code == 200
    drawing = service(town).drawing(operator(), service(town).grids(operator())[0])
    assert page.text.count("<circle ") == len(drawing.dots) > 0
    assert all(0 <= dot.x <= 1 and 0 <= dot.y <= 1 for dot in drawing.dots)
    moment = town.floors.live.catch_up()
    assert not any(str(each) in page.text for each in moment.snapshot.resident_ids)
    assert clerk.get("/desk/communities?grid=nowhere").status_code == 404
    resident, _ = told_someone(town)
    assert town.sign_in(resident).client.get("/desk/communities").status_code == 403


def test_residents_are_told_what_they_share_with_at_least_twenty(town: Instance):
    resident, own = told_someone(town)
    page = town.sign_in(resident).client.get("/mine").text
    assert f"您的圈子：{own.label[0].zh}" in page
    moment, network = town.floors.live.catch_up(), load_network(town.floors.home.networks)
    row, members = moment.resident_row(resident), network.members(own.scale)
    traits = network.traits[own.scale][members[row]]
    told = [t for t in traits if t.holders >= 20 and t.kind is not TraitKind.OCCUPATION]
    assert len(own.label) <= len(told)
    held = set(moment.snapshot.interests[[row]].indices) | set(
        moment.snapshot.offers[[row]].indices
    )
    assert any(t.code in held or t.code == moment.snapshot.grid[row] for t in told)


def test_whoever_withdraws_is_told_nothing_at_the_next_request_and_counts_no_more(town: Instance):
    resident, own = told_someone(town)
    everybody = service(town).listed(operator(), scale=own.scale)
    with town.floors.ledger.write() as tx:
        town.floors.ledger.grants.withdraw(
            tx, resident, institution=None, category=None, purpose=None,
            at=town.clock(), key="w",
        )  # fmt: skip
    assert service(town).own(resident) is None
    assert "您的圈子" not in town.sign_in(resident).client.get("/mine").text
    assert len(service(town).listed(operator(), scale=own.scale)) == len(everybody)
    assert steps.is_stale(town.floors.site, town.floors.home.networks)


def test_a_trait_that_those_left_may_not_hold_is_told_no_more(town: Instance):
    """Of twenty holders some withdrew: whether the rest are twenty is not known, so it is gone."""
    resident, own = told_someone(town)
    moment, network = town.floors.live.catch_up(), load_network(town.floors.home.networks)
    members = network.members(own.scale)
    inside = (members == members[moment.resident_row(resident)]).nonzero()[0].tolist()
    most = max(t.holders for t in network.traits[own.scale][members[inside[0]]])
    others = [r for r in inside if moment.snapshot.resident_ids[r] != resident]
    with town.floors.ledger.write() as tx:
        for row in others[: most - 19]:
            town.floors.ledger.grants.withdraw(
                tx, ResidentId(str(moment.snapshot.resident_ids[row])), institution=None,
                category=DataCategory.INTEREST, purpose=None, at=town.clock(), key=f"w{row}",
            )  # fmt: skip
    after = service(town).own(resident)
    assert after is None or after.scale is not own.scale


def test_the_command_lists_refreshes_and_exports(found_home: Path, tmp_path: Path):
    home = copy_home(found_home, tmp_path / "home")
    linli = CommandLine(home)
    said = linli.run("communities", "--refresh", "--scale", "circle", "--json")
    assert said.code == 0, said.err
    found = json.loads(said.out)
    assert found["communities"]
    assert found["changes"] == []
    assert "what tells it apart" in linli.run("communities").out
    for ending in ("graphml", "gexf", "mmd"):
        said = linli.run("communities", "--export", str(tmp_path / f"a.{ending}"))
        assert said.code == 0, said.err
    G = nx.read_graphml(tmp_path / "a.graphml")
    assert 0 < len(G) <= len(found["communities"])
    assert all(data["people"] for _, data in G.nodes(data=True))
    wrong = linli.run("communities", "--export", str(tmp_path / "a.png"))
    assert wrong.code == 2


def test_the_night_keeps_ids_as_long_as_nobody_withdraws(town: Instance):
    site = town.floors.site
    first = load_network(site.home.networks).community_ids
    steps.communities(site)
    assert load_network(site.home.networks).community_ids == first
    assert town.floors.networks.current().changes == ()

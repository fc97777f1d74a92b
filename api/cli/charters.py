"""The command about groups that could be founded: propose them, and print them in full."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from api.cli.jobs_commands import run_job
from api.cli.output import AsJson, HomeOption, OperatorOption, operator, print_json, say
from api.services.charter_words import CharterSaid, MeetingSaid, PersonSaid, said
from api.services.charters import CharterService
from api.wiring import load_config, open_floors

__all__ = ["register"]

_STATES = {
    "proposed": "待审核 proposed",
    "inviting": "征询中 inviting",
    "forming": "筹建中 forming",
    "active": "活跃 active",
    "dormant": "休眠 dormant",
    "closed": "已结束 closed",
}


def charters(
    home: HomeOption = None,
    propose: Annotated[
        bool, typer.Option("--propose", help="Plan anew first; edited ones stay.")
    ] = False,
    grid: Annotated[str, typer.Option(help="Id of one grid [all].")] = "",
    limit: Annotated[int, typer.Option(min=1, help="Charters to print at most.")] = 10,
    as_operator: OperatorOption = None,
    as_json: AsJson = False,
) -> None:
    """Print groups that could be founded: theme, people and why, hosts, place, dates, fallback.

    Residents by pseudonym, as far as they authorise it now; audited. Approve, edit or reject them
    at the desk.
    """
    with open_floors(load_config(home=home)) as floors:
        actor = operator(as_operator, floors.institution)
        note = ""
        if propose:
            note = run_job(floors.site, "charters", by=actor.id, title="groups to found")
        found = [said(view) for view in CharterService(floors).all(actor, grid=grid)]
    if as_json:
        print_json({"planned": note or None, "charters": [asdict(each) for each in found]})
        return
    if note:
        say(note)
    for each in found[:limit]:
        _print(each)
    if not found:
        say("没有小组方案；用 --propose 生成。 No charters; --propose makes some.")
    elif len(found) > limit:
        say(f"\n另有 {len(found) - limit} 个方案。 {len(found) - limit} more: --limit, --grid.")


def _print(charter: CharterSaid) -> None:
    say("")
    say(f"{charter.theme_zh} · {charter.theme_en}    [{_STATES[charter.state]}]  {charter.id}")
    say(f"  网格 grid      {charter.grid}   社群 community {charter.community or '-'}")
    say(f"  语言 language  {charter.language or '不限 any'}")
    _print_meeting("地点 place", charter.meeting)
    if charter.fallback is not None:
        _print_meeting("备选 fallback", charter.fallback)
    else:
        say("  备选 fallback  无，需另约 none: agree on another time")
    founders = [each for each in charter.people if each.founder]
    if founders:
        ties = f"{charter.expected_ties:g}"
        say(f"  发起人 founders {len(founders)}，预计长久联系 lasting ties expected {ties}")
        say("    至少一位往来较少，至少一位认识好几圈人；两位接待。")
        say("    Among them somebody with few ties and somebody who knows several circles.")
    for each in charter.people:
        say(f"    {_person(each)}")
    if charter.broken:
        say(f"  不满足 broken   {', '.join(charter.broken)}")
    if charter.answer_by is not None:
        say(f"  答复截止 answers by {charter.answer_by:%Y-%m-%d %H:%M}Z")


def _print_meeting(title: str, meeting: MeetingSaid) -> None:
    level = "无障碍 step-free" if meeting.step_free else "有台阶 steps"
    say(f"  {title}  {meeting.place}（{level}，可容 {meeting.capacity} 人 people）")
    say("    " + "、".join(f"{date:%m-%d %a %H:%M}" for date in meeting.dates))


def _person(person: PersonSaid) -> str:
    role = "备选 reserve"
    if person.founder:
        role = "接待 host   " if person.host else "发起 founder"
    likes = "喜欢 likes it" if person.likes_theme else "同圈 same circle"
    walk = "步行 ?" if person.walk_minutes is None else f"步行 {person.walk_minutes} min"
    born = "" if person.born is None else f"，{person.born}s"
    other = "" if person.can_come_to_fallback else "，备选时间不行 not at the fallback"
    return f"{role}  {person.resident}  {likes}，{walk}{born}{other}"


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command("charters")(charters)

"""Commands that let people and programs in: sign-in links and API keys."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated

import typer

from api.cli.output import (
    AsJson,
    HomeOption,
    OperatorOption,
    console,
    operator,
    print_json,
    print_table,
)
from api.security.operations import SCOPES
from api.security.sessions import STAFF
from api.wiring import Floors, load_config, open_floors
from graph.errors import ConfigError, NotFound
from graph.gate import Principal
from graph.model import Actor, InstitutionId, ResidentId, StaffRole

__all__ = ["register"]

keys_app = typer.Typer(help="API keys of institutions' programs.", no_args_is_help=True)


_STAFF_MINUTES = 60
"""A link that opens other people's data is sent and used at once."""
_STAFF_NAME = re.compile(r"\w[\w .-]{0,39}")


ResidentArgument = Annotated[
    str | None, typer.Argument(help="Pseudonym of a resident (`linli residents`).")
]
StaffOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME", help="A member of staff instead: a clerk, or with --grid a social worker."
    ),
]


def link(
    resident: ResidentArgument = None,
    staff: StaffOption = None,
    grid: Annotated[
        list[str] | None,
        typer.Option(metavar="ID", help="With --staff: a social worker of this grid; repeat it."),
    ] = None,
    minutes: Annotated[int, typer.Option(min=1, max=1440, help="How long it works.")] = 15,
    home: HomeOption = None,
    as_operator: OperatorOption = None,
) -> None:
    """Make a sign-in link for a resident or for staff; it works once (audited under your name)."""
    _need_one(resident, staff)
    if grid and staff is None:
        raise ConfigError("a grid is looked after by a member of staff: name one with --staff")
    config = load_config(home=home)
    with open_floors(config) as floors:
        by = operator(as_operator, floors.institution)
        if resident is not None:
            principal = _resident(floors, by, resident)
        else:
            principal = _member_of_staff(floors, by, staff or "", minutes, grid or [])
        with floors.ledger.write() as tx:
            token = floors.ledger.access.new_link(
                tx, principal, at=floors.clock(), ttl=timedelta(minutes=minutes)
            )
    console.print(
        f"http://{config.host}:{config.port}/sign-in/{token}", highlight=False, soft_wrap=True
    )


def sign_out(
    resident: ResidentArgument = None,
    staff: StaffOption = None,
    home: HomeOption = None,
    as_operator: OperatorOption = None,
) -> None:
    """Sign a resident or staff out everywhere, and make their unused links useless (audited)."""
    _need_one(resident, staff)
    with open_floors(load_config(home=home)) as floors:
        by = operator(as_operator, floors.institution)
        who = resident or f"{STAFF}{staff}"
        subject = ResidentId(resident) if resident else None
        floors.gate.record_act(by, "sign-out" if subject else f"sign-out of {who}", subject)
        with floors.ledger.write() as tx:
            ended = floors.ledger.access.end_all(tx, who)
    console.print(f"sessions ended: {ended}", highlight=False)


def _need_one(resident: str | None, staff: str | None) -> None:
    if (resident is None) == (staff is None):
        raise ConfigError("name a resident, or a member of staff with --staff")


def _resident(floors: Floors, by: Actor, resident: str) -> Principal:
    if resident not in floors.live.catch_up().resident_rows:
        raise NotFound(f"no resident {resident!r}; `linli residents` lists some")
    floors.gate.record_act(by, "sign-in link", ResidentId(resident))
    return Principal(resident, StaffRole.RESIDENT, floors.institution)


def _member_of_staff(
    floors: Floors, by: Actor, name: str, minutes: int, grids: list[str]
) -> Principal:
    if not _STAFF_NAME.fullmatch(name):
        raise ConfigError("a name or number of staff has 1 to 40 letters, digits, spaces, . or -")
    if minutes > _STAFF_MINUTES:
        raise ConfigError(f"a link for staff works for {_STAFF_MINUTES} minutes at most")
    unknown = set(grids) - set(floors.live.catch_up().snapshot.grid_ids.tolist() if grids else [])
    if unknown:
        raise NotFound(f"no grid {min(unknown)!r}")
    role = StaffRole.SOCIAL_WORKER if grids else StaffRole.OPERATOR
    who = Principal(STAFF + name, role, floors.institution)
    named = f" as social worker of {', '.join(grids)}" if grids else ""
    floors.gate.record_act(by, f"sign-in link for {who.id}{named}")
    with floors.ledger.write() as tx:
        floors.ledger.cases.post(tx, who.id, grids)
    return who


@keys_app.command("new")
def keys_new(
    title: Annotated[str, typer.Argument(help="What the key is for, e.g. 'clinic intake'.")],
    institution: Annotated[str, typer.Option(help="Institution whose grants the key uses.")],
    app: Annotated[str, typer.Option(help="Its client app, as named in grants.")],
    scope: Annotated[list[str], typer.Option(help=f"One of {', '.join(SCOPES)}; repeat it.")],
    days: Annotated[int, typer.Option(min=1, max=365, help="How long it works.")] = 365,
    home: HomeOption = None,
) -> None:
    """Make an API key; it is shown once and never again."""
    unknown = sorted(set(scope) - set(SCOPES))
    if unknown:
        raise ConfigError(f"no scope {unknown[0]!r}; there are {', '.join(SCOPES)}")
    with open_floors(load_config(home=home)) as floors, floors.ledger.write() as tx:
        secret = floors.ledger.access.new_key(
            tx,
            title=title,
            institution=InstitutionId(institution),
            app=app,
            scopes=scope,
            at=floors.clock(),
            ttl=timedelta(days=days),
        )
    console.print(secret, highlight=False, soft_wrap=True)


@keys_app.command("list")
def keys_list(home: HomeOption = None, as_json: AsJson = False) -> None:
    """List API keys, without their secrets."""
    with open_floors(load_config(home=home)) as floors, floors.ledger.read() as tx:
        keys = floors.ledger.access.list_keys(tx)
    rows = [
        {
            "id": key.id,
            "title": key.title,
            "institution": key.institution,
            "app": key.app,
            "scopes": sorted(key.scopes),
            "expires": key.expires_at,
            "revoked": key.revoked_at,
        }
        for key in keys
    ]
    if as_json:
        print_json(rows)
        return
    print_table(
        ("id", "title", "institution", "scopes", "expires", "revoked"),
        [
            (
                r["id"],
                r["title"],
                r["institution"],
                " ".join(key.scopes),
                f"{key.expires_at:%Y-%m-%d}",
                f"{key.revoked_at:%Y-%m-%d}" if key.revoked_at else "-",
            )
            for r, key in zip(rows, keys, strict=True)
        ],
    )


@keys_app.command("revoke")
def keys_revoke(
    key: Annotated[str, typer.Argument(help="Id of the key (`linli keys list`).")],
    home: HomeOption = None,
) -> None:
    """Make an API key useless at its next request."""
    with open_floors(load_config(home=home)) as floors, floors.ledger.write() as tx:
        floors.ledger.access.revoke_key(tx, key, at=floors.clock())
    console.print(f"key {key} revoked", highlight=False)


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(link)
    app.command("sign-out")(sign_out)
    app.add_typer(keys_app, name="keys")

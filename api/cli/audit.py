"""Commands about the audit as a whole: give it away sealed, check it without any key."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from api.cli.output import AsJson, HomeOption, OperatorOption, fail, operator, print_json, say
from api.wiring import load_config, open_floors
from graph.errors import ConfigError, NotFound
from graph.gate import verify_file

__all__ = ["register"]

audit_app = typer.Typer(help="Give the audit away, sealed; check it.", no_args_is_help=True)


@audit_app.command("export")
def export(
    file: Annotated[Path, typer.Argument(help="File to write; it must not exist.")],
    home: HomeOption = None,
    as_operator: OperatorOption = None,
    as_json: AsJson = False,
) -> None:
    """Write every signed entry of the audit, sealed, for whoever checks it (audited itself).

    The file tells nobody who was looked at or why: entries stay sealed. With the published heads
    it shows whether the audit was ever edited.
    """
    if file.exists():
        raise ConfigError(f"{file} is there already; name another file")
    with open_floors(load_config(home=home)) as floors:
        actor = operator(as_operator, floors.institution)
        floors.gate.record_act(actor, "export the audit")
        with file.open("xb") as out:
            done = floors.ledger.audit.export(out)
    if as_json:
        print_json(
            {
                "file": str(file),
                "entries": done.entries,
                "chains": done.chains,
                "heads": str(done.heads),
                "public_key": done.public_key,
            }
        )
        return
    say(f"{file} holds {done.entries} entries in {done.chains} chains, sealed.")
    say(f"Publish the signed heads with it: {done.heads}")
    say(f"Make the public key known by another way: {done.public_key}")


@audit_app.command("verify")
def verify(
    file: Annotated[Path, typer.Argument(help="File that `linli audit export` wrote.")],
    heads: Annotated[Path, typer.Option("--heads", help="The published signed heads.")],
    key: Annotated[
        str | None,
        typer.Option("--key", help="Public key as it was made known, hex [the one in HEADS]."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check an exported audit against the published heads: no home, no network, no secret.

    Finds entries that were changed, removed, put in, moved or cut off, and an audit that was
    written anew. Ends with 1 when something is wrong.
    """
    for path in (file, heads):
        if not path.is_file():
            raise NotFound(f"there is no file {path}")
    found = verify_file(file, heads, public_key=key)
    report = found.report
    if as_json:
        print_json(
            {
                "ok": report.ok,
                "entries": report.entries,
                "chains": report.chains,
                "fault": report.fault,
                "public_key": found.public_key,
            }
        )
    elif report.ok:
        say(f"{report.entries} entries in {report.chains} chains: as they were signed.")
        say(f"Signed with {found.public_key}: compare it with the key that was made known.")
    else:
        fail(f"{file}: {report.fault}")
    if not report.ok:
        raise typer.Exit(1)


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.add_typer(audit_app, name="audit")

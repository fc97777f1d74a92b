"""Commands about the audit: give it away sealed, check it without any key, answer complaints."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from api.cli.output import (
    AsJson,
    HomeOption,
    OperatorOption,
    fail,
    operator,
    print_json,
    print_table,
    say,
)
from api.wiring import load_config, open_floors
from graph.errors import ConfigError, NotFound
from graph.gate import verify_file

__all__ = ["register"]

audit_app = typer.Typer(
    help="Give the audit away, check it, answer complaints.", no_args_is_help=True
)


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


@audit_app.command("complaints")
def complaints(home: HomeOption = None, as_json: AsJson = False) -> None:
    """List the complaints of residents that wait for an answer, the one due first first.

    Residents stand here by pseudonym. What a complaint says, `linli audit complaint` shows.
    """
    with open_floors(load_config(home=home)) as floors:
        now = floors.clock()
        with floors.ledger.read() as tx:
            waiting = floors.ledger.complaints.waiting(tx)
    if as_json:
        lines = [
            {
                "id": one.id,
                "resident": one.resident,
                "matter": one.matter,
                "filed_at": one.filed_at,
                "due_at": one.due_at,
                "overdue": now > one.due_at,
            }
            for one in waiting
        ]
        print_json({"complaints": lines})
        return
    print_table(
        ("complaint", "resident", "about a", "due", ""),
        [
            (one.id, one.resident, one.matter, f"{one.due_at:%F}", "LATE" * (now > one.due_at))
            for one in waiting
        ],
    )


@audit_app.command("complaint")
def complaint(
    id_: Annotated[str, typer.Argument(metavar="COMPLAINT", help="Its id.")],
    home: HomeOption = None,
    answer: Annotated[
        str | None, typer.Option("--answer", help="Answer it, once; the resident reads this.")
    ] = None,
    as_operator: OperatorOption = None,
) -> None:
    """Show what a complaint is about and what its resident wrote, or answer it (audited)."""
    with open_floors(load_config(home=home)) as floors:
        ledger = floors.ledger
        actor = operator(as_operator, floors.institution)
        with ledger.read() as tx:
            one = ledger.complaints.get(tx, id_)
            entry = ledger.audit.find(tx, one.resident, one.about)
        done = "read a complaint" if answer is None else "answer a complaint"
        floors.gate.record_act(actor, done, subject=one.resident)
        if answer is not None:
            with ledger.write() as tx:
                one = ledger.complaints.answer(tx, id_, answer, at=floors.clock())
    say(f"{one.matter} {one.about}, {one.state}, filed {one.filed_at:%F}, due {one.due_at:%F}")
    if entry is not None:
        what = ", ".join(entry.categories) or "the system"
        say(f"{entry.at:%F %T} UTC: {entry.actor} ({entry.role}, {entry.institution})")
        say(f"{entry.action} {what} for {entry.purpose or entry.reason}; {entry.reason}")
    for label, text in (("resident", one.words), ("answer", one.answer)):
        if text:
            say(f"{label}: {text}")


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.add_typer(audit_app, name="audit")

"""Phase one of an import for the jobs process, and for the command line: a file is validated."""

from __future__ import annotations

import gc
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from graph.codec import Json
from graph.errors import DataError, Denied, ImportRefused, NotFound
from graph.ingest import (
    FILE_COLUMNS,
    ImportPlan,
    LedgerRegister,
    Preview,
    Refusal,
    discard_import,
    preview_import,
    read_file,
    read_meetup,
    refuse_import,
)
from graph.model import Actor, InstitutionId, StaffRole
from jobs.site import Site
from jobs.steps import Progress, silent

__all__ = ["KINDS", "preview_file", "upload_args", "validate_upload"]

MEETUP = "meetup"
KINDS = (*FILE_COLUMNS, MEETUP)
"""Every kind of file or folder that comes in."""


def preview_file(
    site: Site, kind: str, file: Path, *, actor: Actor, progress: Progress = silent
) -> Preview:
    """Read, validate and stage a file.

    Raises
    ------
    ImportRefused
        The file as a whole cannot be read, or a fact has no basis.
    Denied
        The actor may not bring in such data.
    """
    gc.freeze()  # a long file makes no garbage of what is loaded by now: do not look there for it
    return preview_import(
        site.ledger,
        _plan(site, kind, file, actor),
        gate=site.gate,
        actor=actor,
        clock=site.clock,
        file=file,
        progress=progress,
    )


def upload_args(actor: Actor, *, kind: str, batch: str, file: str) -> dict[str, Json]:
    """Say in a job request which upload is to be validated, and for whom."""
    return {
        "kind": kind,
        "batch": batch,
        "file": file,
        "actor": [actor.id, actor.role.value, actor.institution, actor.app],
    }


def validate_upload(site: Site, args: Mapping[str, Json], progress: Progress) -> str:
    """Validate an uploaded file and delete it; a refusal is kept with the batch.

    An import that was dropped meanwhile is not brought back.

    Raises
    ------
    DataError
        The request names no upload.
    NotFound
        The file is gone, or the import was dropped while it was staged.
    """
    said = args.get("actor")
    if not isinstance(said, list):
        raise DataError("this job is asked for by POST /api/v1/imports, with a file")
    id_, role, institution, app = (str(part) for part in said)
    actor = Actor(id_, StaffRole(role), InstitutionId(institution), app)
    file = site.home.uploads / Path(str(args["file"])).name
    if not file.exists():
        raise NotFound(f"the upload of import batch {args['batch']} is gone; send it again")
    batch = str(args["batch"])
    begun = _begun(site, batch)
    if begun is None:
        file.unlink()
        return f"{batch}: dropped before it was read"
    try:
        preview = preview_file(site, str(args["kind"]), file, actor=actor, progress=progress)
    except (ImportRefused, Denied) as error:
        file.unlink()
        refuse_import(site.ledger, batch, _refusal(error, file))
        raise
    except NotFound:  # dropped while it was staged
        file.unlink()
        raise
    file.unlink()
    if preview.batch.begun_at != begun:  # dropped while it was read, and begun anew
        discard_import(site.ledger, batch, gate=site.gate, actor=actor)
        return f"{batch}: dropped while it was read"
    return f"{preview.batch.id}: {preview.rows} rows read, {preview.left_out} left out"


def _begun(site: Site, batch: str) -> datetime | None:
    """When a batch was begun; ``None`` when it was dropped."""
    try:
        with site.ledger.read() as tx:
            return site.ledger.imports.get(tx, batch).begun_at
    except NotFound:
        return None


def _refusal(error: ImportRefused | Denied, file: Path) -> Refusal:
    """Say why in the words for whoever sent the file, else in the error's own."""
    if isinstance(error, ImportRefused) and error.zh:
        return Refusal(error.zh, error.en)
    return Refusal("文件不能导入；请告诉管理员", str(error).replace(file.name, "the file"))


def _plan(site: Site, kind: str, file: Path, actor: Actor) -> ImportPlan:
    pseudonym = site.ledger.keys.pseudonym
    if kind == MEETUP:
        return read_meetup(file, pseudonym=pseudonym, clock=site.clock)
    register = LedgerRegister(site.ledger, site.gate, actor)
    return read_file(
        kind,
        file,
        pseudonym=pseudonym,
        clock=site.clock,
        register=register,
        institution=actor.institution,
    )

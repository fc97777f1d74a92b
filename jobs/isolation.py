"""The step that scores who may be isolated, from what residents authorised for care visits."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from graph.gate import care_facts, publish_scores
from graph.model import ResidentId
from graph.snapshot import Facts, current_snapshot, open_snapshot
from jobs.site import Site
from recommender.outreach.bodies import bodies_of, groups_of
from recommender.outreach.reading import evidence_of
from recommender.outreach.report import report_of
from recommender.outreach.score import score

__all__ = ["score_isolation"]

Progress = Callable[[int, int, str], None]


def score_isolation(site: Site, progress: Progress) -> str:
    """Score everybody who authorised it on the current snapshot, seal the scores, publish them.

    Returns
    -------
    str
        Folder name of the scores.
    """
    folder = current_snapshot(site.home.snapshots)
    snapshot = open_snapshot(site.home.snapshots, folder)
    with site.ledger.read() as tx:
        epoch = site.ledger.outbox.head(tx).epoch  # read first: what changes later is scored later
    progress(0, 3, "reading")
    facts = care_facts(
        site.gate, site.ledger, site.actor, snapshot, Facts(site.home.snapshots / folder)
    )
    progress(1, 3, "scoring")
    ids = [str(resident) for resident in snapshot.resident_ids]
    evidence = evidence_of(facts, {resident: row for row, resident in enumerate(ids)})
    scores = score(evidence)
    groups = groups_of(evidence, facts.registered_here)
    progress(2, 3, "sealing")
    rows = np.flatnonzero(facts.scored)
    bodies = bodies_of(evidence, scores, groups, rows)
    return publish_scores(
        site.ledger,
        site.home.isolation,
        {ResidentId(ids[row]): body for row, body in zip(rows.tolist(), bodies, strict=True)},
        rows=rows,
        manifest={"report": report_of(evidence, scores, facts.scored, groups)},
        about={
            "epoch": epoch,
            "scored_at": int(site.clock().timestamp()),
            "snapshot": folder,
        },
    )

"""Questions about the network of people, asked through the gate.

The order is always the same: who is named must have authorised it; rows come from the graph (or
the snapshot); rows resting on anything not authorised now are dropped; then those of residents
who are gone or block each other; what is left is answered from, and the answer leaves after it
was recorded whom it shows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from graph.codec import Json
from graph.errors import ConfigError
from graph.explore.answers import Answer, answer_to, relevant
from graph.explore.cypher import apart, gather
from graph.explore.findings import Finding, Findings
from graph.explore.pictured import pictured, pictured_apart
from graph.explore.questions import Question, Shared
from graph.gate.gate import Gate
from graph.gate.recorded import record_shown
from graph.ledger.ledger import Ledger
from graph.live import Moment
from graph.model import Action, Actor
from graph.store.base import CypherStore, GraphStore

__all__ = ["Explorer"]


@dataclass(frozen=True, slots=True)
class Explorer:
    """Asks the graph or the snapshot, and tells what grants leave of it."""

    gate: Gate
    ledger: Ledger

    def admit(self, actor: Actor, question: Question) -> None:
        """See to it that every resident a question names authorised something of it; audited.

        Raises
        ------
        Denied
            One did not, or nobody has this id: the two look the same.
        AuditUnavailable
            It could not be recorded.
        """
        for resident in question.named:
            self.gate.authorise_some(
                actor,
                purpose=question.purpose,
                categories=question.categories,
                subject=resident,
                action=Action.DERIVE,
            )

    def find(self, actor: Actor, question: Question, store: GraphStore) -> Findings:
        """Find in the graph what may be used to answer.

        Raises
        ------
        ConfigError
            The store answers no Cypher.
        StoreUnavailable
            The engine is away.
        """
        if not isinstance(store, CypherStore):
            raise ConfigError("this graph store answers no Cypher; explore needs one that does")
        found = relevant(self._permitted(actor, gather(store, question)))
        return found.without(self._instructions(actor, question, apart(store, found.residents)))

    def find_pictured(self, actor: Actor, question: Shared, moment: Moment) -> Findings:
        """Find in the snapshot and its overlay what may be used to answer."""
        found = self._permitted(actor, pictured(moment, question))
        they = pictured_apart(moment, self.ledger, found.residents)
        return found.without(self._instructions(actor, question, they))

    def answer(self, actor: Actor, found: Findings) -> Answer:
        """Answer with what is still authorised at this moment; recorded before it leaves.

        Raises
        ------
        AuditUnavailable
            It could not be recorded, so nothing leaves.
        """
        kept = self._permitted(actor, found)
        answer = answer_to(kept)
        shown = [cell for cell in kept.cells if cell[0] in answer.residents]
        record_shown(self.ledger, actor, found.question.purpose, shown)
        return answer

    def answer_kept(self, actor: Actor, said: Mapping[str, Json]) -> Answer:
        """Answer with findings that were kept as JSON (:meth:`Findings.said`); as :meth:`answer`.

        Raises
        ------
        AuditUnavailable
            It could not be recorded, so nothing leaves.
        """
        return self.answer(actor, Findings.heard(said))

    def _permitted(self, actor: Actor, found: Findings) -> Findings:
        cells = self.gate.permitted_cells(
            actor, purpose=found.question.purpose, cells=found.cells, action=Action.DERIVE
        )
        return found.resting_on(cells)

    def _instructions(
        self, actor: Actor, question: Question, found: list[Finding]
    ) -> tuple[Finding, ...]:
        return self._permitted(actor, Findings(question, tuple(found))).rows

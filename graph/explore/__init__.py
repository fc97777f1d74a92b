"""Questions about the network of people, their Cypher, and the answers that permissions leave.

A question becomes :class:`~graph.explore.findings.Findings`: rows of the graph, each with the
facts it rests on. Rows resting on a fact that was not authorised are dropped before anything is
made of the rest, so an answer is the same as in a world in which that fact never was. Doors go
through :class:`graph.gate.Explorer`, which does that and records who was shown.
"""

from graph.explore.answers import Acquaintance, Answer, Entry, Introducer, Neighbour, Thing
from graph.explore.questions import (
    Circle,
    Introducers,
    Question,
    QuestionKind,
    RareNeed,
    Shared,
    question_of,
    question_said,
)

__all__ = [
    "Acquaintance",
    "Answer",
    "Circle",
    "Entry",
    "Introducer",
    "Introducers",
    "Neighbour",
    "Question",
    "QuestionKind",
    "RareNeed",
    "Shared",
    "Thing",
    "question_of",
    "question_said",
]

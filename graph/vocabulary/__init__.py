"""Governed, versioned lists: interests, needs, offers, occupations, sources."""

from graph.vocabulary.vocabulary import (
    VOCABULARIES,
    VOCABULARY_SOURCE,
    Term,
    Vocabulary,
    fold,
    interests,
    meetup_interests,
    needs,
    occupations,
    offers,
    source,
    source_node,
    sources,
    vocabulary_nodes,
)

__all__ = [
    "VOCABULARIES",
    "VOCABULARY_SOURCE",
    "Term",
    "Vocabulary",
    "fold",
    "interests",
    "meetup_interests",
    "needs",
    "occupations",
    "offers",
    "source",
    "source_node",
    "sources",
    "vocabulary_nodes",
]

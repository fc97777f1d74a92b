"""Governed, versioned lists: interests, needs, offers, occupations, sources."""

from graph.vocabulary.coding import Coding, Way, fold
from graph.vocabulary.manifest import Release, edition, manifest, release
from graph.vocabulary.vocabulary import (
    VOCABULARIES,
    VOCABULARY_SOURCE,
    Term,
    Vocabulary,
    answers,
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
    "Coding",
    "Release",
    "Term",
    "Vocabulary",
    "Way",
    "answers",
    "edition",
    "fold",
    "interests",
    "manifest",
    "meetup_interests",
    "needs",
    "occupations",
    "offers",
    "release",
    "source",
    "source_node",
    "sources",
    "vocabulary_nodes",
]

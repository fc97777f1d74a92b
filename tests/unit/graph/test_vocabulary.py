"""The governed lists are complete, unambiguous, and never guess."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import pytest

from graph.errors import NotFound
from graph.model import Category, SourceClass
from graph.schema import validate
from graph.vocabulary import (
    VOCABULARIES,
    Vocabulary,
    fold,
    interests,
    meetup_interests,
    needs,
    occupations,
    offers,
    source,
    sources,
    vocabulary_nodes,
)

AT = datetime(2026, 6, 1, tzinfo=UTC)

MEETUP = """Arts & Culture|Book Clubs|Career & Business|Cars & Motorcycles|Community & Environment|
Dancing|Education & Learning|Fashion & Beauty|Fitness|Food & Drink|Games|Health & Wellbeing|
Hobbies & Crafts|LGBT|Language & Ethnic Identity|Movements & Politics|Movies & Film|Music|
New Age & Spirituality|Outdoors & Adventure|Parents & Family|Pets & Animals|Photography|
Religion & Beliefs|Sci-Fi & Fantasy|Singles|Socializing|Sports & Recreation|Support|Tech|
Writing""".replace("\n", "")


@pytest.mark.parametrize("label", VOCABULARIES)
def test_codes_are_unique_and_both_labels_are_there(label):
    vocabulary = VOCABULARIES[label]()
    assert len(set(vocabulary.codes)) == len(vocabulary)
    assert all(term.label_zh and term.label_en for term in vocabulary.terms)
    assert [vocabulary.index(code) for code in vocabulary] == list(range(len(vocabulary)))


@pytest.mark.parametrize("label", VOCABULARIES)
def test_no_word_means_two_terms(label):
    vocabulary = VOCABULARIES[label]()
    words = Counter(
        word
        for term in vocabulary.terms
        for word in {fold(w) for w in (term.code, term.label_zh, term.label_en, *term.synonyms)}
    )
    assert [word for word, n in words.items() if n > 1] == []


def test_sizes_and_the_seven_categories():
    assert 140 <= len(interests()) <= 180
    assert 35 <= len(needs()) <= 50
    assert 35 <= len(offers()) <= 50
    assert 110 <= len(occupations()) <= 135
    for vocabulary in (interests(), needs(), offers()):
        for category in Category:
            assert vocabulary.of_category(category), f"{vocabulary.name} has no {category}"


def test_occupations_stand_on_three_digit_groups_under_their_parents():
    unpaid = {"retired", "homemaker", "student", "unemployed"}
    assert unpaid <= set(occupations().codes)
    for term in occupations().terms:
        if term.code not in unpaid:
            assert len(term.code) == 3
            assert term.parent == term.code[:2]


@pytest.mark.parametrize(
    ("text", "code"),
    [("跳广场舞", "square_dance"), (" \uff34\uff21\uff29 Chi ", "taichi"), ("taichi", "taichi")],
)
def test_known_words_are_found_whatever_their_width_and_case(text, code):
    assert interests().find(text) == code


def test_unknown_words_are_never_guessed():
    assert occupations().find("跑外卖的") is None
    assert occupations().find("外卖员") == "933"
    assert interests().find("太极广场舞") is None
    assert interests().find("") is None


def test_an_unknown_code_names_itself_and_the_list():
    with pytest.raises(NotFound, match=r"'nothing' is not among the interests \(version \w{12}\)"):
        interests().index("nothing")


def test_the_version_is_that_of_the_words():
    assert interests().version == interests().version
    assert len({load().version for load in VOCABULARIES.values()}) == len(VOCABULARIES)


def test_labels_follow_the_language():
    assert interests().label_of("taichi", "zh-CN") == "太极"
    assert interests().label_of("taichi", "en") == "Tai chi"


def test_every_meetup_category_maps_to_an_interest():
    table = meetup_interests()
    assert set(MEETUP.split("|")) <= set(table)
    assert all(code in interests() for code in table.values())


def test_no_term_is_about_religion_politics_or_sexual_life():
    refused = ("religio", "politic", "gay", "宗教", "信仰", "政治", "民族成分", "佛", "教会")
    for load in VOCABULARIES.values():
        vocabulary: Vocabulary = load()
        for term in vocabulary.terms:
            said = " ".join((term.code, term.label_zh, term.label_en.lower(), *term.synonyms))
            assert not [word for word in refused if word in said], said


def test_all_four_classes_of_sources_are_registered():
    assert {entry.source_class for entry in sources().values()} == set(SourceClass)
    assert source("government-register").legal_basis == "statutory"
    with pytest.raises(NotFound, match="'hearsay' is not registered"):
        source("hearsay")


def test_all_nodes_follow_the_schema():
    nodes = list(vocabulary_nodes(AT))
    for node in nodes:
        validate(node)
    assert len({(node.label, node.id) for node in nodes}) == len(nodes)
    assert {node.label for node in nodes} == {"Interest", "Need", "Offer", "Occupation", "Source"}

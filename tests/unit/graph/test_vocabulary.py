"""The governed lists are complete, unambiguous, and never guess."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from datetime import UTC, datetime

import pytest

from graph.errors import NotFound
from graph.model import Category, SourceClass
from graph.schema import validate
from graph.vocabulary import (
    VOCABULARIES,
    Coding,
    Vocabulary,
    Way,
    answers,
    edition,
    fold,
    interests,
    manifest,
    meetup_interests,
    needs,
    occupations,
    offers,
    source,
    sources,
    vocabulary_nodes,
)
from graph.vocabulary.files import read_rows

AT = datetime(2026, 6, 1, tzinfo=UTC)

UNPAID = {"retired", "homemaker", "student", "unemployed"}

_MINOR = """
    011 021 031 111 112 121 122 131 132 133 134 141 142 143
    211 212 213 214 215 216 221 222 223 224 225 226 231 232 233 234 235 241 242 243 251 252
    261 262 263 264 265 311 312 313 314 315 321 322 323 324 325 331 332 333 334 335
    341 342 343 351 352 411 412 413 421 422 431 432 441 511 512 513 514 515 516
    521 522 523 524 531 532 541 611 612 613 621 622 631 632 633 634
    711 712 713 721 722 723 731 732 741 742 751 752 753 754
    811 812 813 814 815 816 817 818 821 831 832 833 834 835
    911 912 921 931 932 933 941 951 952 961 962"""
MINOR_GROUPS = set(_MINOR.split())
"""Of ISCO-08, as the International Labour Organization published them."""

RELEASED = {
    "interests": (164, "ff3469f5ab14d2fa"),
    "needs": (66, "28aeaf80cceedc46"),
    "offers": (65, "6780024bacc49980"),
    "occupations": (134, "1efb35f768b98cbe"),
}
"""Number of columns of 2026.11, and the digest of their codes. Appending leaves it true."""

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
    assert 55 <= len(needs()) <= 75
    assert 55 <= len(offers()) <= 75
    assert len(occupations()) == 130 + len(UNPAID)
    for vocabulary in (interests(), needs(), offers()):
        for category in Category:
            assert len(vocabulary.of_category(category)) >= 4, (vocabulary.name, category)


def test_all_minor_groups_of_isco_08_are_there():
    assert set(occupations().codes) == MINOR_GROUPS | UNPAID
    assert len(MINOR_GROUPS) == 130


def test_every_minor_group_leads_to_its_sub_major_and_major_group():
    levels = Counter(len(group.code) for group in occupations().groups)
    assert levels == {1: 10, 2: 43}
    for code in occupations():
        above = () if code in UNPAID else (code[:2], code[0])
        assert tuple(group.code for group in occupations().above(code)) == above


def test_groups_are_nodes_but_never_columns_and_never_what_a_text_is_coded_as():
    groups = occupations().groups
    assert not [group for group in groups if group.code in occupations()]
    assert not [group for group in groups if occupations().find(group.label_zh) == group.code]
    nodes = {n.id: n for n in occupations().nodes(AT)}
    assert len(nodes) == len(occupations()) + len(groups)
    for node in nodes.values():
        assert node.properties["parent"] is None or node.properties["parent"] in nodes


@pytest.mark.parametrize("name", RELEASED)
def test_released_columns_never_move(name):
    size, digest = RELEASED[name]
    codes = next(load() for load in VOCABULARIES.values() if load().name == name).codes
    assert hashlib.sha256("\n".join(codes[:size]).encode()).hexdigest()[:16] == digest


def test_the_manifest_is_that_of_the_files():
    for entry in manifest():
        rows, digest = read_rows(entry.name)
        assert (entry.entries, entry.digest) == (len(rows), digest), (
            f"{entry.name} changed: run python tools/vocabulary.py with the year and month"
        )
        assert re.fullmatch(r"20\d\d\.(0[1-9]|1[0-2])", entry.version)
    assert {load().name for load in VOCABULARIES.values()} <= {entry.name for entry in manifest()}
    assert edition() == max(entry.version for entry in manifest())


def test_ambiguous_words_have_no_code_and_all_their_candidates_exist():
    for row in read_rows("ambiguous")[0]:
        vocabulary = next(load() for load in VOCABULARIES.values() if load().name == row["list"])
        candidates = tuple(row["candidates"].split(";"))
        assert vocabulary.find(row["text"]) is None, row
        assert vocabulary.candidates(row["text"]) == candidates
        assert set(candidates) <= set(vocabulary.codes), row


def test_no_text_is_listed_as_ambiguous_twice():
    texts = Counter((row["list"], fold(row["text"])) for row in read_rows("ambiguous")[0])
    assert [text for text, n in texts.items() if n > 1] == []


def test_every_target_of_the_crosswalk_exists_and_no_code_comes_twice():
    rows = read_rows("crosswalk")[0]
    assert {row["scheme"] for row in rows} == {"GBT6565-2015"}
    for row in rows:
        assert set(row["isco"].split(";")) <= MINOR_GROUPS, row
    assert len({row["code"] for row in rows}) == len(rows)


def test_the_crosswalk_covers_every_sub_class_of_the_major_classes_one_to_seven():
    covered = {row["code"] for row in read_rows("crosswalk")[0]}
    for major, last in (("1", 6), ("2", 10), ("3", 2), ("4", 14), ("5", 5), ("6", 31)):
        assert {f"{major}-{n:02d}" for n in range(1, last + 1)} <= covered
    assert "7-00" in covered


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("4-07-05-01", "541"),
        ("4-07-05-01 保安员", "541"),
        ("GBT6565:4-10-01-06", "911"),
        ("GB/T 6565-2015\uff1a4-10-01-05 养老护理员", "532"),
        ("\uff12-\uff10\uff18-\uff10\uff11", "231"),
        ("3-02-01-99", "541"),
        ("4-02-02 出租车司机", "832"),
    ],
)
def test_codes_of_the_chinese_classification_are_understood(text, code):
    assert occupations().coding(text) == Coding(Way.CROSSWALK, code)


@pytest.mark.parametrize(
    ("text", "candidates"),
    [
        ("4-02-05", ("333", "933")),
        ("4-07-05-01 保洁", ("541", "911")),
        ("老师", ("231", "232", "233", "234", "235")),
        ("司机/保安", ("832", "833", "541")),
        ("退休教师(返聘)", ("retired",)),
        ("保安、不知道的活", ("541",)),
    ],
)
def test_what_may_mean_several_stays_uncoded_with_its_candidates(text, candidates):
    assert occupations().coding(text) == Coding(Way.AMBIGUOUS, None, candidates)


@pytest.mark.parametrize(
    "text", ["外卖、快递", "外卖员\uff08骑手\uff09", "快递;外卖", "快递 + 外卖"]
)
def test_parts_that_all_lead_to_one_code_are_coded(text):
    assert occupations().coding(text) == Coding(Way.PARTS, "933")


@pytest.mark.parametrize(
    "text", ["GB/T 6565-1999:4-07-05", "9-01-01", "4-07-05-01-02", "1954-04-07", "/", "()"]
)
def test_other_codes_and_dates_are_not_taken_for_the_chinese_classification(text):
    assert occupations().coding(text) == Coding(Way.UNKNOWN)


@pytest.mark.parametrize(
    ("texts", "code"),
    [
        ("退休 离退休 退休教师 退休工人", "retired"),
        ("跑外卖的 外卖员 骑手 送餐员", "933"),
        ("滴滴司机 网约车 出租车司机", "832"),
        ("程序员 码农 Java开发", "251"),
        ("保安 门卫", "541"),
        ("保洁 家政 钟点工", "911"),
        ("护工 养老护理员", "532"),
        ("月嫂 育儿嫂", "531"),
        ("社区工作者 网格员 专职网格员", "341"),
        ("务农 种地 农民", "611"),
        ("待业 无业 下岗", "unemployed"),
        ("全职妈妈 家庭主妇 全职爸爸", "homemaker"),
        ("学生 小学生 在读研究生", "student"),
    ],
)
def test_words_as_registers_have_them_are_coded(texts, code):
    assert {occupations().find(text) for text in texts.split()} == {code}


def test_lists_know_many_words():
    words = {load().name: load().terms for load in VOCABULARIES.values()}
    counts = {name: sum(len(t.synonyms) for t in terms) for name, terms in words.items()}
    assert counts["occupations"] >= 600
    for name in ("needs", "offers"):
        assert min(len(term.synonyms) for term in words[name]) >= 3, name
        assert counts[name] >= 5 * len(words[name]), name


def test_every_need_says_which_offers_answer_it():
    assert set(answers()) == set(needs().codes)
    for need, found in answers().items():
        assert all(offer in offers() for offer in found), need
    served = {row["need"] for row in read_rows("answers")[0] if not row["offers"]}
    assert all(row["note"] for row in read_rows("answers")[0] if row["need"] in served)


@pytest.mark.parametrize(
    ("text", "code"),
    [("跳广场舞", "square_dance"), (" \uff34\uff21\uff29 Chi ", "taichi"), ("taichi", "taichi")],
)
def test_known_words_are_found_whatever_their_width_and_case(text, code):
    assert interests().find(text) == code


def test_unknown_words_are_never_guessed():
    assert occupations().coding("修时光机的") == Coding(Way.UNKNOWN)
    assert occupations().find("外卖员们") is None
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

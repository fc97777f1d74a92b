"""What the synthetic residents like: the truth that recommenders are tested against.

Each resident belongs to a latent community: an archetype (early-rising seniors, young parents,
players of games ...) in one area. Taste for an interest is a sum of what the archetype likes,
what the occupation suggests, a fashion of the area, and the resident's own temper.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from graph.synthetic.people import People
from graph.vocabulary import interests, occupations

__all__ = ["ARCHETYPES", "Archetype", "Tastes", "make_tastes", "top_by_gumbel"]


@dataclass(frozen=True, slots=True)
class Archetype:
    """A kind of community: who is in it and what they like."""

    name: str
    ages: tuple[int, int]
    likes: str
    """Interest codes, the dearest first."""
    women: float = 1.0
    """How much likelier women are than men."""
    parents: bool = False
    """Meant for households with young children."""


ARCHETYPES: tuple[Archetype, ...] = (
    Archetype(
        "morning-exercise",
        (55, 97),
        "taichi baduanjin walking square_dance diabolo health_lectures blood_pressure_circle "
        "jianzi chinese_medicine gateball martial_arts",
        1.3,
    ),
    Archetype(
        "song-and-opera",
        (52, 95),
        "choir huangmei_opera square_dance runway folk_dance erhu hulusi drums ballroom_dance "
        "poetry lu_opera peking_opera karaoke",
        2.5,
    ),
    Archetype(
        "brush-and-board",
        (48, 97),
        "calligraphy xiangqi chinese_painting go_game tea card_games local_history bonsai "
        "birds_fish collecting fishing mahjong",
        0.35,
    ),
    Archetype(
        "young-families",
        (26, 46),
        "shared_reading_parents parenting kids_crafts toy_swap kids_meals farm_visits school_walk "
        "book_swap robotics_kids new_mothers nature_study homework_circle",
        1.8,
        parents=True,
    ),
    Archetype(
        "after-work-sport",
        (20, 50),
        "badminton running cycling basketball fitness football hiking swimming table_tennis "
        "camping yoga tennis",
        0.7,
    ),
    Archetype(
        "kitchen-table",
        (28, 78),
        "home_cooking baking noodles_dumplings shared_meals hui_cuisine pickles healthy_eating "
        "gardening balcony_vegetables flower_arranging fermenting",
        2.2,
    ),
    Archetype(
        "games-and-screens",
        (14, 35),
        "board_games video_games street_dance film science_fiction skateboarding short_video "
        "basketball guitar singles_circle computers",
        0.8,
    ),
    Archetype(
        "books-and-lens",
        (22, 68),
        "book_club photography writing film museums city_walk old_streets coffee music_listening "
        "drawing english_corner travel_stories",
        1.2,
    ),
    Archetype(
        "makers-and-menders",
        (30, 75),
        "home_repair woodwork model_making handicraft tool_library e_bike_care electric_cars "
        "knitting pottery iron_painting flea_market",
        0.6,
    ),
    Archetype(
        "neighbours-council",
        (30, 82),
        "resident_assembly volunteering safety_patrol waste_sorting shared_garden newcomers "
        "charity_sale first_aid smartphone_skills festival_customs mutual_support",
        1.0,
    ),
)

_BY_WORK = {
    "23": "book_club shared_reading_parents writing lifelong_learning",
    "22": "health_lectures first_aid healthy_eating",
    "25": "computers video_games board_games running",
    "26": "book_club writing photography local_history",
    "51": "home_cooking baking street_food",
    "52": "small_business flea_market smart_shopping",
    "71": "home_repair woodwork",
    "72": "home_repair electric_cars",
    "83": "self_driving electric_cars fishing",
    "24": "personal_finance career_circle",
    "21": "astronomy model_making computers",
}


@dataclass(frozen=True, slots=True, eq=False)
class Tastes:
    """Latent truth about residents."""

    archetype: NDArray[np.int64]
    community: NDArray[np.int64]
    """Archetype in an area: the latent community."""
    taste: NDArray[np.float32]
    """(n_residents, n_interests) how much each resident likes each interest; about -2 to 5."""
    activity: NDArray[np.float64]
    """How often each resident does something, mean 1, by Zipf's law."""


def make_tastes(rng: np.random.Generator, people: People, area: NDArray[np.int64]) -> Tastes:
    """Draw communities and tastes.

    Parameters
    ----------
    rng : Generator
    people : People
    area : NDArray[int64], (n_residents,)
    """
    archetype = _draw_archetypes(rng, people)
    liked = _profiles()
    second = rng.integers(0, len(ARCHETYPES), people.n)
    fashion = rng.normal(0, 0.35, (int(area.max()) + 1, len(interests()))).astype(np.float32)
    taste = liked[archetype]
    taste *= rng.uniform(0.75, 1.25, (people.n, 1)).astype(np.float32)
    taste += 0.35 * liked[second]
    taste += fashion[area]
    taste += _work_profiles()[people.occupation]
    taste += 0.55 * rng.standard_normal(taste.shape, dtype=np.float32)
    rank = rng.permutation(people.n) + 1.0
    activity = rank**-0.55 * np.sqrt(people.sociability + 0.05)
    return Tastes(
        archetype=archetype,
        community=area * len(ARCHETYPES) + archetype,
        taste=taste,
        activity=activity / activity.mean(),
    )


def top_by_gumbel(
    rng: np.random.Generator, score: NDArray[np.float32], count: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Draw ``count`` columns per row without replacement, softmax-likely by their score.

    Parameters
    ----------
    rng : Generator
    score : NDArray[float32], (n, m)
        Minus infinity is never drawn.
    count : NDArray[int64], (n,)

    Returns
    -------
    rows, columns, order : NDArray[int64]
        ``order`` 0 is the first drawn of the row.

    References
    ----------
    Kool, van Hoof, Welling: Stochastic beams and where to find them (2019): the Gumbel top-k
    trick.
    """
    if not score.size or not count.any():
        empty = np.empty(0, np.int64)
        return empty, empty, empty
    most = min(int(count.max()), score.shape[1])
    noisy = score + rng.gumbel(size=score.shape).astype(np.float32)
    top = np.argpartition(-noisy, most - 1, axis=1)[:, :most]
    value = np.take_along_axis(noisy, top, axis=1)
    inside = np.argsort(-value, axis=1, kind="stable")
    top = np.take_along_axis(top, inside, axis=1)
    value = np.take_along_axis(value, inside, axis=1)
    chosen = (np.arange(most) < count[:, None]) & np.isfinite(value)
    rows, order = np.nonzero(chosen)
    return rows, top[rows, order], order


def _draw_archetypes(rng: np.random.Generator, people: People) -> NDArray[np.int64]:
    score = np.zeros((people.n, len(ARCHETYPES)), dtype=np.float32)
    parent = people.young_children[people.household] & (people.age >= 20) & (people.age <= 50)
    for column, kind in enumerate(ARCHETYPES):
        low, high = kind.ages
        outside = np.maximum(low - people.age, people.age - high).clip(0)
        score[:, column] = -0.35 * outside
        score[:, column] += np.where(people.woman, 0.5, -0.5) * np.log(kind.women)
        if kind.parents:
            score[:, column] += np.where(parent, 2.0, -4.0)
    ones = np.ones(people.n, dtype=np.int64)
    return top_by_gumbel(rng, score, ones)[1]


def _profiles() -> NDArray[np.float32]:
    out = np.full((len(ARCHETYPES), len(interests())), -0.6, dtype=np.float32)
    for row, kind in enumerate(ARCHETYPES):
        codes = kind.likes.split()
        for place, code in enumerate(codes):
            out[row, interests().index(code)] = 3.2 - 1.8 * place / len(codes)
    return out


def _work_profiles() -> NDArray[np.float32]:
    out = np.zeros((len(occupations()), len(interests())), dtype=np.float32)
    for row, term in enumerate(occupations().terms):
        for code in _BY_WORK.get(term.parent, "").split():
            out[row, interests().index(code)] = 1.1
    return out

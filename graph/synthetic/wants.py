"""What synthetic residents need and what they can do for others."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from graph.synthetic.people import People
from graph.vocabulary import Vocabulary, needs, occupations, offers

__all__ = ["make_needs", "make_offers"]

_SENIOR = (
    "senior_canteen meal_delivery hospital_escort health_check smartphone_help grab_rails "
    "lift_retrofit medicine_pickup electric_safety fraud_advice rehab_exercise wheelchair_loan"
)
_ALONE = "company appliance_repair escort_outside reading_aloud cleaning_help shopping_help"
_FAMILY = "after_school homework_help school_run child_minding second_hand"
_YOUNG = "renting_advice parking charging travel_companion place_to_meet pet_minding training"
_OUT_OF_WORK = "job_search training"

_SKILLS = {
    "22": "blood_pressure first_aid_skill nutrition hospital_company",
    "23": "tutoring_primary tutoring_secondary reading_company hosting",
    "21": "tutoring_secondary computer_help",
    "24": "bookkeeping job_advice",
    "25": "computer_help smartphone_lessons",
    "26": "legal_advice design_posters language_lessons music_lessons painting_lessons",
    "32": "hospital_company first_aid_skill",
    "34": "photography_help exercise_lead",
    "51": "cooking dough_work baking_lessons hosting",
    "53": "babysitting blood_pressure",
    "54": "first_aid_skill mediation",
    "71": "carpentry repair_plumbing heavy_lifting",
    "72": "bike_repair repair_appliances",
    "74": "electric_work repair_appliances",
    "75": "tailoring carpentry",
    "83": "driving errands",
    "91": "cleaning cooking",
    "93": "heavy_lifting errands meal_run",
}
_SENIOR_SKILLS = (
    "listening calligraphy_lessons chess_lessons local_guide gardening_help dance_lessons "
    "singing_lessons exercise_lead mediation walking_escort dough_work"
)


def make_needs(rng: np.random.Generator, people: People) -> NDArray[np.bool_]:
    """Draw coded needs, (n_residents, n_needs)."""
    vocabulary = needs()
    chance = np.full((people.n, len(vocabulary)), 0.004, dtype=np.float32)
    living = people.living[people.household]
    young_family = people.young_children[people.household] & (people.age >= 20) & (people.age < 55)
    out_of_work = people.occupation == occupations().index("unemployed")
    for rows, codes, add in (
        (people.age >= 72, _SENIOR, 0.09),
        ((living == 0) & (people.age >= 60), _ALONE, 0.15),
        (young_family, _FAMILY, 0.14),
        (people.age < 40, _YOUNG, 0.04),
        (out_of_work, _OUT_OF_WORK, 0.5),
    ):
        chance[np.ix_(np.flatnonzero(rows), _columns(vocabulary, codes))] += add
    return rng.random(chance.shape, dtype=np.float32) < chance


def make_offers(rng: np.random.Generator, people: People) -> NDArray[np.bool_]:
    """Draw skills that residents would share, (n_residents, n_offers)."""
    vocabulary = offers()
    by_work = np.full((len(occupations()), len(vocabulary)), 0.006, dtype=np.float32)
    for row, term in enumerate(occupations().terms):
        by_work[row, _columns(vocabulary, _SKILLS.get(term.parent, ""))] = 0.22
    chance = by_work[people.occupation]
    chance[np.ix_(np.flatnonzero(people.age >= 58), _columns(vocabulary, _SENIOR_SKILLS))] += 0.05
    chance[people.age < 18] *= 0.3
    return rng.random(chance.shape, dtype=np.float32) < chance


def _columns(vocabulary: Vocabulary, codes: str) -> NDArray[np.int64]:
    return np.array([vocabulary.index(code) for code in codes.split()], dtype=np.int64)

"""Who may do what, as the house and the trust paper say it; nothing of it is read from the code.

A table in words. Whoever changes a rule of the program changes it here as well, on purpose.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["RIGHTS", "Right"]

S1 = "grid interest offer attendance help"
S2 = "identity contact dwelling occupation need tie"
S3 = "household need_words health survey isolation_score utility_water"
OPEN = "grid interest offer attendance help identity dwelling occupation need tie"
"""What lists and groups may be made of: S1 and S2, never how to reach somebody."""
COMMUNITY = "grid interest offer occupation"
CARE = (
    "grid interest offer attendance help identity need tie "
    "household survey isolation_score utility_water"
)
ANYTHING_BUT_SCORES = f"{S1} {S2} household need_words health survey utility_water"


@dataclass(frozen=True, slots=True)
class Right:
    """These roles may do these things with these categories for these purposes, if ``needs``."""

    roles: str
    does: str
    to: str
    """self, assigned (own grids), other, everyone."""
    purposes: str
    categories: str
    needs: str
    """nothing, grant or law."""


RIGHTS = (
    # Residents see all that is theirs, say what they are and do, and have lists made of it.
    Right("resident", "view", "self", "*", "*", "nothing"),
    Right(
        "resident",
        "write",
        "self",
        "feed",
        "attendance help interest offer need occupation identity",
        "nothing",
    ),
    Right("resident", "derive", "self", "feed", OPEN, "grant"),
    Right("resident", "derive", "self", "group-matching", COMMUNITY, "grant"),
    # Institutions ask about one resident who authorised them; the operator is one of them.
    Right("operator institution", "derive", "other", "feed", OPEN, "grant"),
    Right(
        "operator institution", "derive", "other", "group-matching needs-matching", OPEN, "grant"
    ),
    Right("operator institution", "derive", "other", "needs-matching", "need_words", "grant"),
    Right(
        "operator institution", "derive", "other", "care-visit", "household health survey", "grant"
    ),
    Right("operator institution", "derive", "other", "alarm", "utility_water", "grant"),
    Right("operator institution", "write", "other", "feed", "interest attendance help", "grant"),
    # They bring in what residents authorised, and what everybody may know.
    Right(
        "operator institution",
        "write",
        "everyone",
        "feed group-matching needs-matching",
        ANYTHING_BUT_SCORES,
        "grant",
    ),
    Right(
        "operator institution",
        "write",
        "everyone",
        "care-visit",
        "household health survey",
        "grant",
    ),
    Right("operator institution", "write", "everyone", "alarm", "utility_water", "grant"),
    Right("operator institution", "write", "everyone", "feed", "public", "nothing"),
    # The operator learns from what was authorised, never from S3, and keeps the register.
    Right("operator", "train", "everyone", "feed group-matching needs-matching", OPEN, "grant"),
    Right("operator", "derive", "everyone", "feed", "occupation", "grant"),
    Right("operator", "derive export", "everyone", "group-matching", COMMUNITY, "grant"),
    Right("operator", "derive", "everyone", "care-visit", CARE, "grant"),
    Right(
        "operator", "view write", "everyone", "statutory-duty", "identity household contact", "law"
    ),
    # Social workers, for the residents of grids they look after.
    Right(
        "social-worker",
        "derive",
        "assigned",
        "group-matching",
        f"{COMMUNITY} dwelling identity tie",
        "grant",
    ),
    Right("social-worker", "derive", "assigned", "care-visit", CARE, "grant"),
    Right("social-worker", "write", "assigned", "care-visit", "isolation_score", "grant"),
)
"""What is allowed; all else is not. A category counts only where its purpose may have it."""

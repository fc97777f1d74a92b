"""Social capital: ways to new people for those who have ties, small circles for those who have few.

Ties are S2: a view holds them under group-matching grants only, and without them both aims say
nothing. A resident who authorised no ties looks like one who has none, so that a list tells
neither from the other.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from graph.view import CSR
from recommender.base import Query
from recommender.scorers.matrix import sum_of_rows
from recommender.scorers.social import tied_to

__all__ = ["bridging", "inclusion", "mutual_ties", "tied"]

BEST_MUTUAL = 2.0
"""Mutual ties at which an item bridges most."""
FEW_TIES = 3.0
"""Ties that halve how much a resident is in need of inclusion."""
CIRCLE = 15.0
"""People in a small circle: about as many as know each other well."""


def tied(ties: CSR, query: Query) -> NDArray[np.int32]:
    """Rows of those tied to the one resident asking; nobody who withdrew something since."""
    return tied_to(ties, query)[0]


def mutual_ties(
    took_part: CSR, others: NDArray[np.int32], rows: NDArray[np.int64]
) -> NDArray[np.float32]:
    """How many of these residents took part in each item; 0 for items opened since, (n,)."""
    counts = np.zeros(len(rows), np.float32)
    known = rows < took_part.shape[1]
    if len(others):
        ones = np.ones(len(others), np.float32)
        counts[known] = sum_of_rows(took_part, others, ones)[rows[known]]
    return counts


def bridging(mutual: NDArray[np.float32]) -> NDArray[np.float32]:
    r"""Prefer some but few mutual ties: :math:`\frac{m}{b} e^{1 - m/b}` with b = 2.

    0 without a mutual tie (nobody opens the door), 1 at b, and towards 0 with many (everybody
    there is known already).

    References
    ----------
    M. Granovetter, "The strength of weak ties", American Journal of Sociology 78, 1973.
    K. Rajkumar and others, "A causal test of the strength of weak ties", Science 377, 2022: the
    gain from a suggested tie rises and falls again with the number of mutual ones.
    """
    share = mutual / np.float32(BEST_MUTUAL)
    out: NDArray[np.float32] = share * np.exp(np.float32(1.0) - share)
    return out


def inclusion(
    n_ties: int, participatory: NDArray[np.float32], people: NDArray[np.float32]
) -> NDArray[np.float32]:
    r"""Small circles for residents with few ties.

    .. math:: 2^{-t/3} \cdot p_i \cdot \frac{15}{15 + n_i}

    for t ties, p 1 where people do things together, and n people who took part so far. Doing
    something together in a small circle is what the trials against loneliness that worked have in
    common.

    References
    ----------
    C. Dickens and others, "Interventions targeting social isolation in older people: a
    systematic review", BMC Public Health 11, 2011.
    """
    need = np.float32(2.0 ** (-n_ties / FEW_TIES))
    circle = np.float32(CIRCLE)
    out: NDArray[np.float32] = need * participatory * circle / (circle + people)
    return out

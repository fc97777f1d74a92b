r"""Weights of the parts, learnt from what residents went on to do: a conditional logit.

.. math::

    P(i \mid u) = \frac{e^{w \cdot x_{ui}}}{\sum_{j} e^{w \cdot x_{uj}}}, \quad
    \min_{w \ge 0} \; -\sum_u \frac{1}{|H_u|} \sum_{i \in H_u}
    \log \frac{e^{w \cdot x_{ui}}}{e^{w \cdot x_{ui}} + \sum_{j \notin H_u} e^{w \cdot x_{uj}}}
    + \frac{\lambda}{2} \| w \|^2

over the hidden items H of each resident and the other candidates j. It is convex, so there is one
answer, whatever the start. Weights below 0 are left out: a part may be ignored, but what is told
as a reason must speak for the item.

References
----------
D. McFadden, "Conditional logit analysis of qualitative choice behavior", 1973.
Z. Cao, T. Qin, T.-Y. Liu, M.-F. Tsai, H. Li, "Learning to Rank: From Pairwise Approach to Listwise
Approach", ICML 2007.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from graph.view import CSR

__all__ = ["learn_weights"]

_DIGITS = 3
"""Weights are rounded, so that the last bits of a sum cannot show."""


def learn_weights(
    parts: Mapping[str, NDArray[np.float32]],
    hidden: CSR,
    mask: NDArray[np.bool_],
    *,
    ridge: float = 1.0,
) -> dict[str, float]:
    r"""Find the weights under which residents most likely do what was hidden.

    Parameters
    ----------
    parts : mapping of name to NDArray[float32], (n, width)
        Standardised scores of each resident's candidates.
    hidden : csr_array, (n, width)
        Entries are what was hidden from them.
    mask : NDArray[bool], (n, width)
        Entries that are no candidates.
    ridge : float
        :math:`\lambda`.
    """
    columns = [np.asarray(part, np.float32) for part in parts.values()]
    owner = np.repeat(np.arange(len(mask)), np.diff(hidden.indptr))
    asked = ~mask[owner, hidden.indices]  # what is no candidate cannot be found
    owner, items = owner[asked], hidden.indices[asked]
    done = np.stack([part[owner, items] for part in columns], axis=1).astype(np.float64)
    each = 1.0 / np.bincount(owner, minlength=len(mask))[owner]
    others = ~mask
    others[owner, items] = False

    def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        score = np.zeros(mask.shape, np.float32)
        for weight, part in zip(weights, columns, strict=True):
            score += np.float32(weight) * part
        score[~others] = -np.inf
        own = done @ weights
        top = np.maximum(score.max(axis=1, initial=-np.inf), np.float32(0.0))
        np.exp(score - top[:, None], out=score)
        mine = np.exp(own - top[owner])
        total = score.sum(axis=1)[owner] + mine
        value = -float(each @ (own - top[owner] - np.log(total)))
        share = np.bincount(owner, weights=each / total, minlength=len(mask))
        score *= share[:, None].astype(np.float32)
        slope = np.array([np.vdot(score, part) for part in columns], np.float64)
        slope -= done.T @ (each * (1.0 - mine / total))
        return value + ridge / 2 * float(weights @ weights), slope + ridge * weights

    found = minimize(
        loss,
        np.zeros(len(columns)),
        jac=True,
        method="L-BFGS-B",
        bounds=[(0.0, None)] * len(columns),
        options={"maxiter": 100},
    )
    return {name: round(float(w), _DIGITS) for name, w in zip(parts, found.x, strict=True)}

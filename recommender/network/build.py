"""From a view to the people network. Nothing but the view and the seed decides what comes out."""

from __future__ import annotations

from collections.abc import Callable

from graph.measures.ties import together
from graph.view import CSR, View, empty_csr, fingerprint
from recommender.network.identity import fresh_ids
from recommender.network.layers import layers_of
from recommender.network.network import Layer, PeopleNetwork, Scale
from recommender.network.scales import communities_of
from recommender.network.traits import traits_of
from recommender.network.weights import tuned

__all__ = ["network_of", "tied"]

Progress = Callable[[int, int, str], None]

_STEPS = 3


def tied(view: View, *, seed: int) -> tuple[dict[Layer, CSR], dict[Layer, float], CSR]:
    """Tie the residents of a view: the layers, what each weighs, and their weighted sum."""
    weights, layers = tuned(view, seed=seed), layers_of(view)
    if not layers:
        return layers, weights, empty_csr(view.n_residents, view.n_residents)
    ties = together(list(layers.values()), [weights[layer] for layer in layers])
    return layers, weights, ties


def network_of(view: View, *, seed: int = 0, progress: Progress | None = None) -> PeopleNetwork:
    """Find ties, communities and their traits.

    Parameters
    ----------
    view : View
        As authorised for group matching (:func:`graph.gate.group_view`); S3 cells are in no view.
    seed : int
    progress : callable, optional
        Told (steps done, steps in all, what was done).
    """
    say = progress or (lambda done, total, note: None)
    say(0, _STEPS, "tying residents")
    layers, weights, ties = tied(view, seed=seed)
    say(1, _STEPS, "finding communities")
    members = communities_of(ties, seed=seed)
    say(2, _STEPS, "telling communities apart")
    return PeopleNetwork(
        view_id=fingerprint(view),
        ties=ties,
        layers=layers,
        weights=weights,
        grid=view.grid,
        circle=members[Scale.CIRCLE],
        neighbourhood=members[Scale.NEIGHBOURHOOD],
        district=members[Scale.DISTRICT],
        community_ids={scale: fresh_ids(scale, members[scale]) for scale in Scale},
        traits={scale: traits_of(view, members[scale]) for scale in Scale},
    )

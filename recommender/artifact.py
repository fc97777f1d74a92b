"""A model as a folder: arrays and a manifest, never pickle.

The id is the first 12 hex digits of the SHA-256 of the canonical manifest, which names the
versions, the fingerprint of the view, every configuration, the seed, the weights, and dtype,
shape and SHA-256 of each array. Times and library versions stand beside it and are not hashed, so
two trainings on equal data have one id.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from graph.errors import ArtifactMismatch, CorruptStore, NotReady
from graph.folders import ArrayFolder, Json, current_name, open_folder, publish, remove_old
from graph.schema import SCHEMA_VERSION
from recommender.fitted import FittedModel
from recommender.ranking.blend import Blend
from recommender.ranking.reranker import SocialReranker
from recommender.scorers import SCORERS

__all__ = ["MODEL_VERSION", "load_model", "save_model"]

MODEL_VERSION = 2
"""Rises when an older artifact can no longer be read or scores differently."""


def save_model(
    model: FittedModel,
    parent: Path,
    *,
    view_id: str,
    about: Mapping[str, str | int] | None = None,
    keep: int = 3,
) -> str:
    """Write the model and make it the current one.

    Parameters
    ----------
    model : FittedModel
    parent : Path
        The home's ``models`` folder.
    view_id : str
        Fingerprint of the view it was fitted on (:func:`graph.view.fingerprint`): what was not
        authorised is not in it, so it does not tell one world from the other.
    about : mapping, optional
        Said beside the manifest, not hashed (when it was trained, how long it took).
    keep : int
        Models left there, the new one included.

    Returns
    -------
    str
        Its id.
    """
    arrays: dict[str, NDArray[np.generic]] = {}
    parts = {s.name: s.arrays() for s in model.scorers}
    for name, learnt in {**parts, model.reranker.name: model.reranker.arrays()}.items():
        arrays |= {f"{name}.{key}": array for key, array in learnt.items()}
    libraries = {name: version(name) for name in ("numpy", "scipy", "implicit")}
    name = publish(
        parent,
        arrays=arrays,
        manifest=_manifest(model, view_id),
        about={**{f"version_{k}": v for k, v in libraries.items()}, **(about or {})},
    )
    remove_old(parent, keep=keep)
    return name


def _manifest(model: FittedModel, view_id: str) -> dict[str, Json]:
    scorers: dict[str, Json] = {s.name: {**s.config()} for s in model.scorers}
    return {
        "format": "linli-model",
        "schema_version": SCHEMA_VERSION,
        "model_version": MODEL_VERSION,
        "view": view_id,
        "seed": model.seed,
        "scorers": scorers,
        "order": [scorer.name for scorer in model.scorers],
        "weights": {name: list(w) for name, w in model.blend.weights.items()},
        "floors": {**model.blend.floors},
        "reranker": {**model.reranker.config()},
        "chosen": {**model.chosen},
    }


def load_model(parent: Path, name: str | None = None, *, view_id: str | None = None) -> FittedModel:
    """Open a model; its arrays are memory-mapped and every byte is checked.

    Parameters
    ----------
    parent : Path
        The home's ``models`` folder.
    name : str, optional
        The current one when left out.
    view_id : str, optional
        The view it must have been fitted on.

    Raises
    ------
    NotReady
        No model was published yet.
    ArtifactMismatch
        It belongs to another view or version, or its bytes changed.
    """
    chosen = name or current_name(parent)
    if chosen is None:
        raise NotReady(f"there is no model in {parent.name}; train one")
    try:
        folder = open_folder(parent, chosen)
    except CorruptStore as error:
        raise ArtifactMismatch(f"model {chosen} cannot be used: {error}") from error
    _check(folder, view_id)
    return _restore(folder)


def _check(folder: ArrayFolder, view_id: str | None) -> None:
    wanted: dict[str, Json] = {
        "format": "linli-model",
        "schema_version": SCHEMA_VERSION,
        "model_version": MODEL_VERSION,
    }
    if view_id is not None:
        wanted["view"] = view_id
    for key, value in wanted.items():
        found = folder.manifest.get(key)
        if found != value:
            raise ArtifactMismatch(
                f"model {folder.name} has {key} {found!r}, not {value!r}; train it again"
            )


_ENTRIES = ("view", "seed", "scorers", "order", "weights", "floors", "reranker", "chosen")


def _restore(folder: ArrayFolder) -> FittedModel:
    said = folder.manifest
    missing = [key for key in _ENTRIES if key not in said]
    if missing:
        raise ArtifactMismatch(f"model {folder.name} lacks {', '.join(missing)}; train it again")
    configs, weights, floors = said["scorers"], said["weights"], said["floors"]
    order, reranker, chosen = said["order"], said["reranker"], said["chosen"]
    if not (
        isinstance(configs, dict)
        and isinstance(weights, dict)
        and isinstance(floors, dict)
        and isinstance(order, list)
        and isinstance(reranker, dict)
        and isinstance(chosen, dict)
    ):
        raise ArtifactMismatch(f"model {folder.name} has a manifest of another form; train again")
    scorers = []
    for name in order:
        config = _numbers(configs[str(name)])
        scorers.append(SCORERS[str(name)].restore(config, _arrays(folder, str(name))))
    return FittedModel(
        scorers=tuple(scorers),
        blend=Blend(
            {name: _triple(value) for name, value in weights.items()},
            {name: float(value) for name, value in _numbers(floors).items()},
        ),
        reranker=SocialReranker.restore(
            {name: float(value) for name, value in _numbers(reranker).items()},
            _arrays(folder, SocialReranker.name),
        ),
        seed=int(_numbers({"seed": said["seed"]})["seed"]),
        chosen=_numbers(chosen),
        model_id=folder.id,
        view_id=str(said["view"]),
    )


def _arrays(folder: ArrayFolder, part: str) -> dict[str, NDArray[np.generic]]:
    """Arrays of one part, by the names it gave them."""
    prefix = f"{part}."
    return {k.removeprefix(prefix): v for k, v in folder.arrays.items() if k.startswith(prefix)}


def _numbers(value: Json) -> dict[str, float | int | str | bool]:
    if not isinstance(value, dict):
        raise ArtifactMismatch("a manifest entry is no mapping; train the model again")
    return {key: v for key, v in value.items() if isinstance(v, float | int | str | bool)}


def _triple(value: Json) -> tuple[float, float, float]:
    if not isinstance(value, list) or len(value) != 3:
        raise ArtifactMismatch("a blend has other than three weights; train the model again")
    first, second, third = (float(v) for v in value if isinstance(v, float | int))
    return first, second, third

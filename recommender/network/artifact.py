"""A network as a folder of arrays, published like a model by an atomic rename.

Ids of communities and what became of them stand beside the hashed manifest, like times: kept ids
tell of networks before, and two equal views must give one network.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from graph.errors import ArtifactMismatch, CorruptStore, NotReady
from graph.folders import (
    ArrayFolder,
    Json,
    current_name,
    open_folder,
    publish,
    read_about,
    remove_old,
)
from graph.measures.events import EventKind
from graph.schema import SCHEMA_VERSION
from recommender.network.network import (
    CommunityChange,
    Layer,
    PeopleNetwork,
    Scale,
    Trait,
    TraitKind,
)
from recommender.scorers.matrix import csr_arrays, csr_from_arrays

__all__ = ["NETWORK_VERSION", "load_changes", "load_network", "save_network"]

NETWORK_VERSION = 1
"""Rises when an older folder can no longer be read or means something else."""

_KINDS = tuple(TraitKind)
_Told = Sequence[tuple[str, str, list[str], list[str]]]


def save_network(
    network: PeopleNetwork,
    parent: Path,
    *,
    changes: Sequence[CommunityChange] = (),
    about: Mapping[str, str | int] | None = None,
    keep: int = 3,
) -> str:
    """Write the network and make it the current one; return the folder's name.

    Parameters
    ----------
    network : PeopleNetwork
    parent : Path
        The home's ``networks`` folder.
    changes : sequence of CommunityChange
        What became of the communities of the network before.
    about : mapping, optional
        Said beside the manifest, not hashed (when it was made, from which snapshot).
    keep : int
        Networks left there, the new one included.
    """
    arrays = {**csr_arrays("ties", network.ties), "grid": network.grid}
    for layer, ties in network.layers.items():
        arrays |= csr_arrays(f"layer_{layer}", ties)
    for scale in Scale:
        arrays[scale.value] = network.members(scale)
        arrays |= _trait_arrays(scale, network.traits[scale])
    name = publish(
        parent,
        arrays=arrays,
        manifest={
            "format": "linli-network",
            "schema_version": SCHEMA_VERSION,
            "network_version": NETWORK_VERSION,
            "view": network.view_id,
            "layers": [layer.value for layer in network.layers],
            "weights": {layer.value: weight for layer, weight in network.weights.items()},
        },
        about={
            **(about or {}),
            "ids": {scale.value: list(network.community_ids[scale]) for scale in Scale},
            "changes": [
                [change.scale.value, change.kind.value, list(change.before), list(change.after)]
                for change in changes
            ],
        },
    )
    remove_old(parent, keep=keep)
    return name


def _trait_arrays(
    scale: Scale, traits: Sequence[tuple[Trait, ...]]
) -> dict[str, NDArray[np.generic]]:
    flat = [trait for each in traits for trait in each]
    whole = [(_KINDS.index(trait.kind), trait.code, trait.holders) for trait in flat]
    return {
        f"{scale}_traits_of": np.array([len(each) for each in traits], np.int64),
        f"{scale}_traits": np.array(whole, np.int32).reshape(-1, 3),
        f"{scale}_shares": np.array([(t.share, t.lift) for t in flat]).reshape(-1, 2),
    }


def load_network(parent: Path, name: str | None = None) -> PeopleNetwork:
    """Open a network, the current one when no name is given; arrays are memory-mapped.

    Raises
    ------
    NotReady
        None was published yet.
    ArtifactMismatch
        It is of another version, or its bytes changed.
    """
    folder = _open(parent, name)
    said, arrays = folder.manifest, folder.arrays
    ids = cast("Mapping[str, Sequence[str]]", folder.about["ids"])
    members = {scale: cast("NDArray[np.int32]", arrays[scale.value]) for scale in Scale}
    return PeopleNetwork(
        view_id=str(said["view"]),
        ties=csr_from_arrays("ties", arrays),
        layers={
            Layer(each): csr_from_arrays(f"layer_{each}", arrays)
            for each in cast("Sequence[str]", said["layers"])
        },
        weights={
            Layer(each): weight
            for each, weight in cast("Mapping[str, float]", said["weights"]).items()
        },
        grid=cast("NDArray[np.int32]", arrays["grid"]),
        circle=members[Scale.CIRCLE],
        neighbourhood=members[Scale.NEIGHBOURHOOD],
        district=members[Scale.DISTRICT],
        community_ids={scale: tuple(ids[scale.value]) for scale in Scale},
        traits={scale: _traits(scale, arrays) for scale in Scale},
    )


def load_changes(parent: Path, name: str) -> tuple[CommunityChange, ...]:
    """Read what became of the communities of the network before."""
    told = cast("_Told", read_about(parent, name)["changes"])
    return tuple(
        CommunityChange(Scale(scale), EventKind(kind), tuple(before), tuple(after))
        for scale, kind, before, after in told
    )


def _open(parent: Path, name: str | None) -> ArrayFolder:
    chosen = name or current_name(parent)
    if chosen is None:
        raise NotReady("there are no communities yet; run `linli communities --refresh`")
    try:
        folder = open_folder(parent, chosen)
    except CorruptStore as error:
        raise ArtifactMismatch(f"network {chosen} cannot be used: {error}") from error
    wanted: dict[str, Json] = {
        "format": "linli-network",
        "schema_version": SCHEMA_VERSION,
        "network_version": NETWORK_VERSION,
    }
    for key, value in wanted.items():
        if folder.manifest.get(key) != value:
            raise ArtifactMismatch(
                f"network {chosen} has {key} {folder.manifest.get(key)!r}, not {value!r}; "
                "find the communities again"
            )
    return folder


def _traits(
    scale: Scale, arrays: Mapping[str, NDArray[np.generic]]
) -> tuple[tuple[Trait, ...], ...]:
    counts, whole, shares = (
        arrays[f"{scale}_{part}"].tolist() for part in ("traits_of", "traits", "shares")
    )
    flat = [
        Trait(_KINDS[kind], code, holders, share, lift)
        for (kind, code, holders), (share, lift) in zip(whole, shares, strict=True)
    ]
    ends = np.cumsum(counts, dtype=np.int64).tolist()
    return tuple(tuple(flat[end - n : end]) for n, end in zip(counts, ends, strict=True))

"""A network as a folder of arrays, published like a model by an atomic rename."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from recommender.network.network import PeopleNetwork

__all__ = ["load_network", "save_network"]


def save_network(
    network: PeopleNetwork,
    parent: Path,
    *,
    about: Mapping[str, str | int] | None = None,
    keep: int = 3,
) -> str:
    """Write the network and make it the current one; return the folder's name.

    Parameters
    ----------
    parent : Path
        The home's ``networks`` folder.
    about : mapping, optional
        Said beside the manifest, not hashed (when it was made, the snapshot).
    keep : int
        Networks left there, the new one included.
    """
    raise NotImplementedError


def load_network(parent: Path, name: str | None = None) -> PeopleNetwork:
    """Open a network, the current one when no name is given; arrays are memory-mapped.

    Raises
    ------
    NotReady
        None was published yet.
    ArtifactMismatch
        It is of another version, or its bytes changed.
    """
    raise NotImplementedError

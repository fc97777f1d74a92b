"""Graphs in and out for analysts: networkx, GraphML, GEXF, Mermaid, and where to draw vertices."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from pathlib import Path

import networkx as nx
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array

__all__ = ["FORMATS", "between", "from_networkx", "mermaid", "placed", "to_networkx", "write"]

FORMATS = (".graphml", ".gexf", ".mmd")
"""Endings of files that :func:`write` makes."""

Value = str | int | float


def to_networkx(graph: csr_array, **attributes: Sequence[Value]) -> nx.Graph[int]:
    """Make a networkx graph: vertices 0..n-1 with attributes, ties with ``weight``.

    Parameters
    ----------
    graph : csr_array, (n, n)
        Symmetric, without a diagonal.
    **attributes : sequence of length n
        One value per vertex, by name.

    Examples
    --------
    >>> from scipy.sparse import csr_array
    >>> G = to_networkx(csr_array([[0, 2.0], [2.0, 0]]), circle=["a", "b"])
    >>> G.edges[0, 1]["weight"], G.nodes[1]["circle"]
    (2.0, 'b')
    """
    G: nx.Graph[int] = nx.Graph()
    G.add_nodes_from(range(graph.shape[0]))
    for name, values in attributes.items():
        nx.set_node_attributes(G, dict(enumerate(values)), name)
    entries = coo_array(graph)
    once = entries.row < entries.col
    parts = (entries.row[once], entries.col[once], entries.data[once])
    G.add_weighted_edges_from(zip(*(part.tolist() for part in parts), strict=True))
    return G


def from_networkx(G: nx.Graph[Hashable]) -> tuple[csr_array, list[object]]:
    """Read an undirected networkx graph; a tie without ``weight`` weighs 1, loops are left out.

    Returns
    -------
    (csr_array, list)
        The graph as :mod:`graph.measures.communities` takes it, and the vertex of each row.

    Raises
    ------
    ValueError
        It is directed or has parallel ties.
    """
    if G.is_directed() or G.is_multigraph():
        raise ValueError("ties have no direction and are single: use nx.Graph(G)")
    nodes = list(G.nodes)
    place = {node: row for row, node in enumerate(nodes)}
    ties = [(place[a], place[b], w) for a, b, w in G.edges(data="weight", default=1) if a != b]
    one, other, weight = (np.array(part) for part in zip(*ties, strict=True)) if ties else [[]] * 3
    rows = np.concatenate([one, other]).astype(np.int32)
    columns = np.concatenate([other, one]).astype(np.int32)
    weights = np.concatenate([weight, weight]).astype(np.float32)
    graph = csr_array(coo_array((weights, (rows, columns)), shape=(len(nodes), len(nodes))))
    graph.indices, graph.indptr = graph.indices.astype(np.int32), graph.indptr.astype(np.int32)
    return graph, nodes


def between(graph: csr_array, members: NDArray[np.int32]) -> csr_array:
    """Add up the ties between groups: (groups, groups), nothing on the diagonal.

    Parameters
    ----------
    members : NDArray[int32], (n,)
        Group of each vertex; -1 none.
    """
    inside = np.flatnonzero(members >= 0)
    count = int(members.max(initial=-1)) + 1
    entries = (np.ones(len(inside), np.float32), (members[inside], inside))
    belongs = csr_array(coo_array(entries, shape=(count, len(members))))
    found = csr_array(belongs @ graph @ belongs.T)
    found.setdiag(0.0)
    found.eliminate_zeros()
    return found


def placed(graph: csr_array, *, seed: int) -> NDArray[np.float64]:
    """Lay vertices out so that tied ones are near each other: (n, 2) from 0 to 1.

    References
    ----------
    T. Fruchterman, E. Reingold, "Graph Drawing by Force-directed Placement", 1991.
    """
    n = graph.shape[0]
    if n == 0:
        return np.zeros((0, 2))
    found = nx.spring_layout(to_networkx(graph), seed=seed, k=2.0 / np.sqrt(n), iterations=100)
    places = np.array([found[vertex] for vertex in range(n)])
    low, high = places.min(axis=0), places.max(axis=0)
    wide = high - low > 0
    return np.where(wide, (places - low) / np.where(wide, high - low, 1.0), 0.5)


def mermaid(G: nx.Graph[int]) -> str:
    """Write a graph as a Mermaid flow chart; vertices are told by their ``label``."""
    lines = ["graph LR"]
    names = {node: f"n{row}" for row, node in enumerate(G.nodes)}
    for node, name in names.items():
        label = str(G.nodes[node].get("label", node)).replace('"', "#quot;")
        lines.append(f'  {name}["{label}"]')
    for one, other, weight in G.edges(data="weight", default=1):
        lines.append(f"  {names[one]} ---|{weight:.3g}| {names[other]}")
    return "\n".join(lines) + "\n"


def write(G: nx.Graph[int], path: Path) -> None:
    """Write a graph in the format of the file's ending (:data:`FORMATS`).

    Raises
    ------
    ValueError
        The ending names none of them.
    """
    if path.suffix == ".mmd":
        path.write_text(mermaid(G), encoding="utf-8")
    elif path.suffix == ".graphml":
        nx.write_graphml(G, path)
    elif path.suffix == ".gexf":
        nx.write_gexf(G, path)
    else:
        raise ValueError(f"{path.name}: a graph is written to a file in {', '.join(FORMATS)}")

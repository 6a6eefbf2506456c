"""Neighbours of a few products at a time, for graphs that do not fit into one pass: PyG's samplers need packages of their own.

`NeighbourSampler` stands behind PyG's public interface, so that `NodeLoader` and `LinkLoader` take it.
"""

from collections.abc import Iterator

import numpy as np
import torch
from torch_geometric.data import HeteroData
from torch_geometric.loader import NodeLoader
from torch_geometric.sampler import BaseSampler, EdgeSamplerInput, HeteroSamplerOutput, NegativeSampling, NodeSamplerInput

from gnn.graph import RELATIONS, ShopGraph

__all__ = ["NeighbourSampler", "hetero_data", "sampled_batch"]

HUB = 8
EdgeType = tuple[str, str, str]


def hetero_data(graph: ShopGraph) -> HeteroData:
    """Return the graph as PyG knows graphs: every relation in both directions, `weight` on each edge, `x` on products."""
    data = HeteroData()
    data["product"].x = torch.from_numpy(graph.features)
    for kind in RELATIONS.values():
        data[kind].num_nodes = graph.nodes.count(kind)
    for name, kind in RELATIONS.items():
        edges = graph.edges[name]
        product, other = torch.from_numpy(edges.product), torch.from_numpy(edges.other)
        data["product", name, kind].edge_index = torch.stack([product, other])
        data[kind, f"rev_{name}", "product"].edge_index = torch.stack([other, product])
        for edge_type in (("product", name, kind), (kind, f"rev_{name}", "product")):
            data[edge_type].weight = torch.from_numpy(edges.weight)
    return data


class _Incoming:
    """The edges of one type by destination."""

    def __init__(self, source: np.ndarray, destination: np.ndarray, nodes: int) -> None:
        self.edge = np.argsort(destination, kind="stable")
        self.source, self.destination = source, destination
        self.start = np.searchsorted(destination[self.edge], np.arange(nodes + 1))

    def sample(self, nodes: np.ndarray, most: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Return (which of `nodes`, edge) of at most `most` edges into each, every edge as likely as any other.

        A node with far more edges than `most` is drawn from with replacement and repeats are dropped: a hub costs no more than
        its share, and may get a few less.
        """
        length = self.start[nodes + 1] - self.start[nodes]
        hub = length > HUB * most
        row, step = _shuffled(np.where(hub, 0, length), most, random)
        drawn = np.repeat(np.flatnonzero(hub), most)
        place = (random.random(len(drawn)) * length[drawn]).astype(np.int64)
        widest = np.int64(length.max(initial=0) + 1)
        key = np.unique(np.r_[row, drawn] * widest + np.r_[step, place])
        return key // widest, self.edge[self.start[nodes[key // widest]] + key % widest]


class NeighbourSampler(BaseSampler):  # type: ignore[misc]  # the library ships no types
    """Draws neighbours evenly, hop by hop and relation by relation; the same seed and number of the draw give the same draw.

    Args:
        data: as `hetero_data` gives it.
        fanout: how many neighbours a node keeps for each relation, by hop.
        seed: of the draws.
    """

    def __init__(self, data: HeteroData, fanout: tuple[int, ...], seed: int) -> None:
        self._fanout, self._seed, self._draw = fanout, seed, 0
        self._counts = {kind: int(data[kind].num_nodes) for kind in data.node_types}
        self._incoming: dict[EdgeType, _Incoming] = {
            edge_type: _incoming(data[edge_type].edge_index, self._counts[edge_type[2]]) for edge_type in data.edge_types
        }

    def go_to(self, draw: int) -> None:
        """Let the next draw be that of this number, whatever was drawn before: training resumes in the middle."""
        self._draw = draw

    def sample_from_nodes(self, index: NodeSamplerInput) -> HeteroSamplerOutput:
        seeds = index.node.numpy()
        output = self._sample({index.input_type: seeds})
        output.metadata = (index.input_id, index.time)
        return output

    def sample_from_edges(self, index: EdgeSamplerInput, neg_sampling: NegativeSampling | None = None) -> HeteroSamplerOutput:
        if neg_sampling is not None:
            raise ValueError("negatives are drawn by gnn.negatives: they have to be hard; pass none here")
        source_kind, _, target_kind = index.input_type
        row, column = index.row.numpy(), index.col.numpy()
        if source_kind == target_kind:
            both, place = np.unique(np.r_[row, column], return_inverse=True)
            seeds, (rows, columns) = {source_kind: both}, np.split(place.reshape(-1), 2)
        else:
            (sources, rows), (targets, columns) = (np.unique(ends, return_inverse=True) for ends in (row, column))
            seeds = {source_kind: sources, target_kind: targets}
        output = self._sample(seeds)
        output.metadata = (index.input_id, torch.from_numpy(np.stack([rows, columns])), index.label, index.time)
        return output

    def _sample(self, seeds: dict[str, np.ndarray]) -> HeteroSamplerOutput:
        random = np.random.default_rng((self._seed, self._draw))
        self._draw += 1
        nodes = {kind: seeds.get(kind, np.zeros(0, dtype=np.int64)) for kind in self._counts}
        frontier, found = dict(nodes), {edge_type: [np.zeros(0, dtype=np.int64)] for edge_type in self._incoming}
        for most in self._fanout:
            reached: dict[str, list[np.ndarray]] = {kind: [] for kind in nodes}
            for edge_type, incoming in self._incoming.items():
                _, edge = incoming.sample(frontier[edge_type[2]], most, random)
                found[edge_type].append(edge)
                reached[edge_type[0]].append(incoming.source[edge])
            frontier = {kind: _new(nodes[kind], parts) for kind, parts in reached.items()}
            nodes = {kind: np.r_[nodes[kind], frontier[kind]] for kind in nodes}
        return self._output(nodes, {edge_type: np.concatenate(parts) for edge_type, parts in found.items()})

    def _output(self, nodes: dict[str, np.ndarray], edges: dict[EdgeType, np.ndarray]) -> HeteroSamplerOutput:
        local = {kind: _places(kept, self._counts[kind]) for kind, kept in nodes.items()}
        rows, columns = {}, {}
        for edge_type, edge in edges.items():
            incoming = self._incoming[edge_type]
            rows[edge_type] = torch.from_numpy(local[edge_type[0]][incoming.source[edge]])
            columns[edge_type] = torch.from_numpy(local[edge_type[2]][incoming.destination[edge]])
        return HeteroSamplerOutput(
            node={kind: torch.from_numpy(kept) for kind, kept in nodes.items()},
            row=rows,
            col=columns,
            edge={edge_type: torch.from_numpy(edge) for edge_type, edge in edges.items()},
        )


def sampled_batch(data: HeteroData, sampler: NeighbourSampler, products: np.ndarray) -> HeteroData:
    """Return the neighbourhood of some distinct products: they come first among its products, in their order."""
    loader = NodeLoader(
        data, sampler, input_nodes=("product", torch.from_numpy(products)), batch_size=len(products), shuffle=False
    )
    batches: Iterator[HeteroData] = iter(loader)
    return next(batches)


def _shuffled(length: np.ndarray, most: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return (row, step) of at most `most` different steps below each length."""
    row = np.repeat(np.arange(len(length)), length)
    step = np.arange(len(row)) - np.repeat(np.cumsum(length) - length, length)
    shuffled = np.lexsort((random.random(len(row)), row))
    kept = shuffled[step < most]
    return row[kept], step[kept]


def _incoming(edge_index: torch.Tensor, nodes: int) -> _Incoming:
    source, destination = edge_index.numpy()
    return _Incoming(source, destination, nodes)


def _new(known: np.ndarray, reached: list[np.ndarray]) -> np.ndarray:
    return np.setdiff1d(np.concatenate([np.zeros(0, dtype=np.int64), *reached]), known)


def _places(kept: np.ndarray, nodes: int) -> np.ndarray:
    place = np.full(nodes, -1, dtype=np.int64)
    place[kept] = np.arange(len(kept))
    return place

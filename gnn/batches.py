"""From a day's graph to what the encoder is given: all of it at once while it is small, sampled neighbourhoods otherwise."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from gnn.graph import RELATIONS, ShopGraph
from gnn.model import GraphBatch
from gnn.sampler import NeighbourSampler, hetero_data, sampled_batch
from gnn.spreading import spread_of

__all__ = ["Batches", "Encodable", "WholeGraph", "batches_of"]


@dataclass(frozen=True, slots=True, eq=False)
class Encodable:
    """A batch, and for the products that were asked for (ascending) their rows in it."""

    batch: GraphBatch
    products: np.ndarray
    rows: np.ndarray

    def rows_of(self, products: np.ndarray) -> np.ndarray:
        """Return the rows of some of the products that were asked for."""
        return np.asarray(self.rows[np.searchsorted(self.products, products)])


class Batches(Protocol):
    """Gives what is needed to encode some products of one graph."""

    def around(self, products: np.ndarray, draw: int) -> Encodable:
        """Return a batch with at least these products (distinct, ascending); the same `draw` gives the same neighbours."""
        ...


class WholeGraph:
    """The same batch whatever is asked for: nothing is sampled, nothing is left out."""

    def __init__(self, graph: ShopGraph, device: torch.device) -> None:
        products = graph.nodes.count("product")
        counts = {kind: graph.nodes.count(kind) for kind in RELATIONS.values()}
        nodes = {kind: torch.arange(count, device=device) for kind, count in {"product": products, **counts}.items()}
        to_product, to_other = {}, {}
        for name, kind in RELATIONS.items():
            edges = graph.edges[name]
            to_product[name] = spread_of(edges.product, edges.other, edges.weight, (products, counts[kind]), device)
            to_other[name] = spread_of(edges.other, edges.product, edges.weight, (counts[kind], products), device)
        self._batch = GraphBatch(nodes, torch.from_numpy(graph.features).to(device), to_product, to_other)

    def around(self, products: np.ndarray, draw: int) -> Encodable:
        return Encodable(self._batch, products, products)


class _Sampled:
    def __init__(self, graph: ShopGraph, fanout: tuple[int, ...], seed: int, device: torch.device) -> None:
        self._data = hetero_data(graph)
        self._sampler = NeighbourSampler(self._data, fanout, seed)
        self._device = device

    def around(self, products: np.ndarray, draw: int) -> Encodable:
        self._sampler.go_to(draw)
        found = sampled_batch(self._data, self._sampler, products)
        sizes = {kind: int(found[kind].num_nodes) for kind in ("product", *RELATIONS.values())}
        nodes = {kind: found[kind].n_id.to(self._device) for kind in sizes}
        to_product, to_other = {}, {}
        for name, kind in RELATIONS.items():
            into, out = found[kind, f"rev_{name}", "product"], found["product", name, kind]
            other, product = into.edge_index.numpy()
            to_product[name] = spread_of(product, other, into.weight.numpy(), (sizes["product"], sizes[kind]), self._device)
            product, other = out.edge_index.numpy()
            to_other[name] = spread_of(other, product, out.weight.numpy(), (sizes[kind], sizes["product"]), self._device)
        batch = GraphBatch(nodes, found["product"].x.to(self._device), to_product, to_other)
        return Encodable(batch, products, np.arange(len(products)))


def batches_of(graph: ShopGraph, *, whole_edges: int, fanout: tuple[int, ...], seed: int, device: torch.device) -> Batches:
    """Return the whole graph while it has at most `whole_edges` edges, else neighbourhoods sampled with `fanout`."""
    return WholeGraph(graph, device) if graph.size <= whole_edges else _Sampled(graph, fanout, seed, device)

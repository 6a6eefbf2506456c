"""The neighbour sampler behind PyG's loaders: real edges only, bounded, seeded, and never one of the future."""

from datetime import timedelta

import numpy as np
import pytest
import torch
from torch_geometric.loader import LinkLoader

from gnn.batches import WholeGraph, batches_of
from gnn.graph import RELATIONS, build_graph, read_nodes
from gnn.model import Network
from gnn.sampler import NeighbourSampler, hetero_data, sampled_batch
from gnn.supervision import observed_pairs
from tests.tiny_retailer import AS_OF, append_lines, build_tiny_lake, future_lines

CPU = torch.device("cpu")


def edges_of(batch, edge_type) -> list[tuple[int, int]]:
    rows, columns = batch[edge_type].edge_index
    pairs = zip(batch[edge_type[0]].n_id[rows].tolist(), batch[edge_type[2]].n_id[columns].tolist(), strict=True)
    return list(pairs)


def test_sampled_edges_are_edges_and_no_node_has_more_than_its_share(graph) -> None:
    data = hetero_data(graph)
    batch = sampled_batch(data, NeighbourSampler(data, (3, 2), 1), np.array([4, 1]))
    assert batch["product"].n_id[:2].tolist() == [4, 1]
    assert torch.equal(batch["product"].x, data["product"].x[batch["product"].n_id])
    seen = 0
    for name, kind in RELATIONS.items():
        edges = set(zip(graph.edges[name].product.tolist(), graph.edges[name].other.tolist(), strict=True))
        found = edges_of(batch, ("product", name, kind))
        back = edges_of(batch, (kind, f"rev_{name}", "product"))
        assert set(found) <= edges
        assert {(product, other) for other, product in back} <= edges
        assert len(set(back)) == len(back)
        assert max(np.bincount([product for _, product in back], minlength=1)) <= 3
        seen += len(found) + len(back)
    assert seen > 20


def test_equal_draws_give_equal_neighbours(graph) -> None:
    data = hetero_data(graph)
    one, other = (NeighbourSampler(data, (3, 2), 1) for _ in range(2))
    first = sampled_batch(data, one, np.arange(3))
    second = sampled_batch(data, one, np.arange(3))
    other.go_to(1)
    again = sampled_batch(data, other, np.arange(3))
    bought = ("household", "rev_bought_by", "product")
    assert edges_of(again, bought) == edges_of(second, bought) != edges_of(first, bought)


def test_links_are_loaded_with_the_neighbourhoods_of_both_ends(shop, graph) -> None:
    data = hetero_data(graph)
    pairs = observed_pairs(shop, graph, AS_OF, 1)["bought_with"]
    index = torch.from_numpy(np.stack([pairs.source, pairs.target]))
    kind = ("product", "bought_with", "product")
    loader = LinkLoader(data, NeighbourSampler(data, (3, 2), 1), edge_label_index=(kind, index), batch_size=16, shuffle=False)
    loaded = []
    for batch in loader:
        ends = batch["product"].n_id[batch[kind].edge_label_index]
        loaded += list(zip(*ends.tolist(), strict=True))
    assert loaded == list(zip(pairs.source.tolist(), pairs.target.tolist(), strict=True))
    with pytest.raises(ValueError, match=r"gnn\.negatives"):
        next(iter(LinkLoader(data, NeighbourSampler(data, (3,), 1), edge_label_index=(kind, index), neg_sampling_ratio=1.0)))


def test_a_planted_future_edge_is_in_no_batch(tmp_path) -> None:
    lake = build_tiny_lake(tmp_path)
    append_lines(lake, [{**row, "household_id": "hh_canary", "store_id": "st_canary"} for row in future_lines()])
    later = AS_OF + timedelta(days=5)
    nodes = read_nodes(lake, later, 4)
    canaries = {
        kind: nodes.ids[kind].to_pylist().index(name) for kind, name in (("household", "hh_canary"), ("store", "st_canary"))
    }
    seen = {day: sum(_meetings(build_graph(lake, nodes, day), canaries)) for day in (AS_OF, later)}
    assert seen[AS_OF] == 0
    assert seen[later] > 0


def _meetings(graph, canaries) -> list[int]:
    data = hetero_data(graph)
    sampler = NeighbourSampler(data, (50, 50), 3)
    batches = [sampled_batch(data, sampler, np.arange(graph.nodes.count("product"))) for _ in range(3)]
    return [int((batch[kind].n_id == place).sum()) for batch in batches for kind, place in canaries.items()]


def test_with_every_neighbour_a_sample_says_the_same_as_the_whole(graph) -> None:
    counts = {kind: graph.nodes.count(kind) for kind in ("product", *RELATIONS.values())}
    torch.manual_seed(0)
    network = Network(counts, features=graph.features.shape[1], dims=8, decoded=4, layers=2)
    asked = np.array([0, 3, 5])
    sampled = batches_of(graph, whole_edges=0, fanout=(1000, 1000), seed=1, device=CPU).around(asked, 0)
    whole = WholeGraph(graph, CPU).around(asked, 0)
    with torch.no_grad():
        one, other = (network(found.batch, torch.ones(len(found.batch.nodes["product"]))) for found in (sampled, whole))
    assert torch.allclose(one[sampled.rows_of(asked)], other[whole.rows_of(asked)], atol=1e-5)

"""Links of a tiny graph whose answers are known, walks counted pair by pair, and the house's own split of what is published."""

import itertools
import math
import sys
from collections import defaultdict
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score

from bench import links as bench_links
from bench.errors import DataMissing
from bench.frame import BenchContext
from bench.links import link_quality
from bench.links_data import LabelledPairs, known_codes, random_pairs, read_links, two_hop_pairs
from bench.links_features import PairView, adamic_adar
from bench.links_systems import NEGATIVES, Blend, Trees, folded_pairs, pairs_to_judge
from gnn.errors import EncoderFailed
from gnn.link_scores import LinkEncoderConfig, TypedLinks, _run
from gnn.links import MessageGraph, pair_scores, train_link_encoder
from kit.progress import SilentProgress
from lake.delta_lake import DeltaLake

pytestmark = pytest.mark.training

GROUPS, SIZE = 6, 10


def links_of(rows: list[tuple[int, int, int]], nodes: int) -> TypedLinks:
    return TypedLinks(nodes, 2, *np.array(sorted(rows), dtype=np.int64).T)


def two_kinds() -> TypedLinks:
    """Products of a group list each other by kind 0; by kind 1 every product lists its namesakes in the next group."""
    random = np.random.default_rng(3)
    rows = []
    for group, one, two in itertools.product(range(GROUPS), range(SIZE), range(SIZE)):
        source = group * SIZE + one
        if one != two and random.random() < 0.35:
            rows.append((0, source, group * SIZE + two))
        if random.random() < 0.7:
            rows.append((1, source, (group + 1) % GROUPS * SIZE + two))
    return links_of(rows, GROUPS * SIZE)


def walks_by_hand(links: TypedLinks, source: int, target: int) -> dict[str, float]:
    """Count for one pair of kind 0 what the figures say of it, with dictionaries and loops."""
    lists, near, all_near = defaultdict(set), defaultdict(set), defaultdict(set)
    for kind, one, two in zip(links.kind.tolist(), links.source.tolist(), links.target.tolist(), strict=True):
        if kind == 0:
            lists[one].add(two)
            near[one].add(two)
            near[two].add(one)
        all_near[one].add(two)
        all_near[two].add(one)
    weight = {node: 1 / math.log(max(len(all_near[node]), 2)) for node in range(links.nodes)}
    cosines = {
        other: len(lists[source] & lists[other]) / math.sqrt(len(lists[source]) * len(lists[other]))
        for other in range(links.nodes)
        if other != source and lists[source] & lists[other]
    }
    return {
        "out_degree_this_source": len(lists[source]),
        "undirected_degree_this_target": len(near[target]),
        "reverse": float(source in lists[target]),
        "undirected_common_this": len(near[source] & near[target]),
        "undirected_adamic_adar_all": sum(weight[node] for node in all_near[source] & all_near[target]),
        "both_list_this": sum(weight[node] for node in lists[source] & lists[target]),
        "chain_this": sum(weight[node] for node in lists[source] if target in lists[node]),
        "listed_by_like_source": sum(cosine for other, cosine in cosines.items() if target in lists[other]),
    }


def test_figures_are_those_counted_by_hand() -> None:
    links = two_kinds()
    pairs = [(0, 1), (3, 9), (12, 15), (0, 25), (40, 31), (7, 7)]
    source, target = np.array(pairs, dtype=np.int64).T
    names, figures = PairView(links).figures(0, source, target)
    assert figures.shape == (len(pairs), len(names)) == (6, len(set(names)))
    for row, pair in enumerate(pairs):
        for name, value in walks_by_hand(links, *pair).items():
            assert figures[row, names.index(name)] == pytest.approx(value, rel=1e-5), (pair, name)


def test_adamic_adar_breaks_ties_by_degrees_alone() -> None:
    # 0 and 1 share 2 and 3; 4 and 5 share 6, which has two neighbours; 7 and 8 share nothing
    links = links_of([(0, 0, 2), (1, 1, 2), (0, 3, 0), (0, 3, 1), (0, 4, 6), (1, 5, 6), (0, 7, 2), (0, 8, 9)], 10)
    scores = adamic_adar(links, np.array([0, 4, 8, 8]), np.array([1, 5, 9, 7]))
    assert scores.tolist() == pytest.approx([1 / math.log(3) + 1 / math.log(2), 1 / math.log(2), 0, 0], abs=1e-6)
    assert scores[0] > scores[1] > scores[2] > 0


def test_quality_is_that_of_the_published_protocol() -> None:
    labels = np.array([1, 1, 1, 0, 0, 0])
    assert link_quality(labels, np.array([6.0, 5, 4, 3, 2, 1])) == (1.0, 1.0, 1.0)
    area, under_precision, f1 = link_quality(labels, np.array([6.0, 5, 1, 4, 3, 2]))
    # six of nine pairs in order; three are called links, two of them are
    assert (area, f1) == (pytest.approx(6 / 9), pytest.approx(2 / 3))
    # precision 1 up to recall 2/3, then trapezoids through (2/3, 2/5) and (1, 3/6)
    assert under_precision == pytest.approx(2 / 3 + (2 / 5 + 1 / 2) / 2 / 3)
    random = np.random.default_rng(0)
    many, scores = random.integers(0, 2, 500), np.round(random.normal(size=500), 1)
    threshold = np.sort(scores)[-int(many.sum())]
    assert link_quality(many, scores)[2] == pytest.approx(f1_score(many, scores >= threshold))


def test_drawn_pairs_are_no_links_and_two_steps_away() -> None:
    links = two_kinds()
    known = known_codes(links, 0)
    linked = {frozenset(pair) for pair in zip(links.source[links.kind == 0], links.target[links.kind == 0], strict=True)}
    near = defaultdict(set)
    for one, two in linked:
        near[one].add(two)
        near[two].add(one)
    random = np.random.default_rng(1)
    far = list(zip(*two_hop_pairs(links, 0, links.source, known, random), strict=True))
    anywhere = list(zip(*random_pairs(links, 0, 500, known, random), strict=True))
    assert len(far) > 0
    assert len(anywhere) > 300
    assert all(near[one] & near[two] and frozenset((one, two)) not in linked for one, two in far)
    assert all(one != two and frozenset((one, two)) not in linked for one, two in anywhere)
    # a held link is not drawn as a pair to tell links from
    held = LabelledPairs(*np.array([[one, two, 1] for one, two in far], dtype=np.int64).T)
    judged = pairs_to_judge(links, 0, held, known_codes(links, 0, held), 1)
    drawn = {frozenset(pair) for pair in zip(judged.source[judged.label == 0], judged.target[judged.label == 0], strict=True)}
    assert drawn.isdisjoint({frozenset(pair) for pair in far})


def test_a_link_leaves_its_own_figures_and_its_reverse_stays() -> None:
    links = links_of([(kind, one, two) for kind in (0, 1) for one in range(12) for two in range(12) if one != two], 12)
    pairs = folded_pairs(links, 4, (), lambda: None)[0]
    positives = pairs.figures[pairs.labels == 1]
    assert len(positives) == 12 * 11
    # whole graphs: every node lists eleven; a fold takes the links it foretells, and as many reverses as chance has it
    assert positives[:, pairs.names.index("out_degree_this_source")].max() <= 10
    assert 0.6 < positives[:, pairs.names.index("reverse")].mean() < 0.9


def test_trees_find_planted_links_and_heed_direction() -> None:
    links = two_kinds()
    random = np.random.default_rng(2)
    held = random.random(len(links)) < 0.15
    rest, hidden = links.take(~held), links.take(held)
    pairs = folded_pairs(rest, 4, ("random", "two_hop"), lambda: None)
    hidden = hidden.take(hidden.kind == 1)
    source, target = random_pairs(rest, 1, len(hidden), known_codes(links, 1), random)
    labels = np.repeat([1, 0], [len(hidden), len(source)])
    ends = np.concatenate([hidden.source, source]), np.concatenate([hidden.target, target])
    view = PairView(rest)
    trees = Trees(pairs[1], "random", rounds=60, seed=0)
    scores = trees.scores(view.figures(1, *ends)[1])
    assert link_quality(labels, scores)[0] > 0.97
    assert np.array_equal(scores, Trees(pairs[1], "random", rounds=60, seed=0).scores(view.figures(1, *ends)[1]))
    turned = trees.scores(view.figures(1, hidden.target, hidden.source)[1])
    assert link_quality(np.repeat([1, 0], len(hidden)), np.concatenate([scores[labels == 1], turned]))[0] > 0.95
    blind = Trees(pairs[1], "random", rounds=60, seed=0, undirected=True)
    assert np.allclose(
        blind.scores(view.figures(1, hidden.target, hidden.source)[1]),
        blind.scores(view.figures(1, *ends)[1])[labels == 1],
        atol=2,
    )


def test_a_network_that_knows_nothing_gets_no_weight() -> None:
    labels, trees = np.array([1, 1, 0, 0]), np.array([2.0, 1.0, -1.0, -2.0])
    assert Blend.chosen(labels, trees, np.array([-1.0, 1.0, 1.0, -1.0])) == Blend(0.0)
    helped = Blend.chosen(labels, np.array([2.0, -1.0, 1.0, -2.0]), np.array([1.0, 1.0, -1.0, -1.0]))
    assert helped.weight > 1
    assert helped.scores(np.array([1.0]), np.array([2.0])).tolist() == [1 + 2 * helped.weight]


def test_the_network_tells_links_from_pairs_and_a_direction_from_the_other() -> None:
    links = two_kinds()
    held = np.random.default_rng(4).random(len(links)) < 0.15
    rest, hidden = links.take(~held), links.take(held & (links.kind == 1))
    source, target = random_pairs(rest, 1, len(hidden), known_codes(links, 1), np.random.default_rng(5))
    encoder = train_link_encoder(rest, seed=1, config=LinkEncoderConfig(dimensions=24, epochs=12, batches=4, learning_rate=0.05))
    with torch.no_grad():
        learned = encoder(*MessageGraph(rest).without(torch.zeros(0, dtype=torch.long)))
        forward, turned, drawn = (
            pair_scores(*learned, 1, torch.from_numpy(one), torch.from_numpy(two)).double().numpy()
            for one, two in ((hidden.source, hidden.target), (hidden.target, hidden.source), (source, target))
        )
    assert link_quality(np.repeat([1, 0], [len(forward), len(drawn)]), np.concatenate([forward, drawn]))[0] > 0.9
    assert link_quality(np.repeat([1, 0], len(forward)), np.concatenate([forward, turned]))[0] > 0.8


def test_every_system_is_measured_on_every_slice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    links, random = two_kinds(), np.random.default_rng(6)
    part = random.choice(3, len(links), p=(0.8, 0.1, 0.1))
    rows = np.stack([links.kind + 1, links.source, links.target], axis=1)
    np.savetxt(tmp_path / "train.txt", rows[part == 0], fmt="%d")
    for number, name in ((1, "valid.txt"), (2, "test.txt")):
        labelled = [np.c_[rows[part == number], np.ones((part == number).sum(), dtype=np.int64)]]
        for kind in (0, 1):
            count = int((labelled[0][:, 0] == kind + 1).sum())
            drawn = random_pairs(links, kind, 2 * count, known_codes(links, kind), random)
            labelled.append(
                np.stack([np.full(count, kind + 1), *(ends[:count] for ends in drawn), np.zeros(count, dtype=np.int64)], 1)
            )
        np.savetxt(tmp_path / name, np.concatenate(labelled), fmt="%d")
    config = LinkEncoderConfig(dimensions=8, epochs=2, batches=2)
    monkeypatch.setattr(
        bench_links, "QUICK", replace(bench_links.QUICK, folds=3, negatives=NEGATIVES, share_of_nodes=1.0, network=config)
    )
    context = BenchContext(
        lake=DeltaLake(tmp_path), home=tmp_path, quick=True, progress=SilentProgress(), as_of=date(2024, 1, 1), path=tmp_path
    )
    found, notes = bench_links.BENCH.run(context)
    values = {(row.system, row.metric, row.slice): row.value for row in found}
    systems = ("adamic_adar", "item_knn", "lightgbm", "shelfgraph-without-gnn", "shelfgraph-gnn-only", "shelfgraph")
    kinds = ("mean", "mean_reverse_unknown", "kind_1", "kind_2")
    slices = (*kinds, *(f"two_hop_{kind}" for kind in kinds))
    assert set(values) == set(itertools.product(systems, ("roc_auc", "pr_auc", "f1"), slices))
    assert len(found) == len(values) == 6 * 3 * 8
    assert all(0 <= value <= 1 for value in values.values())
    for metric in ("roc_auc", "pr_auc", "f1"):
        by_kind = [values["shelfgraph", metric, kind] for kind in ("kind_1", "kind_2")]
        assert values["shelfgraph", metric, "mean"] == pytest.approx(np.mean(by_kind))
    assert values["shelfgraph", "roc_auc", "mean"] > values["adamic_adar", "roc_auc", "mean"]
    judged = np.loadtxt(tmp_path / "test.txt", dtype=np.int64)
    assert {row.n for row in found if row.slice == "mean"} == {len(judged)}
    assert any("sample" in note for note in notes)


def test_the_same_seed_learns_the_same_network() -> None:
    config = LinkEncoderConfig(dimensions=8, epochs=2, batches=3, two_hop_share=0.5)
    first, again, other = (train_link_encoder(two_kinds(), seed=seed, config=config).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["vectors"], other["vectors"])


def test_a_link_that_is_foretold_carries_no_message() -> None:
    links = links_of([(0, 0, 1), (0, 1, 0), (0, 1, 2), (1, 2, 3)], 4)
    messages, degrees = MessageGraph(links).without(torch.tensor([0]))
    out, back = messages[0]
    assert out.to_dense().tolist() == pytest.approx(np.array([[0, 0, 0, 0], [0.5**0.5, 0, 0.5**0.5, 0], [0] * 4, [0] * 4]))
    assert torch.equal(back.to_dense(), out.to_dense().T)
    assert torch.expm1(degrees).round().tolist() == [[0, 1, 0, 0], [2, 0, 0, 0], [0, 1, 1, 0], [0, 0, 0, 1]]


def test_what_the_learning_process_died_of_is_told() -> None:
    with pytest.raises(EncoderFailed, match="no such module: torch"):
        _run([sys.executable, "-c", "raise SystemExit('no such module: torch')"])


def test_published_files_are_read_by_kind_with_their_direction(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("1 50 30\n2 30 20\n1 20 50\n")
    (tmp_path / "valid.txt").write_text("1 30 20 1\n2 50 20 0\n1 30 99 0\n")
    with pytest.raises(DataMissing, match="--path"):
        read_links(tmp_path)
    (tmp_path / "test.txt").write_text("2 20 30 1\n2 30 50 0\n")
    data = read_links(tmp_path)
    assert (data.train.nodes, data.train.kinds) == (3, 2)
    rows = list(zip(data.train.kind, data.train.source, data.train.target, strict=True))
    assert rows == [(0, 2, 1), (1, 1, 0), (0, 0, 2)]
    # a pair with a node that training does not know cannot be judged
    assert [array.tolist() for array in (data.valid[0].source, data.valid[0].target, data.valid[0].label)] == [[1], [0], [1]]
    assert data.test[1].take(data.test[1].label == 1).target.tolist() == [1]
    with pytest.raises(DataMissing):
        read_links(None)

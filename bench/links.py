"""Typed product links on a published graph: which pairs are links of a kind, beside Adamic-Adar and plain LightGBM.

The protocol is that of GATNE (Cen et al., KDD 2019): per kind the area under the ROC curve, the area under the
precision-recall curve (trapezoids) and F1 at the threshold that calls as many pairs links as there are; the plain mean over
kinds. Systems learn from `train.txt` alone; `valid.txt` chooses the weight of the network in the blend.

Slices: `mean`, `kind_1`, `kind_2` as published, links against random pairs. `mean_reverse_unknown` leaves out links whose
reverse is in training. `two_hop…` has the same links against pairs two steps from their sources: a shop does not ask whether a
cable goes with a random product, but which of the near ones. Values are fractions; `low` and `high` are one standard deviation
over seeds from the mean.
"""

from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.metrics import auc, precision_recall_curve, roc_auc_score

from bench.frame import Bench, BenchContext, BenchRow
from bench.links_data import LabelledPairs, LinkData, known_codes, pair_codes, read_links
from bench.links_features import FloatArray, PairView, adamic_adar
from bench.links_systems import NEGATIVES, Blend, TrainingPairs, Trees, folded_pairs, pairs_to_judge
from gnn.link_scores import LinkEncoderConfig, TypedLinks, link_scores

__all__ = ["BENCH", "link_quality"]

Scores = npt.NDArray[np.float64]
METRICS = ("roc_auc", "pr_auc", "f1")
OURS = "shelfgraph"
WITHOUT_NETWORK, NETWORK_ONLY = f"{OURS}-without-gnn", f"{OURS}-gnn-only"
TWO_HOP_SEED = 5
ITEM_KNN = "lists_like_target"
PUBLISHED = "published: GCN 0.9896/0.9870/0.9560, GAT 0.9885/0.9844/0.9562, GATNE-T 0.9744/0.9705/0.9287 (ROC-AUC/PR-AUC/F1)"


@dataclass(frozen=True, slots=True)
class _Effort:
    folds: int
    seeds: int
    rounds: int
    negatives: tuple[str, ...]
    share_of_nodes: float
    network: LinkEncoderConfig


FULL = _Effort(8, 5, 100, NEGATIVES, 1.0, LinkEncoderConfig())
QUICK = _Effort(2, 1, 50, ("random",), 0.5, LinkEncoderConfig(dimensions=32, epochs=5, negatives=2))


@dataclass(frozen=True, slots=True)
class _Task:
    """One kind against one sort of negatives: what to choose by and what to judge, with their named figures."""

    negatives: str
    kind: int
    names: list[str]
    valid: LabelledPairs
    test: LabelledPairs
    valid_figures: FloatArray
    test_figures: FloatArray
    reverse_known: npt.NDArray[np.bool_]


def run(context: BenchContext) -> tuple[list[BenchRow], list[str]]:
    """Measure every system on every slice. Raises: DataMissing."""
    effort = QUICK if context.quick else FULL
    data = read_links(context.path, share=effort.share_of_nodes)
    with context.progress.stage("Figures of pairs, fold by fold", total=effort.folds + 1) as stage:
        learned_from = folded_pairs(data.train, effort.folds, effort.negatives, stage.advance)
        tasks = _tasks(data, effort.negatives)
        stage.advance()
    runs = [_floors(data, tasks)]
    with (
        context.progress.stage("Learning, seed by seed", total=effort.seeds) as stage,
        # the network learns in processes of its own while the trees grow here
        ThreadPoolExecutor(1) as beside,
    ):
        seeds = range(effort.seeds)
        networks = [beside.submit(_network_scores, data.train, tasks, effort.network, seed) for seed in seeds]
        for seed, network in zip(seeds, networks, strict=True):
            runs.append(_one_seed(tasks, learned_from, network, effort.rounds, seed))
            stage.advance()
    return list(_rows(runs, tasks)), _notes(data, effort, quick=context.quick)


def link_quality(labels: npt.NDArray[np.int64], scores: Scores) -> tuple[float, float, float]:
    """Return ROC-AUC, PR-AUC and F1 where as many pairs are called links as there are, ties included."""
    precision, recall, _ = precision_recall_curve(labels, scores)
    links = int(labels.sum())
    called = scores >= np.sort(scores)[-links]
    f1 = 2 * float(labels[called].sum()) / (links + int(called.sum()))
    return float(roc_auc_score(labels, scores)), float(auc(recall, precision)), f1


def _tasks(data: LinkData, negatives: tuple[str, ...]) -> list[_Task]:
    view, tasks = PairView(data.train), []
    for kind in range(data.train.kinds):
        valid, test = data.valid[kind], data.test[kind]
        judged = {
            "random": (valid, test),
            "two_hop": (
                pairs_to_judge(data.train, kind, valid, known_codes(data.train, kind, valid), TWO_HOP_SEED),
                pairs_to_judge(data.train, kind, test, known_codes(data.train, kind, valid, test), TWO_HOP_SEED),
            ),
        }
        codes = known_codes(data.train, kind)
        for name in negatives:
            chosen_by, judged_on = judged[name]
            names, to_choose = view.figures(kind, chosen_by.source, chosen_by.target)
            _, to_judge = view.figures(kind, judged_on.source, judged_on.target)
            reverse = np.isin(pair_codes(data.train.nodes, judged_on.source, judged_on.target), codes)
            tasks.append(_Task(name, kind, names, chosen_by, judged_on, to_choose, to_judge, reverse))
    return tasks


_NetworkScores = list[tuple[Scores, Scores]]
"""The network's scores of each task's valid and test pairs."""
_Run = Mapping[str, list[Scores]]
"""Per system the scores of each task's test pairs."""


def _floors(data: LinkData, tasks: list[_Task]) -> _Run:
    return {
        "adamic_adar": [adamic_adar(data.train, task.test.source, task.test.target) for task in tasks],
        "item_knn": [task.test_figures[:, task.names.index(ITEM_KNN)].astype(np.float64) for task in tasks],
    }


def _one_seed(
    tasks: list[_Task], learned_from: Mapping[int, TrainingPairs], network: Future[_NetworkScores], rounds: int, seed: int
) -> _Run:
    grown = []
    for task in tasks:
        pairs = learned_from[task.kind]
        plain = Trees(pairs, task.negatives, rounds=rounds, seed=seed, undirected=True)
        trees = Trees(pairs, task.negatives, rounds=rounds, seed=seed)
        figures = task.valid_figures, task.test_figures
        grown.append((plain.scores(task.test_figures), *(trees.scores(some) for some in figures)))
    found: dict[str, list[Scores]] = {name: [] for name in ("lightgbm", WITHOUT_NETWORK, NETWORK_ONLY, OURS)}
    for task, (plain_scores, valid, test), (network_valid, network_test) in zip(tasks, grown, network.result(), strict=True):
        blend = Blend.chosen(task.valid.label, valid, network_valid)
        scored = plain_scores, test, network_test, blend.scores(test, network_test)
        for name, scores in zip(found, scored, strict=True):
            found[name].append(scores)
    return found


def _network_scores(train: TypedLinks, tasks: list[_Task], config: LinkEncoderConfig, seed: int) -> list[tuple[Scores, Scores]]:
    """Return the network's scores of the valid and test pairs of each task; it learns once."""
    asked = [(task.kind, pairs) for task in tasks for pairs in (task.valid, task.test)]
    kind = np.repeat([kind for kind, _ in asked], [len(pairs.label) for _, pairs in asked])
    source, target = (np.concatenate([getattr(pairs, end) for _, pairs in asked]) for end in ("source", "target"))
    scores = link_scores(train, TypedLinks(train.nodes, train.kinds, kind, source, target), seed=seed, config=config)
    parts = np.split(scores, np.cumsum([len(pairs.label) for _, pairs in asked])[:-1])
    return list(zip(parts[::2], parts[1::2], strict=True))


def _rows(runs: list[_Run], tasks: list[_Task]) -> Iterator[BenchRow]:
    for system in dict.fromkeys(name for run in runs for name in run):
        qualities = [_slices(run[system], tasks) for run in runs if system in run]
        for name, (_, n) in qualities[0].items():
            by_seed = np.array([quality[name][0] for quality in qualities])
            spread = by_seed.std(axis=0, ddof=1) if len(by_seed) > 1 else np.zeros(len(METRICS))
            for metric, value, sd in zip(METRICS, by_seed.mean(axis=0).tolist(), spread.tolist(), strict=True):
                low, high = (value - sd, value + sd) if len(by_seed) > 1 else (None, None)
                yield BenchRow(system, metric, name, value, low, high, n, seeds=len(by_seed))


def _slices(scores: list[Scores], tasks: list[_Task]) -> dict[str, tuple[npt.NDArray[np.float64], int]]:
    """Return per slice the three figures and the number of pairs."""
    found: dict[str, tuple[npt.NDArray[np.float64], int]] = {}
    for negatives in dict.fromkeys(task.negatives for task in tasks):
        prefix = "" if negatives == "random" else f"{negatives}_"
        own = [(task, values) for task, values in zip(tasks, scores, strict=True) if task.negatives == negatives]
        parts = {f"{prefix}kind_{task.kind + 1}": (task.test.label, values) for task, values in own}
        unknown = [(task.test.label[~task.reverse_known], values[~task.reverse_known]) for task, values in own]
        for name, pairs in (("mean", list(parts.values())), ("mean_reverse_unknown", unknown)):
            quality = np.mean([link_quality(*part) for part in pairs], axis=0)
            found[f"{prefix}{name}"] = quality, sum(len(labels) for labels, _ in pairs)
        found |= {name: (np.array(link_quality(*part)), len(part[0])) for name, part in parts.items()}
    return found


def _notes(data: LinkData, effort: _Effort, *, quick: bool) -> list[str]:
    known = np.mean(
        [
            np.isin(
                pair_codes(data.train.nodes, pairs.source, pairs.target)[pairs.label == 1], known_codes(data.train, kind)
            ).mean()
            for kind, pairs in data.test.items()
        ]
    )
    notes = [
        PUBLISHED,
        f"{len(data.train):,} links of {data.train.kinds} kinds between {data.train.nodes:,} nodes; {effort.folds} folds",
        f"the reverse of {known:.0%} of the links to foretell is in training, as published; see mean_reverse_unknown",
        "item_knn is one figure, nothing learned: how alike a target is to what its source lists already",
        "lightgbm reads the same walks and spectra without direction; low and high are one standard deviation over seeds away",
    ]
    if quick:
        notes.append(f"a sample: {effort.share_of_nodes:.0%} of the nodes, one seed, random negatives alone")
    return notes


BENCH = Bench(
    name="links",
    claim="which pairs of products are links of a kind, on a published graph with links of two kinds",
    run=run,
    tables=(),
    data_sets=("gatne_amazon",),
    needs_path=True,
)

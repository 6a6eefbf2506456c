"""Systems that score typed pairs: LightGBM over the figures of a pair, the network, and both together.

LightGBM learns from links that the graph did not hold when their figures were made: the links fall into folds, and each fold's
figures come from the others (stacking, Wolpert 1992). Nothing here reads a label of the test pairs.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import lightgbm
import numpy as np
import numpy.typing as npt
from sklearn.metrics import roc_auc_score

from bench.links_data import IntArray, LabelledPairs, adjacency, known_codes, random_pairs, two_hop_pairs, undirected
from bench.links_features import FloatArray, PairView
from gnn.link_scores import TypedLinks

__all__ = ["NEGATIVES", "Blend", "TrainingPairs", "Trees", "folded_pairs", "pairs_to_judge"]

NEGATIVES = ("random", "two_hop")
DRAWN_PER_LINK = 3
FOLD_SEED = 11
WEIGHTS = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0)
UNDIRECTED = "undirected_"
PARAMETERS = {
    "objective": "binary",
    "learning_rate": 0.1,
    "num_leaves": 31,
    "min_data_in_leaf": 50,
    "feature_fraction": 0.4,
    "bagging_fraction": 0.5,
    "bagging_freq": 1,
    "lambda_l2": 1.0,
    "max_bin": 127,
    "num_threads": 1,
    "deterministic": True,
    "force_row_wise": True,
    "verbose": -1,
}


@dataclass(frozen=True, slots=True)
class TrainingPairs:
    """Figures and labels of links and drawn pairs, each from a graph without the links of its fold."""

    names: list[str]
    figures: FloatArray
    labels: IntArray
    drawn: npt.NDArray[np.int64]
    """Where a pair comes from: -1 for a link, else the position in NEGATIVES of how it was drawn."""

    def against(self, negatives: str) -> npt.NDArray[np.bool_]:
        """Return the rows of links and of pairs drawn in this way."""
        rows: npt.NDArray[np.bool_] = (self.drawn < 0) | (self.drawn == NEGATIVES.index(negatives))
        return rows


def folded_pairs(
    train: TypedLinks, folds: int, negatives: tuple[str, ...], done: Callable[[], None]
) -> Mapping[int, TrainingPairs]:
    """Return per kind the training pairs; a directed link leaves its graph alone, its reverse is another link."""
    random = np.random.default_rng(FOLD_SEED)
    fold = random.integers(folds, size=len(train))
    parts: dict[int, list[TrainingPairs]] = {kind: [] for kind in range(train.kinds)}
    for number in range(folds):
        rest, held = train.take(fold != number), train.take(fold == number)
        view = PairView(rest)
        for kind, found in parts.items():
            pairs = [_foretellable(held, rest, kind)]
            pairs += [_drawn(name, rest, kind, pairs[0][0], known_codes(train, kind), random) for name in negatives]
            source, target = (np.concatenate(ends) for ends in zip(*pairs, strict=True))
            names, figures = view.figures(kind, source, target)
            drawn = np.repeat([-1, *map(NEGATIVES.index, negatives)], [len(source) for source, _ in pairs])
            found.append(TrainingPairs(names, figures, (drawn < 0).astype(np.int64), drawn))
        done()
    return {kind: _joined(found) for kind, found in parts.items()}


def _foretellable(held: TypedLinks, rest: TypedLinks, kind: int) -> tuple[IntArray, IntArray]:
    """Return the ends of the kind's held links whose nodes still have links of the kind, as every pair to judge has."""
    linked = np.diff(undirected(adjacency(rest, kind)).indptr) > 0
    links = held.take((held.kind == kind) & linked[held.source] & linked[held.target])
    return links.source, links.target


def _drawn(
    negatives: str, links: TypedLinks, kind: int, sources: IntArray, known: IntArray, random: np.random.Generator
) -> tuple[IntArray, IntArray]:
    if negatives == "random":
        return random_pairs(links, kind, DRAWN_PER_LINK * len(sources), known, random)
    return two_hop_pairs(links, kind, np.repeat(sources, DRAWN_PER_LINK), known, random)


def _joined(parts: list[TrainingPairs]) -> TrainingPairs:
    figures, labels, drawn = (np.concatenate([getattr(part, name) for part in parts]) for name in ("figures", "labels", "drawn"))
    return TrainingPairs(parts[0].names, figures, labels, drawn)


def pairs_to_judge(train: TypedLinks, kind: int, judged: LabelledPairs, every_link: IntArray, seed: int) -> LabelledPairs:
    """Return the links among `judged`, and as many pairs two steps from their sources; `every_link` holds codes to avoid."""
    links = judged.take(judged.label == 1)
    source, target = two_hop_pairs(train, kind, links.source, every_link, np.random.default_rng(seed))
    labels = np.concatenate([links.label, np.zeros(len(source), dtype=np.int64)])
    return LabelledPairs(np.concatenate([links.source, source]), np.concatenate([links.target, target]), labels)


class Trees:
    """LightGBM over a pair's figures.

    Args:
        pairs: what to learn from.
        negatives: which drawn pairs to tell links from.
        rounds: how many trees.
        undirected: whether figures that read direction are hidden.
        seed: of the samples of rows and figures.
    """

    def __init__(self, pairs: TrainingPairs, negatives: str, *, rounds: int, seed: int, undirected: bool = False) -> None:
        self._columns = np.array([not undirected or name.startswith(UNDIRECTED) for name in pairs.names])
        rows = pairs.against(negatives)
        data = lightgbm.Dataset(pairs.figures[rows][:, self._columns], pairs.labels[rows])
        self._booster = lightgbm.train({**PARAMETERS, "seed": seed}, data, rounds)

    def scores(self, figures: FloatArray) -> npt.NDArray[np.float64]:
        """Return log odds."""
        predicted = self._booster.predict(figures[:, self._columns], raw_score=True, num_threads=1)
        return np.asarray(predicted, dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Blend:
    """Log odds of the trees plus a weight times those of the network; 0 where the network does not help on the valid pairs."""

    weight: float

    @classmethod
    def chosen(cls, labels: IntArray, trees: npt.NDArray[np.float64], network: npt.NDArray[np.float64]) -> "Blend":
        """Return the weight with the best area under the ROC curve."""
        return cls(max(WEIGHTS, key=lambda weight: float(roc_auc_score(labels, trees + weight * network))))

    def scores(self, trees: npt.NDArray[np.float64], network: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return the sum."""
        return trees + self.weight * network

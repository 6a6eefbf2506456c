"""One step's worth of what to tell apart: drawn pairs, what was not taken, and what households have in hand."""

from dataclasses import dataclass

import numpy as np

from gnn.configuration import TrainingConfig
from gnn.graph import ShopGraph
from gnn.negatives import Negatives, draw_pairs
from gnn.supervision import DECODED, PairSet

__all__ = ["Examples", "Histories", "Lesson", "draw_lesson"]


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """Pairs of one relation: source and target (pairs), `others` (pairs x negatives) and which of those were taken too."""

    source: np.ndarray
    target: np.ndarray
    others: np.ndarray
    taken_too: np.ndarray

    def part(self, number: int, of: int) -> "Examples":
        """Return every `of`-th pair from `number` on; all parts are equally long."""
        last = len(self.source) // of * of
        return Examples(*(array[number:last:of] for array in (self.source, self.target, self.others, self.taken_too)))


class Histories:
    """What each household bought of late, by weight: edges of bought_by turned round."""

    def __init__(self, graph: ShopGraph) -> None:
        edges = graph.edges["bought_by"]
        order = np.lexsort((-edges.weight, edges.other))
        self._product, self._weight = edges.product[order], edges.weight[order]
        self._start = np.searchsorted(edges.other[order], np.arange(graph.nodes.count("household") + 1))

    def of(self, households: np.ndarray, most: int | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return (which of `households`, product, weight) of at most `most` purchases of each, the weightiest."""
        length = self._start[households + 1] - self._start[households]
        length = length if most is None else np.minimum(length, most)
        row = np.repeat(np.arange(len(households)), length)
        place = self._start[households][row] + np.arange(len(row)) - np.repeat(np.cumsum(length) - length, length)
        return row, self._product[place], self._weight[place]


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """The window that pairs are drawn from: its graph, which ends where the window begins, and its pairs."""

    graph: ShopGraph
    pairs: dict[str, PairSet]
    negatives: Negatives
    histories: Histories


def draw_lesson(lesson: Lesson, config: TrainingConfig, random: np.random.Generator) -> dict[str, Examples]:
    """Return examples of every relation that has pairs in the window."""
    return {relation: _examples(lesson, relation, config, random) for relation in DECODED if len(lesson.pairs[relation])}


def _examples(lesson: Lesson, relation: str, config: TrainingConfig, random: np.random.Generator) -> Examples:
    pairs, products = lesson.pairs[relation], lesson.graph.nodes.count("product")
    source, target = draw_pairs(pairs, config.pairs_per_step, random)
    popular, alike, near = (np.repeat(np.arange(len(source)), count) for count in config.negatives)
    hop = lesson.negatives.taste_of_others if relation == "household_buys" else lesson.negatives.two_hops
    # who replaces a product is asked within its category: what is popular elsewhere teaches nothing about it
    first = (
        lesson.negatives.same_category(target[popular], random)
        if relation == "substitute"
        else lesson.negatives.popular(len(popular), random)
    )
    drawn = (first, lesson.negatives.same_category(source[alike], random), hop(target[near], random))
    others = np.hstack([part.reshape(len(source), -1) for part in drawn])
    known = pairs.target * np.int64(products) + pairs.source
    wanted = target[:, None] * np.int64(products) + others
    place = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    return Examples(
        source, target, others, (known[place] == wanted) | (others == target[:, None]) & (relation != "household_buys")
    )

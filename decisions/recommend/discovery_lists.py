"""What pleases each household most of what it never bought, computed when the release is trained: asking is reading rows."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from decisions.recommend.bounds import exposure_shares
from decisions.recommend.discovery import DISCOVERY_SYSTEM
from decisions.recommend.discovery_ranker import DiscoveryRanker
from decisions.recommend.list_measures import exposure_measures, novelty, variety
from features import Tables
from features.collaborative import Tastes
from features.discovery_candidates import GROUPS, SOURCES, DiscoveryDay
from features.discovery_transform import Figures, figures_of
from features.recommend_transform import HouseholdKnowledge
from features.repertoire import FloatArray, IntArray, Levels

__all__ = [
    "LONGEST",
    "PLACES",
    "StoredDiscoveries",
    "discovery_figures",
    "discovery_tables",
    "ranked_discovery_tables",
    "read_discoveries",
]

PLACES = 10
"""Bounds hold in every ten places, and lists are measured by their first ten."""
LONGEST = 150
"""Products kept per household: of a hundred places, and what bounds and rules may move down or out."""
TABLE = "recommend_discovery_lists"
CHUNK = 256
"""Households ranked at once: bounds the memory at some 100 MB for each thread."""
THREADS = 2


@dataclass(frozen=True, slots=True)
class StoredDiscoveries:
    """All households' lists, best first; `start` (households + 1) bounds each household's.

    `brought` (rows, `GROUPS`) sums to the score less what every score starts from; bit i of `sources`: `SOURCES[i]` named it.
    """

    start: IntArray
    product: IntArray
    score: FloatArray
    sources: IntArray
    brought: FloatArray

    def of(self, household: int) -> IntArray:
        """Return the rows of a household's list."""
        return np.arange(int(self.start[household]), int(self.start[household + 1]))

    def first(self, places: int) -> IntArray:
        """Return the products in the first places of all lists, one list after another."""
        length = np.diff(self.start)
        place = np.arange(len(self.product)) - np.repeat(self.start[:-1], length)
        return self.product[place < places]


def discovery_tables(knowledge: HouseholdKnowledge, tastes: Tastes) -> dict[str, pa.Table]:
    """Return the table of every household's list: the nearest by taste that it never bought, as asking now would give."""
    own, households = knowledge.own, len(knowledge.household)
    bounds = np.searchsorted(own.key, np.arange(households + 1) * own.items)
    parts = []
    for household in range(households):
        closed = np.zeros(own.items, bool)
        closed[own.key[bounds[household] : bounds[household + 1]] % own.items] = True
        parts.append(tastes.nearest(tastes.households[household], closed, LONGEST))
    nothing = (np.empty(0, np.int64), np.empty(0))
    product, score = (np.concatenate([part[side] for part in [*parts, nothing]]) for side in (0, 1))
    rows_of = np.repeat(np.arange(households), [len(part[0]) for part in parts])
    named = np.full(len(product), 1 << tuple(SOURCES).index(DISCOVERY_SYSTEM), np.int64)
    return {TABLE: _table(rows_of, product, score, named, np.outer(score, [group == "tastes" for group in GROUPS]))}


def ranked_discovery_tables(day: DiscoveryDay, ranker: DiscoveryRanker, groups: tuple[str, ...]) -> dict[str, pa.Table]:
    """Return the table of every household's list as the ranker orders it, with what each group of figures brought."""
    parts = list(_ranked(day, ranker, groups))
    return {TABLE: pa.concat_tables(parts).combine_chunks()}


def _ranked(day: DiscoveryDay, ranker: DiscoveryRanker, groups: tuple[str, ...]) -> Iterator[pa.Table]:
    firsts = range(0, day.known.households, CHUNK)
    with ThreadPoolExecutor(THREADS) as pool:
        blocks = pool.map(lambda first: _figures(day, first, groups), firsts)
        for first, figures in zip(firsts, blocks, strict=True):
            scores = ranker.scores(figures.values)
            order = np.lexsort((figures.product, -scores, figures.row))
            place = np.arange(len(order)) - np.searchsorted(figures.row[order], figures.row[order])
            best = order[place < LONGEST]
            kept, brought = figures.take(best), ranker.contributions(figures.values[best])
            yield _table(kept.row + first, kept.product, scores[best], kept.sources.astype(np.int64), brought)


def _figures(day: DiscoveryDay, first: int, groups: tuple[str, ...]) -> Figures:
    return figures_of(day, np.arange(first, min(first + CHUNK, day.known.households)), groups)


def _table(household: IntArray, product: IntArray, score: FloatArray, sources: IntArray, brought: FloatArray) -> pa.Table:
    columns = {f"brought_{group}": np.ascontiguousarray(brought[:, place], np.float64) for place, group in enumerate(GROUPS)}
    return pa.table({"household": household, "product": product, "score": score, "sources": sources, **columns})


def discovery_figures(stored: StoredDiscoveries, levels: Levels, sold: FloatArray, baskets: int) -> dict[str, float]:
    """Return how varied, how little known and how evenly spread the first ten places of the lists are, before bounds.

    Args:
        stored: all lists.
        levels: types of products.
        sold: baskets that hold each product.
        baskets: how many baskets there are.
    """
    lists = [stored.product[stored.of(household)[:PLACES]] for household in range(len(stored.start) - 1)]
    lists = [one for one in lists if len(one)]
    if not lists:
        return {}
    spread = exposure_measures(exposure_shares(stored.first(PLACES), len(sold), len(stored.start) - 1))
    return {
        "discovery_variety": float(np.mean([variety(one, levels.product_type) for one in lists])),
        "discovery_novelty_bits": float(np.mean([novelty(one, sold, baskets) for one in lists])),
        "discovery_coverage": spread.coverage,
        "discovery_gini": spread.gini,
        "discovery_largest_share": spread.largest_share,
    }


def read_discoveries(tables: Tables, households: int) -> StoredDiscoveries:
    """Read back what `discovery_tables` gave."""
    rows = tables.table(TABLE)
    start = np.searchsorted(rows["household"].to_numpy(), np.arange(households + 1))
    brought = np.column_stack([rows[f"brought_{group}"].to_numpy() for group in GROUPS])
    product, score, sources = (rows[name].to_numpy() for name in ("product", "score", "sources"))
    return StoredDiscoveries(start, product, score, sources, brought)

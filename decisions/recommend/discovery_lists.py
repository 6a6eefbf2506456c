"""What pleases each household most of what it never bought, computed when the release is trained: asking is reading rows."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from decisions.recommend.bounds import exposure_shares
from decisions.recommend.list_measures import exposure_measures, novelty, variety
from features import Tables
from features.collaborative import Tastes
from features.recommend_transform import HouseholdKnowledge
from features.repertoire import FloatArray, IntArray, Levels

__all__ = ["LONGEST", "PLACES", "StoredDiscoveries", "discovery_figures", "discovery_tables", "read_discoveries"]

PLACES = 10
"""Bounds hold in every ten places, and lists are measured by their first ten."""
LONGEST = 150
"""Products kept per household: of a hundred places, and what bounds and rules may move down or out."""
TABLE = "recommend_discovery_lists"


@dataclass(frozen=True, slots=True)
class StoredDiscoveries:
    """All households' lists, best first; `start` (households + 1) bounds each household's."""

    start: IntArray
    product: IntArray
    score: FloatArray

    def of(self, household: int) -> tuple[IntArray, FloatArray]:
        """Return a household's products and scores."""
        rows = slice(int(self.start[household]), int(self.start[household + 1]))
        return self.product[rows], self.score[rows]

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
    return {TABLE: pa.table({"household": rows_of, "product": product, "score": score})}


def discovery_figures(stored: StoredDiscoveries, levels: Levels, sold: FloatArray, baskets: int) -> dict[str, float]:
    """Return how varied, how little known and how evenly spread the first ten places of the lists are, before bounds.

    Args:
        stored: all lists.
        levels: types of products.
        sold: baskets that hold each product.
        baskets: how many baskets there are.
    """
    lists = [stored.of(household)[0][:PLACES] for household in range(len(stored.start) - 1)]
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
    return StoredDiscoveries(start, rows["product"].to_numpy(), rows["score"].to_numpy())

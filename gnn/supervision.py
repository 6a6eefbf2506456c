"""What the network learns to foretell: pairs seen in a window of days after those its graph is made of.

A window is half-open: (after, until]. In every pair the *source* is what was taken and the *target* what it was taken with,
instead of, or by whom; weights say how often a pair is drawn.
"""

from dataclasses import dataclass
from datetime import date, timedelta

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
from scipy import sparse

from features.basket_pairs import basket_pairs, expected_together
from features.co_purchase import LARGEST_TRIP_STRATUM, merchandise_lines
from features.relation_evidence_sums import from_whole, whole
from gnn.graph import ShopGraph
from lake.ports import Lake

__all__ = ["DECODED", "PairSet", "observed_pairs"]

DECODED = ("substitute", "complement", "bought_with", "household_buys")
"""The relations that are decoded. The target of household_buys is a household, of the others a product."""

HABIT = 0.25
"""What a purchase of something the household had before counts, beside one of something new: habits need no network."""
REGULAR_DAYS = 91
REGULAR_BASKETS = 2
GONE_BELOW = 0.2
GONE_WEIGHT = 4.0
"""A product that sells less than a fifth of its usual rate is gone: who still wants it has to switch."""
PARTNERS = 4
LEAST_TOGETHER = 3
LEAST_SURPLUS = 2.0
"""In standard deviations of a Poisson count."""


@dataclass(frozen=True, slots=True, eq=False)
class PairSet:
    """Parallel arrays: source and target (int64 positions) and weight (float64, above 0), sorted by target, then source."""

    source: np.ndarray
    target: np.ndarray
    weight: np.ndarray

    def __len__(self) -> int:
        return len(self.source)


@dataclass(frozen=True, slots=True, eq=False)
class _Window:
    """The merchandise lines of a window, each product once in a basket; baskets are numbered from 0."""

    household: np.ndarray
    basket: np.ndarray
    product: np.ndarray
    day: np.ndarray


def observed_pairs(lake: Lake, graph: ShopGraph, until: date, seed: int) -> dict[str, PairSet]:
    """Return the pairs of (graph.as_of, until], by relation of `DECODED`.

    - substitute: a household that took the target regularly (two baskets in the 13 weeks before) takes the source on a trip
      without the target, both of one category; more when the source is new to it or the target is gone.
    - complement: products of two categories that met more often than their rates on trips of like size let expect.
    - bought_with: two products of one basket; a basket counts by its lines, not by their square.
    - household_buys: what a household took, more when it had not taken it before.

    `seed` draws the partners of bought_with.
    """
    window = _window(lake, graph, until)
    return {
        "substitute": _switches(lake, graph, until),
        "complement": _attached(window, graph),
        "bought_with": _partners(window, np.random.default_rng(seed)),
        "household_buys": _taken(window, graph),
    }


def _window(lake: Lake, graph: ShopGraph, until: date) -> _Window:
    lines = merchandise_lines(lake, until)
    late = lines.filter(lines.business_date > graph.as_of)
    once = late.group_by("household_id", "basket_id", "product_id").aggregate(day=late.business_date.min())
    rows = lake.to_arrow(once.order_by("basket_id", "product_id"))
    product = graph.nodes.positions("product", rows["product_id"])
    household = graph.nodes.positions("household", rows["household_id"])
    kept = (product >= 0) & (household >= 0)
    basket = rows["basket_id"].combine_chunks().dictionary_encode().indices.to_numpy().astype(np.int64)
    day = rows["day"].cast(pa.int32()).to_numpy().astype(np.int64)
    number = np.unique(basket[kept], return_inverse=True)[1]
    return _Window(household[kept], number.reshape(-1), product[kept], day[kept])


def _taken(window: _Window, graph: ShopGraph) -> PairSet:
    bought, households = graph.edges["bought_by"], graph.nodes.count("household")
    taken = np.unique(window.product * households + window.household)
    before = np.isin(taken, bought.product * households + bought.other)
    return _sorted(taken // households, taken % households, np.where(before, HABIT, 1.0))


def _partners(window: _Window, random: np.random.Generator) -> PairSet:
    """Return each line with a few others of its basket, drawn evenly with replacement. Lines are sorted by basket."""
    start = np.searchsorted(window.basket, np.arange(window.basket.max(initial=-1) + 2))
    size = np.diff(start)[window.basket]
    line = np.repeat(np.flatnonzero(size > 1), PARTNERS)
    first = start[window.basket[line]]
    step = random.integers(1, size[line])
    other = first + (line - first + step) % size[line]
    return _summed(window.product[line], window.product[other], np.ones(len(line)))


def _attached(window: _Window, graph: ShopGraph) -> PairSet:
    products, baskets = graph.nodes.count("product"), int(window.basket.max(initial=-1)) + 1
    ones = np.ones(len(window.product), dtype=np.int32)
    bought = sparse.csr_array((ones, (window.product, window.basket)), shape=(products, baskets))
    bought.sort_indices()
    household, day = (np.zeros(baskets, dtype=np.int64) for _ in range(2))
    household[window.basket], day[window.basket] = window.household, window.day
    pairs = basket_pairs(bought, household, day, minimum_baskets=LEAST_TOGETHER)
    first, second = pairs["first"].to_numpy(), pairs["second"].to_numpy()
    surplus, usual = _surplus(bought, first, second, pairs["baskets"].to_numpy())
    category, none = graph.nodes.category, graph.nodes.count("category")
    across = (category[first] != category[second]) & (category[first] < none) & (category[second] < none)
    kept = across & (surplus >= LEAST_SURPLUS * np.sqrt(usual)) & (pairs["households"].to_numpy() > 1)
    one, other, weight = first[kept], second[kept], surplus[kept]
    return _sorted(np.r_[one, other], np.r_[other, one], np.r_[weight, weight])


def _surplus(
    bought: sparse.csr_array, first: np.ndarray, second: np.ndarray, together: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return by how much each pair met more often than its rates on trips of like size let expect, and what they let expect."""
    size = np.asarray(bought.sum(axis=0)).reshape(-1)
    stratum = np.minimum(np.log2(np.maximum(size, 1)).astype(np.int64), LARGEST_TRIP_STRATUM)
    strata = sparse.csr_array(
        (np.ones(len(stratum)), (np.arange(len(stratum)), stratum)), shape=(len(stratum), LARGEST_TRIP_STRATUM + 1)
    )
    counts = (bought @ strata).tocsr()
    counts.sort_indices()
    usual = expected_together(counts, np.bincount(stratum, minlength=LARGEST_TRIP_STRATUM + 1), first, second)
    return together - usual, usual


def _switches(lake: Lake, graph: ShopGraph, until: date) -> PairSet:
    rows = lake.to_arrow(_switching(lake, graph.as_of, until))
    source, target = (graph.nodes.positions("product", rows[name]) for name in ("taken", "missing"))
    kept = (source >= 0) & (target >= 0)
    weight = np.where(rows["gone"].to_numpy(zero_copy_only=False), GONE_WEIGHT, 1.0) * rows["weight"].to_numpy()
    return _sorted(source[kept], target[kept], weight[kept])


def _switching(lake: Lake, after: date, until: date) -> ir.Table:
    """Return missing, taken, weight and whether the missing one is gone: one row for each pair of a category."""
    products = lake.table("products")
    placed = products.filter(products.category.notnull()).select("product_id", "category")
    history = merchandise_lines(lake, after).inner_join(placed, "product_id")
    late = history.filter(history.business_date > after - timedelta(days=REGULAR_DAYS))
    counted = late.group_by("household_id", "category", missing=late.product_id).aggregate(baskets=late.basket_id.nunique())
    regular = counted.filter(counted.baskets >= REGULAR_BASKETS).drop("baskets")
    lines = merchandise_lines(lake, until)
    bought = lines.filter(lines.business_date > after).inner_join(placed, "product_id")
    taken = bought.select("household_id", "category", "basket_id", taken=bought.product_id).distinct()
    met = regular.inner_join(taken, ["household_id", "category"])
    apart = met.anti_join(taken.select("basket_id", missing=taken.taken), ["basket_id", "missing"])
    known = history.select("household_id", taken=history.product_id).distinct().mutate(known=ibis.literal(value=True))
    marked = apart.left_join(known, ["household_id", "taken"]).select(*apart.columns, "known")
    share = 1.0 / marked.count().over(group_by=[marked.basket_id, marked.taken])
    shared = marked.mutate(share=share * ibis.ifelse(marked.known.notnull(), HABIT, 1.0))
    pairs = shared.group_by("missing", "taken").aggregate(weight=from_whole(whole(shared.share).sum()))
    return _with_gone(pairs, late, bought, (until - after).days)


def _with_gone(pairs: ir.Table, late: ir.Table, bought: ir.Table, days: int) -> ir.Table:
    usual = late.group_by(missing=late.product_id).aggregate(usual=late.basket_id.nunique())
    now = bought.group_by(missing=bought.product_id).aggregate(now=bought.basket_id.nunique())
    rated = pairs.left_join(usual, "missing").drop("missing_right").left_join(now, "missing").drop("missing_right")
    share = rated.now.fill_null(0) / (rated.usual * (days / REGULAR_DAYS))
    return rated.select("missing", "taken", "weight", gone=share < GONE_BELOW).order_by("missing", "taken")


def _summed(source: np.ndarray, target: np.ndarray, weight: np.ndarray) -> PairSet:
    width = np.int64(max(source.max(initial=0), target.max(initial=0)) + 1)
    key, where = np.unique(target * width + source, return_inverse=True)
    return PairSet(key % width, key // width, np.bincount(where.reshape(-1), weight, minlength=len(key)))


def _sorted(source: np.ndarray, target: np.ndarray, weight: np.ndarray) -> PairSet:
    order = np.lexsort((source, target))
    return PairSet(source[order], target[order], weight[order].astype(np.float64))

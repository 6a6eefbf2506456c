"""Responses measured up to a day, beside those of the same pairs after it, and what simple systems foresee."""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features.promotion_panel import PromotionPanel, promotion_panel
from features.promotion_response import Measured, ResponseNeed, measure_response
from lake import Lake

__all__ = ["NEED", "Trial", "categories", "halves", "places", "predictions", "strengths", "trial"]

NEED = ResponseNeed()
LATER_PURCHASES = 20
HALF_WEEKS = 2


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """One cut: what was measured up to it, and the later effects of the same pairs (`rows` of `measured`).

    `later` holds the same pairs as the rows, with positions in `after`.
    """

    panel: PromotionPanel
    measured: Measured
    rows: np.ndarray
    after: PromotionPanel
    later: Measured


def trial(lake: Lake, cut: date, end: date) -> Trial:
    """Measure up to the end of `cut`, and from the whole weeks of (cut, end]; keep the pairs that both could measure."""
    panel = promotion_panel(lake, cut, minimum_purchases=NEED.purchases)
    after = promotion_panel(lake, end, since=cut + timedelta(days=1), minimum_purchases=LATER_PURCHASES)
    measured, later = measure_response(panel, NEED), measure_response(after, NEED)
    known = pc.fill_null(pc.index_in(after.product_ids, value_set=panel.product_ids), -1).to_numpy().astype(np.int64)
    promoted, responding = known[later.promoted], known[later.responding]
    rows = places(measured, promoted, responding, len(panel.product_ids))
    return Trial(panel, measured, rows[rows >= 0], after, later.take(rows >= 0))


def places(measured: Measured, promoted: np.ndarray, responding: np.ndarray, products: int) -> np.ndarray:
    """Return the row of each pair in what was measured, -1 where it is not there."""
    keys = measured.promoted * products + measured.responding
    order = np.argsort(keys)
    wanted = promoted * products + responding
    at = np.minimum(np.searchsorted(keys[order], wanted), max(keys.size - 1, 0))
    if keys.size == 0:
        return np.full(wanted.size, -1)
    return np.where((keys[order][at] == wanted) & (promoted >= 0) & (responding >= 0), order[at], -1)


def halves(found: Trial) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Return the later pairs that both halves (every other two weeks) could measure, and their effects in each."""
    first = np.arange(found.after.weeks.size) // HALF_WEEKS % 2 == 0
    need = ResponseNeed(weeks=1, information=NEED.information / 4)
    parts = [measure_response(found.after.of_weeks(mask), need) for mask in (first, ~first)]
    pairs = found.later.promoted, found.later.responding
    found_in = [places(half, *pairs, len(found.after.product_ids)) for half in parts]
    both = np.flatnonzero((found_in[0] >= 0) & (found_in[1] >= 0))
    if both.size == 0:
        return None
    one, other = (half.response[place[both]] for half, place in zip(parts, found_in, strict=True))
    return both, one, other


def predictions(panel: PromotionPanel, measured: Measured) -> dict[str, np.ndarray]:
    """Return what each simple system foresees for each measured pair.

    `category_mean` and `type_mean` are means over all pairs of the category, or of the two types, weighted by information;
    `market_share` takes from each product of a category in proportion to the share of the promoted one; `pair_alone` is the
    pair's own measurement.
    """
    a, b = measured.promoted, measured.responding
    purchases = panel.purchases.sum(axis=0)
    of_category = np.bincount(panel.category + 1, purchases)[panel.category + 1]
    types = np.unique(panel.kind[a] * (panel.kind.max(initial=0) + 1) + panel.kind[b], return_inverse=True)[1]
    return {
        "zero": np.zeros(a.size),
        "overall_mean": _mean_by(np.zeros(a.size, dtype=np.int64), measured),
        "category_mean": _mean_by(panel.category[a], measured),
        "type_mean": _mean_by(types, measured),
        "market_share": -purchases[a] / of_category[a],
        "pair_alone": measured.response,
    }


def _mean_by(group: np.ndarray, measured: Measured) -> np.ndarray:
    weight = np.bincount(group, measured.information)
    means = np.bincount(group, measured.information * measured.response) / np.where(weight > 0, weight, 1.0)
    return np.asarray(means[group])


def strengths(edges: pa.Table, product_ids: pa.Array) -> np.ndarray:
    """Return strengths by source and target, 0 without an edge."""
    ends = [
        pc.fill_null(pc.index_in(edges[end].combine_chunks(), value_set=product_ids), -1).to_numpy()
        for end in ("source", "target")
    ]
    kept = (ends[0] >= 0) & (ends[1] >= 0)
    filled = np.zeros((len(product_ids), len(product_ids)), dtype=np.float32)
    filled[ends[0][kept].astype(np.int64), ends[1][kept].astype(np.int64)] = edges["strength"].to_numpy()[kept]
    return filled


def categories(lake: Lake, found: Trial) -> pa.Array:
    """Return the name of each pair's category."""
    products = lake.arrow("products", ("product_id", "category"))
    ids = found.panel.product_ids.take(pa.array(found.measured.promoted[found.rows]))
    return products["category"].combine_chunks().take(pc.index_in(ids, value_set=products["product_id"].combine_chunks()))

"""Products that sold steadily and then disappeared, and what their former buyers took next of the category.

An event is a product that sold in at least 11 of the 13 weeks that end with its last sale, and was then not sold for the
last 28 days of the data or longer. Its former buyers bought it in at least two baskets; an event needs 8 of them. The gain
of another product of the category is the number of former buyers whose first basket with anything of the category, after
the last sale, held it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lake import Lake

__all__ = ["Delisting", "category_lines", "delistings", "ndcg_at_10"]

FORMER_BUYERS = 8
BASKETS_OF_A_BUYER = 2
PLACES = 10

EVENTS = """
WITH bought AS (
    SELECT l.product_id, p.category, l.basket_id, l.business_date
    FROM sales_lines l JOIN products p USING (product_id)
    WHERE l.merchandise AND l.quantity > 0 AND p.category IS NOT NULL
), span AS (
    SELECT product_id, category, max(business_date) AS last_sold FROM bought GROUP BY product_id, category
), steady AS (
    SELECT s.product_id, s.category, s.last_sold, count(DISTINCT (s.last_sold - b.business_date) // 7) AS weeks
    FROM span s JOIN bought b USING (product_id)
    WHERE b.business_date > s.last_sold - INTERVAL 91 DAY
    GROUP BY ALL
)
SELECT product_id, category, last_sold FROM steady
WHERE weeks >= 11
  AND last_sold <= (SELECT max(business_date) FROM bought) - INTERVAL 28 DAY
  AND last_sold >= (SELECT min(business_date) FROM bought) + INTERVAL 90 DAY
ORDER BY last_sold, product_id
"""

LINES = """
SELECT DISTINCT p.category, l.product_id, l.household_id, l.basket_id, l.business_date, l.sold_at
FROM sales_lines l JOIN products p USING (product_id)
WHERE l.merchandise AND l.quantity > 0 AND p.category IS NOT NULL
ORDER BY p.category, l.sold_at, l.basket_id, l.product_id
"""


@dataclass(frozen=True, slots=True, eq=False)
class Delisting:
    """One event with what every system may know of it.

    `products` are the candidates: what else of the category was sold on or before `day`, ascending. `gains` counts the
    former buyers that took each next. `past` holds the category's lines up to `day` without the delisted product, with
    `candidate` as the place among the candidates; `own_baskets` the baskets that held the delisted product.
    """

    product_id: str
    category: str
    day: date
    buyers: frozenset[str]
    products: np.ndarray
    gains: np.ndarray
    past: pa.Table
    own_baskets: pa.Array


def category_lines(lake: Lake) -> dict[str, pa.Table]:
    """Return the merchandise lines by category, in the order of time."""
    lines = lake.sql(LINES)
    codes = pc.rank(lines["category"], tiebreaker="dense").to_numpy()
    starts = np.flatnonzero(np.diff(codes, prepend=0))
    ends = np.append(starts[1:], lines.num_rows)
    return {lines["category"][int(at)].as_py(): lines.slice(at, end - at) for at, end in zip(starts, ends, strict=True)}


def delistings(lake: Lake) -> Iterator[Delisting]:
    """Yield the events with enough former buyers, in the order of their last sale."""
    by_category = category_lines(lake)
    for event in lake.sql(EVENTS).to_pylist():
        found = _describe(event["product_id"], event["category"], event["last_sold"], by_category[event["category"]])
        if len(found.buyers) >= FORMER_BUYERS and found.gains.sum() > 0:
            yield found


def ndcg_at_10(scores: np.ndarray, gains: np.ndarray) -> float:
    """Return the discounted gain of the ten highest scores over that of the best ten; ties go to the earlier candidate."""
    discounts = 1 / np.log2(np.arange(2, PLACES + 2))
    ranked = gains[np.argsort(-scores, kind="stable")][:PLACES]
    best = np.sort(gains)[::-1][:PLACES]
    return float((ranked * discounts[: ranked.size]).sum() / (best * discounts[: best.size]).sum())


def _describe(product_id: str, category: str, day: date, lines: pa.Table) -> Delisting:
    own = lines.filter(pc.equal(lines["product_id"], product_id))
    baskets = own.group_by("household_id").aggregate([("basket_id", "count_distinct")])
    buyers = baskets.filter(pc.greater_equal(baskets["basket_id_count_distinct"], BASKETS_OF_A_BUYER))["household_id"]
    past = lines.filter(pc.and_(pc.less_equal(lines["business_date"], day), pc.not_equal(lines["product_id"], product_id)))
    products = pc.unique(past["product_id"]).sort()
    gains = _first_choices(lines.filter(pc.greater(lines["business_date"], day)), buyers.combine_chunks(), products)
    placed = past.append_column("candidate", pc.index_in(past["product_id"], value_set=products))
    names = products.to_numpy(zero_copy_only=False)
    own_baskets = pc.unique(own["basket_id"])
    return Delisting(product_id, category, day, frozenset(buyers.to_pylist()), names, gains, placed, own_baskets)


def _first_choices(later: pa.Table, buyers: pa.Array, products: pa.Array) -> np.ndarray:
    """Count, by candidate, the buyers whose first later basket of the category holds it. `later` is in the order of time."""
    theirs = later.filter(pc.is_in(later["household_id"], value_set=buyers))
    first = theirs.group_by("household_id", use_threads=False).aggregate([("basket_id", "first")])
    taken = theirs.filter(pc.is_in(theirs["basket_id"], value_set=first["basket_id_first"].combine_chunks()))
    place = pc.index_in(taken["product_id"], value_set=products).drop_null().to_numpy()
    return np.bincount(place, minlength=len(products)).astype(np.float64)

"""Weeks of purchases beside what was promoted in them: the table from which cross-promotion response is measured.

Purchases are lines with merchandise (a product in a basket), summed over the stores of a scope: single stores are too thin.
A product is promoted in a week in which it is cheaper than it usually is, or displayed or in the mailer of enough stores,
weighted by their trips.
"""

from dataclasses import dataclass, replace
from datetime import date, timedelta

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features.seasons import SEASONS, season_of
from features.store_clusters import store_clusters
from kg.ports import CHAIN
from kit.errors import ShelfgraphError
from lake.ports import Lake

__all__ = ["PromotionPanel", "ScopeUnknown", "promotion_panel"]

EPOCH = date(1970, 1, 1)
WEEK_DAYS = 7
USUAL_QUANTILE = 0.2
"""A product's usual discount is the depth that it undercuts in a fifth of its weeks."""
CHEAPER = 0.08
COVERED = 0.3
"""A depth of 8 % beyond the usual one, or stores with 30 % of the trips, make a promoted week."""


class ScopeUnknown(ShelfgraphError):
    """The scope is none of `chain`, `store_cluster:<id>` (of that day) and `season:<name>`."""

    def __init__(self, scope: str) -> None:
        self.scope = scope
        remedy = f"Use chain, store_cluster:<a cluster of that day> or season:<{'|'.join(SEASONS)}>."
        super().__init__(f"Cross-promotion response knows no scope '{scope}'.", remedy)


@dataclass(frozen=True, slots=True, eq=False)
class PromotionPanel:
    """Weeks (rows, ascending) by products (columns, ascending by id), of one scope.

    `weeks` are Mondays in days since 1970, whole weeks only. `trips` and `stores` count by week. `cheaper` is the depth of the
    discount beyond the product's usual one (0 to 1), `display` and `mailer` the share of the trips in stores that had it.
    `listed` marks the weeks from the first to the last sale. `category`, `kind` (category and type) and `line` (kind and
    supplier) number the products' groups; -1 without a category.
    """

    scope: str
    weeks: np.ndarray
    product_ids: pa.Array
    purchases: np.ndarray
    trips: np.ndarray
    stores: np.ndarray
    cheaper: np.ndarray
    display: np.ndarray
    mailer: np.ndarray
    listed: np.ndarray
    category: np.ndarray
    kind: np.ndarray
    line: np.ndarray

    @property
    def promoted(self) -> np.ndarray:
        """Which product was promoted in which week."""
        return (self.cheaper > CHEAPER) | (self.display > COVERED) | (self.mailer > COVERED)

    def of_weeks(self, rows: np.ndarray) -> "PromotionPanel":
        """Return the panel of some of its weeks (a mask)."""
        columns = ("weeks", "purchases", "trips", "stores", "cheaper", "display", "mailer", "listed")
        return replace(self, **{name: getattr(self, name)[rows] for name in columns})


def promotion_panel(
    lake: Lake, as_of: date, *, scope: str = CHAIN, minimum_purchases: int = 50, since: date | None = None
) -> PromotionPanel:
    """Return the panel of whole weeks up to `as_of`.

    Args:
        lake: sales_lines and products are read, and promotion_weeks where it is.
        as_of: facts dated later change nothing; promotion rows count when their whole week is over.
        scope: chain, store_cluster:<id> (`features.store_clusters` of that day) or season:<name>.
        minimum_purchases: products with fewer in the scope's weeks are left out.
        since: the first Monday; None takes all weeks.

    Raises:
        ScopeUnknown: no such scope.
        TableMissing: the lake has no sales or products.
    """
    lines = _lines(lake, as_of, scope, since)
    trips = lines.group_by("week_start", "store_id").aggregate(trips=lines.basket_id.nunique())
    weekly = lake.to_arrow(_weekly(lines, minimum_purchases).order_by("product_id", "week_start"))
    totals = lake.to_arrow(
        trips.group_by("week_start").aggregate(trips=trips.trips.sum(), stores=trips.count()).order_by("week_start")
    )
    weeks = _days(totals["week_start"])
    ids = pc.unique(weekly["product_id"].combine_chunks())
    place = (np.searchsorted(weeks, _days(weekly["week_start"])), _index(weekly["product_id"], ids))
    shape = (weeks.size, len(ids))
    purchases, net, discount = (
        _matrix(shape, place, weekly[name], 0.0) for name in ("purchases", "net_sales", "retail_discount")
    )
    display, mailer = _coverage(lake, trips, ids, weeks, totals)
    return PromotionPanel(
        scope=scope,
        weeks=weeks,
        product_ids=ids,
        purchases=purchases,
        trips=_floats(totals["trips"]),
        stores=_floats(totals["stores"]),
        cheaper=_cheaper(net, discount),
        display=display,
        mailer=mailer,
        listed=_listed(purchases > 0),
        **_groups(lake, ids),
    )


def _lines(lake: Lake, as_of: date, scope: str, since: date | None) -> ir.Table:
    """Return the lines of the scope in whole weeks that are over by `as_of`, from the first whole week."""
    lines = lake.table("sales_lines")
    known = lines.filter((lines.business_date <= as_of) & lines.merchandise & (lines.quantity > 0) & lines.store_id.notnull())
    first = lake.to_arrow(known.aggregate(first=known.business_date.min()))["first"][0].as_py() or as_of
    start = max(first + timedelta(days=-first.weekday() % WEEK_DAYS), since or first)
    end = as_of - timedelta(days=WEEK_DAYS - 1)
    whole = known.filter((known.week_start >= start) & (known.week_start <= end))
    return _of_scope(lake, whole, as_of, scope)


def _of_scope(lake: Lake, lines: ir.Table, as_of: date, scope: str) -> ir.Table:
    kind, _, name = scope.partition(":")
    if scope == CHAIN:
        return lines
    if kind == "season" and name in SEASONS:
        weeks = lake.to_arrow(lines.select("week_start").distinct())["week_start"].to_pylist()
        # a week belongs to the season in which its middle lies
        inside = [week for week in weeks if season_of(week + timedelta(days=3)) == name]
        return lines.filter(lines.week_start.isin(inside)) if inside else lines.limit(0)
    if kind == "store_cluster":
        clusters = store_clusters(lake, as_of)
        stores = clusters.filter(pc.equal(clusters["cluster_id"], name))["store_id"].to_pylist()
        if stores:
            return lines.filter(lines.store_id.isin(stores))
    raise ScopeUnknown(scope)


def _weekly(lines: ir.Table, minimum: int) -> ir.Table:
    weekly = lines.group_by("product_id", "week_start").aggregate(
        purchases=lines.count(), net_sales=lines.net_sales.sum(), retail_discount=lines.retail_discount.sum()
    )
    counted = weekly.mutate(total=weekly.purchases.sum().over(group_by="product_id"))
    return counted.filter(counted.total >= minimum).drop("total")


def _coverage(lake: Lake, trips: ir.Table, ids: pa.Array, weeks: np.ndarray, totals: pa.Table) -> tuple[np.ndarray, np.ndarray]:
    """Return the share of each week's trips that were made in stores with the product on display, and in the mailer."""
    shape = (weeks.size, len(ids))
    if "promotion_weeks" not in lake.names() or not len(ids):
        # a retailer without a promotion feed: prices alone tell what was promoted
        return np.zeros(shape), np.zeros(shape)
    rows = lake.table("promotion_weeks").semi_join(ibis.memtable(pa.table({"product_id": ids})), "product_id")
    once = rows.group_by("product_id", "store_id", "week_start").aggregate(
        display=rows.display_location.notnull().any(), mailer=rows.mailer_location.notnull().any()
    )
    met = once.inner_join(trips, ["store_id", "week_start"])
    sums = met.group_by("product_id", "week_start").aggregate(
        display=met.trips.sum(where=met.display), mailer=met.trips.sum(where=met.mailer)
    )
    found = lake.to_arrow(sums.order_by("product_id", "week_start"))
    place = (np.searchsorted(weeks, _days(found["week_start"])), _index(found["product_id"], ids))
    all_trips = _floats(totals["trips"])[:, None]
    display, mailer = (_matrix(shape, place, pc.fill_null(found[name], 0), 0.0) / all_trips for name in ("display", "mailer"))
    return display, mailer


def _cheaper(net: np.ndarray, discount: np.ndarray) -> np.ndarray:
    """Return the depth of discount beyond the usual one; a week without a sale has no price and counts as usual."""
    gross = net + discount
    sold = gross > 0
    depth = np.where(sold, discount / np.where(sold, gross, 1.0), np.inf)
    weeks_sold = sold.sum(axis=0)
    ordered = np.sort(depth, axis=0)
    at = np.minimum((USUAL_QUANTILE * weeks_sold).astype(np.int64), np.maximum(weeks_sold - 1, 0))
    usual = np.take_along_axis(ordered, at[None, :], axis=0)[0] if net.size else np.zeros(net.shape[1])
    return np.where(sold, np.clip(np.where(sold, depth, 0.0) - np.where(weeks_sold > 0, usual, 0.0), 0.0, 1.0), 0.0)


def _listed(sold: np.ndarray) -> np.ndarray:
    begun = np.logical_or.accumulate(sold, axis=0)
    return np.asarray(begun & np.logical_or.accumulate(sold[::-1], axis=0)[::-1])


def _groups(lake: Lake, ids: pa.Array) -> dict[str, np.ndarray]:
    names = ("category", "product_type", "supplier_id")
    products = lake.arrow("products", ("product_id", *names))
    rows = products.take(pc.index_in(ids, value_set=products["product_id"].combine_chunks()))
    category, kind, supplier = (_coded(rows[name].combine_chunks()) for name in names)
    kind = _joined(category, kind)
    codes = {"category": category, "kind": kind, "line": _joined(kind, supplier)}
    return {name: np.where(category < 0, -1, code) for name, code in codes.items()}


def _coded(values: pa.Array) -> np.ndarray:
    names = pc.unique(values.drop_null()).sort()
    return np.asarray(pc.fill_null(pc.index_in(values, value_set=names), -1).to_numpy(zero_copy_only=False), dtype=np.int64)


def _joined(outer: np.ndarray, inner: np.ndarray) -> np.ndarray:
    return np.asarray(np.unique((outer + 1) * (inner.max(initial=0) + 2) + inner + 1, return_inverse=True)[1])


def _matrix(shape: tuple[int, int], place: tuple[np.ndarray, np.ndarray], values: pa.ChunkedArray, fill: float) -> np.ndarray:
    matrix = np.full(shape, fill)
    matrix[place] = _floats(values)
    return matrix


def _floats(column: pa.ChunkedArray) -> np.ndarray:
    return np.asarray(column.to_numpy(), dtype=np.float64)


def _days(column: pa.ChunkedArray) -> np.ndarray:
    return np.asarray(column.cast(pa.int32()).to_numpy(), dtype=np.int64)


def _index(column: pa.ChunkedArray, ids: pa.Array) -> np.ndarray:
    return np.asarray(pc.index_in(column.combine_chunks(), value_set=ids).to_numpy(zero_copy_only=False), dtype=np.int64)

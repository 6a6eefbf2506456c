"""Weekly demand as a panel: one row per product (or product in a store), one column per complete week.

Only facts with `business_date <= as_of` are read, and only weeks that had ended by then and were covered from their
Monday on. The weeks to forecast are those of `(as_of, as_of + 8 weeks]`, the first being the week after the last
complete one.

The promotion plan: rows of `promotion_weeks` for weeks after the last complete one are facts about the future that a
retailer decides ahead. They are read as the plan when `promotion_plan` is true and they are there; a week without any
such row has no known plan, which is not the same as a week without promotions.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features.demand_alike import expected_units
from features.demand_columns import floats, row_positions, scatter, week_numbers
from features.demand_promotions import MAXIMUM_HORIZON_WEEKS, promotion_matrices
from features.known_ahead import KnownAhead
from kit.errors import ShelfgraphError
from lake import Lake

__all__ = ["MAXIMUM_HORIZON_WEEKS", "DemandPanel", "NoCompleteWeek", "chain_panel", "store_panel"]

WEEK = timedelta(days=7)
PATH = " > "
SOLD_DIGITS = 3
"""Of units: what was lost comes of a division, and its last digits are none of what was sold."""
MINIMUM_WEEKS_SOLD = 4
"""Series that sold in fewer weeks than this are left out of a panel: nothing can be learned from them."""


class NoCompleteWeek(ShelfgraphError):
    """The lake holds no complete week of sales on a day."""

    def __init__(self, as_of: date) -> None:
        self.as_of = as_of
        super().__init__(
            f"No complete week of sales is known on {as_of.isoformat()}.", "Ingest an earlier history, or name a later day."
        )


@dataclass(frozen=True)  # no slots: what is expected is computed once, when it is first asked for
class DemandPanel:
    """N series over T complete weeks. Arrays are float32 unless said otherwise.

    `units` (sold, or wanted where stock is known: `lost`), `price` (units of currency per unit, after discounts; NaN without a
    sale) and `discount` (retail discount as a share of the undiscounted price; NaN without a sale) are N x T. `display` and
    `mailer` (share of the stores with promotion rows in which the product is promoted; 0 or 1 for a store) and
    `display_code`, `mailer_code` (position of the location among all, int16; -1 none) are N x (T + 8), NaN (-1) where
    `planned_weeks` ends.
    `category` and `product_type` are int32 codes; `category_ids` names the former: ids of the graph's category nodes. `parent`
    (int64) is the row of the chain panel, its own row for the chain.
    """

    as_of: date
    weeks: tuple[date, ...]
    product_ids: tuple[str, ...]
    store_ids: tuple[str, ...] | None
    units: np.ndarray
    price: np.ndarray
    discount: np.ndarray
    display: np.ndarray
    mailer: np.ndarray
    display_code: np.ndarray
    mailer_code: np.ndarray
    category: np.ndarray
    product_type: np.ndarray
    parent: np.ndarray
    planned_weeks: int
    category_ids: tuple[str, ...] = ()
    planned_also: frozenset[int] = frozenset()
    """Horizons beyond `planned_weeks` for which a plan is supposed."""
    kept_expected: np.ndarray | None = None
    """What `expected` gave, where a panel was kept with it."""
    ahead: KnownAhead | None = None
    """What else is known ahead of each week (`demand_ahead.with_known_ahead`); None: nothing."""
    lost: np.ndarray | None = None
    """The part of `units` that was not sold, since the shelf was empty (`demand_stock`; N x T); None: no stock is known."""
    gone: np.ndarray | None = None
    """Which series are supposed not to be on sale in each of the 8 weeks ahead (N x 8 bool); None: nothing is supposed."""

    @property
    def week_count(self) -> int:
        """How many complete weeks are known."""
        return len(self.weeks)

    @cached_property
    def expected(self) -> np.ndarray:
        """What each week was to sell by the weeks before it that were promoted alike (N x T, `demand_alike.expected_units`)."""
        return expected_units(self.units, self.display, self.mailer) if self.kept_expected is None else self.kept_expected

    @cached_property
    def sold(self) -> np.ndarray:
        """What was sold (N x T): the demand, less what was lost."""
        return self.units if self.lost is None else np.round(self.units - self.lost, SOLD_DIGITS)

    def is_planned(self, horizon: int) -> bool:
        """Return whether a plan is known (or supposed) for the week so many weeks ahead."""
        return horizon <= self.planned_weeks or horizon in self.planned_also

    def target_week(self, week: int) -> date:
        """Return the Monday of the column `week`, which may lie after the last known one."""
        return self.weeks[0] + week * WEEK


def chain_panel(
    lake: Lake, *, as_of: date, promotion_plan: bool = True, minimum_weeks_sold: int = MINIMUM_WEEKS_SOLD
) -> DemandPanel:
    """Return weekly demand of merchandise per product over all stores.

    Args:
        lake: `sales_lines`, `promotion_weeks` and `products` are read.
        as_of: everything with `business_date <= as_of` is known.
        promotion_plan: whether promotion rows of later weeks count as a plan known at `as_of`.
        minimum_weeks_sold: products that sold in fewer complete weeks are left out.

    Raises:
        NoCompleteWeek: nothing is known for a whole week at `as_of`.
    """
    return _panel(lake, ("product_id",), as_of, promotion_plan, minimum_weeks_sold, parent=None)


def store_panel(
    lake: Lake, chain: DemandPanel, *, promotion_plan: bool = True, minimum_weeks_sold: int = MINIMUM_WEEKS_SOLD
) -> DemandPanel:
    """Return weekly demand per product and store as of the chain panel's day, for products of the chain panel.

    Raises:
        NoCompleteWeek: nothing is known for a whole week at `as_of`.
    """
    return _panel(lake, ("product_id", "store_id"), chain.as_of, promotion_plan, minimum_weeks_sold, parent=chain)


def _panel(
    lake: Lake, keys: tuple[str, ...], as_of: date, plan: bool, minimum_weeks: int, parent: DemandPanel | None
) -> DemandPanel:
    weeks = _complete_weeks(lake, as_of)
    sales = lake.to_arrow(_sales(lake, keys, weeks, minimum_weeks))
    index = _row_index(sales, keys, parent)
    row = row_positions(index, sales, keys)
    kept = row >= 0
    row, sales = row[kept], sales.filter(pa.array(kept))
    column = week_numbers(sales["week_start"], weeks[0])
    shape = (index.num_rows, len(weeks))
    units = scatter(shape, row, column, floats(sales["units"]), 0.0)
    net, discount = floats(sales["net_sales"]), floats(sales["retail_discount"])
    with np.errstate(divide="ignore", invalid="ignore"):
        price = net / floats(sales["units"])
        depth = np.where(net + discount > 0, discount / (net + discount), np.nan)
    promotions, planned = promotion_matrices(lake, keys, index, weeks, plan)
    (category, category_ids), (product_type, _) = _codes(lake, index["product_id"])
    products = tuple(index["product_id"].to_pylist())
    return DemandPanel(
        as_of=as_of,
        weeks=weeks,
        product_ids=products,
        store_ids=tuple(index["store_id"].to_pylist()) if "store_id" in keys else None,
        units=units,
        price=scatter(shape, row, column, price, np.nan),
        discount=scatter(shape, row, column, depth, np.nan),
        display=promotions["display"],
        mailer=promotions["mailer"],
        display_code=promotions["display_code"],
        mailer_code=promotions["mailer_code"],
        category=category,
        product_type=product_type,
        parent=np.arange(len(products), dtype=np.int64) if parent is None else _parents(products, parent),
        planned_weeks=planned,
        category_ids=category_ids,
    )


def _complete_weeks(lake: Lake, as_of: date) -> tuple[date, ...]:
    sales = lake.table("sales_lines")
    known = sales.filter(sales.business_date <= ibis.date(as_of.isoformat()))
    bounds = lake.to_arrow(known.aggregate(first=known.business_date.min()))
    first = bounds["first"][0].as_py()
    if first is None:
        raise NoCompleteWeek(as_of)
    start = first + timedelta(days=-first.weekday() % 7)
    count = (as_of + timedelta(days=1) - start) // WEEK
    if count < 1:
        raise NoCompleteWeek(as_of)
    return tuple(start + i * WEEK for i in range(count))


def _sales(lake: Lake, keys: tuple[str, ...], weeks: tuple[date, ...], minimum_weeks: int) -> ir.Table:
    lines = lake.table("sales_lines")
    last_day = weeks[-1] + timedelta(days=6)
    known = lines.filter(
        lines.merchandise,
        lines.quantity > 0,
        lines.business_date <= ibis.date(last_day.isoformat()),
        lines.week_start.between(ibis.date(weeks[0].isoformat()), ibis.date(weeks[-1].isoformat())),
    )
    weekly = known.group_by([*keys, "week_start"]).agg(
        units=known.quantity.sum(), net_sales=known.net_sales.sum(), retail_discount=known.retail_discount.sum()
    )
    return weekly.mutate(weeks_sold=weekly.count().over(group_by=list(keys))).filter(ibis._.weeks_sold >= minimum_weeks)


def _row_index(sales: pa.Table, keys: tuple[str, ...], parent: DemandPanel | None) -> pa.Table:
    index = sales.group_by(list(keys)).aggregate([]).sort_by([(key, "ascending") for key in keys])
    if parent is None:
        return index
    known = pc.is_in(index["product_id"], value_set=pa.array(parent.product_ids, pa.string()))
    return index.filter(known)


def _codes(lake: Lake, product_ids: pa.ChunkedArray) -> tuple["_Coded", "_Coded"]:
    """Return category and type, named by their path as the graph's category nodes are."""
    products = lake.arrow("products", ("product_id", "department", "category", "product_type"))
    at = pc.index_in(product_ids.combine_chunks(), value_set=products["product_id"].combine_chunks())
    department, category, narrow = (
        products[name].combine_chunks().take(at) for name in ("department", "category", "product_type")
    )
    # the whole path where all of it is known, else what is: a retailer may have no categories at all
    path = pc.coalesce(pc.binary_join_element_wise(department, category, PATH), department, category, "")
    return _ranked(path), _ranked(pc.coalesce(pc.binary_join_element_wise(path, narrow, PATH), path))


_Coded = tuple[np.ndarray, tuple[str, ...]]


def _ranked(values: pa.Array) -> _Coded:
    names = pc.unique(values).sort()
    return np.asarray(pc.index_in(values, value_set=names).to_numpy(), dtype=np.int32), tuple(names.to_pylist())


def _parents(product_ids: tuple[str, ...], chain: DemandPanel) -> np.ndarray:
    found = pc.index_in(pa.array(product_ids, pa.string()), value_set=pa.array(chain.product_ids, pa.string()))
    return np.asarray(found.to_numpy(), dtype=np.int64)

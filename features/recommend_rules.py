"""What decides whether a product may be recommended, as known at the end of one day: stock, prices, statements, limits, consent.

Products and stores are named by their positions in the purchases' id lists. Tables of the lake that a retailer does not deliver
give tables without rows.
"""

from datetime import UTC, date, datetime, time, timedelta

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features.demand_columns import positions
from features.in_force import in_force
from features.repertoire import Purchases
from lake.ports import Lake

__all__ = ["ANY_STORE", "PRICE_DAYS", "STATEMENT_ROWS", "eligibility_tables"]

PRICE_DAYS = 91
"""How far back a paid price still tells what a product costs."""
ANY_STORE = -1
STOCK = pa.schema(
    [
        ("product", pa.int32()),
        ("store", pa.int32()),
        ("stock_on_hand_units", pa.float64()),
        ("week_start", pa.date32()),
        ("simulated", pa.bool_()),
    ]
)
PRICES = pa.schema(
    [
        ("product", pa.int32()),
        ("store", pa.int32()),
        ("price", pa.float64()),
        ("day", pa.date32()),
        ("source", pa.string()),
        ("simulated", pa.bool_()),
    ]
)
STATEMENT_ROWS = pa.schema(
    [
        ("product", pa.int32()),
        ("attribute", pa.string()),
        ("statement", pa.string()),
        ("valid_from", pa.date32()),
        ("simulated", pa.bool_()),
    ]
)
REQUIRED = pa.schema([("product_id", pa.string()), ("attribute", pa.string())])
AGE_LIMITS = pa.schema([("product", pa.int32()), ("years", pa.int32()), ("category", pa.string())])
CONSENTS = pa.schema(
    [
        ("household_id", pa.string()),
        ("purpose", pa.string()),
        ("granted", pa.bool_()),
        ("valid_from", pa.date32()),
        ("recorded_on", pa.date32()),
        ("simulated", pa.bool_()),
    ]
)
LEVELS = ("department", "category", "product_type")


def eligibility_tables(lake: Lake, purchases: Purchases, as_of: date) -> dict[str, pa.Table]:
    """Return the tables that the rules of recommendations read. What was recorded after `as_of` changes nothing.

    `recommend_stock`: the stock at the end of the latest week that was over on `as_of`, by product and store.
    `recommend_prices`: the price of the day after `as_of` as planned, else the median unit price paid in the last 13 weeks, by
    product (store -1) and by product and store, with the Monday of the plan or the latest day of the payments.
    `recommend_statements`: the safety statements in force.
    `recommend_required`: on what something that replaces a product, ever sold or not, needs a statement (by its id).
    `recommend_age_limits`: the highest of the retailer's limits for the product's department, category and type.
    `recommend_consents`: by household and purpose what was recorded last among what holds.
    `recommend_consent_feed`: how many rows of consents are known, those that do not hold included.

    Raises:
        TableMissing: the lake lacks sales_lines or products.
    """
    at = _Positions(lake, purchases, as_of)
    return {
        "recommend_stock": _stock(at),
        "recommend_prices": _prices(at),
        "recommend_statements": _statements(at),
        "recommend_required": _required(at),
        "recommend_age_limits": _age_limits(at),
        **_consents(lake, as_of),
    }


class _Positions:
    """A lake on one day, and rows of it by position instead of id."""

    def __init__(self, lake: Lake, purchases: Purchases, as_of: date) -> None:
        self.lake, self.as_of = lake, as_of
        self.product_ids, self.store_ids = purchases.product_ids, purchases.store_ids

    def rows(self, expression: ir.Table, schema: pa.Schema) -> pa.Table:
        """Run an expression and return what it says of known products (and stores, null is any), sorted by them."""
        rows = self.lake.to_arrow(expression)
        product = positions(rows["product_id"], self.product_ids)
        kept = product >= 0
        columns = {"product": product}
        if "store" in schema.names:
            store = positions(rows["store_id"], self.store_ids)
            kept &= (store >= 0) | np.asarray(rows["store_id"].is_null())
            columns["store"] = store
        columns |= {name: rows[name] for name in schema.names if name in rows.column_names}
        table = pa.table({name: columns[name] for name in schema.names}).cast(schema).filter(pa.array(kept))
        return table.sort_by([(name, "ascending") for name in ("product", "store", "attribute") if name in schema.names])


def _delivered(lake: Lake, name: str) -> bool:
    return name in lake.names() and lake.version(name).rows > 0


def _stock(at: _Positions) -> pa.Table:
    if not _delivered(at.lake, "stock_levels"):
        return STOCK.empty_table()
    levels = at.lake.table("stock_levels")
    over = levels.filter(levels.week_start <= ibis.literal(at.as_of - timedelta(days=6)))
    latest = over.group_by("product_id", "store_id").aggregate(
        stock_on_hand_units=over.stock_on_hand_units.argmax(over.week_start),
        simulated=over.simulated.argmax(over.week_start),
        week_start=over.week_start.max(),
    )
    return at.rows(latest, STOCK)


def _prices(at: _Positions) -> pa.Table:
    """Where a price is planned for the week of the next day, what was paid before does not count."""
    paid = pa.concat_tables([_paid(at, by_store=False), _paid(at, by_store=True)])
    if not _delivered(at.lake, "planned_prices"):
        return paid
    planned = _planned(at)
    return pa.concat_tables([planned, paid.filter(pa.array(~_named_by(paid, planned)))])


def _named_by(paid: pa.Table, planned: pa.Table) -> np.ndarray:
    """Return which paid prices a plan for the same product and place, or for every store, takes the place of (mask)."""
    everywhere = planned["product"].to_numpy()[planned["store"].to_numpy() == ANY_STORE]
    wide = int(max(paid["store"].to_numpy().max(initial=0), planned["store"].to_numpy().max(initial=0))) + 2
    keys = [table["product"].to_numpy().astype(np.int64) * wide + table["store"].to_numpy() + 1 for table in (paid, planned)]
    return np.isin(keys[0], keys[1]) | np.isin(paid["product"].to_numpy(), everywhere)


def _planned(at: _Positions) -> pa.Table:
    plans = at.lake.table("planned_prices")
    tomorrow = at.as_of + timedelta(days=1)
    week = tomorrow - timedelta(days=tomorrow.weekday())
    known = plans.filter(plans.week_start == ibis.literal(week), plans.announced_on <= ibis.literal(at.as_of))
    latest = known.group_by("product_id", "store_id").aggregate(
        price=known.planned_price.argmax(known.announced_on),
        simulated=known.simulated.argmax(known.announced_on),
        day=known.week_start.max(),
        announced=known.announced_on.max(),
    )
    everywhere = latest.filter(latest.store_id.isnull()).select("product_id", since=latest.announced)
    plan = latest.left_join(everywhere, "product_id").drop("product_id_right")
    # of two announced on one day the one that names the store counts
    counts = plan.filter(plan.store_id.isnull() | plan.since.isnull() | (plan.announced >= plan.since))
    return at.rows(counts.mutate(source=ibis.literal("planned_prices")), PRICES)


def _paid(at: _Positions, *, by_store: bool) -> pa.Table:
    lines = at.lake.table("sales_lines")
    since = ibis.literal(at.as_of - timedelta(days=PRICE_DAYS))
    paid = lines.filter(
        lines.business_date > since,
        lines.business_date <= ibis.literal(at.as_of),
        lines.merchandise,
        lines.quantity > 0,
        lines.net_sales > 0,
    )
    keys = ["product_id", "store_id"] if by_store else ["product_id"]
    median = paid.group_by(keys).aggregate(
        price=(paid.net_sales / paid.quantity).median(), simulated=paid.simulated.any(), day=paid.business_date.max()
    )
    if not by_store:
        median = median.mutate(store_id=ibis.null("string"))
    return at.rows(median.mutate(source=ibis.literal("sales_lines")), PRICES)


def _statements(at: _Positions) -> pa.Table:
    if not _delivered(at.lake, "safety_statements"):
        return STATEMENT_ROWS.empty_table()
    return at.rows(in_force(at.lake.table("safety_statements"), at.as_of), STATEMENT_ROWS)


def _required(at: _Positions) -> pa.Table:
    if not _delivered(at.lake, "safety_requirements"):
        return REQUIRED.empty_table()
    asked = in_force(at.lake.table("safety_requirements"), at.as_of).select("category", "attribute").distinct()
    products = at.lake.table("products")
    rows = products.join(asked, "category").select("product_id", "attribute").order_by("product_id", "attribute")
    return at.lake.to_arrow(rows).cast(REQUIRED)


def _age_limits(at: _Positions) -> pa.Table:
    """The retailer names departments, categories or types; of a product's limits the highest counts."""
    limits = _declared_limits(at.lake)
    if not limits:
        return AGE_LIMITS.empty_table()
    products = at.lake.arrow("products", ("product_id", *LEVELS))
    place = positions(products["product_id"], at.product_ids)
    products = products.filter(pa.array(place >= 0))
    names, years = pa.array(list(limits)), np.array(list(limits.values()))
    of_level = [positions(products[level].fill_null(""), names) for level in LEVELS]
    found = np.column_stack([np.where(level >= 0, years[level], 0) for level in of_level])
    best = found.argmax(axis=1)
    limited = np.flatnonzero(found.max(axis=1) > 0)
    name = np.column_stack(of_level)[limited, best[limited]]
    columns = [place[place >= 0][limited], found[limited, best[limited]], names.take(pa.array(name))]
    return pa.table(dict(zip(AGE_LIMITS.names, columns, strict=True))).cast(AGE_LIMITS).sort_by("product")


def _declared_limits(lake: Lake) -> dict[str, int]:
    """Return years by the name of a department, category or type."""
    if "age_limits" not in lake.names():
        return {}
    rows = lake.arrow("age_limits", ("category", "years"))
    return dict(zip(rows["category"].to_pylist(), rows["years"].to_pylist(), strict=True))


def _consents(lake: Lake, as_of: date) -> dict[str, pa.Table]:
    """By household and purpose the row recorded last among those that hold; of two recorded at once, the refusal."""
    if not _delivered(lake, "household_consents"):
        return {"recommend_consents": CONSENTS.empty_table(), "recommend_consent_feed": _consent_feed(rows=0)}
    table = lake.table("household_consents")
    over = datetime.combine(as_of + timedelta(days=1), time(), UTC)
    known = table.filter(table.recorded_from < ibis.literal(over))
    rows_known = lake.to_arrow(known.aggregate(rows=known.count()))["rows"][0].as_py()
    rows = lake.to_arrow(in_force(known, as_of))
    keys = ("household_id", "purpose")
    order = [*((key, "ascending") for key in keys), ("recorded_from", "descending"), ("granted", "ascending")]
    rows = rows.sort_by(order)
    key = pc.binary_join_element_wise(*(rows[key].combine_chunks() for key in keys), "\x1f")
    latest = rows.take(pa.array(np.unique(np.asarray(key), return_index=True)[1]))
    recorded_on = latest["recorded_from"].cast(pa.timestamp("us", "UTC")).cast(pa.date32())
    holding = latest.append_column("recorded_on", recorded_on).select(CONSENTS.names).cast(CONSENTS)
    return {"recommend_consents": holding, "recommend_consent_feed": _consent_feed(rows=rows_known)}


def _consent_feed(*, rows: int) -> pa.Table:
    return pa.table({"rows_known": [rows]})

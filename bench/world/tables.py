"""The tables that a retailer would have of a world: column for column those that ingestion writes, marked as simulated."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from bench.world.assortment import Assortment
from bench.world.choice import Bought
from bench.world.shelf import KINDS, Events, Shelf
from bench.world.shoppers import Shoppers, Trips
from bench.world.sizes import FIRST_DAY, WEEKS, WorldSize, stream

__all__ = ["SALES_SCHEMA", "Names", "describe_tables", "events_table", "sales_lines"]

SOURCE = "simulated_world"
ANNOUNCED_WEEKS = 9
"""Before a week begins: every forecast of it knows its prices."""
MICROSECONDS = 1_000_000
OPEN_AT_SECOND, OPEN_SECONDS = 8 * 3600, 13 * 3600
PACK_SIZES = np.array(["8 OZ", "12 OZ", "16 OZ", "24 OZ", "1 LB", "2 LB", "6 CT", "12 CT"])

SALES_SCHEMA = pa.schema(
    [
        ("basket_id", pa.string()), ("product_id", pa.string()), ("household_id", pa.string()), ("store_id", pa.string()),
        ("sold_at", pa.timestamp("us", "UTC")), ("business_date", pa.date32()), ("week_start", pa.date32()),
        ("quantity", pa.float64()), ("net_sales", pa.float64()), ("retail_discount", pa.float64()),
        ("coupon_discount", pa.float64()), ("coupon_match_discount", pa.float64()),
        ("merchandise", pa.bool_()), ("simulated", pa.bool_()), ("source", pa.string()),
    ]
)  # fmt: skip


class Names:
    """The ids of a world's products, stores, households and categories, by place."""

    def __init__(self, size: WorldSize, assortment: Assortment) -> None:
        self.products = _numbered("p", assortment.products.count)
        self.stores = _numbered("s", size.stores)
        self.households = _numbered("hh_w", size.households)
        self.categories = _numbered("CATEGORY ", size.categories)
        self.types = _numbered("TYPE ", assortment.nests.category.size)

    def category_of(self, assortment: Assortment, product: np.ndarray) -> pa.Array:
        """Return the category names of products."""
        return self.categories.take(pa.array(assortment.products.category[product]))


def sales_lines(names: Names, assortment: Assortment, shelf: Shelf, year: tuple[Shoppers, Trips, Bought], seed: int) -> pa.Table:
    """Return what one chunk of households bought, as rows of sales_lines."""
    people, trips, bought = year
    rng = stream(seed, "times", people.chunk)
    second = OPEN_AT_SECOND + rng.integers(0, OPEN_SECONDS, trips.count)
    sold_at = (_days(trips.day).astype(np.int64) * 86_400 + second) * MICROSECONDS
    household = names.households.take(pa.array(people.number[trips.household]))
    basket = pa.array(people.chunk * 100_000_000 + 1_000_000_000 + np.arange(trips.count)).cast(pa.string())
    trip, product, day = pa.array(bought.trip), bought.product, trips.day[bought.trip]
    full = assortment.products.price[product] * bought.units
    off = np.round(full * shelf.deals.discount[day // 7, product], 2)
    nothing = np.zeros(product.size)
    columns = {
        "basket_id": basket.take(trip),
        "product_id": names.products.take(pa.array(product)),
        "household_id": household.take(trip),
        "store_id": names.stores.take(pa.array(trips.store[bought.trip])),
        "sold_at": pa.array(sold_at[bought.trip]).cast(pa.timestamp("us", "UTC")),
        "business_date": pa.array(_days(day)),
        "week_start": pa.array(_days(day // 7 * 7)),
        "quantity": bought.units.astype(np.float64),
        "net_sales": np.round(full - off, 2),
        "retail_discount": off,
        "coupon_discount": nothing,
        "coupon_match_discount": nothing,
        "merchandise": np.ones(product.size, dtype=bool),
    }
    return _marked(columns).cast(SALES_SCHEMA)


def describe_tables(
    size: WorldSize, names: Names, assortment: Assortment, shelf: Shelf, seed: int
) -> Iterator[tuple[str, pa.Table]]:
    """Yield the names and rows of all tables but the sales."""
    yield "products", _products(names, assortment, seed)
    yield "stores", _marked({"store_id": names.stores, "name": _unknown(size.stores), "country": _unknown(size.stores)})
    described = ("age_band", "income_band", "home_ownership", "marital_status", "household_size", "composition", "children")
    yield "households", _marked({"household_id": names.households} | {name: _unknown(size.households) for name in described})
    yield "promotion_weeks", _promotion_weeks(names, shelf)
    yield "planned_prices", _planned_prices(names, assortment, shelf)
    yield "stock_levels", _stock_levels(names, assortment, shelf)


def events_table(names: Names, assortment: Assortment, events: Events) -> pa.Table:
    """Return the planted events: kind, product, category, scope (chain, a cluster of the world, or a store), first and last day
    (null: for good; a launch starts on its first day), and the range reset that an event belongs to (null: none).
    """
    launch = events.kind == KINDS.index("launch")
    first = np.where(launch, events.last, events.first) * 7
    for_good = launch | (events.last >= WEEKS)
    in_store, in_cluster = events.store >= 0, events.cluster >= 0
    scope = np.where(in_cluster, np.char.add("store_cluster:world-", events.cluster.astype(str)), "chain")
    scope = np.where(
        in_store, np.char.add("store:", names.stores.to_numpy(zero_copy_only=False).astype(str)[events.store]), scope
    )
    return pa.table(
        {
            "event_id": _numbered("event-", events.kind.size),
            "kind": np.asarray(KINDS)[events.kind],
            "product_id": names.products.take(pa.array(events.product)),
            "category": names.category_of(assortment, events.product),
            "scope": scope,
            "first_day": pa.array(_days(first)),
            "last_day": pa.array(_days(events.last * 7 - 1), mask=for_good),
            "range_reset": pa.array(events.reset, mask=events.reset < 0),
            "simulated": np.ones(events.kind.size, dtype=bool),
            "source": np.full(events.kind.size, SOURCE),
        }
    )


def _products(names: Names, assortment: Assortment, seed: int) -> pa.Table:
    products = assortment.products
    rng = stream(seed, "packs")
    department = assortment.department[products.category]
    columns = {
        "product_id": names.products,
        "supplier_id": products.supplier.astype(str),
        "department": np.char.add("DEPARTMENT ", department.astype(str)),
        "category": names.category_of(assortment, np.arange(products.count)),
        "product_type": names.types.take(pa.array(products.label)),
        "brand": np.where(products.private, "Private", "National"),
        "size": rng.choice(PACK_SIZES, products.count),
        "name": _unknown(products.count),
        "merchandise": np.ones(products.count, dtype=bool),
    }
    return _marked(columns)


def _promotion_weeks(names: Names, shelf: Shelf) -> pa.Table:
    """Return a row per product, store and week with a display or a place in the mailer."""
    mailed = np.broadcast_to(shelf.deals.mailer, shelf.deals.display.shape)
    store, week, product = np.nonzero((shelf.deals.display | mailed) & shelf.available)
    display, mailer = shelf.deals.display[store, week, product], mailed[store, week, product]
    columns = {
        "product_id": names.products.take(pa.array(product)),
        "store_id": names.stores.take(pa.array(store)),
        "week_start": pa.array(_days(week * 7)),
        "display_location": pa.array(np.full(store.size, "5"), mask=~display),
        "mailer_location": pa.array(np.full(store.size, "A"), mask=~mailer),
    }
    return _marked(columns)


def _planned_prices(names: Names, assortment: Assortment, shelf: Shelf) -> pa.Table:
    """Return the price of each product in each week, announced long before: prices are the same in all stores."""
    weeks, count = shelf.deals.discount.shape
    week, product = (grid.reshape(-1) for grid in np.indices((weeks, count)))
    price = assortment.products.price[product] * (1 - shelf.deals.discount[week, product])
    columns = {
        "product_id": names.products.take(pa.array(product)),
        "store_id": _unknown(week.size),
        "week_start": pa.array(_days(week * 7)),
        "planned_price": np.round(price, 2),
        "announced_on": pa.array(_days((week - ANNOUNCED_WEEKS) * 7)),
    }
    return _marked(columns)


def _stock_levels(names: Names, assortment: Assortment, shelf: Shelf) -> pa.Table:
    """Return the weeks in which a shelf stood empty for no reason that anybody planned, and no others."""
    events = shelf.events
    out = np.flatnonzero(events.kind == KINDS.index("stock_out"))
    rows = np.repeat(out, events.last[out] - events.first[out])
    start = np.r_[0, np.cumsum(events.last[out] - events.first[out])[:-1]]
    week = events.first[rows] + np.arange(rows.size) - np.repeat(start, events.last[out] - events.first[out])
    keys = np.unique(np.stack([events.store[rows], events.product[rows], week]), axis=1)
    store, product, week = keys[:, assortment.carried[shelf.cluster_of_store[keys[0]], keys[1]]]
    columns = {
        "product_id": names.products.take(pa.array(product)),
        "store_id": names.stores.take(pa.array(store)),
        "week_start": pa.array(_days(week * 7)),
        "stock_on_hand_units": np.zeros(store.size),
        "stock_out_days": np.full(store.size, 7.0),
    }
    return _marked(columns)


def _marked(columns: dict[str, object]) -> pa.Table:
    table = pa.table(columns)
    rows = table.num_rows
    marked = table.append_column("simulated", pa.array(np.ones(rows, dtype=bool)))
    return marked.append_column("source", pa.array(np.full(rows, SOURCE), pa.string()))


def _days(day: np.ndarray) -> np.ndarray:
    return np.asarray(np.datetime64(FIRST_DAY) + day)


def _unknown(rows: int) -> pa.Array:
    return pa.nulls(rows, pa.string())


def _numbered(prefix: str, count: int) -> pa.Array:
    width = len(str(max(count - 1, 1)))
    return pa.array([f"{prefix}{number:0{width}d}" for number in range(count)], pa.string())

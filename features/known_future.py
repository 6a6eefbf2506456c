"""What a retailer knows of weeks to come: planned prices and calendar events, each from the day of its announcement on.

For a week that is over, what counts is what was known on its eve, the Sunday before, or on a Sunday `lead_weeks - 1` weeks
earlier than that: a forecast made some weeks before a week may have known less than its eve did. For weeks to come it is what is
known on `as_of`.
"""

from collections.abc import Sequence
from datetime import date, timedelta

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features.demand_columns import floats, positions, row_positions, week_numbers
from features.holiday_calendar import mondays
from lake import Lake

__all__ = ["EVENT_KINDS", "event_columns", "planned_price_matrix", "store_event_columns"]

EVENT_KINDS = ("holiday", "school_holidays", "local_event", "closure", "other")
"""The kinds of the contract, `called_off` left out: it takes an event away."""
PRICES, EVENTS, SALES = "planned_prices", "calendar_events", "sales_lines"
PRODUCT, PRODUCT_IN_STORE = ("product_id",), ("product_id", "store_id")
ANY_STORE = ("",)
"""Stands in where no store is known: what concerns every store concerns it, too."""
EPOCH = date(1970, 1, 1)
NEVER = np.iinfo(np.int32).max


def planned_price_matrix(
    lake: Lake, index: pa.Table, weeks: tuple[date, ...], as_of: date, horizon_weeks: int = 8, *, lead_weeks: int = 1
) -> np.ndarray:
    """Return the price planned for each row of `index` and week: float32, N x (T + horizon_weeks), NaN where none was known.

    In one store the plan announced last counts, be it for that store or for every store; of two announced on one day the one
    that names the store. Over the chain it is the mean of the stores, each counting once: those that the plan names, and where
    a price for every store is planned, also those that sold anything by `as_of`.

    Args:
        lake: `planned_prices` is read, where it is, and the stores of `sales_lines`.
        index: one row per series, with `product_id`, or `product_id` and `store_id`.
        weeks: the T complete weeks, Mondays without a gap.
        as_of: what was announced later is not known.
        horizon_weeks: how many weeks follow the last complete one.
        lead_weeks: of a week that is over, what was known so many weeks ahead counts; 1: on its eve.
    """
    shape = (index.num_rows, len(weeks) + horizon_weeks)
    if PRICES not in lake.names() or not weeks:
        return np.full(shape, np.nan, dtype=np.float32)
    known = lake.to_arrow(_known_prices(lake.table(PRICES), weeks, as_of, horizon_weeks, lead_weeks))
    everywhere = known.filter(pc.is_null(known["store_id"]))
    named = known.filter(pc.is_valid(known["store_id"]))
    if "store_id" in index.column_names:
        return _store_prices(index, everywhere, named, weeks[0], shape)
    return _chain_prices(index, everywhere, named, weeks[0], shape, _selling_stores(lake, as_of))


def event_columns(
    lake: Lake, weeks: tuple[date, ...], as_of: date, horizon_weeks: int = 8, *, lead_weeks: int = 1
) -> dict[str, np.ndarray]:
    """Return `event_KIND` for each of `EVENT_KINDS`: the share of the chain's stores that have such an event in the week.

    Float32 arrays of T + horizon_weeks; 1 where it concerns every store, 0 where none is known. The chain's stores are those
    that sold anything by `as_of`. Arguments are those of `planned_price_matrix`; `calendar_events` is read, where it is.
    """
    live = _LiveEvents(lake, weeks, as_of, horizon_weeks, lead_weeks)
    selling = _selling_stores(lake, as_of).to_pylist() if live.stores else []
    return _by_kind(live.flags(selling or live.stores or ANY_STORE).mean(axis=1))


def store_event_columns(
    lake: Lake, store_ids: Sequence[str], weeks: tuple[date, ...], as_of: date, horizon_weeks: int = 8, *, lead_weeks: int = 1
) -> dict[str, np.ndarray]:
    """Return `event_KIND` for each of `EVENT_KINDS` in each store: float32, len(store_ids) x (T + horizon_weeks), 1 or 0."""
    return _by_kind(_LiveEvents(lake, weeks, as_of, horizon_weeks, lead_weeks).flags(store_ids))


def _by_kind(values: np.ndarray) -> dict[str, np.ndarray]:
    return {f"event_{kind}": values[place] for place, kind in enumerate(EVENT_KINDS)}


def _known_prices(plans: ir.Table, weeks: tuple[date, ...], as_of: date, horizon_weeks: int, lead_weeks: int) -> ir.Table:
    """One row per product, store (null: every store) and week, with the plan that counted and its day."""
    last = weeks[-1] + timedelta(days=7 * horizon_weeks)
    to_come = plans.week_start > _literal(weeks[-1])
    known = plans.filter(
        plans.week_start.between(_literal(weeks[0]), _literal(last)),
        plans.announced_on <= _literal(as_of),
        to_come | (plans.announced_on + ibis.interval(weeks=lead_weeks - 1) < plans.week_start),
    )
    latest = known.group_by([*PRODUCT_IN_STORE, "week_start"]).agg(
        planned_price=known.planned_price.argmax(known.announced_on), announced_on=known.announced_on.max()
    )
    # sums of floating numbers depend on their order
    return latest.order_by([*PRODUCT_IN_STORE, "week_start"])


def _store_prices(index: pa.Table, everywhere: pa.Table, named: pa.Table, first: date, shape: tuple[int, int]) -> np.ndarray:
    products = index["product_id"].combine_chunks().cast(pa.string())
    every = pa.table({"product_id": pc.unique(products)})
    of_row = positions(products, every["product_id"].combine_chunks())
    chain, chain_day = (part[of_row] for part in _plan(every, everywhere, PRODUCT, first, (every.num_rows, shape[1])))
    own, own_day = _plan(index, named, PRODUCT_IN_STORE, first, shape)
    return np.where(own_day >= chain_day, own, chain).astype(np.float32)


def _chain_prices(
    index: pa.Table, everywhere: pa.Table, named: pa.Table, first: date, shape: tuple[int, int], selling: pa.Array
) -> np.ndarray:
    chain, chain_day = _plan(index, everywhere, PRODUCT, first, shape)
    row, column = row_positions(index, named, PRODUCT), week_numbers(named["week_start"], first)
    kept = row >= 0
    row, column, named = row[kept], column[kept], named.filter(pa.array(kept))
    price = np.where(_days(named["announced_on"]) >= chain_day[row, column], floats(named["planned_price"]), chain[row, column])
    sells = np.asarray(pc.is_in(named["store_id"], value_set=selling).to_numpy(), dtype=np.float64)
    place = row * shape[1] + column
    total, stores, seen = (
        np.bincount(place, weights, minlength=shape[0] * shape[1]).reshape(shape) for weights in (price, None, sells)
    )
    rest = np.where(np.isnan(chain), 0.0, np.maximum(len(selling) - seen, stores == 0))
    weight = stores + rest
    mean = (total + rest * np.nan_to_num(chain)) / np.maximum(weight, 1.0)
    return np.where(weight > 0, mean, np.nan).astype(np.float32)


def _plan(
    index: pa.Table, plans: pa.Table, keys: tuple[str, ...], first: date, shape: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Prices (float64, NaN without) and the days of their announcements (int32, -1 without)."""
    price, day = np.full(shape, np.nan), np.full(shape, -1, dtype=np.int32)
    row, column = row_positions(index, plans, keys), week_numbers(plans["week_start"], first)
    kept = row >= 0
    price[row[kept], column[kept]] = floats(plans["planned_price"])[kept]
    day[row[kept], column[kept]] = _days(plans["announced_on"])[kept]
    return price, day


def _selling_stores(lake: Lake, as_of: date) -> pa.Array:
    """The stores that sold anything by a day, sorted."""
    if SALES not in lake.names():
        return pa.array([], pa.string())
    lines = lake.table(SALES)
    known = lines.filter(lines.business_date <= _literal(as_of)).select("store_id").distinct().order_by("store_id")
    return lake.to_arrow(known)["store_id"].combine_chunks()


class _LiveEvents:
    """Which event is known to take place in which week: one entry of `kind`, `store` (-1: every store) and `week` for each."""

    def __init__(self, lake: Lake, weeks: tuple[date, ...], as_of: date, horizon_weeks: int, lead_weeks: int) -> None:
        self.week_count = len(weeks) + horizon_weeks
        self.stores: list[str] = []
        self.kind = self.store = self.week = np.empty(0, dtype=np.int64)
        if EVENTS not in lake.names() or not weeks:
            return
        end = weeks[-1] + timedelta(days=7 * horizon_weeks + 6)
        rows = lake.to_arrow(_known_events(lake.table(EVENTS), as_of, weeks[0], end))
        event, self.week = np.nonzero(_live(rows, weeks, as_of, horizon_weeks, lead_weeks))
        self.stores = pc.unique(rows["store_id"].combine_chunks().drop_null()).to_pylist()
        self.kind = positions(rows["kind"], _strings(EVENT_KINDS))[event]
        self.store = positions(rows["store_id"], _strings(self.stores))[event]

    def flags(self, store_ids: Sequence[str]) -> np.ndarray:
        """Whether an event of a kind is known in a store and week: float32, kinds x stores x weeks, 1 or 0."""
        flags = np.zeros((len(EVENT_KINDS), len(store_ids), self.week_count), dtype=np.float32)
        everywhere = self.store < 0
        row = positions(_strings(self.stores), _strings(store_ids))[self.store] if self.stores else self.store
        named = ~everywhere & (row >= 0)
        flags[self.kind[named], row[named], self.week[named]] = 1.0
        flags.transpose(0, 2, 1)[self.kind[everywhere], self.week[everywhere]] = 1.0
        return flags


def _known_events(events: ir.Table, as_of: date, start: date, end: date) -> ir.Table:
    """Announcements up to `as_of` of events between two days; `replaced_on` is the day of the next one of the same event."""
    known = events.filter(events.announced_on <= _literal(as_of))
    following = ibis.window(group_by=["event_id", "store_id"], order_by="announced_on")
    dated = known.mutate(replaced_on=known.announced_on.lead().over(following))
    told = dated.filter(dated.kind.isin(EVENT_KINDS), dated.last_day >= _literal(start), dated.first_day <= _literal(end))
    return told.select("kind", "store_id", "first_day", "last_day", "announced_on", "replaced_on")


def _live(rows: pa.Table, weeks: tuple[date, ...], as_of: date, horizon_weeks: int, lead_weeks: int) -> np.ndarray:
    """Which row is known to hold in which week (bool, rows x weeks)."""
    monday = mondays(weeks, horizon_weeks).astype(np.int64)
    today = (as_of - EPOCH).days
    over = np.arange(len(monday)) < len(weeks)
    known_by = np.where(over, np.minimum(monday - 1 - 7 * (lead_weeks - 1), today), today)
    first, last, told = (_days(rows[name])[:, None] for name in ("first_day", "last_day", "announced_on"))
    replaced = _days(pc.fill_null(rows["replaced_on"].cast(pa.date32()).cast(pa.int32()), NEVER))[:, None]
    return np.asarray((first <= monday + 6) & (last >= monday) & (told <= known_by) & (known_by < replaced))


def _strings(names: Sequence[str]) -> pa.Array:
    return pa.array(names, pa.string())


def _days(column: pa.ChunkedArray) -> np.ndarray:
    """Days since 1970 (int32)."""
    return np.asarray(column.cast(pa.int32()).to_numpy(), dtype=np.int32)


def _literal(day: date) -> ir.DateScalar:
    return ibis.date(day.isoformat())

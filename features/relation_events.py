"""Events in which shoppers had to choose anew: products that went away, were away, came new, ran out, or were promoted.

Each event is one row with its window, its scope and its former buyers, so that it can be listed, inspected and used as a natural
experiment. An event is known only from facts up to `as_of`; its id is made of its kind, scope, product and first day, so that
it stays the same as time goes on.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from features.relation_events_gaps import GapNeed, gap_events, with_former_buyers
from features.relation_events_launches import LaunchNeed, launches
from features.relation_events_links import linked
from features.relation_events_promotions import PromotionNeed, promotions
from features.relation_events_sales import ScopedSales, scoped_sales, without_stores
from features.relation_events_stock import stock_outs
from features.store_clusters import store_clusters
from lake.ports import Lake

__all__ = ["EVENT_KINDS", "EVENT_SCHEMA", "EventNeed", "detect_events", "event_expressions"]

TABLE_OF = {
    "delisting": "sales_lines",
    "absence": "sales_lines",
    "launch": "sales_lines",
    "stock_out": "stock_levels",
    "promotion": "promotion_weeks",
}
EVENT_KINDS = tuple(TABLE_OF)
EVENT_SCHEMA = pa.schema(
    [
        ("event_id", pa.string()),
        ("kind", pa.string()),
        ("product_id", pa.string()),
        ("category", pa.string()),
        ("scope", pa.string()),
        ("first_day", pa.date32()),
        ("last_day", pa.date32()),
        ("former_buyers", pa.int64()),
        ("simulated", pa.bool_()),
        ("source", pa.string()),
        ("expected_baskets", pa.float64()),
        ("chance", pa.float64()),
        ("mechanics", pa.string()),
        ("discount", pa.float64()),
        ("cause", pa.string()),
        ("related_event_ids", pa.list_(pa.string())),
    ]
)
"""`last_day` is null for good; `former_buyers` are households with 2 baskets or more of the product in the scope in the 26 weeks
before; `source` is the table that told. `expected_baskets` and `chance`: see `relation_events_gaps`, null for kinds that are not
inferred from sales. `mechanics` and `discount` (share of the usual price) belong to promotions. `cause` is "range_reset" when
products of the category came and went together, "whole_chain" when the event is part of one of the chain, else null."""


@dataclass(frozen=True, slots=True)
class EventNeed:
    """What each kind of event needs; `stores` tells whether absences in single stores are wanted too, which takes longest."""

    stores: bool = True
    gaps: GapNeed = field(default_factory=GapNeed)
    launches: LaunchNeed = field(default_factory=LaunchNeed)
    promotions: PromotionNeed = field(default_factory=PromotionNeed)
    stock_out_buyers: int = 1


def detect_events(
    lake: Lake,
    as_of: date,
    *,
    kinds: Collection[str] | None = None,
    clusters: pa.Table | None = None,
    need: EventNeed | None = None,
) -> pa.Table:
    """Return the events known at the end of `as_of`, sorted by kind, first day, scope and product (`EVENT_SCHEMA`).

    Args:
        lake: with `sales_lines` and `products`.
        as_of: the last day that is known.
        kinds: of `EVENT_KINDS`; None finds every kind that the lake has the tables for.
        clusters: store_id and cluster_id; None takes `store_clusters` of the same day.
        need: what counts as an event.

    Raises:
        TableMissing: a kind was asked for whose table the lake does not have.
        ValueError: a kind that there is not.
    """
    placed = store_clusters(lake, as_of) if clusters is None else clusters
    found = event_expressions(lake, as_of, kinds=kinds, clusters=placed, need=need)
    parts = [_complete(lake.to_arrow(expression)) for expression in found.values()]
    return linked(pa.concat_tables(parts)) if parts else EVENT_SCHEMA.empty_table()


def event_expressions(
    lake: Lake, as_of: date, *, kinds: Collection[str] | None, clusters: pa.Table, need: EventNeed | None = None
) -> Mapping[str, ir.Table]:
    """Return the tables behind `detect_events` by what they are found in, as Ibis tables; nothing is linked yet.

    Arguments and errors as `detect_events`.
    """
    wanted, limits = _wanted(lake, kinds), need or EventNeed()
    stores = "stock_out" in wanted or (limits.stores and "absence" in wanted)
    sales = scoped_sales(lake, as_of, clusters, stores=stores)
    found: dict[str, tuple[str, ir.Table]] = {}
    if wanted & {"delisting", "absence"}:
        gaps = gap_events(sales if limits.stores else without_stores(sales), as_of, limits.gaps)
        found["gaps"] = "sales_lines", gaps.filter(gaps.kind.isin(sorted(wanted)))
    if "launch" in wanted:
        found["launches"] = "sales_lines", launches(sales, as_of, limits.launches)
    if "promotion" in wanted:
        found["promotions"] = "promotion_weeks", promotions(lake, as_of, sales, clusters, limits.promotions)
    if "stock_out" in wanted:
        found["stock_outs"] = "stock_levels", stock_outs(lake, as_of)
    bought = {name: (source, _with_buyers(events, sales, limits)) for name, (source, events) in found.items()}
    felt = bought.get("stock_outs")
    if felt:
        # what nobody there was used to buying cannot be missed
        bought["stock_outs"] = felt[0], felt[1].filter(felt[1].former_buyers >= limits.stock_out_buyers)
    return {name: _identified(events, source) for name, (source, events) in bought.items()}


def _wanted(lake: Lake, kinds: Collection[str] | None) -> set[str]:
    unknown = set(kinds or ()) - set(EVENT_KINDS)
    if unknown:
        raise ValueError(f"{sorted(unknown)} are no kinds of events; there are {', '.join(EVENT_KINDS)}")
    return {kind for kind in EVENT_KINDS if TABLE_OF[kind] in lake.names()} if kinds is None else set(kinds)


def _with_buyers(events: ir.Table, sales: ScopedSales, need: EventNeed) -> ir.Table:
    return with_former_buyers(events.cache(), sales.purchases, need.gaps)


def _identified(events: ir.Table, source: str) -> ir.Table:
    parts = [events.kind, events.scope, events.product_id, events.first_day.cast("string")]
    return events.mutate(event_id=ibis.literal("/").join(parts), source=ibis.literal(source))


def _complete(events: pa.Table) -> pa.Table:
    columns = [
        events[name].cast(field_.type) if name in events.column_names else pa.nulls(events.num_rows, field_.type)
        for name, field_ in ((field_.name, field_) for field_ in EVENT_SCHEMA)
    ]
    return pa.table(columns, schema=EVENT_SCHEMA)

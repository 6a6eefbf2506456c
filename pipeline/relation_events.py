"""The events that relations are tried on, to be listed and looked at."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from decisions.relations import BeforeFirstSale
from features.relation_events import detect_events
from lake import Lake
from pipeline.errors import NothingIngested

__all__ = ["EventFilter", "EventList", "check_day_of_sales", "list_events"]

FIRST_DAY = "SELECT min(business_date) AS day FROM sales_lines"


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events; None filters nothing. `scope` also takes a kind of scope, such as `store_cluster`."""

    kinds: Collection[str] | None = None
    product_id: str | None = None
    category: str | None = None
    scope: str | None = None
    event_id: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class EventList:
    """The events that pass, those with most former buyers first, and how many there are of each kind and kind of scope."""

    as_of: date
    counts: Mapping[tuple[str, str], int]
    rows: pa.Table


def list_events(lake: Lake, as_of: date, wanted: EventFilter) -> EventList:
    """Return the events that are known at the end of a day. Raises: NothingIngested, BeforeFirstSale, TableMissing."""
    check_day_of_sales(lake, as_of)
    found = detect_events(lake, as_of, kinds=wanted.kinds)
    passed = found.filter(_mask(found, wanted))
    return EventList(as_of, _counts(passed), passed.sort_by([("former_buyers", "descending"), ("event_id", "ascending")]))


def check_day_of_sales(lake: Lake, as_of: date) -> None:
    """Raises: NothingIngested, BeforeFirstSale."""
    first = lake.sql(FIRST_DAY)["day"][0].as_py() if "sales_lines" in lake.names() else None
    if first is None:
        raise NothingIngested
    if as_of < first:
        raise BeforeFirstSale(as_of, first)


def _mask(events: pa.Table, wanted: EventFilter) -> pa.ChunkedArray:
    passes = pc.is_valid(events["event_id"])
    asked = {"product_id": wanted.product_id, "category": wanted.category, "event_id": wanted.event_id}
    for column, value in asked.items():
        if value is not None:
            passes = pc.and_(passes, pc.fill_null(pc.equal(events[column], value), fill_value=False))
    if wanted.scope is not None:
        inside = pc.starts_with(events["scope"], f"{wanted.scope}:")
        passes = pc.and_(passes, pc.or_(pc.equal(events["scope"], wanted.scope), inside))
    return passes


def _counts(events: pa.Table) -> dict[tuple[str, str], int]:
    # a scope is a word, or a kind and a name behind a colon
    kinds = pc.list_element(pc.split_pattern(events["scope"], ":", max_splits=1), 0)
    counted = pa.table({"kind": events["kind"], "scope": kinds}).group_by(["kind", "scope"]).aggregate([([], "count_all")])
    rows = zip(*(counted[name].to_pylist() for name in ("kind", "scope", "count_all")), strict=True)
    return {(kind, scope): count for kind, scope, count in sorted(rows)}

"""What was really sold in the weeks that somebody set by hand, from the lake."""

from collections.abc import Sequence
from datetime import date

import ibis
import pyarrow as pa

from decisions.overrides import Actuals, Judged, ValueReport, value_added
from lake import Lake
from pipeline.build import last_full_day

__all__ = ["measure_overrides"]

EVERY_STORE = ""
"""Stands for the whole chain in the table of wanted weeks: a null joins with nothing."""


def measure_overrides(lake: Lake, judged: Sequence[Judged], *, known_until: date | None = None) -> ValueReport:
    """Return the forecast value added of overrides by the sales known on a day, the last full one unless named.

    Raises: NothingIngested.
    """
    day = known_until or last_full_day(lake)
    return value_added(judged, _actuals(lake, judged, day))


def _actuals(lake: Lake, judged: Sequence[Judged], day: date) -> Actuals:
    wanted = [
        (one.id, one.product_id, one.store_id or EVERY_STORE, week.week_start) for one in judged for week in one.counted(day)
    ]
    if not wanted:
        return Actuals(day, {}, {})
    names = ("override_id", "product_id", "wanted_store", "week_start")
    types = (pa.string(), pa.string(), pa.string(), pa.date32())
    columns = (pa.array(values, kind) for values, kind in zip(zip(*wanted, strict=True), types, strict=True))
    weeks = ibis.memtable(pa.table(dict(zip(names, columns, strict=True))))
    lines = lake.table("sales_lines")
    lines = lines.filter(lines.business_date <= day).inner_join(weeks, ["product_id", "week_start"])
    lines = lines.filter((lines.wanted_store == EVERY_STORE) | (lines.wanted_store == lines.store_id))
    sold = lake.to_arrow(lines.group_by("override_id", "week_start").agg(units=lines.quantity.sum()))
    buyers = lake.to_arrow(lines.group_by("override_id").agg(households=lines.household_id.nunique()))
    return Actuals(
        day,
        {(row["override_id"], row["week_start"]): float(row["units"]) for row in sold.to_pylist()},
        {row["override_id"]: int(row["households"]) for row in buyers.to_pylist()},
    )

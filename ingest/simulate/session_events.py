"""Sessions on the digital shelf: those that end in a real basket of the same day, and those that only browse.

A session before a basket searches, views and carts part of what the basket will hold, and looks at an alternative of the
same type here and there. It lies within the basket's business day, so that a day's events depend on the sales of that day and
of earlier ones alone. A session that only browses comes hours or days after a basket and looks at what it held and at
alternatives; it seldom fills a cart.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingest.simulate.alternatives import Alternatives
from ingest.simulate.draws import Codes, Draws, Flags, Floats, Keys, keys_of
from lake.ports import Lake

__all__ = ["simulate_session_events"]

_BASKETS = """
    SELECT basket_id, min(household_id) AS household_id, min(store_id) AS store_id, min(sold_at) AS sold_at,
           min(business_date) AS business_date
    FROM sales_lines WHERE merchandise AND quantity > 0 AND product_id IN (SELECT product_id FROM products)
    GROUP BY basket_id ORDER BY basket_id
"""
_LINES = """
    SELECT basket_id, product_id FROM sales_lines
    WHERE merchandise AND quantity > 0 AND product_id IN (SELECT product_id FROM products) ORDER BY basket_id, product_id
"""
_LAST_DAY = "SELECT max(business_date) AS business_date FROM sales_lines"
_SECOND = 1_000_000
_HOUR = 3600 * _SECOND
_TYPES = ("search", "view", "cart")


@dataclass(frozen=True, slots=True)
class _Habits:
    """How sessions of one kind behave: shares of baskets and of lines, and times in microseconds."""

    kind: str
    sampled: float
    anonymous: float
    viewed: float
    carted: float
    """Share of the viewed."""
    searched: float
    """Share of the viewed."""
    alternative: float
    """Share of the viewed."""


_BEFORE = _Habits("before", sampled=0.12, anonymous=0.1, viewed=0.85, carted=0.8, searched=0.25, alternative=0.4)
_BROWSE = _Habits("browse", sampled=0.08, anonymous=0.3, viewed=0.4, carted=0.06, searched=0.2, alternative=0.7)


@dataclass(frozen=True, slots=True, eq=False)
class _Sessions:
    """Sampled sessions: the rows of their baskets, with instants in microseconds since 1970 (UTC)."""

    baskets: pa.Table
    start: Codes
    length: Codes


def simulate_session_events(lake: Lake, draws: Draws, time_zone: str) -> pa.Table:
    """Return the events of all sessions, by instant, then event id. Carts imply views of the same product in the same session."""
    baskets, lines, alternatives = lake.sql(_BASKETS), lake.sql(_LINES), Alternatives(lake)
    before = _events(_before_baskets(baskets, draws, time_zone), lines, alternatives, draws, _BEFORE)
    browse = _with_local_dates(_events(_after_baskets(baskets, draws), lines, alternatives, draws, _BROWSE), time_zone)
    # a session may run on past the last day that the facts tell of
    told = browse.filter(pc.less_equal(browse.column("business_date"), lake.sql(_LAST_DAY).column("business_date")[0]))
    return pa.concat_tables([before, told]).sort_by([("happened_at", "ascending"), ("event_id", "ascending")])


def _before_baskets(baskets: pa.Table, draws: Draws, time_zone: str) -> _Sessions:
    chosen, keys = _sampled(baskets, draws, _BEFORE)
    sold_at = _microseconds(chosen.column("sold_at"))
    midnight = _microseconds(pc.assume_timezone(chosen.column("business_date").cast(pa.timestamp("us")), time_zone))
    # at least ten minutes and at most four hours before the till, and never before the day began
    room = np.minimum(sold_at - midnight, 4 * _HOUR) - _HOUR // 6
    enough = room > 0
    delay = _HOUR // 6 + np.floor(draws.uniform("delay", keys) * np.maximum(room, 0)).astype(np.int64)
    length = np.minimum(delay * 8 // 10, _HOUR // 2)
    return _Sessions(chosen.filter(pa.array(enough)), (sold_at - delay)[enough], length[enough])


def _after_baskets(baskets: pa.Table, draws: Draws) -> _Sessions:
    chosen, keys = _sampled(baskets, draws, _BROWSE)
    wait = _HOUR + np.floor(draws.uniform("wait", keys) * 6 * 24 * _HOUR).astype(np.int64)
    length = np.floor((5 + 20 * draws.uniform("browsing", keys)) * 60 * _SECOND).astype(np.int64)
    return _Sessions(chosen, _microseconds(chosen.column("sold_at")) + wait, length)


def _sampled(baskets: pa.Table, draws: Draws, habits: _Habits) -> tuple[pa.Table, Keys]:
    keys = keys_of(baskets.column("basket_id"))
    chosen = draws.uniform(f"{habits.kind} sampled", keys) < habits.sampled
    return baskets.filter(pa.array(chosen)), keys[chosen]


def _events(sessions: _Sessions, lines: pa.Table, alternatives: Alternatives, draws: Draws, habits: _Habits) -> pa.Table:
    basket_ids = sessions.baskets.column("basket_id").combine_chunks()
    place = pc.index_in(lines.column("basket_id"), value_set=basket_ids).combine_chunks()
    of_session = place.is_valid()
    session = np.asarray(place.filter(of_session)).astype(np.int64)
    product = alternatives.code(lines.column("product_id").filter(of_session))
    keys = keys_of(lines.column("basket_id").filter(of_session)), alternatives.keys[product]

    def drawn(purpose: str, share: float) -> Flags:
        return draws.uniform(f"{habits.kind} {purpose}", *keys) < share

    viewed = drawn("viewed", habits.viewed)
    moment = _moments(sessions, session, draws.uniform(f"{habits.kind} moment", *keys))
    day = np.asarray(sessions.baskets.column("business_date").cast(pa.int32())).astype(np.int64)[session]
    other = alternatives.pick(product, day, draws.uniform(f"{habits.kind} which", *keys))
    looked = viewed & drawn("alternative", habits.alternative) & (other >= 0) & (other != product)
    searched = viewed & drawn("searched", habits.searched) & alternatives.has_words(product)
    carted = viewed & drawn("carted", habits.carted)
    parts = (
        (searched, 0, product, 0),
        (looked, 1, other, 8 * _SECOND),
        (viewed, 1, product, 15 * _SECOND),
        (carted, 2, product, 30 * _SECOND),
    )
    rows = [(session[mask], np.full(mask.sum(), kind), code[mask], moment[mask] + delay) for mask, kind, code, delay in parts]
    columns = [np.concatenate(values) for values in zip(*rows, strict=True)]
    return _table(sessions, *columns, alternatives=alternatives, draws=draws, habits=habits)


def _moments(sessions: _Sessions, session: Codes, draw: Floats) -> Codes:
    """Return when each line is dealt with; the last of its events, 30 seconds later, still lies within the session."""
    room = np.maximum(sessions.length[session] - 60 * _SECOND, 0)
    return sessions.start[session] + np.floor(draw * room).astype(np.int64)


def _table(
    sessions: _Sessions,
    session: Codes,
    kind: Codes,
    product: Codes,
    instant: Codes,
    *,
    alternatives: Alternatives,
    draws: Draws,
    habits: _Habits,
) -> pa.Table:
    order = np.lexsort((product, kind, instant, session))
    session, kind, product, instant = session[order], kind[order], product[order], instant[order]
    number = np.arange(len(session)) - np.searchsorted(session, session)
    baskets = sessions.baskets.take(pa.array(session))
    session_id = pc.binary_join_element_wise(f"{habits.kind}-", baskets.column("basket_id").combine_chunks(), "")
    unknown = draws.uniform(f"{habits.kind} anonymous", keys_of(baskets.column("basket_id"))) < habits.anonymous
    household = pc.if_else(pa.array(unknown), pa.scalar(None, pa.string()), baskets.column("household_id"))
    search = pa.array(kind == 0)
    return pa.table(
        {
            "event_id": pc.binary_join_element_wise(session_id, pc.utf8_lpad(pa.array(number).cast(pa.string()), 4, "0"), "-"),
            "session_id": session_id,
            "household_id": household,
            "store_id": baskets.column("store_id"),
            "event_type": pa.array(_TYPES).take(pa.array(kind)),
            "product_id": pc.if_else(search, pa.scalar(None, pa.string()), alternatives.ids(product)),
            "query": pc.if_else(search, alternatives.words(product), pa.scalar(None, pa.string())),
            "happened_at": pa.array(instant).cast(pa.timestamp("us", "UTC")),
            "business_date": baskets.column("business_date"),
        }
    )


def _with_local_dates(events: pa.Table, time_zone: str) -> pa.Table:
    local = pc.local_timestamp(events.column("happened_at").cast(pa.timestamp("us", time_zone)))
    place = events.schema.get_field_index("business_date")
    return events.set_column(place, "business_date", pc.floor_temporal(local, unit="day").cast(pa.date32()))


def _microseconds(values: pa.ChunkedArray) -> Codes:
    return np.asarray(values.cast(pa.timestamp("us", "UTC")).cast(pa.int64()))

"""Constant queries that turn the rows of `online_events` into rows of the tables that the retailer's feeds fill.

Each has the columns of its contract. `lacking` leaves out what the table has by its key; `count` tells how many rows there are
with those. `$through` is the last business day that counts.
"""

from dataclasses import dataclass

__all__ = ["LANDED_TABLES", "LandedTable"]


@dataclass(frozen=True, slots=True)
class LandedTable:
    """One table, the rows that events give it, and the condition under which the table has a row already."""

    feed: str
    rows: str
    held: str

    @property
    def lacking(self) -> str:
        """The query of the rows that the table lacks."""
        held = f"SELECT 1 FROM {self.feed} AS held WHERE {self.held}"  # noqa: S608 - constant parts
        return f"SELECT told.* FROM ({self.rows}) AS told WHERE NOT EXISTS ({held})"  # noqa: S608 - constant parts

    @property
    def count(self) -> str:
        """The query of how many rows there are."""
        return f"SELECT count(*) AS rows FROM ({self.rows}) AS told"  # noqa: S608 - constant parts


_HOUSEHOLDS = """
    SELECT DISTINCT household_id, NULL::VARCHAR AS age_band, NULL::VARCHAR AS income_band, NULL::VARCHAR AS home_ownership,
           NULL::VARCHAR AS marital_status, NULL::VARCHAR AS household_size, NULL::VARCHAR AS composition,
           NULL::VARCHAR AS children
    FROM online_events WHERE household_id IS NOT NULL AND business_date <= $through ORDER BY household_id
"""
_SALES = """
    SELECT basket_id, product_id, household_id, store_id, happened_at AS sold_at, business_date,
           (business_date - ((isodow(business_date) - 1)::INTEGER)) AS week_start, quantity, net_sales,
           0.0::DOUBLE AS retail_discount, 0.0::DOUBLE AS coupon_discount, 0.0::DOUBLE AS coupon_match_discount,
           products.merchandise AS merchandise
    FROM online_events LEFT JOIN products USING (product_id)
    WHERE kind = 'purchase' AND business_date <= $through ORDER BY happened_at, event_id, line_number
"""
_VISITS = """
    SELECT event_id, session_id, household_id, store_id, kind AS event_type, product_id, NULL::VARCHAR AS query, happened_at,
           business_date
    FROM online_events WHERE kind IN ('view', 'cart') AND business_date <= $through ORDER BY happened_at, event_id
"""
# of a day the last level counts, and it holds until the next day that was counted, or until the week is over
_STOCK = """
    SELECT product_id, store_id, week_start, arg_max(units, day) AS stock_on_hand_units,
           sum(CASE WHEN units <= 0 THEN until - day ELSE 0 END)::DOUBLE AS stock_out_days
    FROM (
        SELECT *, coalesce(lead(day) OVER (PARTITION BY product_id, store_id, week_start ORDER BY day), week_start + 7) AS until
        FROM (
            SELECT product_id, store_id, business_date AS day, arg_max(stock_on_hand_units, (happened_at, event_id)) AS units,
                   (business_date - ((isodow(business_date) - 1)::INTEGER)) AS week_start
            FROM online_events WHERE kind = 'stock' GROUP BY product_id, store_id, business_date
        )
    )
    WHERE week_start + 6 <= $through GROUP BY product_id, store_id, week_start ORDER BY product_id, store_id, week_start
"""
_CONSENTS = """
    SELECT household_id, purpose, granted, business_date AS valid_from, NULL::DATE AS valid_to, happened_at AS recorded_from
    FROM online_events WHERE kind = 'consent' AND business_date <= $through ORDER BY happened_at, event_id
"""

LANDED_TABLES = (
    LandedTable("households", _HOUSEHOLDS, "held.household_id = told.household_id"),
    LandedTable("sales_lines", _SALES, "held.basket_id = told.basket_id AND held.product_id = told.product_id"),
    LandedTable("session_events", _VISITS, "held.event_id = told.event_id"),
    LandedTable(
        "stock_levels",
        _STOCK,
        "held.product_id = told.product_id AND held.store_id = told.store_id AND held.week_start = told.week_start",
    ),
    LandedTable(
        "household_consents",
        _CONSENTS,
        "held.household_id = told.household_id AND held.purpose = told.purpose AND held.recorded_from = told.recorded_from",
    ),
)
"""Those referred to come first: a household that nobody knew is added before what it bought."""

"""Facts of every kind that are dated after today, for the lake of the tiny retailer.

The lists of products, stores and households bear no date: who is on them is known today. So newcomers are listed on both sides of
a comparison, and what is planted is all that later happens to them.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta

import pyarrow as pa

from lake.delta_lake import DeltaLake
from tests.tiny_retailer import AS_OF, append_lines, future_lines, household

NEW_PRODUCT, NEW_STORE, NEW_HOUSEHOLD = "kombucha", "st-new", "hh_ffffffffffffffffffff"
STAMP = {"simulated": False, "source": "tiny"}
SESSION_EVENTS = pa.schema(
    [
        *((name, pa.string()) for name in ("event_id", "session_id", "household_id", "product_id", "event_type")),
        ("happened_at", pa.timestamp("us", "UTC")),
        ("business_date", pa.date32()),
        ("simulated", pa.bool_()),
        ("source", pa.string()),
    ]
)


def list_newcomers(lake: DeltaLake) -> None:
    """List a product, a store and a household to which nothing has happened yet, and a first session of today."""
    product = next(row for row in lake.arrow("products").to_pylist() if row["product_id"] == "lemonade")
    _append(lake, "products", {**product, "product_id": NEW_PRODUCT, "product_type": "KOMBUCHA"})
    _append(lake, "stores", {"store_id": NEW_STORE, "name": "West", "country": "UK", **STAMP})
    _append(lake, "households", {"household_id": NEW_HOUSEHOLD, **STAMP})
    lake.replace("session_events", pa.Table.from_pylist([_event(AS_OF, household(1), "milk")], SESSION_EVENTS))


def plant_later_facts(lake: DeltaLake) -> None:
    """Sales, redemptions, campaigns with their coupons, and sessions, all after today, of old and of new ones."""
    day = AS_OF + timedelta(days=2)
    append_lines(lake, future_lines())
    append_lines(lake, [_of_newcomers(line) for line in future_lines(2)[:40]])
    dated = {"valid_from": AS_OF + timedelta(days=1), "valid_to": AS_OF + timedelta(days=30)}
    _append(lake, "campaigns", {"campaign_id": "c-later", "campaign_type": "Type B", **dated, **STAMP})
    for one in (household(1), NEW_HOUSEHOLD):
        _append(lake, "campaign_households", {"campaign_id": "c-later", "household_id": one, **STAMP})
    for product in ("milk", NEW_PRODUCT):
        _append(lake, "coupon_products", {"coupon_id": "k-later", "product_id": product, "campaign_id": "c-later", **STAMP})
    for one, coupon, campaign in ((household(4), "k1", "c1"), (household(1), "k-later", "c-later")):
        redeemed = {"household_id": one, "coupon_id": coupon, "campaign_id": campaign, "redeemed_on": day}
        _append(lake, "coupon_redemptions", {**redeemed, **STAMP})
    events = [_event(day, household(1), "milk"), _event(day, NEW_HOUSEHOLD, NEW_PRODUCT)]
    lake.append("session_events", pa.Table.from_pylist(events, SESSION_EVENTS))


def plant_later_promotions(lake: DeltaLake) -> None:
    """Promotion weeks after today: one that continues a running promotion, one in a new store, one of a new product."""
    monday = AS_OF + timedelta(days=1)
    for product, store in (("lemonade", "st0"), ("lemonade", NEW_STORE), (NEW_PRODUCT, "st1")):
        week = {"product_id": product, "store_id": store, "week_start": monday, "display_location": "5", "mailer_location": "A"}
        _append(lake, "promotion_weeks", {**week, **STAMP})


def _of_newcomers(line: Mapping[str, object]) -> dict[str, object]:
    newcomers = {"product_id": NEW_PRODUCT, "store_id": NEW_STORE, "household_id": NEW_HOUSEHOLD}
    return {**line, **newcomers, "basket_id": f"{line['basket_id']}-{line['product_id']}-new"}


def _event(day: date, who: str, product: str) -> dict[str, object]:
    session = f"session-{day}-{who}"
    at = datetime.combine(day, time(9), UTC)
    named = {"event_id": f"{session}-1", "session_id": session, "household_id": who, "product_id": product, "event_type": "view"}
    return {**named, "happened_at": at, "business_date": day, **STAMP}


def _append(lake: DeltaLake, table: str, row: Mapping[str, object]) -> None:
    lake.append(table, pa.Table.from_pylist([dict(row)], lake.arrow(table).schema))

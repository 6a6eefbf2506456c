"""What a shop will only know later, planted into its lake: sales, people, goods, shops, campaigns, coupons, mailers, plans."""

from datetime import UTC, date, datetime, time, timedelta

import pyarrow as pa

from lake.delta_lake import DeltaLake

__all__ = ["NEW", "plant_future"]

NEW = "planted"
"""The id of everything that is new: no answer of today may hold it."""
SESSION_TEXTS = ("event_id", "session_id", "household_id", "store_id", "event_type", "product_id", "query")
SESSION_EVENTS = pa.schema(
    [
        *((name, pa.string()) for name in SESSION_TEXTS),
        ("happened_at", pa.timestamp("us", "UTC")),
        ("business_date", pa.date32()),
        ("simulated", pa.bool_()),
        ("source", pa.string()),
    ]
)


def plant_future(lake: DeltaLake, as_of: date) -> dict[str, int]:
    """Add rows that belong after `as_of` to every table that the lake has, and sessions; return how many by table.

    Promotions are planted beyond the weeks that are read as the plan.
    """
    day = as_of + timedelta(days=3)
    lines = _sales(lake, day)
    sold = lines[0]
    dated = {"valid_from": day, "valid_to": day + timedelta(days=14)}
    person = {"household_id": sold["household_id"]}
    coupon = {"coupon_id": NEW, "campaign_id": NEW}
    mailer = {"week_start": _monday(day) + timedelta(days=7 * 10)}
    changes = {
        "products": [{"product_id": NEW}],
        "stores": [{"store_id": NEW}],
        "households": [{"household_id": NEW}],
        "promotion_weeks": [{**mailer, name: NEW} for name in ("product_id", "store_id", "mailer_location", "display_location")],
        "campaigns": [{"campaign_id": NEW, **dated}],
        "campaign_households": [{"campaign_id": NEW, **person}, {"campaign_id": NEW, "household_id": NEW}],
        "coupon_products": [{**coupon, "product_id": NEW}, {**coupon, "product_id": sold["product_id"]}],
        "coupon_redemptions": [{**coupon, **person, "redeemed_on": day}, {"redeemed_on": day}],
        # of weeks to come and of one that is over: what counts is the day of the announcement
        "planned_prices": [{"announced_on": day, "planned_price": 900.0}, {"announced_on": day, "product_id": NEW}],
        "calendar_events": [{"announced_on": day, "kind": "closure"}, {"announced_on": day, "event_id": NEW}],
    }
    rows = {
        name: [{**_first(lake, name), **changed} for changed in found]
        for name, found in changes.items()
        if name in lake.names() and lake.version(name).rows
    }
    rows["sales_lines"] = lines
    for name, planted in rows.items():
        lake.append(name, pa.Table.from_pylist(planted, lake.arrow(name).schema))
    lake.replace("session_events", pa.Table.from_pylist(_sessions(sold, day), SESSION_EVENTS))
    return {name: len(planted) for name, planted in rows.items()} | {"session_events": 2}


def _sales(lake: DeltaLake, day: date) -> list[dict[str, object]]:
    """A basket of a known household with a new product, one of a new household in a new shop, and far more of a known product."""
    known = _first(lake, "sales_lines")
    dated = {"sold_at": datetime.combine(day, time(9), UTC), "business_date": day, "week_start": _monday(day)}
    changes = [
        {"basket_id": f"{NEW}-1", "quantity": 900.0},
        {"basket_id": f"{NEW}-1", "product_id": NEW},
        {"basket_id": f"{NEW}-2", "household_id": NEW, "store_id": NEW},
        {"basket_id": f"{NEW}-2", "household_id": NEW, "store_id": NEW, "product_id": NEW},
    ]
    return [{**known, **dated, **one} for one in changes]


def _sessions(sold: dict[str, object], day: date) -> list[dict[str, object]]:
    event = {
        "session_id": NEW, "household_id": sold["household_id"], "store_id": sold["store_id"], "event_type": "view",
        "product_id": sold["product_id"], "query": None, "happened_at": datetime.combine(day, time(8), UTC),
        "business_date": day, "simulated": True, "source": NEW,
    }  # fmt: skip
    return [{**event, "event_id": f"{NEW}-1"}, {**event, "event_id": f"{NEW}-2", "product_id": NEW}]


def _first(lake: DeltaLake, name: str) -> dict[str, object]:
    return dict(lake.arrow(name).slice(0, 1).to_pylist()[0])


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())

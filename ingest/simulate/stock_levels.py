"""Stock of products in stores, week by week, under a base-stock policy fed with the real sales.

At each week's end every pair of product and store orders up to a base stock: its smoothed weekly demand over lead time and
review period, and a safety stock of some deviations of it. Orders come after the supplier's lead time, late ones later.
Sales are what was really sold: where the simulated shelf held less, the rest came by a rush delivery and the shelf was empty on
the days between; where it was empty all week, nothing was sold and all seven days count.

Source of the policy: Silver, Pyke and Thomas, "Inventory and Production Management in Supply Chains", periodic review, (R, S).
"""

from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingest.simulate.demand import Demand, weekly_demand
from ingest.simulate.draws import Codes, Draws, Flags, Floats, keys_of
from lake.ports import Lake

__all__ = ["simulate_stock_levels"]

_SMOOTHING = 0.25
_IDLE_WEEKS = 8
"""A pair without a sale for so long has left the assortment: it orders nothing and is not reported."""
_LONGEST_LEAD_WEEKS = 6
_SERVICE = (-0.6, 1.6)
"""Safety factor of the least cautious product, and how much higher another's may be: some shelves run empty, as real ones do."""


@dataclass(frozen=True, slots=True, eq=False)
class _Policy:
    """What the supplier and the product's buyer fix, one value a pair."""

    lead_days: Floats
    deviation_days: Floats
    review_days: Floats
    safety_factor: Floats
    pack_units: Floats
    phase: Floats


def simulate_stock_levels(lake: Lake, draws: Draws, lead_times: pa.Table) -> pa.Table:
    """Return the stock at each week's end, in units, and the days of the week on which the shelf was empty (0 to 7)."""
    demand = weekly_demand(lake)
    on_hand, empty_days, shown = _simulate(demand, _policy(lake, draws, lead_times, demand), draws)
    week, pair = np.nonzero((shown & demand.followed).T)
    return pa.table(
        {
            "product_id": demand.products.take(pa.array(pair)),
            "store_id": demand.stores.take(pa.array(pair)),
            "week_start": pa.array(demand.weeks, pa.date32()).take(pa.array(week)),
            "stock_on_hand_units": on_hand[pair, week],
            "stock_out_days": empty_days[pair, week],
        }
    )


def _policy(lake: Lake, draws: Draws, lead_times: pa.Table, demand: Demand) -> _Policy:
    products = lake.sql("SELECT product_id, supplier_id FROM products ORDER BY product_id")
    place = pc.index_in(demand.products, value_set=products.column("product_id").combine_chunks())
    supplier = products.column("supplier_id").combine_chunks().take(place)
    row = np.asarray(pc.fill_null(pc.index_in(supplier, value_set=lead_times.column("supplier_id").combine_chunks()), -1))
    product = keys_of(demand.products)
    packs = np.array([1.0, 4.0, 6.0])
    return _Policy(
        lead_days=_of_supplier(lead_times, "lead_time_days", row, 7.0),
        deviation_days=_of_supplier(lead_times, "lead_time_deviation_days", row, 1.0),
        review_days=_of_supplier(lead_times, "review_period_days", row, 7.0),
        safety_factor=_SERVICE[0] + _SERVICE[1] * draws.uniform("safety factor", product),
        pack_units=packs[(draws.uniform("pack", product) * len(packs)).astype(np.int64)],
        phase=np.floor(2 * draws.uniform("order week", product)),
    )


def _of_supplier(lead_times: pa.Table, column: str, row: Codes, unknown: float) -> Floats:
    # a product without a supplier has the value in the last place
    return np.append(np.asarray(lead_times.column(column), dtype=np.float64), unknown)[row]


def _simulate(demand: Demand, policy: _Policy, draws: Draws) -> tuple[Floats, Floats, Flags]:
    pairs, weeks = demand.units.shape
    product, store = keys_of(demand.products), keys_of(demand.stores)
    on_hand, empty_days = np.zeros((pairs, weeks)), np.zeros((pairs, weeks))
    shown = np.zeros((pairs, weeks), dtype=bool)
    stock, mean, variance = np.zeros(pairs), np.zeros(pairs), np.zeros(pairs)
    last_sale = np.full(pairs, -_IDLE_WEEKS)
    arriving = np.zeros((pairs, weeks + _LONGEST_LEAD_WEEKS + 1))
    for week in range(weeks):
        sold = demand.units[:, week]
        listed = (week - last_sale >= _IDLE_WEEKS) & (sold > 0)
        last_sale = np.where(sold > 0, week, last_sale)
        active = week - last_sale < _IDLE_WEEKS
        # a pair that enters the assortment is delivered twice what its first week sells
        available = stock + arriving[:, week] + np.where(listed, 2 * np.ceil(sold), 0.0)
        stock = np.where(active, np.maximum(available - sold, 0.0), 0.0)
        key = np.asarray(np.uint64(demand.weeks[week].toordinal()))
        on_hand[:, week] = np.round(stock, 2)
        empty_days[:, week] = _empty_days(sold, available, draws.uniform("sold out", product, store, key))
        shown[:, week] = active
        variance = np.where(listed, sold, (1 - _SMOOTHING) * (variance + _SMOOTHING * (sold - mean) ** 2))
        mean = np.where(listed, sold, mean + _SMOOTHING * (sold - mean))
        target = np.where(active, _target(policy, mean, variance), 0.0)
        lacking = np.maximum(target - stock - arriving[:, week + 1 :].sum(axis=1), 0.0)
        due = (policy.review_days <= 7.0) | ((week_parity(demand.weeks[week]) + policy.phase) % 2 == 0)
        late = draws.normal("delivery", product, store, key)
        _order(arriving, week, np.where(due, lacking, 0.0), policy, late)
    return on_hand, empty_days, shown


def _empty_days(sold: Floats, available: Floats, draw: Floats) -> Floats:
    """Return the days of a week on which the shelf was empty, given what was there and what was sold."""
    short = np.maximum(sold - available, 0.0)
    waiting = np.ceil(6.0 * short / np.where(sold > 0, sold, 1.0))
    cleared = np.where((sold > 0) & (short == 0) & (available == sold), np.floor(3.0 * draw), waiting)
    return np.where((sold == 0) & (available == 0), 7.0, cleared)


def _target(policy: _Policy, mean: Floats, variance: Floats) -> Floats:
    """Return the base stock in units: demand over the protection time, and its safety stock."""
    protection_weeks = (policy.lead_days + np.maximum(policy.review_days, 7.0)) / 7.0
    safety = policy.safety_factor * np.sqrt(variance * protection_weeks)
    return np.maximum(np.ceil(mean * protection_weeks + safety), 1.0)


def _order(arriving: Floats, week: int, lacking: Floats, policy: _Policy, late: Floats) -> None:
    """Order what is lacking, in whole packs, to arrive after the supplier's lead time, `late` deviations later than its mean."""
    units = np.ceil(lacking / policy.pack_units) * policy.pack_units
    days = policy.lead_days + policy.deviation_days * late
    # an order that comes within the week is on the shelf as the next one begins
    weeks = np.clip(np.ceil(days / 7.0), 1, _LONGEST_LEAD_WEEKS).astype(np.int64)
    arriving[np.arange(len(units)), week + weeks] += units


def week_parity(week_start: date) -> int:
    """Return 0 or 1 in turn from week to week, the same for a calendar week wherever the data begins."""
    return week_start.toordinal() // 7 % 2

"""Lead times of suppliers: short and steady where most of what they deliver is fresh, longer and looser elsewhere."""

import numpy as np
import pyarrow as pa

from ingest.simulate.assumptions import Assumptions
from ingest.simulate.draws import Draws, keys_of
from lake.ports import Lake

__all__ = ["simulate_lead_times"]

_FRESH_SHARES = """
    SELECT supplier_id, avg(list_contains($fresh::VARCHAR[], coalesce(department, ''))::INTEGER) AS fresh
    FROM products WHERE supplier_id IS NOT NULL GROUP BY supplier_id ORDER BY supplier_id
"""
_FRESH_DAYS = (1.0, 2.0)
"""Shortest mean lead time of a fresh supplier, and how much longer another may take."""
_OTHER_DAYS = (3.0, 14.0)
_REVIEW_DAYS = np.array([7.0, 7.0, 14.0])


def simulate_lead_times(lake: Lake, draws: Draws, assumptions: Assumptions) -> pa.Table:
    """Return one row per supplier: mean and deviation of its lead time, and the days between two orders."""
    suppliers = lake.sql(_FRESH_SHARES, {"fresh": list(assumptions.fresh_departments)})
    keys = keys_of(suppliers.column("supplier_id"))
    fresh = np.asarray(suppliers.column("fresh")) >= 0.5
    shortest, spread = (np.where(fresh, a, b) for a, b in zip(_FRESH_DAYS, _OTHER_DAYS, strict=True))
    # squared, so that most suppliers are near the short end and a few are slow
    days = np.round(shortest + spread * draws.uniform("lead time", keys) ** 2, 1)
    deviation = np.round(days * (0.1 + 0.4 * draws.uniform("lead time deviation", keys)), 2)
    reviews = _REVIEW_DAYS[(draws.uniform("review period", keys) * len(_REVIEW_DAYS)).astype(np.int64)]
    return pa.table(
        {
            "supplier_id": suppliers.column("supplier_id"),
            "lead_time_days": days,
            "lead_time_deviation_days": deviation,
            "review_period_days": np.where(fresh, 1.0, reviews),
        }
    )

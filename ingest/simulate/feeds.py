"""All simulated feeds of one lake, in one call."""

import pyarrow as pa

from ingest.simulate.assumptions import Assumptions
from ingest.simulate.draws import Draws
from ingest.simulate.lead_times import simulate_lead_times
from ingest.simulate.purchase_costs import simulate_purchase_costs
from ingest.simulate.session_events import simulate_session_events
from ingest.simulate.stock_levels import simulate_stock_levels
from lake.ports import Lake

__all__ = ["SIMULATED_TABLES", "SOURCE", "simulate_feeds"]

SIMULATED_TABLES = ("lead_times", "purchase_costs", "stock_levels", "session_events")
SOURCE = "simulated"
"""The name of the source that these feeds are taken in by."""


def simulate_feeds(
    lake: Lake, *, time_zone: str, assumptions: Assumptions | None = None, seed: int = 20170101
) -> dict[str, pa.Table]:
    """Return the simulated feeds by table name, each with the columns of its contract.

    The lake needs `products` and `sales_lines`. The same lake content and seed give the same rows in the same order. A row that
    has a day or a week depends on sales up to the end of it alone: later sales add later rows and change no earlier one.

    Args:
        lake: where the real demand is read.
        time_zone: the retailer's; it tells which business day an instant belongs to.
        assumptions: what no feed says of the retailer; None takes the plain ones.
        seed: another seed is another world.

    Raises: LakeError when a table is missing.
    """
    draws = Draws(seed)
    assumptions = assumptions or Assumptions()
    lead_times = simulate_lead_times(lake, draws, assumptions)
    feeds = {
        "lead_times": lead_times,
        "purchase_costs": simulate_purchase_costs(lake, draws, assumptions),
        "stock_levels": simulate_stock_levels(lake, draws, lead_times),
        "session_events": simulate_session_events(lake, draws, time_zone),
    }
    return {name: _marked(rows) for name, rows in feeds.items()}


def _marked(rows: pa.Table) -> pa.Table:
    marked = rows.append_column("simulated", pa.repeat(pa.scalar(value=True), rows.num_rows))
    return marked.append_column("source", pa.repeat(pa.scalar(SOURCE), rows.num_rows))

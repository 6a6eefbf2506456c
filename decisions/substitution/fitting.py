"""What a release keeps for what-ifs. Nothing is learned here: the relations' model is, and tells its recovery."""

from datetime import date

import pyarrow as pa

from decisions.substitution.artefact import RecoveryFigures, write_figures
from features.shop_facts import PRODUCTS, STORE_UNITS, shop_facts
from lake.ports import Lake

__all__ = ["fit"]


def fit(lake: Lake, *, as_of: date, recovery: RecoveryFigures) -> tuple[dict[str, bytes], dict[str, pa.Table], dict[str, float]]:
    """Return (artefact, feature tables, figures) as known on a day.

    Args:
        lake: sales_lines; purchase_costs where there are any.
        as_of: the last business day that is known. Later facts change nothing.
        recovery: that of the model behind the edges that are served.

    Raises:
        TableMissing: the lake has no sales_lines.
    """
    tables = shop_facts(lake, as_of)
    figures = {
        "recovery": recovery.share,
        "recovery_error": recovery.error,
        "recovery_spread": recovery.spread,
        "products": float(tables[PRODUCTS].num_rows),
        "store_products": float(tables[STORE_UNITS].num_rows),
    }
    return write_figures(recovery, as_of), tables, figures

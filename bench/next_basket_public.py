"""The next basket on public data: which measurement a data set takes."""

from collections.abc import Callable, Mapping

from bench.frame import BenchContext, BenchRow
from bench.next_basket_retailers import instacart_rows, online_retail_rows
from bench.next_basket_tafeng import tafeng_rows

__all__ = ["PUBLIC_SETS", "public_rows"]

PUBLIC_SETS: Mapping[str, Callable[[BenchContext], tuple[list[BenchRow], list[str]]]] = {
    "tafeng": tafeng_rows,
    "online_retail": online_retail_rows,
    "instacart": instacart_rows,
}
"""Names of data sets outside the project, each needing a path."""


def public_rows(context: BenchContext) -> tuple[list[BenchRow], list[str]]:
    """Measure on the data set that is named. Raises: DataMissing, DataDamaged."""
    return PUBLIC_SETS[context.data](context)

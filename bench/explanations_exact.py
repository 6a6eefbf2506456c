"""What is known of households that did not make some of their purchases: the lines are taken out and all is read again.

The service keeps sums over purchases and works out what a deletion leaves of them. Here nothing is worked out: each case is a
household of its own whose lines go through the reading and the transform that training uses.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features.recommend_transform import HouseholdKnowledge, household_knowledge
from features.repertoire import IntArray, latest_origins, read_purchases
from lake import Lake
from lake.delta_lake import DeltaLake

__all__ = ["Case", "Lines"]

EVERYBODY = "a"
"""A household that bought every product once, so that positions are those of the whole shop; its id comes before all cases."""
COLUMNS = ("household_id", "basket_id", "product_id", "store_id", "sold_at", "business_date", "merchandise")
SUMS = ("quantity", "net_sales", "retail_discount")


@dataclass(frozen=True, slots=True)
class Case:
    """One household without the latest basket's lines of some products. `store`: the position of the store of the request."""

    household_id: str
    product_ids: tuple[str, ...]
    store: int


class Lines:
    """The lines of some households, and one line of every product and store.

    Args:
        lake: the facts.
        as_of: later lines are not read.
        household_ids: those that cases are made of.
    """

    def __init__(self, lake: Lake, as_of: date, household_ids: Sequence[str]) -> None:
        sales = lake.table("sales_lines")
        known = sales.filter(sales.merchandise & (sales.business_date <= ibis.literal(as_of)) & sales.household_id.notnull())
        columns = [*COLUMNS, *(name for name in SUMS if name in sales.columns)]
        whole = lake.to_arrow(known.select(*columns))
        self._as_of = as_of
        self._catalogue = lake.arrow("products")
        self._shop = _one_of_each(whole)
        lines = whole.filter(pc.is_in(whole["household_id"], pa.array(list(household_ids)))).combine_chunks()
        self._lines = lines.sort_by([("household_id", "ascending"), ("sold_at", "ascending"), ("basket_id", "ascending")])
        self._household = np.array(self._lines["household_id"].to_pylist())
        self._product = np.array(self._lines["product_id"].to_pylist())
        self._basket = np.array(self._lines["basket_id"].to_pylist())

    def knowledge(self, cases: Sequence[Case]) -> HouseholdKnowledge:
        """Return what is known of each case, as an origin of its own."""
        rows = [self._rows(case) for case in cases]
        names = pa.array([f"c{place:08d}" for place in np.repeat(np.arange(len(cases)), [len(one) for one in rows]).tolist()])
        lines = self._lines.take(pa.array(np.concatenate([np.empty(0, np.int64), *rows])))
        baskets = pc.binary_join_element_wise(names, lines["basket_id"].combine_chunks(), "-")
        copies = _with(_with(lines, "household_id", names), "basket_id", baskets)
        with TemporaryDirectory() as folder:
            lake = DeltaLake(Path(folder), threads=1)
            lake.replace("sales_lines", pa.concat_tables([self._shop, copies]))
            lake.replace("products", self._catalogue)
            purchases = read_purchases(lake, self._as_of)
            origins = latest_origins(purchases).take(np.arange(1, len(cases) + 1))
            return household_knowledge(purchases, replace(origins, store=np.array([case.store for case in cases], np.int64)))

    def _rows(self, case: Case) -> IntArray:
        first, last = (
            np.searchsorted(self._household, case.household_id),
            np.searchsorted(self._household, case.household_id, "right"),
        )
        kept = np.ones(last - first, bool)
        for product_id in case.product_ids:
            bought = np.flatnonzero(self._product[first:last] == product_id)
            kept[bought[self._basket[first:last][bought] == self._basket[first:last][bought[-1]]]] = False
        return np.asarray(first + np.flatnonzero(kept))


def _one_of_each(lines: pa.Table) -> pa.Table:
    """Return a line of every product and of every store, all of one household."""
    rows = [
        np.unique(np.array(lines[name].combine_chunks().dictionary_encode().indices), return_index=True)[1]
        for name in ("product_id", "store_id")
    ]
    chosen = lines.take(pa.array(np.unique(np.concatenate(rows))))
    everybody = pa.array([EVERYBODY] * chosen.num_rows)
    return _with(_with(chosen, "household_id", everybody), "basket_id", everybody)


def _with(table: pa.Table, name: str, values: pa.Array) -> pa.Table:
    return table.set_column(table.column_names.index(name), name, values.cast(table.schema.field(name).type))

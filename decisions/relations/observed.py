"""The facts that relations are derived from, as known at the end of one day, in memory."""

from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse

from features.co_purchase import LARGEST_TRIP_STRATUM, Support, product_support, supported_lines, trips
from features.name_likeness import NameLikeness, name_likeness
from lake.ports import Lake

__all__ = ["Observed", "observe"]

PERIOD_DAYS = 28
"""Of thirteen weeks one half may have sold what the other had not yet: such pairs would seem to seek each other."""


@dataclass(frozen=True, slots=True, eq=False)
class Observed:
    """Products by position, baskets by number, and what was counted over them.

    `bought` has an int32 one per product and basket. `by_stratum` and `by_household_stratum` count baskets by product and
    cell (trips of like size; one household's trips of like size), `by_period_stratum` by trips of like size within 4 weeks;
    `stratum_trips`, `household_stratum_trips` and `period_stratum_trips` count all trips
    of each cell; `stratum` and `cell` are those of each basket. `names` compares products of no category.
    """

    as_of: date
    products: pa.Table
    bought: sparse.csr_array
    household: np.ndarray
    day: np.ndarray
    stratum: np.ndarray
    cell: np.ndarray
    household_ids: pa.Array
    names: NameLikeness
    by_stratum: sparse.csr_array
    stratum_trips: np.ndarray
    by_period_stratum: sparse.csr_array
    period_stratum_trips: np.ndarray
    by_household_stratum: sparse.csr_array
    household_stratum_trips: np.ndarray

    @property
    def ids(self) -> pa.Array:
        """Product ids in position order."""
        return self.products["product_id"].combine_chunks()

    @property
    def category_codes(self) -> np.ndarray:
        """The category of each product as a number, -1 where unknown."""
        return _codes(self.products["category"])

    def within(self, baskets: np.ndarray) -> "Observed":
        """Return what is seen in some baskets (mask) alone; products keep their positions and their records."""
        bought = self.bought[:, np.flatnonzero(baskets)]
        bought.sort_indices()
        stratum, cell = self.stratum[baskets], self.cell[baskets]
        return replace(
            self,
            bought=bought,
            household=self.household[baskets],
            day=self.day[baskets],
            stratum=stratum,
            cell=cell,
            by_stratum=_by_group(bought, stratum),
            stratum_trips=np.bincount(stratum, minlength=1),
            **_by_period(bought, self.day[baskets], stratum),
            by_household_stratum=_by_group(bought, cell),
            household_stratum_trips=np.bincount(cell, minlength=1),
        )

    def baskets_of(self) -> np.ndarray:
        """Return how many baskets hold each product."""
        return np.diff(self.bought.indptr)


def observe(lake: Lake, as_of: date, need: Support) -> Observed:
    """Read what relations need from the lake. Nothing dated after `as_of` is counted. Raises: TableMissing."""
    products = lake.to_arrow(product_support(lake, as_of, need))
    visits = lake.to_arrow(
        trips(lake, as_of).select("basket", "basket_id", "household_id", "day", "trip_stratum").order_by("basket")
    )
    bought = _bought(lake.to_arrow(supported_lines(lake, as_of, need)), visits, products.num_rows)
    encoded = visits["household_id"].combine_chunks().dictionary_encode()
    household = encoded.indices.to_numpy().astype(np.int64)
    stratum = visits["trip_stratum"].to_numpy()
    day = visits["day"].cast(pa.int32()).to_numpy()
    # halves of the strata: a household has too few trips for all of them
    cell = household * (LARGEST_TRIP_STRATUM // 2 + 1) + stratum // 2
    return Observed(
        as_of=as_of,
        products=products,
        bought=bought,
        household=household,
        day=day,
        stratum=stratum,
        cell=cell,
        household_ids=encoded.dictionary,
        names=name_likeness(products["name"], products["category"]),
        by_stratum=_by_group(bought, stratum),
        stratum_trips=np.bincount(stratum),
        **_by_period(bought, day, stratum),
        by_household_stratum=_by_group(bought, cell),
        household_stratum_trips=np.bincount(cell),
    )


def _bought(lines: pa.Table, visits: pa.Table, products: int) -> sparse.csr_array:
    baskets = pc.index_in(lines["basket_id"].combine_chunks(), value_set=visits["basket_id"].combine_chunks()).to_numpy()
    ones = np.ones(lines.num_rows, dtype=np.int32)
    matrix = sparse.csr_array((ones, (lines["position"].to_numpy(), baskets)), shape=(products, visits.num_rows))
    matrix.sort_indices()
    return matrix


def _by_period(bought: sparse.csr_array, day: np.ndarray, stratum: np.ndarray) -> dict[str, Any]:
    """Count by trips of like size within 4 weeks: what two products owe to a season in common is seen there."""
    period = (day - day.min()) // PERIOD_DAYS if day.size else day
    cell = period.astype(np.int64) * (LARGEST_TRIP_STRATUM + 1) + stratum
    return {"by_period_stratum": _by_group(bought, cell), "period_stratum_trips": np.bincount(cell, minlength=1)}


def _by_group(bought: sparse.csr_array, group: np.ndarray) -> sparse.csr_array:
    """Count each product's baskets by the group they belong to."""
    row = np.repeat(np.arange(bought.shape[0]), np.diff(bought.indptr))
    groups = int(group.max(initial=-1)) + 1
    counted = sparse.coo_array((bought.data, (row, group[bought.indices])), shape=(bought.shape[0], groups)).tocsr()
    counted.sum_duplicates()
    counted.sort_indices()
    return counted


def _codes(values: pa.ChunkedArray) -> np.ndarray:
    codes = pc.dictionary_encode(values.combine_chunks()).indices
    return np.asarray(pc.fill_null(codes, -1).to_numpy(zero_copy_only=False), dtype=np.int64)

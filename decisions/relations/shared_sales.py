"""What two products share in sales: baskets, buyers, and days on which both were promoted.

A count over fewer than ten households is withheld: it would tell of single people.
"""

from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kg.ports import ArrayGraph, Direction

__all__ = ["FEWEST_HOUSEHOLDS", "SharedCount", "SharedSales"]

FEWEST_HOUSEHOLDS = 10
"""Below this many households a count is withheld."""
NO_END = -1


@dataclass(frozen=True, slots=True)
class SharedCount:
    """How much the two share: `shared` of `first` and of `second`; None where fewer than ten households are behind a count.

    `kind` is `baskets`, `households` or `promotion_days`.
    """

    kind: str
    shared: int | None
    first: int | None
    second: int | None
    text: str


class SharedSales:
    """Counts on the arrays of one published version, up to its day."""

    def __init__(self, graph: ArrayGraph) -> None:
        self._graph = graph

    def of(self, one: str, other: str) -> tuple[SharedCount, ...]:
        """Return the counts of two products of the graph."""
        baskets = [self._baskets(product) for product in (one, other)]
        baskets.append(np.intersect1d(baskets[0], baskets[1], assume_unique=True))
        buyers = [self._buyers(held) for held in baskets]
        both = np.intersect1d(buyers[0], buyers[1], assume_unique=True)
        promoted = [self._promoted_days(product) for product in (one, other)]
        days = len(np.intersect1d(promoted[0], promoted[1], assume_unique=True))
        shown = [_shown(len(held), len(people)) for held, people in zip(baskets, buyers, strict=True)]
        people = [_shown(len(who), len(who)) for who in (buyers[0], buyers[1], both)]
        return (
            _count("baskets", shown, "baskets hold both"),
            _count("households", people, "households bought both"),
            _count("promotion_days", [len(promoted[0]), len(promoted[1]), days], "days saw both promoted"),
        )

    def _baskets(self, product_id: str) -> np.ndarray:
        lines = self._graph.adjacency("contains", Direction.IN)
        found = np.unique(_row(lines.indptr, lines.neighbours, self._place(product_id)))
        return np.asarray(found[self._basket_days[found] <= _number(self._graph.version.as_of)])

    def _buyers(self, baskets: np.ndarray) -> np.ndarray:
        made = self._graph.adjacency("madeBy", Direction.OUT)
        has_buyer = baskets[made.indptr[baskets + 1] > made.indptr[baskets]]
        return np.unique(made.neighbours[made.indptr[has_buyer]])

    def _promoted_days(self, product_id: str) -> np.ndarray:
        """Return the days up to the graph's own on which a promotion of the product ran, as days since 1970-01-01."""
        promotions = self._graph.adjacency("promotes", Direction.IN)
        found = _row(promotions.indptr, promotions.neighbours, self._place(product_id))
        starts, ends = (days[found] for days in self._promotion_windows)
        last = _number(self._graph.version.as_of) + 1
        spans = [np.arange(start, min(end, last)) for start, end in zip(starts.tolist(), ends.tolist(), strict=True)]
        return np.unique(np.concatenate(spans)) if spans else np.empty(0, dtype=np.int64)

    def _place(self, product_id: str) -> int:
        place = self._graph.position("Product", product_id)
        if place is None:
            raise LookupError(f"{product_id} is no product of the graph")
        return place

    @cached_property
    def _basket_days(self) -> np.ndarray:
        return _days(self._graph.column("Basket", "business_date"), _number(date.max))

    @cached_property
    def _promotion_windows(self) -> tuple[np.ndarray, np.ndarray]:
        """First days, and the days after the last; a promotion without an end runs on the day it begins alone."""
        starts = _days(self._graph.column("Promotion", "valid_from"), _number(date.max))
        ends = _days(self._graph.column("Promotion", "valid_to"), NO_END)
        return starts, np.where(ends == NO_END, starts + 1, ends)


def _shown(count: int, households: int) -> int | None:
    return None if 0 < households < FEWEST_HOUSEHOLDS else count


def _count(kind: str, counts: list[int | None], words: str) -> SharedCount:
    first, second, shared = counts
    if shared is None:
        text = f"{words} so rarely that fewer than {FEWEST_HOUSEHOLDS} households are behind it"
    else:
        text = f"{shared or 'no'} {words}"
    return SharedCount(kind, shared, first, second, text)


def _row(indptr: np.ndarray, neighbours: np.ndarray, place: int) -> np.ndarray:
    return np.asarray(neighbours[indptr[place] : indptr[place + 1]])


def _days(column: pa.ChunkedArray, unknown: int) -> np.ndarray:
    return np.asarray(pc.fill_null(column.cast(pa.int32()), unknown).to_numpy(), dtype=np.int64)


def _number(day: date) -> int:
    return (day - date(1970, 1, 1)).days

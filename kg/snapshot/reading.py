"""Reads on the arrays of a snapshot: which edges `as_of` lets through, and what a household has bought."""

import math
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kg.ports import Adjacency, Direction, RepertoireItem
from kg.snapshot.files import SnapshotFiles
from kg.snapshot.searching import gather
from kg.snapshot.values import day_number
from kg.visibility import visibility_of

__all__ = ["EdgeFilter", "Repertoires", "Scopes"]

EARLIEST, LATEST = -(2**31), 2**31 - 1


class EdgeFilter:
    """Which edges of one relation are there on a day."""

    def __init__(self, files: SnapshotFiles, relation: str) -> None:
        rules = visibility_of(files.schema, relation)
        definition = files.schema.relations[relation]
        labels = {Direction.OUT: definition.source, Direction.IN: definition.target}
        self._window = _window(files.edges(relation)) if rules.edge_window else None
        self._dates = {end: _days(files.nodes(labels[end]), "business_date", LATEST) for end in rules.dated_ends}
        self._end_windows = {end: _window(files.nodes(labels[end])) for end in rules.window_ends}
        self._source = files.edges(relation).column("source").to_numpy()
        self._target = files.edges(relation).column("target").to_numpy()

    def visible(self, edges: np.ndarray, as_of: date) -> np.ndarray:
        """Return for each edge row whether it is there on `as_of` (see `kg.visibility`)."""
        day = day_number(as_of)
        seen = np.ones(len(edges), dtype=np.bool_)
        if self._window is not None:
            seen &= _inside(self._window, edges, day)
        for end, days in self._dates.items():
            seen &= days[self._ends(end, edges)] <= day
        for end, window in self._end_windows.items():
            seen &= _inside(window, self._ends(end, edges), day)
        return seen

    def _ends(self, end: Direction, edges: np.ndarray) -> np.ndarray:
        return np.asarray((self._source if end is Direction.OUT else self._target)[edges])


class Scopes:
    """Which scope each edge of one relation has, as codes."""

    def __init__(self, column: pa.ChunkedArray) -> None:
        coded = column.combine_chunks()
        if isinstance(coded, pa.ChunkedArray):
            coded = pa.concat_arrays(coded.chunks)
        if not pa.types.is_dictionary(coded.type):
            coded = coded.dictionary_encode()
        self._codes: np.ndarray = coded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        self._code_of = {text: code for code, text in enumerate(coded.dictionary.to_pylist())}

    def of(self, edges: np.ndarray, scope: str) -> np.ndarray:
        """Return for each edge row whether it has that scope."""
        code = self._code_of.get(scope)
        return np.zeros(len(edges), dtype=np.bool_) if code is None else np.asarray(self._codes[edges] == code)


class Repertoires:
    """What households bought, from `madeBy` and `contains`."""

    def __init__(self, files: SnapshotFiles) -> None:
        self._made = files.adjacency("madeBy", Direction.IN)
        self._lines: Adjacency = files.adjacency("contains", Direction.OUT)
        self._days = _days(files.nodes("Basket"), "business_date", LATEST)
        quantity = pc.fill_null(files.edges("contains").column("quantity"), 0.0)
        self._quantity: np.ndarray = quantity.to_numpy()
        self._product_ids = files.ids("Product")

    def of(self, household: int, as_of: date, limit: int) -> tuple[RepertoireItem, ...]:
        """Return the repertoire of the household at a position: most baskets first, then product id."""
        baskets = self._made.neighbours[self._made.indptr[household] : self._made.indptr[household + 1]]
        baskets = baskets[self._days[baskets] <= day_number(as_of)]
        entries = gather(self._lines.indptr, baskets)
        if not len(entries):
            return ()
        lengths = self._lines.indptr[baskets + 1] - self._lines.indptr[baskets]
        days = np.repeat(self._days[baskets], lengths)
        products, inverse, counts = np.unique(self._lines.neighbours[entries], return_inverse=True, return_counts=True)
        quantity = self._quantity[self._lines.edges[entries]]
        last = np.full(len(products), EARLIEST, dtype=np.int64)
        np.maximum.at(last, inverse, days)
        # a stable sort keeps products of equal counts in id order
        best = np.argsort(-counts, kind="stable")[:limit]
        return self._items(products[best], counts[best], _exact_sums(inverse, quantity, best), last[best])

    def _items(
        self, products: np.ndarray, baskets: np.ndarray, units: list[float], last: np.ndarray
    ) -> tuple[RepertoireItem, ...]:
        ids = self._product_ids
        epoch = date(1970, 1, 1).toordinal()
        rows = zip(products.tolist(), baskets.tolist(), units, last.tolist(), strict=True)
        return tuple(RepertoireItem(ids[p], b, u, date.fromordinal(day + epoch)) for p, b, u, day in rows)


def _exact_sums(group: np.ndarray, numbers: np.ndarray, wanted: np.ndarray) -> list[float]:
    """Return the sum of each wanted group, rounded once: the same in every store, whatever order it adds in."""
    if np.all(np.trunc(numbers) == numbers):
        return [float(total) for total in np.bincount(group, weights=numbers)[wanted]]
    return [math.fsum(numbers[group == one].tolist()) for one in wanted.tolist()]


def _inside(window: tuple[np.ndarray, np.ndarray], rows: np.ndarray, day: int) -> np.ndarray:
    start, end = window
    return np.asarray((start[rows] <= day) & (day < end[rows]))


def _window(rows: pa.Table) -> tuple[np.ndarray, np.ndarray]:
    return _days(rows, "valid_from", EARLIEST), _days(rows, "valid_to", LATEST)


def _days(rows: pa.Table, name: str, unknown: int) -> np.ndarray:
    return np.asarray(pc.fill_null(rows.column(name).cast(pa.int32()), unknown).to_numpy())

"""Neighbours of a product as sparse weights: declared by edges of the graph, or siblings of its category and type.

An edge `A -> B` of any of the relations speaks about B: A is a substitute of B, a complement to B, bought with B. Row B
of the weights therefore holds the sources of the edges into B.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse

from features.demand_panel import DemandPanel

__all__ = ["NEIGHBOUR_RELATIONS", "NeighbourVintages", "Neighbours", "neighbours"]

NEIGHBOUR_RELATIONS = ("isSubstituteFor", "isComplementTo", "isBoughtWith")
MAXIMUM_NEIGHBOURS = 10
"""Per product and relation, the strongest first: weaker edges add noise and time."""


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Row-normalised N x N weights (float32 CSR) by relation, and sibling codes (int32, N) by grouping.

    `strengths` are what the weights were before, entry by entry, and `returned` (also entry by entry) the strength of the edge
    the other way, 0 without one.
    """

    weights: Mapping[str, sparse.csr_array]
    siblings: Mapping[str, np.ndarray]
    strengths: Mapping[str, sparse.csr_array] = field(default_factory=dict)
    returned: Mapping[str, sparse.csr_array] = field(default_factory=dict)

    def mean(self, relation: str, values: np.ndarray) -> np.ndarray:
        """Return the weighted mean of `values` (N x K, no NaN) over each row's neighbours; NaN without any."""
        weights = self.weights.get(relation)
        if weights is None:
            return np.full(values.shape, np.nan, dtype=np.float32)
        averaged = np.asarray(weights @ values, dtype=np.float32)
        averaged[np.diff(weights.indptr) == 0] = np.nan
        return averaged

    def sibling_sum(self, grouping: str, values: np.ndarray) -> np.ndarray:
        """Return the sum of `values` (N x K) over each row's siblings, the row itself left out."""
        codes = self.siblings[grouping]
        columns = [np.bincount(codes, weights=values[:, k])[codes] - values[:, k] for k in range(values.shape[1])]
        return np.stack(columns, axis=1)


@dataclass(frozen=True, slots=True, eq=False)
class NeighbourVintages:
    """Neighbours as they were known when so many weeks were: an origin sees the latest vintage that it knew.

    Edges of today are drawn from the very weeks that a model learns to forecast. Told at a past origin, they know its future, and
    a model that trusts them there trusts them too much.
    """

    by_week: tuple[tuple[int, Neighbours], ...]
    """In the order of the weeks."""

    @classmethod
    def of(cls, by_week: Mapping[int, Neighbours]) -> "NeighbourVintages":
        """Return the vintages by the number of weeks known."""
        return cls(tuple(sorted(by_week.items(), key=lambda item: item[0])))

    @classmethod
    def always(cls, known: Neighbours) -> "NeighbourVintages":
        """Return one vintage for every origin: for whoever forecasts from one origin alone."""
        return cls(((0, known),))

    @property
    def latest(self) -> Neighbours:
        """The vintage known last."""
        return self.by_week[-1][1]

    def known_at(self, origin: int) -> tuple[int, Neighbours] | None:
        """Return the vintage of an origin with its week; None before the first."""
        found = [one for one in self.by_week if one[0] <= origin]
        return found[-1] if found else None

    def until(self, origin: int) -> "NeighbourVintages":
        """Return those that an origin knew. Raises: ValueError when there is none."""
        kept = tuple(one for one in self.by_week if one[0] <= origin)
        if not kept:
            raise ValueError(f"no neighbours were known at {origin}")
        return NeighbourVintages(kept)


def neighbours(panel: DemandPanel, edges: Mapping[str, pa.Table] | None) -> Neighbours:
    """Return the neighbours of the panel's products.

    Args:
        panel: the chain panel.
        edges: by relation, tables with `source`, `target` and `strength` built from facts up to the panel's day; None
            or a missing relation leaves that relation without neighbours. Retracted edges and edges of a scope other
            than `chain` are left out where the columns are there.
    """
    given = edges or {}
    read = {name: _read(panel, given[name]) for name in NEIGHBOUR_RELATIONS if name in given and given[name].num_rows}
    weights, strengths, returned = ({name: one[part] for name, one in read.items()} for part in range(3))
    siblings = {"category": panel.category, "type": panel.product_type}
    return Neighbours(weights=weights, siblings=siblings, strengths=strengths, returned=returned)


def _read(panel: DemandPanel, edges: pa.Table) -> tuple[sparse.csr_array, sparse.csr_array, sparse.csr_array]:
    """Return weights, strengths and the strengths of the edges the other way, of the same entries."""
    used = _usable(edges)
    ids = pa.array(panel.product_ids, pa.string())
    row, column = (_positions(used[end], ids) for end in ("target", "source"))
    strength = np.asarray(used["strength"].cast(pa.float64()).to_numpy(), dtype=np.float64)
    kept = (row >= 0) & (column >= 0) & (row != column) & (strength > 0)
    row, column, strength = row[kept], column[kept], strength[kept]
    back = _turned(row, column, strength, len(ids))
    order = _strongest(row, column, strength)
    row, column, strength, back = row[order], column[order], strength[order], back[order]
    total = np.bincount(row, weights=strength, minlength=len(ids))
    start = np.searchsorted(row, np.arange(len(ids) + 1))
    shares = (strength / total[row], strength, back)
    weights, strengths, returned = (
        sparse.csr_array((one.astype(np.float32), column, start), shape=(len(ids), len(ids))) for one in shares
    )
    return weights, strengths, returned


def _turned(row: np.ndarray, column: np.ndarray, strength: np.ndarray, count: int) -> np.ndarray:
    """Return of each edge the strength of the one the other way, 0 without one."""
    if not len(row):
        return strength
    key, turned = row * count + column, column * count + row
    order = np.argsort(key)
    at = np.minimum(np.searchsorted(key[order], turned), len(key) - 1)
    return np.where(key[order][at] == turned, strength[order][at], 0.0)


def _usable(edges: pa.Table) -> pa.Table:
    if "status" in edges.column_names:
        edges = edges.filter(pc.not_equal(edges["status"], "retracted"))
    if "scope" in edges.column_names:
        edges = edges.filter(pc.equal(edges["scope"], "chain"))
    return edges


def _positions(column: pa.ChunkedArray, ids: pa.Array) -> np.ndarray:
    found = pc.index_in(column.cast(pa.string()).combine_chunks(), value_set=ids)
    return np.asarray(pc.fill_null(found, -1).to_numpy(zero_copy_only=False), dtype=np.int64)


def _strongest(row: np.ndarray, column: np.ndarray, strength: np.ndarray) -> np.ndarray:
    """Return the places of the strongest edges of each row, row by row in the order of their columns."""
    order = np.lexsort((column, -strength, row))
    rank = np.arange(len(row)) - np.searchsorted(row[order], row[order], side="left")
    kept = order[rank < MAXIMUM_NEIGHBOURS]
    return kept[np.lexsort((column[kept], row[kept]))]

"""The list of products in id order, filtered by category, supplier and merchandise, page by page."""

from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from kg.ports import ArrayGraph, Direction

__all__ = ["Catalogue", "CatalogueFilter", "CataloguePage"]


@dataclass(frozen=True, slots=True)
class CatalogueFilter:
    """Which products to list. A category includes the narrower ones below it; None filters nothing."""

    category_id: str | None = None
    supplier_id: str | None = None
    merchandise_only: bool = True


@dataclass(frozen=True, slots=True)
class CataloguePage:
    """Ids of one page, whether more follow, and how many products the filter has in all."""

    ids: tuple[str, ...]
    has_next: bool
    total: int


class Catalogue:
    """Reads the arrays of one graph version. Safe to share between threads."""

    def __init__(self, graph: ArrayGraph) -> None:
        self._graph = graph

    def page(self, wanted: CatalogueFilter, *, first: int, after_id: str | None) -> CataloguePage:
        """Return the next `first` products behind `after_id` in ascending order of ids. Unknown filters give an empty page."""
        ids = self._graph.ids("Product")
        positions = self._positions(wanted)
        start = 0 if after_id is None else int(np.searchsorted(positions, bisect_right(ids, after_id)))
        chosen = positions[start : start + first].tolist()
        return CataloguePage(tuple(ids[at] for at in chosen), start + first < len(positions), len(positions))

    def _positions(self, wanted: CatalogueFilter) -> np.ndarray:
        parts = []
        if wanted.merchandise_only:
            parts.append(self._merchandise)
        if wanted.category_id is not None:
            parts.append(self._in_category(wanted.category_id))
        if wanted.supplier_id is not None:
            parts.append(self._sources("suppliedBy", "Supplier", [wanted.supplier_id]))
        positions = parts[0] if parts else np.arange(len(self._graph.ids("Product")))
        for part in parts[1:]:
            positions = np.intersect1d(positions, part, assume_unique=True)
        return positions

    @cached_property
    def _merchandise(self) -> np.ndarray:
        column = self._graph.column("Product", "merchandise").to_pylist()
        return np.flatnonzero(np.array([value is not False for value in column], dtype=bool))

    def _in_category(self, category_id: str) -> np.ndarray:
        """Products of a category and of all below it: at most as many rounds as the hierarchy has levels."""
        known: list[str] = []
        level = [category_id]
        while level:
            known.extend(level)
            found = self._sources("broader", "ProductCategory", level)
            names = self._graph.ids("ProductCategory")
            level = [names[at] for at in found.tolist() if names[at] not in known]
        return self._sources("inCategory", "ProductCategory", known)

    def _sources(self, relation: str, target_label: str, target_ids: list[str]) -> np.ndarray:
        """Positions of the nodes that have an edge to one of the targets, ascending, each once."""
        adjacency = self._graph.adjacency(relation, Direction.IN)
        at = [p for target in target_ids if (p := self._graph.position(target_label, target)) is not None]
        windows = [adjacency.neighbours[adjacency.indptr[p] : adjacency.indptr[p + 1]] for p in at]
        return np.unique(np.concatenate(windows)) if windows else np.empty(0, dtype=np.int64)

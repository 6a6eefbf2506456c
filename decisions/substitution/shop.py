"""What the feature snapshot says of the shop: recent sales by product and store, margins, and the clusters of stores."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa

from decisions.substitution.replacements import GraphView
from features import Tables
from features.demand_columns import positions
from features.shop_facts import PRODUCTS, STORE_UNITS, STORES
from kg.ports import ArrayGraph

__all__ = ["Shares", "Shop"]

JEFFREYS = 0.5
"""What a store's few sales are taken to be more, when their chance is judged: one that sold nothing may sell."""


@dataclass(frozen=True, slots=True, eq=False)
class Shares:
    """The part of each product's recent units that some stores sold, and its relative variance by chance."""

    share: np.ndarray
    variance: np.ndarray


class Shop:
    """Recent facts by product position of the graph, `view`. Products that did not sell have 0 units.

    Args:
        graph: the published version; what it does not have is left out.
        tables: `shop_products`, `shop_store_units` and `shop_stores` (`features.shop_facts`).
    """

    def __init__(self, graph: ArrayGraph, tables: Tables) -> None:
        self.view = view = GraphView(graph)
        products, by_store = tables.table(PRODUCTS), tables.table(STORE_UNITS)
        places = positions(products["product_id"], view.ids)
        known = places >= 0
        self.units = _spread(products["units"], places, known, view.products(), 0.0)
        self.net_sales = _spread(products["net_sales"], places, known, view.products(), 0.0)
        self.unit_cost = _spread(products["unit_cost"], places, known, view.products(), np.nan)
        self.cost_simulated = _spread(products["cost_simulated"].cast(pa.float64()), places, known, view.products(), 0.0) > 0
        self._keep_stores(by_store)
        stores = tables.table(STORES)
        pairs = zip(stores["store_id"].to_pylist(), stores["cluster_id"].to_pylist(), strict=True)
        self._cluster: dict[str, str] = dict(pairs)

    @cached_property
    def units_of_categories(self) -> np.ndarray:
        """Recent units of each category, by its position."""
        return self.sum_by_category(self.units)

    @cached_property
    def sold_of_categories(self) -> np.ndarray:
        """How many products of each category sold."""
        return self.sum_by_category((self.units > 0).astype(np.float64))

    @property
    def clusters(self) -> tuple[str, ...]:
        """The clusters of stores."""
        return tuple(sorted(set(self._cluster.values())))

    def stores_of(self, cluster_id: str) -> tuple[str, ...]:
        """Return the stores of a cluster, in order."""
        return tuple(sorted(store for store, cluster in self._cluster.items() if cluster == cluster_id))

    def by_cluster(self, store_ids: Sequence[str]) -> Mapping[str | None, tuple[str, ...]]:
        """Return stores by their cluster (None: it has none), clusters in order."""
        found: dict[str | None, list[str]] = {}
        for store in sorted(set(store_ids)):
            found.setdefault(self._cluster.get(store), []).append(store)
        return {cluster: tuple(found[cluster]) for cluster in sorted(found, key=lambda one: one or "")}

    def shares(self, product_ids: Sequence[str], store_ids: Sequence[str]) -> Shares:
        """Return what part of each product's recent units was sold in the stores."""
        places = [self.view.position(product) for product in product_ids]
        asked = np.array([-1 if place is None else place for place in places], dtype=np.int64)
        sold = self.units_in(store_ids)[asked]
        total = np.where(asked >= 0, self.units[asked], 0.0)
        share = np.where(total > 0, np.where(asked >= 0, sold, 0.0) / np.maximum(total, 1e-9), 0.0)
        return Shares(share, np.maximum(1 - share, 0.0) / (share * total + JEFFREYS))

    def units_in(self, store_ids: Sequence[str]) -> np.ndarray:
        """Return recent units of every product in some stores."""
        chosen = np.zeros(len(self._store_ids), dtype=bool)
        chosen[[self._store_ids[store] for store in store_ids if store in self._store_ids]] = True
        rows = chosen[self._store]
        return np.bincount(self._product[rows], self._sold[rows], self.view.products())

    def margins(self, positions: np.ndarray) -> np.ndarray:
        """Return price less cost by unit (currency; NaN where no cost is known)."""
        units = np.maximum(self.units[positions], 1e-9)
        return np.where(self.units[positions] > 0, self.net_sales[positions] / units - self.unit_cost[positions], np.nan)

    def sum_by_category(self, values: np.ndarray) -> np.ndarray:
        """Return sums over the products of each category."""
        of = self.view.categories
        return np.bincount(of[of >= 0], values[of >= 0], int(of.max(initial=-1)) + 1)

    def _keep_stores(self, by_store: pa.Table) -> None:
        places = positions(by_store["product_id"], self.view.ids)
        codes = by_store["store_id"].combine_chunks().dictionary_encode()
        self._store_ids = {store: place for place, store in enumerate(codes.dictionary.to_pylist())}
        known = places >= 0
        self._product, self._store = places[known], np.asarray(codes.indices.to_numpy(zero_copy_only=False))[known]
        self._sold = np.asarray(by_store["units"].to_numpy())[known]


def _spread(column: pa.ChunkedArray, places: np.ndarray, known: np.ndarray, size: int, empty: float) -> np.ndarray:
    spread = np.full(size, empty)
    spread[places[known]] = np.asarray(column.to_numpy(), dtype=np.float64)[known]
    return spread

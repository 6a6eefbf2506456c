"""What one release knows, by position: its products, households and stores, what sells, and which shelf a product stands on."""

import numpy as np
import numpy.typing as npt

from decisions.recommend.graph_places import NOT_THERE
from decisions.recommend.graph_view import GraphView
from features.recommend_population import STORE_COLUMNS
from features.recommend_tables import ServingFeatures
from features.repertoire import FloatArray, IntArray
from kg.ports import ArrayGraph, Direction

__all__ = ["Shelf"]

_STORE_SOLD_28 = STORE_COLUMNS.index("store_sold_28")


class Shelf:
    """The release's facts that every surface reads. Positions are those of the features; what never sold has none.

    Args:
        graph: the published version.
        features: what is known of products, households and stores.
        view: the same graph as explanations need it.
    """

    def __init__(self, graph: ArrayGraph, features: ServingFeatures, view: GraphView) -> None:
        self.graph = graph
        self.features = features
        self.view = view
        self.product = {product: place for place, product in enumerate(features.product_ids.to_pylist())}
        self.household = {household: place for place, household in enumerate(features.household_ids)}
        self.store = {store: place for place, store in enumerate(features.store_ids)}
        self.popularity = _shares(features.population.baskets_in_28_days)
        self._in_features = np.full(len(graph.ids("Product")), NOT_THERE)
        self._in_features[view.place[view.present]] = np.flatnonzero(view.present)

    @property
    def products(self) -> int:
        """How many products the features know."""
        return len(self.product)

    def popularity_in(self, store: int | None) -> FloatArray:
        """Return each product's share of the best seller's baskets in 28 days, below 1, in a store or (None) the chain."""
        if store is None:
            return self.popularity
        products = np.arange(self.products)
        sold = self.features.population.stores(np.full(self.products, store), products, products)
        return _shares(sold[:, _STORE_SOLD_28])

    def positions(self, product_ids: tuple[str, ...]) -> IntArray:
        """Return the ascending positions of those products that the features know."""
        found = {self.product[one] for one in product_ids if one in self.product}
        return np.array(sorted(found), dtype=np.int64)

    def beside(self, product_id: str) -> IntArray:
        """Return what stands in the same narrowest category as a product of the graph, sold or not itself."""
        position = self.graph.position("Product", product_id)
        up, down = (self.graph.adjacency("inCategory", way) for way in (Direction.OUT, Direction.IN))
        if position is None or up.indptr[position] == up.indptr[position + 1]:
            return np.empty(0, np.int64)
        category = int(up.neighbours[up.indptr[position]])
        there = self._in_features[np.asarray(down.neighbours[down.indptr[category] : down.indptr[category + 1]])]
        return np.sort(there[(there >= 0) & (there != self.product.get(product_id, -1))])


def _shares(sold: npt.NDArray[np.float32]) -> FloatArray:
    return np.asarray(sold.astype(np.float64) / (float(sold.max(initial=0.0)) + 1.0))

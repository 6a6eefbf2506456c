"""The heterogeneous graph of a shop as known at the end of a day: arrays without torch, from facts on or before that day.

Nodes are products, households, categories, product types, suppliers, brands, stores and promotion mechanics; every edge has a
product at one end. Which nodes there are is fixed once (`read_nodes`), so that graphs of several days share their numbers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gnn import facts
from gnn.errors import NothingToLearn
from gnn.text import text_vectors
from kit.canonical import digest_of_bytes, digest_of_value
from lake.ports import Lake

__all__ = ["NUMBERS", "RELATIONS", "Edges", "ShopGraph", "ShopNodes", "build_graph", "digest_of_arrays", "read_nodes"]

RELATIONS: Mapping[str, str] = {
    "in_category": "category",
    "of_type": "product_type",
    "supplied_by": "supplier",
    "of_brand": "brand",
    "bought_by": "household",
    "sold_at": "store",
    "promoted": "promotion",
}
"""By relation of a product: the kind of node at its other end."""
ATTRIBUTES: Mapping[str, str] = {
    "in_category": "category",
    "of_type": "product_type",
    "supplied_by": "supplier_id",
    "of_brand": "brand",
}
TEXTS = ("department", "category", "product_type", "name", "brand", "size")
NUMBERS = (
    "log_baskets", "log_households", "availability", "price_level", "log_size", "size_known", "new", "sold",
)  # fmt: skip
"""The figures of a product, after the columns of its text: all between about -3 and 3, 0 where nothing is known."""


@dataclass(frozen=True, slots=True, eq=False)
class Edges:
    """Parallel arrays: product and other (int64 positions) and weight (float32, above 0), sorted by product, then other."""

    product: np.ndarray
    other: np.ndarray
    weight: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class ShopNodes:
    """The nodes of every kind by ascending id, and what is known of products without a date.

    `text` is float32 (products x columns), `log_size` float32 (products; NaN where a size has no number), `category` the
    position of each product's category (int64; products without one share the last position, which is no node).
    """

    ids: Mapping[str, pa.Array]
    text: np.ndarray
    log_size: np.ndarray
    category: np.ndarray
    attributes: Mapping[str, Edges]

    def count(self, kind: str) -> int:
        """Return how many nodes of a kind there are."""
        return len(self.ids[kind])

    def positions(self, kind: str, ids: pa.Array | pa.ChunkedArray) -> np.ndarray:
        """Return the position of each id (int64), -1 for one that is no node."""
        return np.asarray(pc.fill_null(pc.index_in(ids, value_set=self.ids[kind]), -1).to_numpy(), dtype=np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class ShopGraph:
    """One day's graph: `features` is float32, products x (text and `NUMBERS`); `edges` by relation."""

    as_of: date
    nodes: ShopNodes
    features: np.ndarray
    edges: Mapping[str, Edges]

    @property
    def size(self) -> int:
        """How many edges there are, each counted once."""
        return sum(len(edges.product) for edges in self.edges.values())

    def digest(self) -> str:
        """Return the SHA-256 of everything the network sees."""
        edges = [part for edges in self.edges.values() for part in (edges.product, edges.other, edges.weight)]
        return digest_of_value([self.as_of, digest_of_arrays(self.features, *edges)])


def read_nodes(lake: Lake, as_of: date, text_columns: int) -> ShopNodes:
    """Return the nodes known at the end of `as_of`.

    Raises:
        NothingToLearn: no merchandise was sold on or before that day.
        TableMissing: the lake has no products or sales_lines.
    """
    products = facts.catalogue(lake)
    ids = {"product": products["product_id"].combine_chunks()}
    ids |= {RELATIONS[name]: _distinct(products[column]) for name, column in ATTRIBUTES.items()}
    ids |= {"household": facts.seen(lake, as_of, "household_id"), "store": facts.seen(lake, as_of, "store_id")}
    ids["promotion"] = _distinct(_promotions(lake, as_of)["mechanic"])
    if not len(ids["household"]):
        raise NothingToLearn(as_of, "no merchandise was sold on or before that day")
    category = pc.fill_null(pc.index_in(products["category"], value_set=ids["category"]), len(ids["category"]))
    text = text_vectors(_texts(products), text_columns)
    bare = ShopNodes(ids, text, _log_size(products["size"]), np.asarray(category.to_numpy(), dtype=np.int64), {})
    attributes = {name: _edges(bare, name, products, column) for name, column in ATTRIBUTES.items()}
    return ShopNodes(ids, text, bare.log_size, bare.category, attributes)


def build_graph(lake: Lake, nodes: ShopNodes, as_of: date) -> ShopGraph:
    """Return the graph of one day. Facts after `as_of` change no byte of it."""
    behaviour = {
        "bought_by": _edges(nodes, "bought_by", facts.household_edges(lake, as_of), "household_id"),
        "sold_at": _edges(nodes, "sold_at", facts.store_edges(lake, as_of), "store_id"),
        "promoted": _edges(nodes, "promoted", _promotions(lake, as_of), "mechanic"),
    }
    numbers = _numbers(nodes, facts.product_sales(lake, as_of))
    return ShopGraph(as_of, nodes, np.hstack([nodes.text, numbers]), {**nodes.attributes, **behaviour})


def _promotions(lake: Lake, as_of: date) -> pa.Table:
    if "promotion_weeks" not in lake.names():
        return pa.table(
            {"product_id": pa.array([], pa.string()), "mechanic": pa.array([], pa.string()), "weight": pa.array([], pa.float64())}
        )
    return facts.promotion_edges(lake, as_of)


def _edges(nodes: ShopNodes, relation: str, rows: pa.Table, column: str) -> Edges:
    """Return the edges whose two ends are nodes; attributes weigh 1."""
    product, other = nodes.positions("product", rows["product_id"]), nodes.positions(RELATIONS[relation], rows[column])
    weight = rows["weight"].to_numpy() if "weight" in rows.column_names else np.ones(len(product))
    kept = np.flatnonzero((product >= 0) & (other >= 0))
    kept = kept[np.lexsort((other[kept], product[kept]))]
    return Edges(product[kept], other[kept], weight[kept].astype(np.float32))


def _numbers(nodes: ShopNodes, sales: pa.Table) -> np.ndarray:
    """Return `NUMBERS` of every product (float32)."""
    place = nodes.positions("product", sales["product_id"])
    kept = place >= 0
    columns = {name: np.zeros(nodes.count("product")) for name in sales.column_names if name != "product_id"}
    for name, column in columns.items():
        column[place[kept]] = sales[name].to_numpy().astype(np.float64)[kept]
    sold = np.zeros(nodes.count("product"), dtype=bool)
    sold[place[kept]] = True
    known = np.isfinite(nodes.log_size)
    usual = columns["baskets"] * facts.SHORT_DAYS / facts.PRICE_DAYS
    figures = (
        np.log1p(columns["baskets"]) / 3,
        np.log1p(columns["households"]) / 3,
        np.minimum(np.divide(columns["short_baskets"], usual, out=np.zeros(len(sold)), where=usual > 0), 1.0),
        _price_level(nodes.category, columns["net_sales"], columns["units"]),
        np.where(known, nodes.log_size, 0.0) / 3,
        known,
        sold & (columns["first_age"] < facts.PRICE_DAYS),
        sold,
    )
    return np.column_stack(figures).astype(np.float32)


def _price_level(category: np.ndarray, net_sales: np.ndarray, units: np.ndarray) -> np.ndarray:
    """Return by how much the logarithm of a product's mean price lies above that of its category, cut at 3."""
    priced = (net_sales > 0) & (units > 0)
    price = np.log(np.where(priced, net_sales, 1.0) / np.where(priced, units, 1.0))
    mean = np.bincount(category, price * priced) / np.maximum(np.bincount(category, priced), 1)
    return np.clip(np.where(priced, price - mean[category], 0.0), -3.0, 3.0)


def _log_size(sizes: pa.ChunkedArray) -> np.ndarray:
    found = pc.struct_field(pc.extract_regex(sizes, r"(?P<number>\d*\.?\d+)"), "number")
    number = pc.fill_null(found.cast(pa.float64()), np.nan).to_numpy()
    return np.asarray(np.log(np.where(number > 0, number, np.nan)), dtype=np.float32)


def _texts(products: pa.Table) -> list[str]:
    filled = [pc.fill_null(products[name], "") for name in TEXTS]
    return [str(text) for text in pc.binary_join_element_wise(*filled, " ").to_pylist()]


def _distinct(column: pa.ChunkedArray) -> pa.Array:
    values = pc.unique(column.drop_null())
    return values.take(pc.sort_indices(values))


def digest_of_arrays(*arrays: np.ndarray) -> str:
    """Return one SHA-256 of the types, shapes and bytes of some arrays."""
    each = [digest_of_bytes(f"{array.dtype}{array.shape}".encode() + np.ascontiguousarray(array).tobytes()) for array in arrays]
    return digest_of_value(each)

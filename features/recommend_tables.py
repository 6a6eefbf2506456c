"""The recommender's part of the feature snapshot: knowledge at the end of one day, as Arrow tables and back."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from features.recommend_population import (
    PRODUCT_COLUMNS,
    PROMOTION_COLUMNS,
    SAVED_COLUMNS,
    STORE_COLUMNS,
    STORE_DAYS,
    STORE_MISSING,
    PopulationBefore,
)
from features.recommend_rebuying import GAP_BINS, gap_figures
from features.recommend_transform import (
    HOUSEHOLD_COLUMNS,
    MISSING_OWN,
    MISSING_RHYTHM,
    OWN_COLUMNS,
    RHYTHM_COLUMNS,
    HouseholdKnowledge,
    Keyed,
    household_knowledge,
)
from features.repertoire import FloatArray, IntArray, Levels, Purchases, latest_origins
from features.snapshot import Tables

__all__ = ["ServingFeatures", "StoredPopulation", "read_serving_features", "serving_tables"]

Matrix = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class StoredGaps:
    """Counts of gaps by type and bin, of products pooled by type and of types, and their sums over the chain."""

    kind: IntArray
    own: FloatArray
    types: FloatArray
    own_chain: FloatArray
    types_chain: FloatArray


class StoredPopulation:
    """The population's facts on the snapshot's day; the day of a question is the day after it and is not looked at."""

    def __init__(self, facts: Matrix, promoted: tuple[Matrix, Matrix], in_store: Keyed, gaps: StoredGaps) -> None:
        self._facts = facts
        self._promoted, self._saved = promoted
        self._in_store = in_store
        self._gaps = gaps

    @property
    def baskets_in_28_days(self) -> Matrix:
        """How many baskets of the last 28 days held each product, by its position."""
        return np.asarray(self._facts[:, PRODUCT_COLUMNS.index("sold_28")])

    def products(self, product: IntArray, day: IntArray) -> Matrix:
        return np.asarray(self._facts[product])

    def stores(self, store: IntArray, product: IntArray, day: IntArray) -> Matrix:
        return self._in_store.gather(store, product)

    def promotions(self, product: IntArray, day: IntArray) -> Matrix:
        return np.asarray(self._promoted[product])

    def saved(self, product: IntArray, day: IntArray) -> Matrix:
        return np.asarray(self._saved[product])

    def gaps(self, product: IntArray, day: IntArray, own_days: Matrix, type_days: Matrix) -> Matrix:
        known, kind = self._gaps, self._gaps.kind[product]
        return gap_figures(known.own[kind], known.types[kind], own_days, type_days, known.own_chain, known.types_chain)


@dataclass(frozen=True, slots=True)
class ServingFeatures:
    """All that serving reads. Households, products and stores are named by position in their id lists."""

    household_ids: tuple[str, ...]
    product_ids: pa.Array
    store_ids: tuple[str, ...]
    levels: Levels
    population: StoredPopulation
    knowledge: HouseholdKnowledge
    last_basket_ids: pa.ChunkedArray
    """The id of the latest basket with the product, one per row of `knowledge.own`."""


def serving_tables(purchases: Purchases, population: PopulationBefore) -> dict[str, pa.Table]:
    """Return the tables of all households, products and stores at the end of `purchases.as_of`."""
    origins = latest_origins(purchases)
    knowledge = household_knowledge(purchases, origins)
    products = np.arange(purchases.products.items)
    tomorrow = np.full(len(products), origins.day[0])
    sold = population.products(products, tomorrow)
    promoted = population.promotions(products, tomorrow)
    own = _keyed_table(knowledge.own, OWN_COLUMNS)
    last_basket = purchases.basket_ids.take(pa.array(knowledge.last_basket))
    return {
        "recommend_products": pa.table(
            {
                "product_id": purchases.product_ids,
                "type": purchases.levels.product_type,
                "category": purchases.levels.category,
                **_columns(PRODUCT_COLUMNS, sold),
                **_columns(PROMOTION_COLUMNS, promoted),
                **_columns(SAVED_COLUMNS, population.saved(products, tomorrow)),
            }
        ),
        "recommend_households": pa.table(
            {
                "household_id": purchases.household_ids,
                "day": origins.day,
                "store": origins.store,
                **_columns(HOUSEHOLD_COLUMNS, knowledge.household),
            }
        ),
        "recommend_own": own.append_column("last_basket_id", last_basket),
        "recommend_types": _keyed_table(knowledge.types, RHYTHM_COLUMNS),
        "recommend_categories": _keyed_table(knowledge.categories, RHYTHM_COLUMNS),
        "recommend_own_stores": _keyed_table(knowledge.in_stores, ("faded",)),
        "recommend_gaps": _gap_table(*population.gap_tables(int(origins.day[0]))),
        "recommend_stores": pa.table({"store_id": purchases.store_ids}),
        "recommend_store_products": _store_table(purchases, population, int(origins.day[0])),
    }


def read_serving_features(tables: Tables) -> ServingFeatures:
    """Read back what `serving_tables` gave, ready for lookups."""
    products, households = tables.table("recommend_products"), tables.table("recommend_households")
    levels = _levels(products)
    count = products.num_rows
    own = tables.table("recommend_own")
    stores = tables.table("recommend_store_products")
    in_store = _read_keyed(stores, STORE_COLUMNS, count, np.array(STORE_MISSING, np.float32))
    store_ids = tuple(tables.table("recommend_stores")["store_id"].to_pylist())
    own_places = count * max(len(store_ids), 1)
    knowledge = HouseholdKnowledge(
        _read_keyed(own, OWN_COLUMNS, count, MISSING_OWN),
        _read_keyed(tables.table("recommend_types"), RHYTHM_COLUMNS, levels.types, MISSING_RHYTHM),
        _read_keyed(tables.table("recommend_categories"), RHYTHM_COLUMNS, levels.categories, MISSING_RHYTHM),
        _read_keyed(tables.table("recommend_own_stores"), ("faded",), own_places, np.zeros(1, np.float32)),
        np.arange(own.num_rows),
        _matrix(households, HOUSEHOLD_COLUMNS),
        households["day"].to_numpy(),
        households["store"].to_numpy(),
    )
    return ServingFeatures(
        tuple(households["household_id"].to_pylist()),
        products["product_id"].combine_chunks(),
        store_ids,
        levels,
        StoredPopulation(
            _matrix(products, PRODUCT_COLUMNS),
            (_matrix(products, PROMOTION_COLUMNS), _matrix(products, SAVED_COLUMNS)),
            in_store,
            _gaps(tables.table("recommend_gaps"), levels),
        ),
        knowledge,
        own["last_basket_id"],
    )


def _store_table(purchases: Purchases, population: PopulationBefore, day: int) -> pa.Table:
    basket = np.repeat(np.arange(len(purchases.basket_day)), np.diff(purchases.products.start))
    products = purchases.products.items
    recent = purchases.basket_day[basket] >= day - STORE_DAYS
    key = np.sort(purchases.basket_store[basket[recent]] * products + purchases.products.item[recent])
    key = key[np.r_[True, key[1:] != key[:-1]]] if len(key) else key
    store, product = key // products, key % products
    counts = population.stores(store, product, np.full(len(key), day))
    return pa.table({"origin": store, "item": product, **_columns(STORE_COLUMNS, counts)})


def _keyed_table(keyed: Keyed, names: tuple[str, ...]) -> pa.Table:
    origin, item = keyed.key // keyed.items, keyed.key % keyed.items
    return pa.table({"origin": origin, "item": item, **_columns(names, keyed.values[:-1])})


def _gap_table(own: FloatArray, types: FloatArray) -> pa.Table:
    """Return one row per type and bin, in that order."""
    return pa.table({"own": own.ravel(), "types": types.ravel()})


def _gaps(table: pa.Table, levels: Levels) -> StoredGaps:
    own, types = (table[name].to_numpy().reshape(-1, len(GAP_BINS)) for name in ("own", "types"))
    return StoredGaps(levels.product_type, own, types, own.sum(axis=0), types.sum(axis=0))


def _read_keyed(table: pa.Table, names: tuple[str, ...], items: int, missing: Matrix) -> Keyed:
    return Keyed(table["origin"].to_numpy(), table["item"].to_numpy(), _matrix(table, names), items, missing)


def _columns(names: tuple[str, ...], values: Matrix) -> Mapping[str, Matrix]:
    return {name: np.ascontiguousarray(values[:, place]) for place, name in enumerate(names)}


def _matrix(table: pa.Table, names: tuple[str, ...]) -> Matrix:
    return np.column_stack([table[name].to_numpy() for name in names]).astype(np.float32)


def _levels(products: pa.Table) -> Levels:
    kind, category = products["type"].to_numpy(), products["category"].to_numpy()
    return Levels(kind, category, int(kind.max(initial=0)) + 1, int(category.max(initial=0)) + 1)

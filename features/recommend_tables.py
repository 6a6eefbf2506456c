"""The recommender's part of the feature snapshot: knowledge at the end of one day, as Arrow tables and back."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from features.recommend_live import history_tables
from features.recommend_population import PRODUCT_COLUMNS, PROMOTION_COLUMNS, STORE_COLUMNS, PopulationBefore
from features.recommend_transform import (
    HOUSEHOLD_COLUMNS,
    MISSING_RHYTHM,
    RHYTHM_COLUMNS,
    HouseholdKnowledge,
    Keyed,
    household_knowledge,
)
from features.repertoire import IntArray, Levels, Purchases, latest_origins
from features.snapshot import Tables

__all__ = ["ServingFeatures", "StoredPopulation", "read_serving_features", "serving_tables"]

Matrix = npt.NDArray[np.float32]


class StoredPopulation:
    """The population's facts on the snapshot's day; the day of a question is the day after it and is not looked at."""

    def __init__(self, facts: Matrix, promoted: Matrix, in_store: Keyed) -> None:
        self._facts = facts
        self._promoted = promoted
        self._in_store = in_store

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
    own = _rhythm_table(knowledge.own)
    last_basket = purchases.basket_ids.take(pa.array(knowledge.last_basket))
    return {
        "recommend_products": pa.table(
            {
                "product_id": purchases.product_ids,
                "type": purchases.levels.product_type,
                "category": purchases.levels.category,
                **_columns(PRODUCT_COLUMNS, sold),
                **_columns(PROMOTION_COLUMNS, promoted),
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
        "recommend_types": _rhythm_table(knowledge.types),
        "recommend_categories": _rhythm_table(knowledge.categories),
        "recommend_stores": pa.table({"store_id": purchases.store_ids}),
        "recommend_store_products": _store_table(purchases, population, int(origins.day[0])),
        **history_tables(purchases),
    }


def read_serving_features(tables: Tables) -> ServingFeatures:
    """Read back what `serving_tables` gave, ready for lookups."""
    products, households = tables.table("recommend_products"), tables.table("recommend_households")
    levels = _levels(products)
    count = products.num_rows
    own = tables.table("recommend_own")
    stores = tables.table("recommend_store_products")
    in_store = _read_keyed(stores, STORE_COLUMNS, count, np.zeros(len(STORE_COLUMNS), np.float32))
    knowledge = HouseholdKnowledge(
        _read_keyed(own, RHYTHM_COLUMNS, count, MISSING_RHYTHM),
        _read_keyed(tables.table("recommend_types"), RHYTHM_COLUMNS, levels.types, MISSING_RHYTHM),
        _read_keyed(tables.table("recommend_categories"), RHYTHM_COLUMNS, levels.categories, MISSING_RHYTHM),
        np.arange(own.num_rows),
        _matrix(households, HOUSEHOLD_COLUMNS),
        households["day"].to_numpy(),
        households["store"].to_numpy(),
    )
    return ServingFeatures(
        tuple(households["household_id"].to_pylist()),
        products["product_id"].combine_chunks(),
        tuple(tables.table("recommend_stores")["store_id"].to_pylist()),
        levels,
        StoredPopulation(_matrix(products, PRODUCT_COLUMNS), _matrix(products, PROMOTION_COLUMNS), in_store),
        knowledge,
        own["last_basket_id"],
    )


def _store_table(purchases: Purchases, population: PopulationBefore, day: int) -> pa.Table:
    basket = np.repeat(np.arange(len(purchases.basket_day)), np.diff(purchases.products.start))
    products = purchases.products.items
    recent = purchases.basket_day[basket] >= day - 91
    key = np.sort(purchases.basket_store[basket[recent]] * products + purchases.products.item[recent])
    key = key[np.r_[True, key[1:] != key[:-1]]] if len(key) else key
    store, product = key // products, key % products
    counts = population.stores(store, product, np.full(len(key), day))
    return pa.table({"origin": store, "item": product, **_columns(STORE_COLUMNS, counts)})


def _rhythm_table(keyed: Keyed) -> pa.Table:
    origin, item = keyed.key // keyed.items, keyed.key % keyed.items
    return pa.table({"origin": origin, "item": item, **_columns(RHYTHM_COLUMNS, keyed.values[:-1])})


def _read_keyed(table: pa.Table, names: tuple[str, ...], items: int, missing: Matrix) -> Keyed:
    return Keyed(table["origin"].to_numpy(), table["item"].to_numpy(), _matrix(table, names), items, missing)


def _columns(names: tuple[str, ...], values: Matrix) -> Mapping[str, Matrix]:
    return {name: np.ascontiguousarray(values[:, place]) for place, name in enumerate(names)}


def _matrix(table: pa.Table, names: tuple[str, ...]) -> Matrix:
    return np.column_stack([table[name].to_numpy() for name in names]).astype(np.float32)


def _levels(products: pa.Table) -> Levels:
    kind, category = products["type"].to_numpy(), products["category"].to_numpy()
    return Levels(kind, category, int(kind.max(initial=0)) + 1, int(category.max(initial=0)) + 1)

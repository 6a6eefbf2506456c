"""Stores that sell alike, from their sales up to a day: the share of each department, their size and the size of their trips.

Method: k-means with k-means++ starts (Arthur and Vassilvitskii 2007) on square roots of department shares (so that distances
are those of Hellinger), log size and log trip size; the number of clusters is the one with the best mean silhouette (Rousseeuw
1987) among those whose every cluster sells enough. Money is summed in whole minor units and all runs are seeded: equal facts
give equal clusters. Stores too small to be fitted go to the nearest centre, their shares drawn towards the chain's.
"""

from dataclasses import dataclass
from datetime import date

import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
from scipy.cluster.vq import kmeans2
from scipy.spatial.distance import cdist

from lake.ports import Lake

__all__ = ["CLUSTER_SCHEMA", "ClusterNeed", "described_clusters", "store_clusters"]

CLUSTER_SCHEMA = pa.schema([("store_id", pa.string()), ("cluster_id", pa.string())])
STARTS = 20
SIZE_WEIGHT = 0.5
"""Size and trip size weigh half as much as the whole mix of departments, each."""


@dataclass(frozen=True, slots=True)
class ClusterNeed:
    """How many clusters are tried, and what a store and a cluster need.

    A store is fitted with `store_baskets`; its shares are drawn towards the chain's by the sales of `prior_baskets`. A cluster
    needs `cluster_stores` fitted stores and `cluster_share` of all baskets.
    """

    most: int = 5
    fewest: int = 3
    store_baskets: int = 200
    prior_baskets: float = 50.0
    cluster_stores: int = 3
    cluster_share: float = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class _Stores:
    """Stores ascending by id: `mix` is stores x departments in minor units of money."""

    ids: np.ndarray
    departments: np.ndarray
    mix: np.ndarray
    baskets: np.ndarray
    products_per_basket: np.ndarray


def store_clusters(lake: Lake, as_of: date, *, seed: int = 0, need: ClusterNeed | None = None) -> pa.Table:
    """Return the cluster of every store with sales up to `as_of`, sorted by store (`CLUSTER_SCHEMA`).

    Clusters are numbered by their baskets: "cluster-1" sells most. Where no number of clusters meets the need, all stores
    form one. Raises: TableMissing.
    """
    stores = _read(lake, as_of)
    place = _places(stores, need or ClusterNeed(), seed)
    names = [f"cluster-{number + 1}" for number in place.tolist()]
    return pa.table([pa.array(stores.ids, pa.string()), pa.array(names, pa.string())], schema=CLUSTER_SCHEMA)


def described_clusters(lake: Lake, clusters: pa.Table, as_of: date) -> pa.Table:
    """Return cluster_id, display_name (what sets it apart) and stores (list of ids), by cluster.

    `clusters` is what `store_clusters` gave for the same day. Raises: TableMissing.
    """
    stores = _read(lake, as_of)
    member = dict(zip(clusters["store_id"].to_pylist(), clusters["cluster_id"].to_pylist(), strict=True))
    place = np.array([member[store] for store in stores.ids.tolist()], dtype=str)
    ids = sorted(set(place.tolist()))
    return pa.table(
        {
            "cluster_id": pa.array(ids, pa.string()),
            "display_name": pa.array([_display_name(stores, place == cluster) for cluster in ids], pa.string()),
            "stores": pa.array([stores.ids[place == cluster].tolist() for cluster in ids], pa.list_(pa.string())),
        }
    )


def _read(lake: Lake, as_of: date) -> _Stores:
    sales, trips = lake.to_arrow(_sales_by_department(lake, as_of)), lake.to_arrow(_trips_by_store(lake, as_of))
    ids = np.array(trips["store_id"].to_pylist(), dtype=str)
    departments, column = np.unique(np.array(sales["department"].to_pylist(), dtype=str), return_inverse=True)
    mix = np.zeros((ids.size, departments.size))
    row = np.searchsorted(ids, np.array(sales["store_id"].to_pylist(), dtype=str))
    mix[row, column] = np.maximum(sales["minor_units"].to_numpy(), 0)
    baskets = trips["baskets"].to_numpy()
    return _Stores(ids, departments, mix, baskets, trips["products"].to_numpy() / np.maximum(baskets, 1))


def _located_lines(lake: Lake, as_of: date) -> ir.Table:
    lines = lake.table("sales_lines")
    return lines.filter((lines.business_date <= as_of) & lines.merchandise & (lines.quantity > 0) & lines.store_id.notnull())


def _sales_by_department(lake: Lake, as_of: date) -> ir.Table:
    lines, products = _located_lines(lake, as_of), lake.table("products")
    of_known = lines.select("product_id", "store_id", minor_units=(lines.net_sales * 100).round().cast("int64")).left_join(
        products.select("product_id", "department"), "product_id"
    )
    named = of_known.mutate(department=of_known.department.fill_null("UNKNOWN"))
    return named.group_by("store_id", "department").aggregate(minor_units=named.minor_units.sum())


def _trips_by_store(lake: Lake, as_of: date) -> ir.Table:
    lines = _located_lines(lake, as_of)
    once = lines.select("store_id", "basket_id", "product_id").distinct()
    counted = once.group_by("store_id").aggregate(baskets=once.basket_id.nunique(), products=once.count())
    return counted.order_by("store_id")


def _places(stores: _Stores, need: ClusterNeed, seed: int) -> np.ndarray:
    """Return the number of each store's cluster, from 0, by falling baskets."""
    features = _features(stores, need)
    fitted = stores.baskets >= need.store_baskets
    best = _best_centres(features[fitted], stores.baskets[fitted], need, seed)
    place = _nearest(features, best) if best is not None else np.zeros(stores.ids.size, dtype=np.int64)
    volume = np.bincount(place, stores.baskets)
    order = np.lexsort((np.arange(volume.size), -volume))
    return np.asarray(np.argsort(order)[place])


def _features(stores: _Stores, need: ClusterNeed) -> np.ndarray:
    """Return stores x features; each block is scaled by its spread over the fitted stores, or over all when none is."""
    prior = stores.mix.sum(axis=0) / max(stores.baskets.sum(), 1) * need.prior_baskets
    smooth = stores.mix + prior
    shares = np.sqrt(smooth / np.maximum(smooth.sum(axis=1, keepdims=True), 1e-9))
    size = np.log(np.maximum(stores.baskets, 1))[:, None]
    weight = stores.baskets / (stores.baskets + need.prior_baskets)
    usual = np.average(stores.products_per_basket, weights=stores.baskets) if stores.ids.size else 1.0
    trip = np.log(weight * stores.products_per_basket + (1 - weight) * usual)[:, None]
    rows = stores.baskets >= need.store_baskets
    return np.concatenate([_scaled(shares, rows), SIZE_WEIGHT * _scaled(size, rows), SIZE_WEIGHT * _scaled(trip, rows)], axis=1)


def _scaled(block: np.ndarray, rows: np.ndarray) -> np.ndarray:
    chosen = block[rows] if rows.any() else block
    if not chosen.size:
        return block
    spread = np.sqrt(chosen.var(axis=0).sum())
    # rounded, so that the last bit of a logarithm cannot decide
    return np.asarray(np.round((block - chosen.mean(axis=0)) / (spread if spread > 1e-9 else 1.0), 9))


def _best_centres(features: np.ndarray, baskets: np.ndarray, need: ClusterNeed, seed: int) -> np.ndarray | None:
    """Return the centres (clusters x features) of the best number of clusters, or None where no number meets the need."""
    found = {}
    for clusters in range(2, need.most + 1):
        if features.shape[0] >= clusters * need.cluster_stores:
            centres = _centres(features, clusters, seed)
            place = _nearest(features, centres)
            if _enough(place, baskets, clusters, need):
                found[clusters] = (_silhouette(features, place), centres)
    wanted = [clusters for clusters in found if clusters >= need.fewest] or list(found)
    return found[max(wanted, key=lambda clusters: (round(found[clusters][0], 9), -clusters))][1] if wanted else None


def _enough(place: np.ndarray, baskets: np.ndarray, clusters: int, need: ClusterNeed) -> bool:
    stores, volume = np.bincount(place, minlength=clusters), np.bincount(place, baskets, clusters)
    return bool(stores.min() >= need.cluster_stores and volume.min() >= need.cluster_share * baskets.sum())


def _centres(features: np.ndarray, clusters: int, seed: int) -> np.ndarray:
    random = np.random.default_rng([seed, clusters])
    runs = [kmeans2(features, clusters, minit="++", iter=50, rng=random, missing="warn")[0] for _ in range(STARTS)]
    within = [round(float(cdist(features, centres, "sqeuclidean").min(axis=1).sum()), 9) for centres in runs]
    return np.asarray(runs[int(np.argmin(within))])


def _nearest(features: np.ndarray, centres: np.ndarray) -> np.ndarray:
    return np.asarray(np.argmin(cdist(features, centres, "sqeuclidean"), axis=1))


def _silhouette(features: np.ndarray, place: np.ndarray) -> float:
    """Return the mean silhouette; every cluster has two members or more."""
    distances, members = cdist(features, features), np.eye(place.max() + 1)[place]
    sums, sizes = distances @ members, members.sum(axis=0)
    own = sums[np.arange(place.size), place] / np.maximum(sizes[place] - 1, 1)
    other = np.where(members > 0, np.inf, sums / sizes).min(axis=1)
    return float(np.mean((other - own) / np.maximum(np.maximum(own, other), 1e-12)))


def _display_name(stores: _Stores, inside: np.ndarray) -> str:
    """Return what sets the cluster apart: how many stores, their trips beside the chain's, their strongest departments."""
    share, chain = stores.mix[inside].sum(axis=0), stores.mix.sum(axis=0)
    lift = share / max(share.sum(), 1e-9) - chain / max(chain.sum(), 1e-9)
    strong = [str(stores.departments[at]).lower() for at in np.argsort(-lift, kind="stable")[:2] if lift[at] > 0]
    trip = float(np.average(stores.products_per_basket[inside], weights=stores.baskets[inside]))
    told = f"Store cluster of {int(inside.sum())} stores, trips for {trip:.0f} products"
    return f"{told}, strong in {' and '.join(strong)}" if strong else told

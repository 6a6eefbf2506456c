"""Whether the delistings and absences that are told of a world took place, and how many of those planted are told."""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bench.planted_scores import Columns
from bench.world import World
from decisions.relations.fitting import EXPERIMENTS
from features.relation_events import EventNeed, detect_events
from features.store_clusters import store_clusters
from kg.ports import CHAIN

__all__ = ["event_figures", "judge_events"]

MOSTLY = 0.5
"""An event took place where the product stood in less than half of the stores that have it at all, by week."""


def event_figures(world: World) -> Iterator[tuple[str, Columns]]:
    """Yield precision and recall of the events that are told of the chain and of clusters, by product."""
    placed = store_clusters(world.lake, world.as_of)
    told = detect_events(world.lake, world.as_of, kinds=EXPERIMENTS, clusters=placed, need=EventNeed(stores=False))
    yield from judge_events(world, told, placed)


def judge_events(world: World, told: pa.Table, placed: pa.Table) -> Iterator[tuple[str, Columns]]:
    """Yield precision and recall of events, by product.

    A planted event is found when one is told of its product, in whatever scope, for a part of the same days.

    Args:
        world: whose truth they are judged by.
        told: product_id, scope (the chain or a cluster), first_day, and last_day (null: for good).
        placed: store_id and cluster_id.
    """
    planted = world.events.filter(pc.is_in(world.events["kind"], value_set=pa.array(EXPERIMENTS)))
    place, size = {name: at for at, name in enumerate(world.names.products.to_pylist())}, len(world.names.products)
    began = world.as_of - timedelta(days=7 * world.shelf.available.shape[1] - 1)
    yield "precision", _by_product(place, told, size, _took_place(world, told, _stores(world, placed), began))
    yield "recall", _by_product(place, planted, size, _overlaps(planted, told, world.as_of))


def _by_product(place: Mapping[str, int], events: pa.Table, size: int, right: np.ndarray) -> Columns:
    product = np.array([place[name] for name in events["product_id"].to_pylist()], dtype=np.int64)
    return np.bincount(product, right, size), np.bincount(product, minlength=size).astype(np.float64)


def _stores(world: World, placed: pa.Table) -> dict[str, np.ndarray]:
    """Return the stores (places) of each scope."""
    place = pc.index_in(placed["store_id"].combine_chunks(), value_set=world.names.stores).to_numpy()
    names = np.array(placed["cluster_id"].to_pylist())
    clusters = {f"store_cluster:{name}": place[names == name] for name in np.unique(names)}
    return {CHAIN: np.arange(world.size.stores), **clusters}


def _took_place(world: World, told: pa.Table, stores: Mapping[str, np.ndarray], began: date) -> np.ndarray:
    """Return ones for the events whose product was mostly away, in weeks that lie within them."""
    place = {name: at for at, name in enumerate(world.names.products.to_pylist())}
    right = np.zeros(told.num_rows)
    columns = (told[name].to_pylist() for name in ("product_id", "scope", "first_day", "last_day"))
    for row, (product, scope, first, last) in enumerate(zip(*columns, strict=True)):
        start = min(-(-(first - began).days // 7), world.shelf.available.shape[1] - 1)
        end = ((world.as_of if last is None else last) - began + timedelta(days=1)).days // 7
        there = world.shelf.available[stores[scope], :, place[product]]
        of_its_stores = there[there.any(axis=1), start : max(end, start + 1)]
        right[row] = of_its_stores.size > 0 and of_its_stores.mean() < MOSTLY
    return right


def _overlaps(planted: pa.Table, told: pa.Table, as_of: date) -> np.ndarray:
    spans: dict[str, list[tuple[date, date]]] = {}
    for product, first, last in zip(*(told[name].to_pylist() for name in ("product_id", "first_day", "last_day")), strict=True):
        spans.setdefault(product, []).append((first, last or as_of))
    found = np.zeros(planted.num_rows)
    columns = (planted[name].to_pylist() for name in ("product_id", "first_day", "last_day"))
    for row, (product, first, last) in enumerate(zip(*columns, strict=True)):
        found[row] = any(start <= (last or as_of) and end >= first for start, end in spans.get(product, ()))
    return found

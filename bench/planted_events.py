"""Whether the delistings and absences that are told of a world took place, and how many of those planted are told."""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bench.planted_scores import Columns
from bench.world import World
from decisions.relations.fitting import EXPERIMENTS, known_events
from features.store_clusters import store_clusters
from kg.ports import CHAIN

__all__ = ["event_figures", "judge_events"]

MOSTLY = 0.5
"""An event took place where the product stood in less than half of the stores that have it at all, by week."""


def event_figures(world: World) -> Iterator[tuple[str, Columns]]:
    """Yield precision and recall of the events that are told of the chain and of clusters, by product."""
    placed = store_clusters(world.lake, world.as_of)
    yield from judge_events(world, known_events(world.lake, world.as_of, placed), placed)


def judge_events(world: World, told: pa.Table, placed: pa.Table) -> Iterator[tuple[str, Columns]]:
    """Yield precision and recall of events, by product.

    A planted event is found when one is told of its product, in whatever scope, for a part of the same days.

    Args:
        world: whose truth they are judged by.
        told: product_id, scope (the chain or a cluster), first_day, and last_day (null: for good).
        placed: store_id and cluster_id.
    """
    planted = world.events.filter(pc.is_in(world.events["kind"], value_set=pa.array(EXPERIMENTS)))
    yield "precision", _by_product(world, told, _took_place(world, told, _stores(world, placed)))
    yield "recall", _by_product(world, planted, _overlaps(planted, told, world.as_of))


def _products(world: World, events: pa.Table) -> np.ndarray:
    """Return the product (place) of each event."""
    return np.asarray(pc.index_in(events["product_id"].combine_chunks(), value_set=world.names.products).to_numpy())


def _by_product(world: World, events: pa.Table, right: np.ndarray) -> Columns:
    product, size = _products(world, events), len(world.names.products)
    return np.bincount(product, right, size), np.bincount(product, minlength=size).astype(np.float64)


def _stores(world: World, placed: pa.Table) -> dict[str, np.ndarray]:
    """Return the stores (places) of each scope."""
    place = pc.index_in(placed["store_id"].combine_chunks(), value_set=world.names.stores).to_numpy()
    names = np.array(placed["cluster_id"].to_pylist())
    clusters = {f"store_cluster:{name}": place[names == name] for name in np.unique(names)}
    return {CHAIN: np.arange(world.size.stores), **clusters}


def _took_place(world: World, told: pa.Table, stores: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return ones for the events whose product was mostly away, in weeks that lie within them."""
    weeks, right = world.shelf.available.shape[1], np.zeros(told.num_rows)
    began = world.as_of - timedelta(days=7 * weeks - 1)
    columns = (told[name].to_pylist() for name in ("scope", "first_day", "last_day"))
    for row, (product, scope, first, last) in enumerate(zip(_products(world, told), *columns, strict=True)):
        start = min(-(-(first - began).days // 7), weeks - 1)
        end = ((world.as_of if last is None else last) - began + timedelta(days=1)).days // 7
        there = world.shelf.available[stores[scope], :, product]
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

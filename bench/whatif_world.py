"""What-ifs of worlds whose truth is known: the served room over a world's relations, with its true demand."""

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bench.world import World
from decisions.relations.recovery import Recovery
from decisions.substitution import (
    Amount,
    Comparables,
    ExpectedUnits,
    RecoveryFigures,
    Shop,
    SubstitutionService,
)
from features import InMemory
from features.shop_facts import shop_facts
from kg.ports import ArrayGraph
from kg.snapshot import open_current_snapshot, publish_snapshot
from kg.tables import TableGraph
from kit.clock import SystemClock
from ontology import load_schema

__all__ = ["KnownDemand", "NoEvents", "published_shop", "published_world", "world_service"]


class KnownDemand:
    """The true demand, without doubt: what is measured is where it goes.

    Args:
        units: by product, and by the stores that are asked for (None: the chain).
    """

    def __init__(self, units: Mapping[tuple[str, ...] | None, Mapping[str, float]], first_week: date) -> None:
        self._units = units
        self._first_week = first_week

    def expected_units(self, product_ids: Sequence[str], store_ids: Sequence[str] | None, horizon_weeks: int) -> ExpectedUnits:
        """Return the units of the products in all weeks: the horizon does not matter to shares."""
        known = self._units[None if store_ids is None else tuple(store_ids)]
        found = [known.get(product) for product in product_ids]
        return ExpectedUnits(self._first_week, tuple(None if one is None else Amount(one, one, one) for one in found))


class NoEvents:
    """Nothing went away before."""

    def comparable(self, category_ids: Sequence[str], limit: int) -> Comparables:
        """Return nothing."""
        return Comparables()


def world_service(world: World, edges: pa.Table, recovery: Recovery, demand: KnownDemand, folder: Path) -> SubstitutionService:
    """Return what answers what-ifs about a world from its derived edges; the graph is published below `folder`."""
    shop = Shop(
        published_world(world, {"isSubstituteFor": edges}, world.as_of, folder), InMemory(shop_facts(world.lake, world.as_of))
    )
    figures = RecoveryFigures(recovery.share, recovery.error, recovery.events, "graph")
    return SubstitutionService(shop, figures, demand=demand, past=NoEvents())


def published_world(world: World, edges: Mapping[str, pa.Table], day: date, folder: Path) -> ArrayGraph:
    """Publish a world's products, their categories, its stores and relations between products on a day, and open that."""
    names, count = world.names, world.assortment.products.count
    categories = names.category_of(world.assortment, np.arange(count))
    products = pa.table({"id": names.products, "category": categories, "merchandise": [True] * count})
    return published_shop(products, names.stores, edges, day, folder)


def published_shop(
    products: pa.Table, store_ids: pa.Array | pa.ChunkedArray, edges: Mapping[str, pa.Table], day: date, folder: Path
) -> ArrayGraph:
    """Publish products (`id`, `category`, null for none, and `merchandise`), their categories, the stores and the relations
    between them on a day, and open that.
    """
    placed = products.filter(pc.is_valid(products["category"]))
    groups = pc.unique(placed["category"]).sort()
    nodes = {
        "Product": products.select(["id", "merchandise"]).append_column("display_name", products["id"]),
        "ProductCategory": pa.table(
            {"id": groups, "display_name": groups, "level": ["category"] * len(groups), "notation": groups}
        ),
        "Store": pa.table({"id": store_ids, "display_name": store_ids}),
    }
    links = {"inCategory": pa.table({"source": placed["id"], "target": placed["category"]}), **edges}
    graph = TableGraph(load_schema(), nodes, links)
    publish_snapshot(graph, folder, schema=graph.schema, as_of=day, clock=SystemClock())
    return open_current_snapshot(folder)

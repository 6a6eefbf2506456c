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
from features.shop_facts import shop_facts
from kg.snapshot import open_current_snapshot, publish_snapshot
from kg.tables import TableGraph
from kit.clock import SystemClock
from ontology import load_schema

__all__ = ["KnownDemand", "NoEvents", "world_graph", "world_service"]


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


class _Tables:
    def __init__(self, tables: Mapping[str, pa.Table]) -> None:
        self._tables = tables

    def table(self, name: str) -> pa.Table:
        """Return one table."""
        return self._tables[name]


def world_service(world: World, edges: pa.Table, recovery: Recovery, demand: KnownDemand, folder: Path) -> SubstitutionService:
    """Return what answers what-ifs about a world from its derived edges; the graph is published below `folder`."""
    graph = world_graph(world, {"isSubstituteFor": edges})
    publish_snapshot(graph, folder, schema=graph.schema, as_of=world.as_of, clock=SystemClock())
    shop = Shop(open_current_snapshot(folder), _Tables(shop_facts(world.lake, world.as_of)))
    figures = RecoveryFigures(recovery.share, recovery.error, recovery.events, "graph")
    return SubstitutionService(shop, figures, demand=demand, past=NoEvents())


def world_graph(world: World, edges: Mapping[str, pa.Table]) -> TableGraph:
    """Return products, their categories, stores, and the relations between products."""
    names, products = world.names, world.assortment.products
    categories = names.category_of(world.assortment, np.arange(products.count))
    distinct = pc.unique(categories).sort()
    nodes = {
        "Product": pa.table({"id": names.products, "display_name": names.products, "merchandise": [True] * products.count}),
        "ProductCategory": pa.table(
            {"id": distinct, "display_name": distinct, "level": ["category"] * len(distinct), "notation": distinct}
        ),
        "Store": pa.table({"id": names.stores, "display_name": names.stores}),
    }
    return TableGraph(
        load_schema(),
        nodes,
        {"inCategory": pa.table({"source": names.products, "target": categories}), **edges},
    )

"""A tiny shop whose substitutes are known, and what-ifs about it.

Milks M0 to M3 and cheeses C0, C1 lie in two categories of one department; S1 to S3 are stores, the last without a cluster.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from decisions.substitution import (
    Amount,
    Comparables,
    ExpectedUnits,
    PastDelisting,
    RecoveryFigures,
    Shop,
    SubstitutionService,
)
from features.shop_facts import PRODUCTS, STORE_UNITS, STORES
from kg.ports import ArrayGraph
from kg.snapshot import open_current_snapshot, publish_snapshot
from kg.tables import TableGraph
from kit.clock import FixedClock
from ontology import load_schema

AS_OF = date(2020, 6, 28)
MOMENT = datetime(2020, 6, 29, tzinfo=UTC)
MILKS, CHEESES = ("M0", "M1", "M2", "M3"), ("C0", "C1")
IDS = (*MILKS, *CHEESES, "X0")
UNITS = {"M0": 100.0, "M1": 60.0, "M2": 30.0, "M3": 10.0, "C0": 40.0, "C1": 20.0, "X0": 5.0}
CHAIN_EDGES = {
    ("M1", "M0"): 0.3, ("M2", "M0"): 0.1,
    ("M0", "M1"): 0.2, ("M2", "M1"): 0.2,
    ("M0", "M2"): 0.25,
    ("C1", "C0"): 0.4, ("C0", "C1"): 0.4,
}  # fmt: skip
"""(what replaces, what is missing): diversion ratio."""
CLUSTER_EDGES = {("M1", "M0"): 0.1, ("M2", "M0"): 0.35}
RECOVERY = RecoveryFigures(share=0.5, error=0.1, events=30, source="graph", spread=0.05)


def edges(ratios: Mapping[tuple[str, str], float], scope: str = "chain") -> pa.Table:
    count = len(ratios)
    strength = list(ratios.values())
    return pa.table({
        "source": [source for source, _ in ratios], "target": [target for _, target in ratios],
        "assertion_id": [f"{scope}:{source}:{target}" for source, target in ratios],
        "strength": strength, "low": [0.6 * one for one in strength], "high": [1.5 * one for one in strength],
        "unit": ["diversion_ratio"] * count, "scope": [scope] * count,
        "events": pa.array([50] * count, pa.int64()), "support": pa.array([40] * count, pa.int64()),
        "first_observed": pa.array([date(2020, 1, 1)] * count, pa.date32()),
        "last_observed": pa.array([date(2020, 6, 1)] * count, pa.date32()),
        "sources": [["sales_lines"]] * count, "run_id": ["run_1"] * count, "model_version": ["m"] * count,
        "grade": ["association"] * count, "status": ["active"] * count,
        "valid_from": pa.array([AS_OF] * count, pa.date32()),
        "recorded_from": pa.array([MOMENT] * count, pa.timestamp("us", tz="UTC")),
    })  # fmt: skip


def shop_graph(folder: Path, chain: Mapping[tuple[str, str], float], cluster: Mapping[tuple[str, str], float]) -> ArrayGraph:
    parts = [edges(chain)] + ([edges(cluster, "store_cluster:cluster-1")] if cluster else [])
    groups = ["DAIRY", "DAIRY > MILK", "DAIRY > MILK > WHOLE", "DAIRY > CHEESE"]
    nodes = {
        "Product": pa.table({"id": IDS, "display_name": [f"Product {one}" for one in IDS], "merchandise": [True] * len(IDS)}),
        "ProductCategory": pa.table({
            "id": groups, "display_name": groups, "notation": groups, "level": ["department", "category", "type", "category"],
        }),
        "Store": pa.table({"id": ["S1", "S2", "S3"], "display_name": ["Store 1", "Store 2", "Store 3"]}),
    }  # fmt: skip
    placed = [*[(one, "DAIRY > MILK > WHOLE") for one in MILKS], *[(one, "DAIRY > CHEESE") for one in CHEESES]]
    links = {
        "inCategory": pa.table({"source": [one for one, _ in placed], "target": [group for _, group in placed]}),
        "broader": pa.table({"source": groups[1:], "target": ["DAIRY", "DAIRY > MILK", "DAIRY"]}),
        "isSubstituteFor": pa.concat_tables(parts),
    }
    made = TableGraph(load_schema(), nodes, links)
    publish_snapshot(made, folder, schema=made.schema, as_of=AS_OF, clock=FixedClock(MOMENT))
    return open_current_snapshot(folder)


class ShopTables:
    """Recent sales as `UNITS`, three quarters of each in store S1, the rest in S2; X0 in S2 alone."""

    def __init__(self, costs: Mapping[str, float] | None = None) -> None:
        self._costs = dict.fromkeys(IDS, 1.0) if costs is None else costs

    def table(self, table: str) -> pa.Table:
        share = {"S1": 0.75, "S2": 0.25}
        sold = [(one, store, UNITS[one] * part) for one in IDS for store, part in share.items() if one != "X0"]
        sold.append(("X0", "S2", UNITS["X0"]))
        return {
            PRODUCTS: pa.table({
                "product_id": IDS, "units": [UNITS[one] for one in IDS], "net_sales": [3 * UNITS[one] for one in IDS],
                "unit_cost": pa.array([self._costs.get(one) for one in IDS], pa.float64()),
                "cost_simulated": [one in self._costs for one in IDS],
            }),
            STORE_UNITS: pa.table({
                "product_id": [one for one, _, _ in sold], "store_id": [store for _, store, _ in sold],
                "units": [units for _, _, units in sold],
            }),
            STORES: pa.table({"store_id": ["S1", "S2"], "cluster_id": ["cluster-1", "cluster-2"]}),
        }[table]  # fmt: skip


class Demand:
    """Expects the recent units again in each week, by the stores' share; knows nothing of X0."""

    def __init__(self, width: float = 0.0) -> None:
        self._width = width

    def expected_units(self, product_ids: Sequence[str], store_ids: Sequence[str] | None, horizon_weeks: int) -> ExpectedUnits:
        part = 1.0 if store_ids is None else 0.75 * ("S1" in store_ids) + 0.25 * ("S2" in store_ids)
        found = [None if one == "X0" else UNITS[one] * part * horizon_weeks for one in product_ids]
        wide = self._width
        return ExpectedUnits(
            date(2020, 6, 29), tuple(None if one is None else Amount(one, one * (1 - wide), one * (1 + wide)) for one in found)
        )


class Past:
    """One event of the milks."""

    def comparable(self, category_ids: Sequence[str], limit: int) -> Comparables:
        event = PastDelisting(
            "e1", "delisting", "M3", "Product M3", "DAIRY > MILK", date(2020, 2, 1), 0.4, 0.5, 0.2, 0.6, simulated=False
        )
        return Comparables((event,), "DAIRY > MILK" in category_ids, 1, 1)


@pytest.fixture
def open_room(tmp_path: Path) -> Callable[..., SubstitutionService]:
    """Open the room over the tiny shop, with other edges, costs or doubts where they are given."""

    def opened(
        chain: Mapping[tuple[str, str], float] = CHAIN_EDGES,
        cluster: Mapping[tuple[str, str], float] = CLUSTER_EDGES,
        costs: Mapping[str, float] | None = None,
        width: float = 0.0,
        figures: RecoveryFigures = RECOVERY,
    ) -> Any:
        graph = shop_graph(tmp_path / f"graph-{len(list(tmp_path.iterdir()))}", chain, cluster)
        shop = Shop(graph, ShopTables(costs))
        room: Any = SubstitutionService(shop, figures, demand=Demand(width), past=Past())
        room.graph = graph  # tests look hops up in it
        return room

    return opened


@pytest.fixture
def room(open_room) -> SubstitutionService:
    return open_room()

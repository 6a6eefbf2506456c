"""A small shop whose answers are known: a real snapshot, the real relations, and doubles for what needs training.

Product P007 has the substitutes P008, P009, … in this order (as many as `related`), and the complements P017, P018, ….
"""

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa

from api.services import Services
from decisions.envelope import Evidence, Explanation, ExplanationPath, Hop, NodeName
from decisions.forecast.contract import Driver, ForecastAnswer, ForecastPoint, ForecastRequest
from decisions.forecast.errors import ForecastSubjectUnclear, NoHistory, UnknownProduct
from decisions.overlay import NO_OVERLAY, ForecastOverlay
from decisions.recommend.contract import (
    PageAnswer,
    PageRequest,
    PlacementAnswer,
    RecommendationAnswer,
    RecommendationRequest,
    RecommendedProduct,
    WhyNotAnswer,
    WhyNotOutcome,
    WhyNotRequest,
)
from decisions.relations import RelationService
from decisions.relations.quality import QualityFigure, RelationQuality
from decisions.search import ProductSearch
from decisions.substitution import RecoveryFigures, Shop, SubstitutionService
from features.shop_facts import PRODUCTS as SHOP_PRODUCTS
from features.shop_facts import STORE_UNITS, STORES
from governance.records.ports import Release
from kg.ports import ArrayGraph, GraphVersion
from kg.snapshot import open_current_snapshot, publish_snapshot
from kg.tables import TableGraph
from kit.clock import FixedClock
from ontology import load_schema
from pipeline.what_if_sources import BackTestedEvents, ForecastDemand

AS_OF = date(2017, 12, 31)
MOMENT = datetime(2018, 1, 1, 12, tzinfo=UTC)
PRODUCTS = 60
TYPES = ("WHOLE MILK", "CHOCOLATE MILK", "SHREDDED CHEESE")
NO_HISTORY = "P059"


def name(number: int) -> str:
    return f"P{number % PRODUCTS:03d}"


def _evidence_rows(relation: str, pairs: list[tuple[str, str, float]]) -> pa.Table:
    count = len(pairs)
    stamp = pa.array([MOMENT] * count, pa.timestamp("us", tz="UTC"))
    return pa.table({
        "source": [p[0] for p in pairs], "target": [p[1] for p in pairs], "strength": [p[2] for p in pairs],
        "low": [p[2] * 0.9 for p in pairs], "high": [p[2] * 1.1 for p in pairs], "unit": ["score"] * count,
        "scope": ["chain"] * count, "events": pa.array([12] * count, pa.int64()), "support": pa.array([9] * count, pa.int64()),
        "first_observed": pa.array([date(2017, 2, 1)] * count, pa.date32()),
        "last_observed": pa.array([date(2017, 12, 1)] * count, pa.date32()), "sources": [["sales_lines"]] * count,
        "run_id": ["run_1"] * count, "model_version": ["m1"] * count, "grade": ["association"] * count,
        "status": ["active"] * count, "assertion_id": [f"{relation}{p[0]}{p[1]}" for p in pairs],
        "valid_from": pa.array([date(2017, 1, 1)] * count, pa.date32()), "recorded_from": stamp,
    })  # fmt: skip


def tables(related: int = 12) -> TableGraph:
    ids = [name(n) for n in range(PRODUCTS)]
    kinds = [TYPES[n % 3] for n in range(PRODUCTS)]
    narrow = {k: f"GROCERY > DAIRY > {k}" for k in TYPES}
    categories = ["GROCERY", "GROCERY > DAIRY", *narrow.values()]
    nodes = {
        "Product": pa.table({
            "id": ids,
            "display_name": [f"{k.capitalize()} · {n} oz · {i}" for n, (k, i) in enumerate(zip(kinds, ids, strict=True))],
            "product_type": kinds, "size": [f"{n} OZ" for n in range(PRODUCTS)],
            "merchandise": [n != 58 for n in range(PRODUCTS)],
            "last_sold": pa.array([date(2017, 12, 1)] * PRODUCTS, pa.date32()),
        }),
        "ProductCategory": pa.table({
            "id": categories, "display_name": [c.rpartition("> ")[2].strip().capitalize() for c in categories],
            "level": ["department", "category", "type", "type", "type"], "notation": categories,
        }),
        "Brand": pa.table({"id": ["Private", "National"], "display_name": ["Private", "National"]}),
        "Supplier": pa.table({"id": ["s1", "s2"], "display_name": ["Supplier s1", "Supplier s2"]}),
        "Store": pa.table({"id": ["st1"], "display_name": ["Store st1"]}),
        "Household": pa.table({"id": ["hh_a", "hh_b"], "display_name": ["Household a", "Household b"]}),
        "Basket": pa.table({"id": ["b1", "b2", "b3"], "display_name": ["b1", "b2", "b3"],
                            "business_date": pa.array([date(2017, 12, 1)] * 3, pa.date32()), "net_sales": [3.0, 4.0, 5.0],
                            "sold_at": pa.array([datetime(2017, 12, 1, 15, tzinfo=UTC)] * 3, pa.timestamp("us", tz="UTC"))}),
        "Promotion": pa.table({
            "id": ["P007:display:2017-12-25", "P007:mailer:2017-01-02"], "display_name": ["now", "then"],
            "mechanic": ["display", "mailer"], "locations": [["1", "2"], ["A"]],
            "valid_from": pa.array([date(2017, 12, 25), date(2017, 1, 2)], pa.date32()),
            "valid_to": pa.array([date(2018, 1, 1), date(2017, 1, 9)], pa.date32()),
            "stores": pa.array([4, 5], pa.int64()), "coverage": [0.5, 0.6],
        }),
    }  # fmt: skip
    substitutes = [(name(n + k), name(n), 1.0 / k) for n in range(PRODUCTS) for k in range(1, related + 1)]
    complements = [(name(n + 9 + k), name(n), 3.0 / k) for n in range(PRODUCTS) for k in range(1, related + 1)]
    edges = {
        "inCategory": pa.table({"source": ids, "target": [narrow[k] for k in kinds]}),
        "broader": pa.table({"source": categories[1:], "target": ["GROCERY", *["GROCERY > DAIRY"] * 3]}),
        "ofBrand": pa.table({"source": ids, "target": ["Private" if n % 2 else "National" for n in range(PRODUCTS)]}),
        "suppliedBy": pa.table({"source": ids, "target": ["s1" if n % 2 else "s2" for n in range(PRODUCTS)]}),
        "promotes": pa.table({"source": ["P007:display:2017-12-25", "P007:mailer:2017-01-02"], "target": ["P007", "P007"]}),
        "madeBy": pa.table({"source": ["b1", "b2", "b3"], "target": ["hh_b", "hh_b", "hh_a"]}),
        "atStore": pa.table({"source": ["b1", "b2", "b3"], "target": ["st1"] * 3}),
        "contains": pa.table({"source": ["b1", "b2", "b3"], "target": ["P007", "P007", "P001"], "quantity": [1.0, 2.0, 1.0],
                              "net_sales": [3.0, 4.0, 5.0]}),
        "isSubstituteFor": _evidence_rows("isSubstituteFor", substitutes),
        "isComplementTo": _evidence_rows("isComplementTo", complements),
    }  # fmt: skip
    return TableGraph(load_schema(), nodes, edges)


def publish(root: Path, related: int = 12) -> ArrayGraph:
    made = tables(related)
    publish_snapshot(made, root, schema=made.schema, as_of=AS_OF, clock=FixedClock(MOMENT))
    return open_current_snapshot(root)


class CountingGraph:
    """Counts the calls of the reader port and passes everything on."""

    def __init__(self, graph: ArrayGraph) -> None:
        self._graph = graph
        self.calls: Counter[str] = Counter()

    def __getattr__(self, attribute: str):
        found = getattr(self._graph, attribute)
        if attribute in ("nodes", "related", "repertoire", "paths", "counts"):
            self.calls[attribute] += 1
        return found


def _explanation(source: str, target: str) -> Explanation:
    evidence = Evidence(0.5, 0.4, 0.6, "score", 12, 9, date(2017, 2, 1), date(2017, 12, 1), "association", ("sales_lines",))
    household, bought = NodeName("Household", source, f"Household {source}"), NodeName("Product", target, f"Product {target}")
    hop = Hop(household, "madeBy", bought, evidence, walked_backwards=True)
    onward = Hop(bought, "isBoughtWith", bought, evidence)
    return Explanation("Because it is bought often.", tuple(ExplanationPath((hop, onward), 0.3) for _ in range(3)))


@dataclass
class FixedRecommender:
    """Offers P000, P001, … to everybody, each product once."""

    asked: list[RecommendationRequest] = field(default_factory=list)

    def recommend(self, request: RecommendationRequest) -> RecommendationAnswer:
        self.asked.append(request)
        items = tuple(
            RecommendedProduct(name(n), n + 1, 1.0 / (n + 1), ("repertoire",), _explanation(request.household_id or "-", name(n)))
            for n in range(min(request.limit, PRODUCTS))
        )
        return RecommendationAnswer(AS_OF, "shelfgraph", items)

    def page(self, request: PageRequest) -> PageAnswer:
        lists = [(one, replace(request.shared, surface=one.surface, limit=one.limit)) for one in request.placements]
        return PageAnswer(AS_OF, tuple(PlacementAnswer(one.name, self.recommend(asked)) for one, asked in lists))

    def why_not(self, request: WhyNotRequest) -> WhyNotAnswer:
        return WhyNotAnswer(AS_OF, request.product_id, WhyNotOutcome.RANKED_LOWER, "It is ranked lower.", 12, 0.1, 0.2)


@dataclass
class FixedForecaster:
    """Forecasts ten units a week, whatever is supposed; of P059 knows the launch alone. Each donor brings a unit."""

    def forecast(self, request: ForecastRequest, *, overlay: ForecastOverlay = NO_OVERLAY) -> ForecastAnswer:
        if request.product_id == NO_HISTORY and request.launch_week is None:
            raise NoHistory(request.product_id, request.store_id, 26)
        if request.category_id is not None and request.product_id is not None:
            raise ForecastSubjectUnclear("both a product and a category are named")
        if request.product_id is not None and not request.product_id.startswith("P"):
            raise UnknownProduct(request.product_id)
        points = tuple(
            ForecastPoint(date(2018, 1, 1), 10.0, 8.0, 12.0, 9.5, promoted=False, low_95=7.0, high_95=13.0)
            for _ in range(request.horizon_weeks)
        )
        history = ((date(2017, 12, 18), 9.0), (date(2017, 12, 25), 11.0))
        explanation = _explanation("-", request.product_id or "-")
        drivers = (Driver("own_history", "own sales history", 0.5 * request.horizon_weeks),)
        drivers += tuple(Driver("donors", "the launches of its donors", 1.0, donor) for donor in request.donors)
        return ForecastAnswer(
            request.product_id, request.store_id, AS_OF, "shelfgraph", "mean_8", points, history, explanation,
            request.category_id, drivers, "It won.",
        )  # fmt: skip


class TwoVersions:
    """Knows the graph under two names, the older one `g0`."""

    def __init__(self, graph: ArrayGraph) -> None:
        self._graph = graph

    def published(self) -> tuple[GraphVersion, ...]:
        return replace(self._graph.version, id="g0"), self._graph.version

    def open(self, version_id: str) -> ArrayGraph:
        return self._graph


QUALITY = RelationQuality(
    AS_OF, "m1", "Two past events.", (QualityFigure("isSubstituteFor", "shelfgraph", "log_loss", "test", None, 4.5, 4, 5, 2),), ()
)


class ShopTables:
    """Every product sold 52 units at 3.00 with a simulated cost of 2.00, all of them in the only store."""

    def table(self, table: str) -> pa.Table:
        ids = [name(n) for n in range(PRODUCTS)]
        return {
            SHOP_PRODUCTS: pa.table({
                "product_id": ids, "units": [52.0] * PRODUCTS, "net_sales": [156.0] * PRODUCTS, "unit_cost": [2.0] * PRODUCTS,
                "cost_simulated": [True] * PRODUCTS,
            }),
            STORE_UNITS: pa.table({"product_id": ids, "store_id": ["st1"] * PRODUCTS, "units": [52.0] * PRODUCTS}),
            STORES: pa.table({"store_id": ["st1"], "cluster_id": ["cluster-1"]}),
        }[table]  # fmt: skip


def what_ifs(graph: ArrayGraph, relations: RelationService) -> SubstitutionService:
    """The real room over the small shop: half of what is lost stays."""
    shop = Shop(graph, ShopTables())
    demand = ForecastDemand(FixedForecaster(), shop.shares, AS_OF)
    return SubstitutionService(
        shop, RecoveryFigures(0.5, 0.1, 12, "graph"), demand=demand, past=BackTestedEvents(relations, graph)
    )


def services(graph: ArrayGraph, finder: ProductSearch) -> Services:
    release = Release(
        "rel_1", MOMENT, AS_OF.isoformat(), graph.version.id, graph.version.ontology_version, "feat_1",
        {"recommend": "m-rec", "forecast": "m-fc", "relations": "m-rel", "substitution": "m-sub"}, "p", "run_1",
    )  # fmt: skip
    relations = RelationService(graph, versions=TwoVersions(graph), quality=QUALITY)
    return Services(release, graph, relations, FixedRecommender(), FixedForecaster(), finder, what_ifs=what_ifs(graph, relations))

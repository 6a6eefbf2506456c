"""Small graphs as plain Python rows: what is written to the stores, and what the oracle looks at."""

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa

from kg.columns import edge_schema, node_schema
from kg.ports import GraphWriter
from kg.tables import TableGraph
from ontology.schema import load_schema
from ontology.schema_types import PropertyDefinition, PropertyKind

SCHEMA = load_schema()
AS_OF = date(2017, 6, 15)
DERIVED = "isBoughtWith"

# emoji, a Hebrew word with a mark, e with a combining accent beside the composed letter, a letter of four bytes, and every
# character that ends a string or a name in some query language
HARD_TEXTS = (
    "plain",
    "🧀🥖",
    "שָׁלוֹם",
    "e\u0301clair",
    "\u00e9clair",
    "𝔐ilk",
    'it\'s "quoted" `ticked`',
    "'}) DETACH DELETE n //",
    "$rows {id: 1} \\u0041 \\",
    "line\nbreak\ttab",
    " leading and trailing ",
    "null",
    "NaN",
    "a" * 1_000,
)

DEFAULTS = {
    PropertyKind.STRING: "some text",
    PropertyKind.INTEGER: 7,
    PropertyKind.FLOAT: 0.5,
    PropertyKind.BOOLEAN: True,
    PropertyKind.DATE: date(2017, 1, 2),
    PropertyKind.DATETIME: datetime(2017, 1, 2, 3, 4, 5, 678_901, tzinfo=UTC),
    PropertyKind.STRING_LIST: ["sales_lines"],
}


@dataclass
class World:
    """Rows by label and by relation."""

    nodes: dict[str, list[dict]] = field(default_factory=dict)
    edges: dict[str, list[dict]] = field(default_factory=dict)

    def node(self, label: str, node_id: str, **properties: object) -> None:
        self.nodes.setdefault(label, []).append(node_row(label, node_id, **properties))

    def edge(self, relation: str, source: str, target: str, **properties: object) -> None:
        self.edges.setdefault(relation, []).append(edge_row(relation, source, target, **properties))

    def write(self, store: GraphWriter) -> None:
        for label, rows in self.nodes.items():
            store.upsert_nodes(label, node_table(label, rows))
        for relation, rows in self.edges.items():
            store.upsert_edges(relation, edge_table(relation, rows))

    def tables(self) -> TableGraph:
        nodes = {label: node_table(label, rows) for label, rows in self.nodes.items()}
        edges = {relation: edge_table(relation, rows) for relation, rows in self.edges.items()}
        return TableGraph(SCHEMA, nodes, edges)


def node_row(label: str, node_id: str, **properties: object) -> dict:
    return {"id": node_id, **_required(SCHEMA.nodes[label].properties), **properties}


def edge_row(relation: str, source: str, target: str, **properties: object) -> dict:
    required = _required(SCHEMA.relations[relation].properties)
    fixed = {"status": "active", "scope": "chain", "grade": "association"}
    named = {name: value for name, value in fixed.items() if name in required}
    return {"source": source, "target": target, **required, **named, **properties}


def node_table(label: str, rows: Iterable[dict]) -> pa.Table:
    return pa.Table.from_pylist(list(rows), schema=node_schema(SCHEMA.nodes[label]))


def edge_table(relation: str, rows: Iterable[dict]) -> pa.Table:
    return pa.Table.from_pylist(list(rows), schema=edge_schema(SCHEMA.relations[relation]))


def shop() -> World:
    """A shop with ties, windows, retractions, parallel edges and hard texts, the same on every call."""
    chance = random.Random(20_171_231)
    world = World()
    products = [f"p{number}" for number in (1, 10, 2, 9, 100, 3, 33, 7, 8)] + ["é-😀", "E\u0301`'\"", "ש"]
    for number, product in enumerate(products):
        world.node("Product", product, merchandise=number % 4 != 0, name=HARD_TEXTS[number], size=None if number % 3 else "")
    households = ["h1", "h2", "h3", "h10", "h-quiet"]
    for household in households:
        world.node("Household", household)
    _sell(world, chance, products, households[:4])
    _promote(world, chance, products)
    _relate(world, chance, products)
    _catalogue(world, products, households)
    return world


def _sell(world: World, chance: random.Random, products: list[str], households: list[str]) -> None:
    world.node("Store", "s1", country="US")
    world.node("Store", "s2")
    for number in range(18):
        day = AS_OF + timedelta(days=chance.choice([-40, -3, -1, 0, 1, 30]))
        sold_at = datetime(day.year, day.month, day.day, 23, 59, 59, 1 + number, tzinfo=UTC)
        world.node("Basket", f"b{number}", business_date=day, sold_at=sold_at, net_sales=number / 4)
        world.edge("madeBy", f"b{number}", households[number % len(households)])
        world.edge("atStore", f"b{number}", f"s{1 + number % 2}")
        for product in chance.sample(products, 4):
            quantity = chance.choice([1.0, 2.0, 0.1, 0.2, 0.3])
            discount = chance.choice([None, 0.0, 0.25])
            world.edge("contains", f"b{number}", product, quantity=quantity, net_sales=1.5, retail_discount=discount)


def _promote(world: World, chance: random.Random, products: list[str]) -> None:
    for number, product in enumerate(products[:8]):
        start = AS_OF + timedelta(days=chance.choice([-14, -7, 0, 1]))
        window = {"valid_from": start, "valid_to": start + timedelta(days=7)}
        locations = [[], ["A"], ["A", "", "7 🧀"], None][number % 4]
        world.node("Promotion", f"{product}:display:{start}", locations=locations, mechanic="display", **window)
        world.edge("promotes", f"{product}:display:{start}", product)


def _relate(world: World, chance: random.Random, products: list[str]) -> None:
    for relation in ("isBoughtWith", "isSubstituteFor"):
        for source in products:
            for target in chance.sample(products, 5):
                for scope in ("chain", "store:s1")[: 1 + chance.randrange(2)]:
                    world.edge(relation, source, target, scope=scope, **_evidence(chance))
    for source, target in (("p1", "p2"), ("p2", "p1"), ("p9", "p10")):
        world.edge("neverSubstituteFor", source, target, **_evidence(chance))


def _evidence(chance: random.Random) -> dict[str, object]:
    return {
        # few different strengths, so that there are ties
        "strength": chance.choice([0.1, 0.25, 0.25, 3.0]),
        "status": chance.choice(["active", "active", "for_review", "retracted"]),
        "valid_from": AS_OF + timedelta(days=chance.choice([-30, 0, 1])),
        "valid_to": chance.choice([None, AS_OF, AS_OF + timedelta(days=1)]),
        "sources": chance.choice([["sales_lines"], ["sales_lines", "🧀"], []]),
        "recorded_from": datetime(2026, 11, 22, 10, 0, 0, chance.randrange(1_000_000), tzinfo=UTC),
    }


def _catalogue(world: World, products: list[str], households: list[str]) -> None:
    for category, level in (("FOOD", "department"), ("FOOD > CHEESE", "category")):
        world.node("ProductCategory", category, level=level, notation=category)
    world.edge("broader", "FOOD > CHEESE", "FOOD")
    for product in products[::2]:
        world.edge("inCategory", product, "FOOD > CHEESE")
    # the supplier has the id of a product: labels keep them apart
    world.node("Supplier", "p1")
    for product in products[:5]:
        world.edge("suppliedBy", product, "p1")
    world.node("Campaign", "c1")
    world.node("Coupon", "c1:k1")
    world.edge("ofCampaign", "c1:k1", "c1")
    world.edge("received", households[0], "c1")
    for day in (date(2017, 3, 1), date(2017, 3, 2)):
        world.edge("redeemed", households[0], "c1:k1", redeemed_on=day)
    world.node("Session", "v1", started_at=datetime(2017, 3, 1, 12, tzinfo=UTC), simulated=True)
    world.edge("inSession", "v1", households[0])
    world.edge("viewed", "v1", products[0], happened_at=datetime(2017, 3, 1, 12, 1, tzinfo=UTC), events=3)


def _required(properties: tuple[PropertyDefinition, ...]) -> dict[str, object]:
    return {definition.name: DEFAULTS[definition.kind] for definition in properties if definition.required}

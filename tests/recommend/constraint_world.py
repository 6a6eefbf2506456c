"""A shop of 40 products whose rules are known: each row of its feeds is written down as what it means, too.

The feeds are made from the meanings, so that an oracle over meanings reads no feed and shares no grammar with what it judges.
"""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from types import SimpleNamespace

import pyarrow as pa

from decisions.recommend.eligibility import Eligibility
from features import InMemory
from features.recommend_rules import eligibility_tables
from features.repertoire import read_purchases
from ingest.contract import contract_of
from tests.recommend.conftest import published_graph
from tests.tiny_retailer import AS_OF, append_lines, build_tiny_lake, household

STAMP = {"simulated": False, "source": "tiny"}
STORES = ("st0", "st1", "st2")
HOUSEHOLDS = 80
PRODUCTS = 40
TOMORROW = AS_OF + timedelta(days=1)
CATEGORIES = ("SNACKS", "BEER", "TOYS", "JAM")
AGE_LIMITS = {"BEER": 18, "SNUS": 21}
REQUIREMENTS = {"SNACKS": ("allergens",), "TOYS": ("Choking hazard",)}


@dataclass
class Meaning:
    """What is true of one product, as far as anybody was told."""

    category: str
    kind: str
    contained: frozenset[str] | None = None
    """None: nothing that can be read is stated of allergens."""
    stated_free: frozenset[str] = frozenset()
    lists_all: bool = False
    diets: frozenset[str] = frozenset()
    least_age: int = 0
    says: frozenset[str] = frozenset()
    """Attributes on which a readable statement is in force."""
    stock: dict[str, tuple[float, int]] = field(default_factory=dict)
    """Units and age in days by store; absent: unknown."""
    priced_in: frozenset[str] = frozenset()
    """Stores in which a price is known; "" for the chain."""
    merchandise: bool = True
    in_graph: bool = True


ALLERGENS = (
    (None, None),
    ("None", (frozenset(), frozenset(), True)),
    ("contains: milk, nuts", (frozenset({"milk", "nuts"}), frozenset(), True)),
    ("Contains: EGG;  may_contain: Tree Nuts", (frozenset({"eggs", "nuts"}), frozenset(), True)),
    ("free from: milk, gluten", (frozenset(), frozenset({"milk", "gluten"}), False)),
    ("contains dairy", None),
    ("contains: dairy", (frozenset({"dairy"}), frozenset(), False)),
    ("contains: wheat; free_from: kiwi, wheat", (frozenset({"wheat", "gluten"}), frozenset({"kiwi", "wheat"}), True)),
    ("contains: ; free from: milk", None),
    ("may contain: soya", (frozenset({"soybeans"}), frozenset(), False)),
)
DIETS = (
    (None, None),
    ("suitable for: vegan, vegetarian", frozenset({"vegan", "vegetarian"})),
    ("Suitable_for: HALAL; not suitable for: vegan", frozenset({"halal"})),
    ("vegan", None),
    ("none", frozenset()),
    ("suitable for: vegan; not suitable for: vegan", frozenset()),
    ("suitable for: kosher", frozenset({"kosher"})),
)
AGES = (
    (None, 0),
    ("16 years", 16),
    (None, 0),
    ("none", 0),
    ("adults", 1000),
    (None, 0),
    ("18+", 18),
    (None, 0),
    ("3", 3),
    (None, 0),
    (None, 0),
)
STOCK = ((5.0, 0), (0.0, 0), (0.0, 14), (0.0, 21), (7.0, 14), (3.0, 28), None)
NEVER = (("p01", "p00"), ("p05", "p00"), ("p12", "p04"), ("p03", "p02"))
REQUIRES = (("p08", "p04"), ("p04", "p09"), ("p20", "p02"))
NOT_IN_FORCE = (("p13", "p00"), ("p14", "p00"))


def product(number: int) -> str:
    return f"p{number:02d}"


def meanings() -> dict[str, Meaning]:
    return {product(number): _meaning(number) for number in range(PRODUCTS)}


def _meaning(number: int) -> Meaning:
    _, allergens = ALLERGENS[number % len(ALLERGENS)]
    _, diets = DIETS[number % len(DIETS)]
    _, years = AGES[number % len(AGES)]
    category = CATEGORIES[number % len(CATEGORIES)]
    kind = "SNUS" if number in (11, 23) else f"{category} {number % 3}"
    says = {"allergens"} if allergens is not None else set()
    says |= {"diet"} if diets is not None else set()
    says |= {"Choking hazard"} if number % 3 == 0 else set()
    stock = {store: STOCK[(number + 3 * place) % len(STOCK)] for place, store in enumerate(STORES)}
    contained, free, lists_all = allergens or (None, frozenset(), False)
    return Meaning(
        category,
        kind,
        contained,
        free,
        lists_all,
        diets or frozenset(),
        max(years, AGE_LIMITS.get(category, 0), AGE_LIMITS.get(kind, 0)),
        frozenset(says),
        {store: known for store, known in stock.items() if known is not None},
        _priced_in(number),
        merchandise=number != 37,
        in_graph=number != 38,
    )


def _priced_in(number: int) -> frozenset[str]:
    """Every fifth product was sold long ago alone; of those one has a plan for the chain and one for a store."""
    if number % 5 or number == 10:
        return frozenset({"", *STORES})
    return frozenset({"st1"}) if number == 35 else frozenset()


def consents() -> dict[tuple[str, str], bool]:
    """Who is known to have agreed to what: all others have not."""
    return {(household(n), purpose): True for n in range(0, HOUSEHOLDS, 6) for purpose in ("personalisation", "marketing")}


def build(root):
    """Return the shop: its lake, graph, eligibility, and what its rows mean."""
    lake = build_tiny_lake(root / "lake")
    _sell(lake, [n for n in range(PRODUCTS) if n != 38])
    _write_rules(lake)
    graph = published_graph(lake, root / "graph")
    _sell(lake, [38])
    purchases = read_purchases(lake, AS_OF)
    tables = {**eligibility_tables(lake, purchases, AS_OF), "recommend_products": pa.table({"product_id": purchases.product_ids})}
    return SimpleNamespace(
        lake=lake,
        graph=graph,
        tables=tables,
        purchases=purchases,
        eligibility=Eligibility(graph, InMemory(tables), AS_OF),
        meanings={**meanings(), **of_the_tiny_shop(purchases)},
        consents=consents(),
        never=set(NEVER),
        requires=set(REQUIRES),
    )


def of_the_tiny_shop(purchases) -> dict[str, Meaning]:
    """Nothing is stated of the tiny shop's own products, and all were sold of late."""
    own = [name for name in purchases.product_ids.to_pylist() if not name.startswith("p") or not name[1:].isdigit()]
    return {name: Meaning("", "", priced_in=frozenset({"", *STORES})) for name in own}


def _sell(lake, numbers) -> None:
    lines = [
        {
            "basket_id": f"x{number:02d}-{place}", "product_id": product(number), "household_id": household(place + number % 7),
            "store_id": store, "sold_at": datetime.combine(day, time(9), UTC), "business_date": day,
            "week_start": day - timedelta(days=day.weekday()), "quantity": 2.0, "net_sales": 5.0, "retail_discount": 0.0,
            "coupon_discount": 0.0, "coupon_match_discount": 0.0, "merchandise": True, **STAMP,
        }
        for number in numbers
        for place, store in enumerate(STORES)
        for day in [AS_OF - timedelta(days=200 if number % 5 == 0 else 40)]
    ]  # fmt: skip
    append_lines(lake, lines)
    rows = [
        {"product_id": product(n), "supplier_id": "s1", "department": "EXTRA", "category": meaning.category,
         "product_type": meaning.kind, "merchandise": meaning.merchandise, **STAMP}
        for n in numbers for meaning in [_meaning(n)]
    ]  # fmt: skip
    lake.append("products", pa.Table.from_pylist(rows, lake.arrow("products").schema))


def write(lake, feed: str, rows: list[dict]) -> None:
    lake.replace(feed, pa.Table.from_pylist([{**STAMP, **row} for row in rows], stamped(feed)))


def stamped(feed: str) -> pa.Schema:
    schema = contract_of(feed).table_schema
    missing = [pa.field("simulated", pa.bool_()), pa.field("source", pa.string())]
    return pa.schema([*schema, *(item for item in missing if item.name not in schema.names)])


def _write_rules(lake) -> None:
    write(lake, "stock_levels", list(_stock_rows()))
    write(lake, "safety_statements", list(_statement_rows()))
    held = {"valid_from": date(2024, 1, 1), "valid_to": None}
    required = [{"category": name, "attribute": a, **held} for name, attributes in REQUIREMENTS.items() for a in attributes]
    write(lake, "safety_requirements", [*required, {"category": "JAM", "attribute": "diet", **held, "valid_to": AS_OF}])
    write(lake, "product_declarations", list(_declarations()))
    write(lake, "planned_prices", list(_plans()))
    write(lake, "household_consents", list(_consent_rows()))
    lake.replace("age_limits", pa.table({"category": list(AGE_LIMITS), "years": list(AGE_LIMITS.values())}))


def _stock_rows():
    for name, meaning in meanings().items():
        for store, (units, age) in meaning.stock.items():
            monday = AS_OF - timedelta(days=6 + age)
            row = {"product_id": name, "store_id": store, "stock_out_days": 0.0, "simulated": store == "st2"}
            yield {**row, "week_start": monday, "stock_on_hand_units": units}
            # the week before, and the week that is not over, say the contrary
            for other in (monday - timedelta(days=7), AS_OF + timedelta(days=1)):
                yield {**row, "week_start": other, "stock_on_hand_units": 0.0 if units else 9.0}


def _statement_rows():
    held = {"valid_from": date(2024, 1, 1), "valid_to": None}
    for number in range(PRODUCTS):
        texts = {
            "Allergens": ALLERGENS[number % len(ALLERGENS)][0],
            "diet": DIETS[number % len(DIETS)][0],
            "minimum_age": AGES[number % len(AGES)][0],
            "choking hazard": "small parts" if number % 3 == 0 else None,
        }
        for attribute, text in texts.items():
            if text is not None:
                yield {"product_id": product(number), "attribute": attribute, "statement": text, **held}
    # neither begun nor in force any more
    yield {"product_id": product(0), "attribute": "allergens", "statement": "none", **held, "valid_from": TOMORROW}
    yield {"product_id": product(10), "attribute": "allergens", "statement": "none", **held, "valid_to": AS_OF}


def _declarations():
    held = {"valid_from": date(2024, 1, 1), "valid_to": None, "recorded_from": datetime(2024, 1, 1, tzinfo=UTC)}
    held |= {"grade": "asserted_by_steward", "scope": "chain"}
    pairs = [("neverSubstituteFor", pair) for pair in NEVER] + [("requires", pair) for pair in REQUIRES]
    for place, (relation, (source, target)) in enumerate(pairs):
        scope = "category:SNACKS" if place == 3 else "chain"
        yield {"source_product_id": source, "target_product_id": target, "relation": relation, **held, "scope": scope}
    for (source, target), days in zip(NOT_IN_FORCE, ({"valid_to": AS_OF}, {"valid_from": TOMORROW}), strict=True):
        yield {"source_product_id": source, "target_product_id": target, "relation": "neverSubstituteFor", **held, **days}


def _plans():
    known, late = AS_OF - timedelta(days=9), AS_OF + timedelta(days=1)
    yield {"product_id": "p10", "store_id": None, "week_start": TOMORROW, "planned_price": 3.5, "announced_on": known}
    yield {"product_id": "p35", "store_id": "st1", "week_start": TOMORROW, "planned_price": 4.5, "announced_on": known}
    yield {"product_id": "p20", "store_id": None, "week_start": TOMORROW, "planned_price": 5.5, "announced_on": late}
    week_after = TOMORROW + timedelta(days=7)
    yield {"product_id": "p25", "store_id": None, "week_start": week_after, "planned_price": 6.5, "announced_on": known}


def _consent_rows():
    """By households' numbers: agreed, refused, run out, recorded too late, never asked, agreed and withdrew."""
    early, late, after = (datetime.combine(day, time(8), UTC) for day in (AS_OF - timedelta(30), AS_OF - timedelta(3), TOMORROW))
    held = {"granted": True, "valid_from": date(2024, 1, 1), "valid_to": None, "recorded_from": early}
    for number in range(HOUSEHOLDS):
        for purpose in ("personalisation", "marketing"):
            row = {"household_id": household(number), "purpose": purpose, **held}
            yield from (
                [row],
                [{**row, "granted": False}],
                [{**row, "valid_to": AS_OF}],
                [{**row, "recorded_from": after}],
                [],
                [row, {**row, "granted": False, "recorded_from": late}],
            )[number % 6]

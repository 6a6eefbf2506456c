"""Another retailer, by its mapping alone: a gift wholesaler in the shape of UCI Online Retail, from file to answers."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import SecretStr

from api.services import Services
from api.settings import Settings
from api.wiring import Installation
from decisions.forecast.contract import ForecastRequest
from decisions.recommend.contract import RecommendationRequest
from decisions.relations.contract import RelatedRequest
from decisions.search.contract import SearchRequest
from ingest import IngestReport
from kit.ids import pseudonym
from kit.progress import SilentProgress

pytestmark = pytest.mark.full

COLOURS = ("RED", "BLUE", "GREEN", "IVORY", "PINK")
GIFTS = ("SPOTTY TEAPOT", "SPOTTY TEA CUP", "PAPER LANTERN", "TIN MONEY BOX", "WOODEN BIRDHOUSE", "KNITTED DOORSTOP",
         "GLASS BAUBLE", "PICNIC BASKET")  # fmt: skip
CATALOGUE = {f"{22400 + number}": f"{colour} {gift}" for number, (gift, colour) in enumerate(
    (gift, colour) for gift in GIFTS for colour in COLOURS
)}  # fmt: skip
TEAPOT, TEA_CUP = "22400", "22405"
"""A red teapot is mostly bought with the red cups."""
CUSTOMERS, WEEKS = 150, 40
KEY = SecretStr("the same customers have the same pseudonyms")
"""A key by chance would put the customers in another order each time, and with it what is drawn for them."""
FIRST_MONDAY = datetime(2011, 1, 3, 9, 30)  # noqa: DTZ001 - the feed's times are local and bear no zone
COLUMNS = ("InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country")
CANCELLED, NAMELESS = 12, 25


def invoices() -> list[tuple[object, ...]]:
    """Every customer in two of five weeks, with favourites of its own; cancellations and lines without a customer beside them."""
    chance = np.random.default_rng(2011)
    codes, rows, number = sorted(CATALOGUE), [], 536_365
    favourites = [chance.choice(len(codes), 6, replace=False) for _ in range(CUSTOMERS)]
    for week in range(WEEKS):
        for customer in range(CUSTOMERS):
            if chance.random() > 0.4:
                continue
            number += 1
            moment = FIRST_MONDAY + timedelta(days=7 * week + int(chance.integers(0, 7)), minutes=int(chance.integers(0, 480)))
            taken = {codes[place] for place in chance.choice(favourites[customer], 3, replace=False)}
            taken |= {codes[int(chance.integers(len(codes)))]}
            taken |= {TEAPOT} if chance.random() < 0.25 else set()
            taken |= {TEA_CUP} if TEAPOT in taken and chance.random() < 0.8 else set()
            rows += [line(str(number), code, moment, f"{12_346 + customer}", chance) for code in sorted(taken)]
    cancelled = [(f"C{row[0]}", row[1], row[2], -row[3], *row[4:]) for row in rows[: CANCELLED * 50 : 50]]
    nameless = [(f"{number + place}", *row[1:6], None, row[7]) for place, row in enumerate(rows[: NAMELESS * 40 : 40], 1)]
    return [*rows, *cancelled, *nameless]


def shown(code: str) -> str:
    """How a product without a category and a size is called before people."""
    return f"{CATALOGUE[code].capitalize()} · {code}"


def line(invoice: str, code: str, moment: datetime, customer: str, chance: np.random.Generator) -> tuple[object, ...]:
    """One line; now and then somebody types another description."""
    description = "damaged" if chance.random() < 0.02 else CATALOGUE[code]
    country = "France" if int(customer) % 10 == 0 else "United Kingdom"
    return invoice, code, description, int(chance.integers(1, 13)), moment, 1.25 + int(code) % 7, customer, country


@dataclass(frozen=True)
class Wholesaler:
    """The built installation, its ingest and the lines that it came from."""

    rows: list[tuple[object, ...]]
    report: IngestReport
    installation: Installation
    services: Services


@pytest.fixture(scope="module")
def wholesaler(tmp_path_factory: pytest.TempPathFactory) -> Wholesaler:
    folder, home = tmp_path_factory.mktemp("gifts"), tmp_path_factory.mktemp("gifts-home")
    rows = invoices()
    columns = {name: [row[place] for row in rows] for place, name in enumerate(COLUMNS)}
    # the feed gives the customer as a floating number, 17850.0, for the sake of those that it lacks
    columns["CustomerID"] = [float(number) if number else None for number in columns["CustomerID"]]
    pq.write_table(pa.table(columns), folder / "online_retail.parquet")
    installation = Installation.open(Settings(home=home, store="embedded", threads=1, port=0, pseudonym_key=KEY))
    report = installation.ingest("online_retail", folder, SilentProgress())
    installation.build(SilentProgress(), fresh=True)
    installation.train(SilentProgress())
    return Wholesaler(rows, report, installation, installation.services_of())


def test_every_line_is_accounted_for(wholesaler: Wholesaler) -> None:
    feeds = {feed.feed: feed for feed in wholesaler.report.feeds}
    sales = feeds["sales_lines"]
    assert sales.rows_in == len(wholesaler.rows) > 5_000
    assert sales.accepted == len(wholesaler.rows) - CANCELLED - NAMELESS
    assert (sales.quarantined, sales.duplicates) == (CANCELLED + NAMELESS, 0)
    assert {name: feeds[name].accepted for name in ("products", "stores", "households")} == {
        "products": len(CATALOGUE), "stores": 2, "households": CUSTOMERS,
    }  # fmt: skip
    rules = [row["rule_id"] for row in wholesaler.installation.lake.arrow("quarantine").to_pylist()]
    assert len(rules) == CANCELLED + NAMELESS
    assert sum(rule.endswith("customer.unknown") for rule in rules) == NAMELESS


def test_no_customer_number_reached_the_lake(wholesaler: Wholesaler) -> None:
    numbers = {row[6] for row in wholesaler.rows if row[6]}
    held = set(wholesaler.installation.lake.arrow("households").column("household_id").to_pylist())
    assert len(held) == len(numbers) == CUSTOMERS
    assert not held & numbers
    key = wholesaler.installation.pseudonym_key()
    # the pseudonym is that of the number as people write it, not of 17850.0
    assert held == {pseudonym(key, "hh_", number) for number in numbers}


def test_products_are_called_by_their_description(wholesaler: Wholesaler) -> None:
    nodes = wholesaler.services.graph.nodes("Product", sorted(CATALOGUE))
    assert {code: node.properties["name"] for code, node in nodes.items()} == CATALOGUE
    assert {code: node.properties["display_name"] for code, node in nodes.items()} == {code: shown(code) for code in CATALOGUE}
    hits = wholesaler.services.search.search(SearchRequest("spotty teapot", 5)).hits
    assert {CATALOGUE[hit.product_id] for hit in hits} == {f"{colour} SPOTTY TEAPOT" for colour in COLOURS}


def test_what_lies_in_the_same_invoices_is_related_with_its_evidence(wholesaler: Wholesaler) -> None:
    answer = wholesaler.services.relations.related(RelatedRequest(TEAPOT, "isBoughtWith", limit=5))
    first = answer.items[0]
    assert first.product_id == TEA_CUP
    sold = {row[0]: set() for row in wholesaler.rows if row[6] and not str(row[0]).startswith("C")}
    for row in wholesaler.rows:
        if row[0] in sold:
            sold[row[0]].add(row[1])
    assert first.evidence.events == sum({TEAPOT, TEA_CUP} <= codes for codes in sold.values())
    assert shown(TEA_CUP) in first.explanation.text
    assert first.explanation.paths


def test_without_categories_names_tell_what_replaces_and_what_completes(wholesaler: Wholesaler) -> None:
    related = {
        relation: wholesaler.services.relations.related(RelatedRequest(TEAPOT, relation, limit=5)).items
        for relation in ("isSubstituteFor", "isComplementTo")
    }
    # the other teapots come first; the red cup, of like name, is mostly taken with the teapot and not in its place
    first = [CATALOGUE[item.product_id] for item in related["isSubstituteFor"][:4]]
    assert sorted(first) == sorted(f"{colour} SPOTTY TEAPOT" for colour in COLOURS if colour != "RED")
    assert all(item.explanation.paths for items in related.values() for item in items)


def test_recommendations_are_explained_by_names(wholesaler: Wholesaler) -> None:
    household = wholesaler.installation.lake.arrow("households").column("household_id")[0].as_py()
    for request in (RecommendationRequest(household, limit=5), RecommendationRequest(basket=(TEAPOT,), limit=5)):
        answer = wholesaler.services.recommender.recommend(request)
        assert len(answer.items) == 5
        for item in answer.items:
            assert item.explanation.text
            ends = [end for path in item.explanation.paths for hop in path.hops for end in (hop.source, hop.target)]
            names = {end.display_name for end in ends if end.label == "Product"}
            assert names <= {shown(code) for code in CATALOGUE}
        # every score is told by factors; paths are those that a deletion was measured to move: sales alone have none
        assert all(item.explanation.factors for item in answer.items)
        assert answer.items[0].explanation.paths
    beside = wholesaler.services.recommender.recommend(RecommendationRequest(basket=(TEAPOT,), limit=5))
    assert TEA_CUP in {item.product_id for item in beside.items}


def test_a_forecast_follows_the_last_week(wholesaler: Wholesaler) -> None:
    answer = wholesaler.services.forecaster.forecast(ForecastRequest(TEA_CUP, horizon_weeks=4))
    last_day = (FIRST_MONDAY + timedelta(days=7 * WEEKS - 1)).date()
    assert answer.as_of <= last_day
    assert all(point.week_start > answer.as_of and 0 <= point.low <= point.units <= point.high for point in answer.points)
    assert len(answer.points) == 4

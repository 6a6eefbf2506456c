"""Search over a shop of nine products whose right answers are written down."""

import random
import string
from datetime import UTC, date, datetime

import pyarrow as pa
import pytest

from decisions.search import ProductSearch, SearchRequest
from decisions.search.errors import SearchRequestInvalid
from kg.snapshot import open_current_snapshot, publish_snapshot
from kg.tables import TableGraph
from kit.clock import FixedClock
from ontology import load_schema

MOMENT = datetime(2018, 1, 1, tzinfo=UTC)
CATALOGUE = [
    # id, name, type, category, brand, size, merchandise, baskets
    ("100", None, "FLUID MILK WHITE ONLY", "GROCERY > DAIRY > FLUID MILK WHITE ONLY", "Private", "1 GAL", True, 3),
    ("101", None, "CHOCOLATE MILK", "GROCERY > DAIRY > CHOCOLATE MILK", "National", "16 OZ", True, 1),
    ("102", None, "CHOCOLATE MILK", "GROCERY > DAIRY > CHOCOLATE MILK", "Private", "16 OZ", True, 2),
    ("103", None, "CHOCOLATE BARS", "GROCERY > CANDY > CHOCOLATE BARS", "National", "2 OZ", True, 0),
    ("104", None, "SHREDDED CHEESE", "GROCERY > CHEESE > SHREDDED CHEESE", "Private", "8 OZ", True, 0),
    ("105", None, "REGULAR UNLEADED", "FUEL > GASOLINE > REGULAR UNLEADED", "National", None, False, 4),
    ("106", "Crème brûlée", None, "GROCERY > DAIRY", "Private", None, True, 0),
    ("107", None, "YOGURT", "GROCERY > DAIRY > YOGURT", "Private", "6 OZ", True, 0),
    ("108", None, "YOGURT", "GROCERY > DAIRY > YOGURT", "Private", "6 OZ", True, 0),
]


@pytest.fixture(scope="module")
def finder(tmp_path_factory):
    root = tmp_path_factory.mktemp("graph")
    column = lambda at: [row[at] for row in CATALOGUE]  # noqa: E731 - one line reads best here
    categories = sorted({row[3] for row in CATALOGUE})
    lines = [(f"b{n}", row[0]) for row in CATALOGUE for n in range(row[7])]
    baskets = sorted({basket for basket, _ in lines})
    nodes = {
        "Product": pa.table({
            "id": column(0), "name": pa.array(column(1), pa.string()), "product_type": pa.array(column(2), pa.string()),
            "size": pa.array(column(5), pa.string()), "merchandise": column(6),
            "display_name": [f"Item {row[0]}" for row in CATALOGUE],
        }),
        "ProductCategory": pa.table({"id": categories, "display_name": categories, "notation": categories,
                                     "level": ["type"] * len(categories)}),
        "Brand": pa.table({"id": ["National", "Private"], "display_name": ["National", "Private"]}),
        "Basket": pa.table({"id": baskets, "display_name": baskets, "net_sales": [1.0] * len(baskets),
                            "sold_at": pa.array([MOMENT] * len(baskets), pa.timestamp("us", tz="UTC")),
                            "business_date": pa.array([date(2017, 12, 1)] * len(baskets), pa.date32())}),
    }  # fmt: skip
    edges = {
        "inCategory": pa.table({"source": column(0), "target": column(3)}),
        "ofBrand": pa.table({"source": column(0), "target": column(4)}),
        "contains": pa.table({"source": [b for b, _ in lines], "target": [p for _, p in lines],
                              "quantity": [1.0] * len(lines), "net_sales": [1.0] * len(lines)}),
    }  # fmt: skip
    graph = TableGraph(load_schema(), nodes, edges)
    publish_snapshot(graph, root, schema=graph.schema, as_of=date(2017, 12, 31), clock=FixedClock(MOMENT))
    return ProductSearch.build(open_current_snapshot(root))


def found(finder, text, **rest):
    answer = finder.search(SearchRequest(text, **rest))
    return [hit.product_id for hit in answer.hits]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("choc milk", ["102", "101"]),  # beginnings are enough; the one bought more comes first
        ("MILK chocolate", ["102", "101"]),  # order and case do not matter
        ("chocolate", ["102", "101", "103"]),
        ("creme", ["106"]),  # accents do not matter, and names are searched
        ("brûlée", ["106"]),
        ("104", ["104"]),
        ("private 1 gal", ["100"]),
        ("yogurt", ["107", "108"]),  # equals in the order of their ids
        ("yogert", ["107", "108"]),  # a letter wrong
        ("candy", ["103"]),  # the category's path is searched
        ("gasoline", []),  # no merchandise
        ("zzzz", []),
        ("", []),
        ("  ,;- ", []),
    ],
)
def test_known_questions_have_known_answers(finder, text, expected):
    assert found(finder, text) == expected


def test_fuel_is_found_where_it_is_asked_for(finder):
    assert found(finder, "gasoline", merchandise_only=False) == ["105"]


def test_when_no_product_has_all_words_those_with_some_are_found(finder):
    assert found(finder, "cheese cologne") == ["104"]
    assert set(found(finder, "cheese yogurt")) == {"104", "107", "108"}


def test_pages_join_to_the_whole_and_the_total_is_that_of_the_whole(finder):
    whole = finder.search(SearchRequest("grocery", limit=100))
    assert whole.total == len(whole.hits) == 8
    pages = [hit for offset in range(0, 9, 3) for hit in finder.search(SearchRequest("grocery", limit=3, offset=offset)).hits]
    assert pages == list(whole.hits)
    assert finder.search(SearchRequest("grocery", limit=3, offset=100)).hits == ()


def test_1500_texts_of_garbage_and_query_language_never_fail(finder):
    rng = random.Random(4)
    pieces = "\" ( ) [ ] TO * ~2 ^9 AND OR NOT + - : name: /.*/ \\ { milk ch \x00 é 界 𝕏 '".split(" ")  # noqa: SIM905 - thirty short strings read best in one line
    for number in range(1500):
        if number % 2:
            text = " ".join(rng.choices(pieces, k=rng.randint(1, 12)))
        else:
            text = "".join(rng.choices(string.printable + "éß界\u202e\ufffd", k=rng.randint(1, 60)))
        answer = finder.search(SearchRequest(text[:200], limit=5))
        assert len(answer.hits) <= 5
        assert answer.total <= len(CATALOGUE)


@pytest.mark.parametrize("request_", [SearchRequest("x" * 201), SearchRequest("x", limit=0), SearchRequest("x", limit=101),
                                      SearchRequest("x", offset=-1), SearchRequest("x", offset=10_001)])  # fmt: skip
def test_requests_outside_of_the_bounds_are_refused(finder, request_):
    with pytest.raises(SearchRequestInvalid):
        finder.search(request_)

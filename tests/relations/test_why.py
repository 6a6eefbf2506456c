"""All that a small graph holds between two products, against sets counted by hand in plain Python."""

from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pytest

from decisions.relations import BeforeFirstSale, NotKnownYet, RelationService, SameProduct, UnknownProduct, WhyRequest
from decisions.relations.edges import EDGE_SCHEMA
from decisions.relations.why import unmet
from kg.ports import Direction
from kg.snapshot import open_current_snapshot, publish_snapshot
from kg.tables import TableGraph
from kit.clock import FixedClock
from ontology import load_schema
from tests.relations.test_compare import row

AS_OF = date(2024, 6, 30)
PRODUCTS = ["cola", "light", "chips", "gone", "new", "never"]
PERIODS = {
    "cola": (date(2024, 1, 1), date(2024, 6, 30)), "light": (date(2024, 2, 1), date(2024, 6, 1)),
    "chips": (date(2024, 1, 1), date(2024, 6, 30)), "gone": (date(2024, 1, 1), date(2024, 1, 31)),
    "new": (date(2024, 2, 1), date(2024, 6, 30)), "never": (None, None),
}  # fmt: skip
# household number: what each of its baskets holds; the last basket of household 0 is of the day after
BASKETS = {n: [["cola", "light"], ["chips"]] if n < 12 else [["cola", "chips"], ["new"]] for n in range(15)}
DERIVED = {
    "isSubstituteFor": [
        row("cola", "light"), row("light", "cola", strength=0.1), row("light", "cola", "season:summer", strength=0.7),
        row("cola", "chips", status="retracted"), row("chips", "cola", valid_from=date(2024, 7, 1)),
    ],
    "isBoughtWith": [row("cola", "chips", strength=2.0, unit="lift"), row("light", "chips", strength=3.0, unit="lift"),
                     row("cola", "new", strength=9.0, unit="lift"), row("light", "new", strength=1.5, unit="lift"),
                     row("light", "gone", "season:summer", strength=9.0), row("cola", "gone", strength=9.0)],
    "neverSubstituteFor": [row("chips", "gone", grade="asserted_by_steward")],
}  # fmt: skip


def _baskets():
    for household, baskets in BASKETS.items():
        for number, held in enumerate(baskets):
            yield f"b{household}-{number}", f"h{household}", AS_OF - timedelta(days=number), held
    yield "b-later", "h0", AS_OF + timedelta(days=1), ["cola", "light"]


@pytest.fixture(scope="module")
def graph(tmp_path_factory):
    schema, root = load_schema(), tmp_path_factory.mktemp("why")
    baskets = list(_baskets())
    stamp = datetime(2024, 6, 30, tzinfo=UTC)
    nodes = {
        "Product": pa.table({"id": PRODUCTS, "display_name": [p.capitalize() for p in PRODUCTS], "merchandise": [True] * 6,
                             "first_sold": pa.array([PERIODS[p][0] for p in PRODUCTS], pa.date32()),
                             "last_sold": pa.array([PERIODS[p][1] for p in PRODUCTS], pa.date32())}),
        "ProductCategory": pa.table({"id": ["DRINKS", "SNACKS", "FOOD"], "display_name": ["Drinks", "Snacks", "Food"],
                                     "level": ["category", "category", "department"], "notation": ["d", "s", "f"]}),
        "Supplier": pa.table({"id": ["s1"], "display_name": ["Supplier one"]}),
        "Household": pa.table({"id": [f"h{n}" for n in BASKETS], "display_name": [f"Household {n}" for n in BASKETS]}),
        "Basket": pa.table({"id": [b for b, *_ in baskets], "display_name": [b for b, *_ in baskets],
                            "business_date": pa.array([day for *_, day, _ in baskets], pa.date32()),
                            "net_sales": [1.0] * len(baskets),
                            "sold_at": pa.array([stamp] * len(baskets), pa.timestamp("us", tz="UTC"))}),
        "Promotion": pa.table({"id": ["p1", "p2", "p3"], "display_name": ["p1", "p2", "p3"], "mechanic": ["display"] * 3,
                               "stores": pa.array([1] * 3, pa.int64()), "coverage": [0.5] * 3,
                               "valid_from": pa.array([date(2024, 6, 1), date(2024, 6, 5), date(2024, 6, 25)], pa.date32()),
                               "valid_to": pa.array([date(2024, 6, 8), date(2024, 6, 12), date(2024, 7, 9)], pa.date32())}),
    }  # fmt: skip
    lines = [(basket, product) for basket, _, _, held in baskets for product in held]
    placed = [("cola", "DRINKS"), ("light", "DRINKS"), ("chips", "SNACKS"), ("gone", "SNACKS")]
    edges = {name: pa.Table.from_pylist(rows, EDGE_SCHEMA) for name, rows in DERIVED.items()} | {
        "contains": pa.table({"source": [b for b, _ in lines], "target": [p for _, p in lines], "quantity": [1.0] * len(lines),
                              "net_sales": [1.0] * len(lines)}),
        "madeBy": pa.table({"source": [b for b, *_ in baskets], "target": [h for _, h, *_ in baskets]}),
        "inCategory": pa.table([*map(list, zip(*placed, strict=True))], names=["source", "target"]),
        "broader": pa.table({"source": ["DRINKS", "SNACKS"], "target": ["FOOD", "FOOD"]}),
        "suppliedBy": pa.table({"source": ["cola", "light"], "target": ["s1", "s1"]}),
        "promotes": pa.table({"source": ["p1", "p2", "p3"], "target": ["cola", "light", "cola"]}),
    }  # fmt: skip
    clock = FixedClock(stamp)
    publish_snapshot(TableGraph(schema, nodes, edges), root, schema=schema, as_of=AS_OF, clock=clock)
    return open_current_snapshot(root)


def why(graph, one, other, as_of=None):
    return RelationService(graph).why(WhyRequest(one, other, as_of))


def edges_of(answer):
    return [(one.relation, one.scope, one.source.id, one.target.id) for one in answer.relations]


def ways(answer):
    return [
        [(hop.source.id, hop.relation, hop.target.id, hop.walked_backwards) for hop in path.hops]
        for path in answer.explanation.paths
    ]


def test_both_directions_and_all_scopes_with_a_sentence_each(graph):
    answer = why(graph, "cola", "light")
    # the chain first; of one scope first the edges into the product that was named first
    assert edges_of(answer) == [
        ("isSubstituteFor", "chain", "light", "cola"), ("isSubstituteFor", "chain", "cola", "light"),
        ("isSubstituteFor", "season:summer", "light", "cola"),
    ]  # fmt: skip
    assert answer.related
    assert answer.missing == ()
    assert answer.relations[2].text.startswith("In summer: of 100 purchases of Cola that are lost, an estimated 70.0 ")
    assert sorted(edges_of(why(graph, "light", "cola"))) == sorted(edges_of(answer))


def test_paths_are_those_of_the_templates_and_every_hop_is_stored(graph):
    answer = why(graph, "cola", "light")
    assert ways(answer) == [
        [("cola", "inCategory", "DRINKS", False), ("light", "inCategory", "DRINKS", True)],
        [("cola", "suppliedBy", "s1", False), ("light", "suppliedBy", "s1", True)],
        # through products bought with both: the one whose weaker edge is the stronger first
        [("cola", "isBoughtWith", "chips", False), ("light", "isBoughtWith", "chips", True)],
        [("cola", "isBoughtWith", "new", False), ("light", "isBoughtWith", "new", True)],
    ]
    for path in answer.explanation.paths:
        for hop in path.hops:
            stored = graph.related(hop.relation, [hop.source.id], direction=Direction.OUT, limit=100)[hop.source.id]
            assert hop.target.id in [edge.target.id for edge in stored]
    assert "both are in Drinks; both come from Supplier one; both are bought with Chips" in answer.explanation.text
    assert ways(why(graph, "cola", "chips"))[0] == [
        ("cola", "inCategory", "DRINKS", False), ("DRINKS", "broader", "FOOD", False), ("SNACKS", "broader", "FOOD", True),
        ("chips", "inCategory", "SNACKS", True),
    ]  # fmt: skip


def test_no_path_leads_over_people(graph):
    for one in PRODUCTS:
        for other in set(PRODUCTS) - {one}:
            labels = {end.label for path in why(graph, one, other).explanation.paths for hop in path.hops
                      for end in (hop.source, hop.target)}  # fmt: skip
            assert labels <= {"Product", "ProductCategory", "Supplier", "Brand", "Need", "Coupon"}


@pytest.mark.parametrize(
    ("one", "other"), [("cola", "light"), ("light", "cola"), ("cola", "chips"), ("chips", "new"), ("cola", "new")]
)
def test_counts_are_those_of_plain_python(graph, one, other):
    held = [[(basket, household) for basket, household, day, products in _baskets() if p in products and day <= AS_OF]
            for p in (one, other)]  # fmt: skip
    baskets = [{b for b, _ in side} for side in held]
    buyers = [{h for _, h in side} for side in held]
    both = {h for b, h in held[0] if b in baskets[1]}

    def shown(count, people):
        return None if 0 < len(people) < 10 else count

    counts = {count.kind: (count.shared, count.first, count.second) for count in why(graph, one, other).shared}
    assert counts["baskets"] == (
        shown(len(baskets[0] & baskets[1]), both), shown(len(baskets[0]), buyers[0]), shown(len(baskets[1]), buyers[1]),
    )  # fmt: skip
    assert counts["households"] == (
        shown(len(buyers[0] & buyers[1]), buyers[0] & buyers[1]), shown(len(buyers[0]), buyers[0]),
        shown(len(buyers[1]), buyers[1]),
    )  # fmt: skip


def test_some_counts_are_withheld_and_some_are_told(graph):
    assert [count.shared for count in why(graph, "cola", "light").shared] == [12, 12, 3]
    assert [count.shared for count in why(graph, "cola", "new").shared] == [0, None, 0]
    # promotion days end with the graph's own day
    days = why(graph, "cola", "light").shared[2]
    assert (days.first, days.second) == (7 + 6, 7)


def test_retracted_edges_and_those_of_a_later_day_are_not_there(graph):
    answer = why(graph, "cola", "chips")
    assert edges_of(answer) == [("isBoughtWith", "chain", "cola", "chips")]


def test_a_declared_edge_is_told_and_is_no_derived_relation(graph):
    answer = why(graph, "gone", "chips")
    assert edges_of(answer) == [("neverSubstituteFor", "chain", "chips", "gone")]
    assert answer.relations[0].text == "Chips is never to be given in place of Gone."
    assert not answer.related
    assert answer.missing[0].startswith("No edge of a derived relation")


def test_two_products_that_never_met_are_told_apart_from_unrelated_ones(graph):
    apart = why(graph, "gone", "new")
    refusal = unmet(apart)
    assert (apart.days_together, apart.related) == (0, False)
    assert refusal is not None
    assert "Gone from 2024-01-01 to 2024-01-31, New from 2024-02-01 to 2024-06-30" in refusal.problem
    assert "They were never sold at the same time: Gone from 2024-01-01" in apart.missing[1]
    strangers = why(graph, "chips", "new")
    assert (strangers.days_together, unmet(strangers)) == (151, None)
    assert "They are not in the same category." in strangers.missing
    unsold = why(graph, "never", "cola")
    assert (unsold.days_together, unmet(unsold)) == (None, None)
    assert "Never was never sold." in unsold.missing
    # an edge joins them although they never met: a stated one counts
    assert unmet(why(graph, "gone", "chips")) is None


@pytest.mark.parametrize(
    ("one", "other", "as_of", "error"),
    [
        ("cola", "nobody", None, UnknownProduct),
        ("nobody", "cola", None, UnknownProduct),
        ("cola", "cola", None, SameProduct),
        ("cola", "light", date(2023, 12, 31), BeforeFirstSale),
        ("cola", "light", date(2024, 6, 29), NotKnownYet),
        ("cola", "light", date(2024, 7, 1), NotKnownYet),
    ],
)
def test_refusals(graph, one, other, as_of, error):
    with pytest.raises(error) as caught:
        why(graph, one, other, as_of)
    assert caught.value.remedy
    assert why(graph, "cola", "light", AS_OF) == why(graph, "cola", "light")

"""Every read of the port against an oracle in plain Python, ties included."""

from datetime import date, timedelta

import pytest

from kg.errors import UnknownTerm
from kg.ports import Direction, GraphReader, NodeRef
from tests.conformance import oracle
from tests.conformance.world import AS_OF, SCHEMA, shop

WORLD = shop()
DAYS = (None, AS_OF - timedelta(days=40), AS_OF - timedelta(days=1), AS_OF, AS_OF + timedelta(days=1), date(2019, 1, 1))


def ids_of(label: str) -> list[str]:
    return [row["id"] for row in WORLD.nodes.get(label, [])]


def test_counts_name_every_term(filled: GraphReader) -> None:
    assert filled.counts() == oracle.counts(WORLD)


@pytest.mark.parametrize("label", list(SCHEMA.nodes))
def test_nodes(filled: GraphReader, label: str) -> None:
    asked = [*ids_of(label), "nobody", "'}) //"]
    assert filled.nodes(label, asked) == oracle.nodes(WORLD, label, asked)


@pytest.mark.parametrize("relation", sorted(WORLD.edges))
def test_related_on_every_day_in_both_directions(filled: GraphReader, relation: str) -> None:
    definition = SCHEMA.relations[relation]
    for direction, label in ((Direction.OUT, definition.source), (Direction.IN, definition.target)):
        asked = [*ids_of(label), "nobody"]
        for as_of in DAYS:
            for limit in (1, 3, 1_000):
                answer = filled.related(relation, asked, direction=direction, limit=limit, as_of=as_of)
                assert answer == oracle.related(WORLD, relation, asked, direction, limit, as_of)


@pytest.mark.parametrize("relation", ["isBoughtWith", "isSubstituteFor", "neverSubstituteFor"])
def test_related_of_one_scope_before_the_limit(filled: GraphReader, relation: str) -> None:
    asked = [*ids_of("Product"), "nobody"]
    for direction in Direction:
        for scope in ("chain", "store:s1", "store:s", "' OR true //", ""):
            for as_of in (None, AS_OF):
                for limit in (1, 3, 1_000):
                    answer = filled.related(relation, asked, direction=direction, limit=limit, as_of=as_of, scope=scope)
                    assert answer == oracle.related(WORLD, relation, asked, direction, limit, as_of, scope=scope)
        one = filled.related(relation, ["p1"], direction=direction, limit=2, scope="chain")
        assert one == oracle.related(WORLD, relation, ["p1"], direction, 2, None, scope="chain")


def test_scopes_are_told_apart_and_together_are_all() -> None:
    found = {
        scope: sum(
            map(len, oracle.related(WORLD, "isBoughtWith", ids_of("Product"), Direction.OUT, 100, None, scope=scope).values())
        )
        for scope in ("chain", "store:s1", None)
    }
    assert found["chain"] > found["store:s1"] > 0
    assert found["chain"] + found["store:s1"] == found[None]


def test_a_relation_without_scopes_cannot_be_asked_for_one(filled: GraphReader) -> None:
    with pytest.raises(UnknownTerm, match="scope"):
        filled.related("inCategory", ["p1"], direction=Direction.OUT, limit=1, scope="chain")


def test_related_of_one_id_asked_twice(filled: GraphReader) -> None:
    once = filled.related("isBoughtWith", ["p1"], direction=Direction.OUT, limit=5)
    assert filled.related("isBoughtWith", ["p1", "p1"], direction=Direction.OUT, limit=5) == once


@pytest.mark.parametrize("strangers", [0, 1, 40, 2_000])
def test_how_many_are_asked_for_changes_no_answer(filled: GraphReader, strangers: int) -> None:
    unknown = [f"stranger-{number}" for number in range(strangers)]
    for product in ("p1", "é-😀"):
        asked = [*unknown, product]
        assert filled.nodes("Product", asked) == oracle.nodes(WORLD, "Product", [product])
        for scope in (None, "store:s1"):
            found = filled.related("isSubstituteFor", asked, direction=Direction.IN, limit=3, as_of=AS_OF, scope=scope)
            assert found == oracle.related(WORLD, "isSubstituteFor", asked, Direction.IN, 3, AS_OF, scope=scope)
    found = filled.repertoire([*unknown, "h1"], as_of=AS_OF, limit=4)
    assert found["h1"] == oracle.repertoire(WORLD, "h1", AS_OF, 4)
    assert found.keys() == {*unknown, "h1"}


def test_no_ids_no_answers(filled: GraphReader) -> None:
    assert filled.nodes("Product", []) == {}
    assert filled.related("contains", [], direction=Direction.OUT, limit=1) == {}
    assert filled.repertoire([], as_of=AS_OF, limit=1) == {}


@pytest.mark.parametrize("limit", [1, 2, 100])
def test_repertoire(filled: GraphReader, limit: int) -> None:
    asked = [*ids_of("Household"), "nobody"]
    for as_of in DAYS[1:]:
        expected = {household: oracle.repertoire(WORLD, household, as_of, limit) for household in asked}
        assert filled.repertoire(asked, as_of=as_of, limit=limit) == expected


PATH_QUESTIONS = [
    (("Product", "p1"), ("Product", "p2"), ["isBoughtWith", "isSubstituteFor", "neverSubstituteFor"], 2, 500),
    (("Product", "p1"), ("Product", "p2"), ["isBoughtWith"], 3, 40),
    (("Product", "p1"), ("Product", "é-😀"), ["inCategory", "suppliedBy", "contains"], 4, 25),
    (("Household", "h1"), ("Product", "p9"), ["madeBy", "contains"], 2, 100),
    (("Household", "h1"), ("Household", "h2"), ["madeBy", "contains"], 4, 60),
    (("Household", "h1"), ("Coupon", "c1:k1"), ["redeemed", "received", "ofCampaign"], 3, 100),
    (("Product", "p1"), ("Product", "p1"), ["isBoughtWith", "suppliedBy"], 3, 60),
    (("Product", "p1"), ("Supplier", "p1"), ["suppliedBy", "inCategory"], 4, 60),
    (("Supplier", "p1"), ("Product", "p10"), ["suppliedBy", "isSubstituteFor"], 4, 3),
    (("Product", "p1"), ("Store", "s1"), ["isBoughtWith"], 4, 10),
]


@pytest.mark.parametrize("question", range(len(PATH_QUESTIONS)))
def test_paths_are_trails_shortest_first(filled: GraphReader, question: int) -> None:
    source, target, relations, hops, limit = PATH_QUESTIONS[question]
    ends = NodeRef(*source), NodeRef(*target)
    answer = filled.paths(*ends, relations=relations, maximum_hops=hops, limit=limit)
    assert answer == oracle.paths(WORLD, *ends, relations, hops, limit)


def test_path_questions_have_answers_of_every_length() -> None:
    lengths = set()
    for source, target, relations, hops, limit in PATH_QUESTIONS:
        found = oracle.paths(WORLD, NodeRef(*source), NodeRef(*target), relations, hops, limit)
        lengths |= {len(path.edges) for path in found}
    assert lengths == {1, 2, 3, 4}


def test_paths_from_nowhere(filled: GraphReader) -> None:
    here, nowhere = NodeRef("Product", "p1"), NodeRef("Product", "nobody")
    for ends in ((here, nowhere), (nowhere, here), (nowhere, nowhere)):
        assert filled.paths(*ends, relations=["isBoughtWith"], maximum_hops=4, limit=5) == ()
    assert filled.paths(here, here, relations=[], maximum_hops=4, limit=5) == ()


def test_unknown_terms_are_refused(filled: GraphReader) -> None:
    here = NodeRef("Product", "p1")
    with pytest.raises(UnknownTerm, match="Produkt"):
        filled.nodes("Produkt", ["p1"])
    with pytest.raises(UnknownTerm, match="`boughtBy`"):
        filled.related("`boughtBy`", ["p1"], direction=Direction.OUT, limit=1)
    with pytest.raises(UnknownTerm, match="boughtBy"):
        filled.paths(here, here, relations=["boughtBy"], maximum_hops=1, limit=1)
    with pytest.raises(UnknownTerm, match="Produkt"):
        filled.paths(NodeRef("Produkt", "p1"), here, relations=["isBoughtWith"], maximum_hops=1, limit=1)

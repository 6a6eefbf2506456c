"""What was declared wins over what was learned, and contradictions are put up for review."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from decisions.relations import Limits
from decisions.relations.consistency import PAIRS, REQUIRED, STATED, Rules, consistent, read_rules
from decisions.relations.derive import derive
from tests.relation_worlds import CATALOGUE, FIRST_DAY, LAST_DAY, line_rows, planted_trips, write_world

AS_OF = FIRST_DAY + timedelta(days=LAST_DAY)
EDGE = pa.schema([*PAIRS, ("strength", pa.float64()), ("status", pa.string())])
DECLARED = pa.schema(
    [
        *((name, pa.string()) for name in ("source_product_id", "target_product_id", "relation", "scope")),
        ("valid_from", pa.date32()),
        ("valid_to", pa.date32()),
    ]
)
CATEGORIES = {"a": "NUTS", "b": "NUTS", "c": "DRINKS", "d": None}


def edges(*rows):
    return pa.Table.from_pylist(
        [
            {"source": s, "target": t, "scope": scope, "strength": float(n), "status": "active"}
            for n, (s, t, scope) in enumerate(rows)
        ],
        EDGE,
    )


def rules(never=(), requires=(), required=(), stated=()):
    def table(rows, schema):
        return pa.Table.from_pylist([dict(zip(schema.names, row, strict=True)) for row in rows], schema)

    categories = pa.table({"product_id": list(CATEGORIES), "category": list(CATEGORIES.values())})
    return Rules(table(never, PAIRS), table(requires, PAIRS), table(required, REQUIRED), table(stated, STATED), categories)


def pairs_of(table):
    return [tuple(row.values()) for row in table.select(["source", "target", "scope"]).to_pylist()]


def test_a_declared_never_wins_in_its_direction_and_scope():
    table = edges(("a", "b", "chain"), ("b", "a", "chain"), ("a", "b", "season:winter"), ("c", "b", "season:winter"))
    chain, counts = consistent({"isSubstituteFor": table}, rules(never=[("a", "b", "chain")]))
    assert pairs_of(chain["isSubstituteFor"]) == [("b", "a", "chain"), ("c", "b", "season:winter")]
    assert counts == {"neverSubstituteFor": 2, "requires": 0, "safety_unknown": 0, "taken_together": 0, "for_review": 0}
    winter, counts = consistent({"isSubstituteFor": table}, rules(never=[("a", "b", "season:winter")]))
    assert pairs_of(winter["isSubstituteFor"]) == [("a", "b", "chain"), ("b", "a", "chain"), ("c", "b", "season:winter")]
    assert counts["neverSubstituteFor"] == 1


def test_what_is_used_with_a_product_does_not_replace_it_either_way():
    table = edges(("a", "b", "chain"), ("b", "a", "chain"), ("a", "c", "chain"))
    kept, counts = consistent({"isSubstituteFor": table}, rules(requires=[("a", "b", "chain")]))
    assert pairs_of(kept["isSubstituteFor"]) == [("a", "c", "chain")]
    assert counts["requires"] == 2


def test_unknown_safety_is_not_offered_where_the_category_asks_for_it():
    table = edges(("a", "b", "chain"), ("c", "b", "chain"), ("b", "c", "chain"), ("b", "d", "chain"), ("d", "b", "chain"))
    asked = rules(
        required=[("NUTS", "allergens"), ("NUTS", "origin")], stated=[("a", "allergens"), ("a", "origin"), ("c", "origin")]
    )
    kept, counts = consistent({"isSubstituteFor": table}, asked)
    assert pairs_of(kept["isSubstituteFor"]) == [("a", "b", "chain"), ("b", "c", "chain"), ("b", "d", "chain")]
    assert counts["safety_unknown"] == 2


def test_the_first_rule_that_forbids_is_the_one_that_counts():
    both = rules(never=[("a", "b", "chain")], requires=[("a", "b", "chain")], required=[("NUTS", "allergens")])
    _, counts = consistent({"isSubstituteFor": edges(("a", "b", "chain"))}, both)
    assert counts == {"neverSubstituteFor": 1, "requires": 0, "safety_unknown": 0, "taken_together": 0, "for_review": 0}


def test_a_pair_that_replaces_and_completes_in_one_scope_is_for_a_person_to_judge():
    substitutes = edges(("a", "b", "chain"), ("b", "a", "segment:x"), ("c", "b", "chain"))
    complements = edges(("b", "a", "chain"), ("a", "c", "chain"), ("a", "b", "season:winter"))
    kept, counts = consistent({"isSubstituteFor": substitutes, "isComplementTo": complements}, rules())
    assert kept["isSubstituteFor"]["status"].to_pylist() == ["for_review", "active", "active"]
    assert kept["isComplementTo"]["status"].to_pylist() == ["for_review", "active", "active"]
    assert counts["for_review"] == 2
    assert kept["isSubstituteFor"].drop_columns(["status"]).equals(substitutes.drop_columns(["status"]))


def test_a_dropped_substitute_contradicts_nothing():
    tables = {name: edges(("a", "b", "chain")) for name in ("isSubstituteFor", "isComplementTo")}
    kept, counts = consistent(tables, rules(never=[("a", "b", "chain")]))
    assert (kept["isSubstituteFor"].num_rows, kept["isComplementTo"]["status"].to_pylist()) == (0, ["active"])
    assert counts["for_review"] == 0


PAIR = st.tuples(st.sampled_from("abcd"), st.sampled_from("abcd"), st.sampled_from(["chain", "season:winter"])).filter(
    lambda pair: pair[0] != pair[1]
)


@given(
    st.lists(PAIR, unique=True), st.lists(PAIR, unique=True), st.lists(PAIR, max_size=3), st.lists(PAIR, max_size=2),
    st.sets(st.sampled_from("abcd")),
)  # fmt: skip
def test_rules_hold_edge_by_edge_as_in_plain_python(substitutes, complements, never, requires, stated):
    given_rules = rules(never, requires, [("NUTS", "allergens")], [(product, "allergens") for product in sorted(stated)])
    tables = {"isSubstituteFor": edges(*substitutes), "isComplementTo": edges(*complements)}
    kept, counts = consistent(tables, given_rules)

    def forbids(source, target, scope):
        if {(source, target, scope), (source, target, "chain")} & set(never):
            return "neverSubstituteFor"
        if {(s, t, where) for s, t in ((source, target), (target, source)) for where in (scope, "chain")} & set(requires):
            return "requires"
        return "safety_unknown" if CATEGORIES[target] == "NUTS" and source not in stated else None

    reasons = [forbids(*pair) for pair in substitutes]
    left = [pair for pair, reason in zip(substitutes, reasons, strict=True) if reason is None]
    assert pairs_of(kept["isSubstituteFor"]) == left
    assert pairs_of(kept["isComplementTo"]) == complements
    sides = [{(frozenset(pair[:2]), pair[2]) for pair in side} for side in (left, complements)]
    for table in kept.values():
        for row in table.to_pylist():
            both = (frozenset((row["source"], row["target"])), row["scope"]) in sides[0] & sides[1]
            assert row["status"] == ("for_review" if both else "active")
    assert {reason: count for reason, count in counts.items() if count and reason != "for_review"} == {
        reason: count for reason, count in Counter(reasons).items() if reason is not None
    }


def declare(lake, *rows):
    names = DECLARED.names
    lake.replace("product_declarations", pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in rows], DECLARED))


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return write_world(tmp_path_factory.mktemp("world"), line_rows(planted_trips()), CATALOGUE)


def derived(lake):
    small = Limits(5, 2, 5, 2, minimum_baskets=5, minimum_households=2, minimum_together=5, minimum_households_together=2)
    return derive(lake, None, as_of=AS_OF, run_id="r", recorded_at=datetime(2026, 1, 2, tzinfo=UTC), limits=small, scoped=False)


def test_a_stewards_never_reaches_the_edges(world):
    before = derived(world)
    declare(world, ("cola_b", "cola_a", "neverSubstituteFor", None, FIRST_DAY, None))
    after = derived(world)
    gone = set(pairs_of(before.edges["isSubstituteFor"])) - set(pairs_of(after.edges["isSubstituteFor"]))
    assert gone == {("cola_b", "cola_a", "chain")}
    assert before.ruled == {"neverSubstituteFor": 0, "requires": 0, "safety_unknown": 0, "taken_together": 0, "for_review": 0}
    assert after.ruled == {**before.ruled, "neverSubstituteFor": 1}


def test_a_declaration_holds_from_its_day_to_its_end(tmp_path):
    lake = write_world(tmp_path, line_rows([(0, "h", ("a",))]), {"a": (None, None)})
    days = (
        (AS_OF + timedelta(days=1), None),
        (AS_OF - timedelta(days=9), AS_OF),
        (AS_OF, AS_OF + timedelta(days=1)),
        (AS_OF, None),
    )
    declare(lake, *((f"s{n}", "t", "neverSubstituteFor", None, *day) for n, day in enumerate(days)))
    found = read_rules(lake, AS_OF)
    assert pairs_of(found.never.sort_by("source")) == [("s2", "t", "chain"), ("s3", "t", "chain")]
    assert (found.requires.num_rows, found.required.num_rows, found.stated.num_rows) == (0, 0, 0)


def test_statements_are_read_as_of_the_day(tmp_path):
    lake = write_world(tmp_path, line_rows([(0, "h", ("a",))]), {"a": ("NUTS", None)})
    dates = {"valid_from": pa.array([AS_OF, AS_OF + timedelta(days=1)], pa.date32()), "valid_to": pa.nulls(2, pa.date32())}
    lake.replace("safety_requirements", pa.table({"category": ["NUTS", "OIL"], "attribute": ["allergens"] * 2, **dates}))
    lake.replace("safety_statements", pa.table({"product_id": ["a", "b"], "attribute": ["allergens"] * 2, **dates}))
    found = read_rules(lake, AS_OF)
    assert found.required.to_pylist() == [{"category": "NUTS", "attribute": "allergens"}]
    assert found.stated.to_pylist() == [{"product_id": "a", "attribute": "allergens"}]


def test_what_is_bought_with_a_product_without_a_category_does_not_replace_it():
    learned = {
        "isSubstituteFor": edges(("a", "d", "chain"), ("b", "d", "chain"), ("b", "a", "chain")),
        "isBoughtWith": edges(("a", "d", "chain"), ("d", "a", "chain"), ("b", "a", "chain"), ("a", "b", "chain")),
    }
    kept, counts = consistent(learned, rules())
    assert pairs_of(kept["isSubstituteFor"]) == [("b", "d", "chain"), ("b", "a", "chain")]
    assert counts["taken_together"] == 1

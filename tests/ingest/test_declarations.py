"""What a steward or a supplier states of two products, from the file to the graph and over what was learned."""

from datetime import UTC, date, datetime

import pyarrow as pa
import pytest

from decisions.relations.consistency import read_rules
from ingest.feeds import ensure_tables, ingest_feed
from ingest.graph_load import fact_batches
from ingest.graph_queries import EDGE_QUERIES
from kit.ids import stable_id
from ontology.validate import validate_edges
from tests.ingest.conftest import World
from tests.tiny_retailer import AS_OF, build_tiny_lake

HEADER = "source_product_id,target_product_id,relation,scope,grade,valid_from,valid_to,recorded_from"
STATED = """
cola_a,cola_b,neverSubstituteFor,chain,asserted_by_steward,2024-05-01,,2024-04-20 09:00:00
pesto,sauce,isDeclaredEquivalentTo,season:winter,declared_by_supplier,2024-05-01,2024-06-01,2024-04-20 09:00:00
penne,pasta,replaces,chain,declared_by_supplier,2030-01-01,,2024-04-20 09:00:00
soap,milk,requires,chain,asserted_by_steward,2024-05-01,,2024-04-20 09:00:00
soap,nothing,requires,chain,asserted_by_steward,2024-05-01,,2024-04-20 09:00:00
soap,milk,looksLike,chain,asserted_by_steward,2024-05-01,,2024-04-20 09:00:00
"""


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    lake = build_tiny_lake(tmp_path_factory.mktemp("shop"))
    ensure_tables(lake)
    folder = tmp_path_factory.mktemp("files")
    (folder / "product_declarations.csv").write_text(HEADER + STATED)
    report = ingest_feed(World(folder).source, "product_declarations", lake, pseudonym_key=b"a key for tests", run_id="run_1")
    assert (report.accepted, report.by_rule) == (4, {"target_product_id.reference": 1, "relation.allowed": 1})
    return lake


def test_statements_become_edges_that_hold_the_shapes(lake):
    batches = {term: rows for term, rows in fact_batches(lake, EDGE_QUERIES, AS_OF) if "grade" in rows.column_names}
    assert {term: rows.num_rows for term, rows in batches.items()} == {
        "isDeclaredEquivalentTo": 1,
        "neverSubstituteFor": 1,
        "requires": 1,
        "replaces": 0,  # of a day to come
    }
    known = {"Product": lake.arrow("products")["product_id"].combine_chunks()}
    for term, rows in batches.items():
        assert validate_edges(term, rows, known_ids=known).findings == ()
    assert batches["neverSubstituteFor"].to_pylist() == [
        {
            "source": "cola_a", "target": "cola_b", "strength": 1.0, "unit": "declared", "scope": "chain",
            "assertion_id": stable_id("neverSubstituteFor", "cola_a", "cola_b", "chain"), "sources": ["product_declarations"],
            "run_id": "whole", "grade": "asserted_by_steward", "status": "active", "valid_from": date(2024, 5, 1),
            "valid_to": None, "recorded_from": datetime(2024, 4, 20, 9, tzinfo=UTC),
        }
    ]  # fmt: skip


def test_statements_rule_over_relations_while_they_hold(lake):
    def pairs(table: pa.Table) -> list[tuple]:
        return [tuple(row.values()) for row in table.to_pylist()]

    rules = read_rules(lake, AS_OF)
    assert pairs(rules.never) == [("cola_a", "cola_b", "chain")]
    assert pairs(rules.requires) == [("soap", "milk", "chain")]
    before = read_rules(lake, date(2024, 4, 30))
    assert (before.never.num_rows, before.requires.num_rows) == (0, 0)


def test_what_must_be_known_of_a_product_comes_from_files_too(lake, tmp_path):
    asked = ("category,attribute,valid_from,valid_to", "PASTA,allergens,2024-01-01,", "MILK,allergens,2024-01-01,2024-02-01")
    known = ("product_id,attribute,statement,valid_from,valid_to", "penne,allergens,contains wheat,2024-01-01,")
    for feed, lines in (("safety_requirements", asked), ("safety_statements", known)):
        (tmp_path / f"{feed}.csv").write_text("\n".join([*lines, ""]))
        report = ingest_feed(World(tmp_path).source, feed, lake, pseudonym_key=b"a key for tests", run_id="run_1")
        assert report.quarantined == 0
    rules = read_rules(lake, AS_OF)
    assert rules.required.to_pylist() == [{"category": "PASTA", "attribute": "allergens"}]
    assert rules.stated.to_pylist() == [{"product_id": "penne", "attribute": "allergens"}]

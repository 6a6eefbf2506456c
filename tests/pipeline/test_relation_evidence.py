"""What behaviour says about one product: ordered by how sure it is, drawn to what is known of the whole, withheld where thin."""

from datetime import timedelta

import pytest

from decisions.relations import BeforeFirstSale, UnknownProduct
from pipeline.relation_evidence import EvidenceFilter, list_evidence
from tests.features_relations.event_world import AS_OF, FIRST_DAY, PRODUCTS, line_rows, write_chain

pytestmark = pytest.mark.training


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    return write_chain(tmp_path_factory.mktemp("chain"), line_rows())


@pytest.fixture(scope="module")
def asked():
    """A product that many buy."""
    baskets = [row["product_id"] for row in line_rows()]
    return max(sorted(PRODUCTS), key=baskets.count)


@pytest.fixture(scope="module")
def found(lake, asked):
    return list_evidence(lake, AS_OF, EvidenceFilter(asked, scoped=True))


def test_rows_are_of_the_product_and_over_ten_households(found, asked):
    rows = found.rows.to_pylist()
    assert {row["kind"] for row in rows} == {"same_basket", "switching", "co_consumption"}
    assert all(asked in (row["source"], row["target"]) and row["households"] >= 10 for row in rows)
    assert found.withheld > 0


def test_the_surest_pairs_come_first_each_with_its_scopes(found):
    rows = [row for row in found.rows.to_pylist() if row["kind"] == "same_basket"]
    chain = [row["low"] for row in rows if row["scope"] == "chain"]
    assert chain == sorted(chain, reverse=True)
    pairs = [(row["source"], row["target"]) for row in rows]
    assert [pair for at, pair in enumerate(pairs) if at == 0 or pair != pairs[at - 1]] == list(dict.fromkeys(pairs))
    assert rows[0]["scope"] == "chain"


def test_a_ratio_lies_between_what_was_counted_and_what_it_is_drawn_to(found):
    chain = {
        (row["kind"], row["source"], row["target"]): row["ratio"] for row in found.rows.to_pylist() if row["scope"] == "chain"
    }
    scoped = 0
    for row in found.rows.to_pylist():
        parent = 1.0 if row["scope"] == "chain" else chain[row["kind"], row["source"], row["target"]]
        raw = row["observed"] / row["expected"]
        assert min(raw, parent) - 1e-6 <= row["ratio"] <= max(raw, parent) + 1e-6
        assert row["low"] < row["ratio"] < row["high"]
        scoped += row["scope"] != "chain"
    assert scoped > 0


def test_one_other_product_one_kind_and_the_chain_alone(lake, found, asked):
    other = found.rows.to_pylist()[0]
    other = other["source"] if other["target"] == asked else other["target"]
    rows = list_evidence(lake, AS_OF, EvidenceFilter(asked, other, ("same_basket",))).rows.to_pylist()
    assert [(row["kind"], row["scope"], {row["source"], row["target"]}) for row in rows] == [
        ("same_basket", "chain", {asked, other})
    ]


def test_what_there_is_not_is_refused(lake, asked):
    with pytest.raises(UnknownProduct):
        list_evidence(lake, AS_OF, EvidenceFilter("nobody"))
    with pytest.raises(UnknownProduct):
        list_evidence(lake, AS_OF, EvidenceFilter(asked, "nobody"))
    with pytest.raises(BeforeFirstSale):
        list_evidence(lake, FIRST_DAY - timedelta(days=1), EvidenceFilter(asked))

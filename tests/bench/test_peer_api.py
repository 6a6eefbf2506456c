"""The alternative that ours is measured beside: pinned without an address, and compared before it is measured."""

import json
import re

import pytest

from bench.http_load import LoadFigures
from bench.peer_api import OURS, PEER, THEIRS, answers_agree, ratio_row, round_rows


def edge(name, strength, **more):
    evidence = {
        "strength": strength,
        "low": 0.0,
        "high": 1.5,
        "unit": "u",
        "events": 3,
        "support": 2,
        "grade": "association",
        **more,
    }
    return evidence, name


def both(*edges):
    mine = {"displayName": "Milk", "suppliers": [{"displayName": "s2"}, {"displayName": "s1"}],
            "substitutes": {"edges": [{"evidence": e, "node": {"displayName": n}} for e, n in edges]}}  # fmt: skip
    shown = [{"properties": dict(e), "node": {"display_name": n}} for e, n in edges]
    other = {"display_name": "Milk", "suppliers": [{"display_name": "s1"}, {"display_name": "s2"}],
             "substitutesConnection": {"edges": shown}}  # fmt: skip
    return {"data": {"product": mine}}, {"data": {"products": [other]}}


def test_equal_answers_agree_whatever_the_order_of_equal_strengths_and_the_spelling_of_zero():
    ours, theirs = both(edge("a", 3.0), edge("b", 2.0), edge("c", 2.0), edge("d", 1.0))
    edges = theirs["data"]["products"][0]["substitutesConnection"]["edges"]
    edges[1], edges[2] = edges[2], edges[1]
    edges[0]["properties"]["low"] = 0
    answers_agree(ours, theirs)
    edges[3]["node"]["display_name"] = "e"  # the last of ten may be another of the same strength
    answers_agree(ours, theirs)


@pytest.mark.parametrize("change", ["name", "supplier", "strength", "evidence", "product", "missing"])
def test_what_differs_is_named(change):
    ours, theirs = both(edge("a", 3.0), edge("b", 2.0), edge("c", 1.0))
    answers_agree(ours, theirs)
    product = theirs["data"]["products"][0]
    edges = product["substitutesConnection"]["edges"]
    if change == "name":
        product["display_name"] = "Butter"
    elif change == "supplier":
        product["suppliers"].pop()
    elif change == "strength":
        edges[0]["properties"]["strength"] = 3.5
    elif change == "evidence":
        edges[0]["properties"]["support"] = 7
    elif change == "product":
        edges[1]["node"]["display_name"] = "z"
    else:
        edges.pop()
    with pytest.raises(ValueError, match="do not agree on"):
        answers_agree(ours, theirs)


def test_the_alternative_is_pinned_exactly_and_its_lock_names_no_index():
    package = json.loads((PEER / "package.json").read_text())
    assert package["dependencies"]["@neo4j/graphql"] == "7.6.3"
    assert package["dependencies"]["@apollo/server"] == "5.5.1"
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in package["dependencies"].values())
    lock = json.loads((PEER / "package-lock.json").read_text())
    packages = {name: one for name, one in lock["packages"].items() if name}
    assert len(packages) > 100
    assert all("resolved" not in one and one["integrity"].startswith("sha512-") for one in packages.values())
    assert (PEER / ".npmrc").read_text().splitlines()[0] == "omit-lockfile-registry-resolved=true"


def test_both_are_asked_for_the_same():
    words = {
        "displayName": "display_name",
        "substitutes": "substitutesConnection",
        "evidence": "properties",
        "product": "products",
    }
    asked = {words.get(word, word) for word in re.findall(r"[A-Za-z_]+", OURS[OURS.index("{") :])} - {
        "on",
        "Product",
        "id",
        "first",
    }
    theirs = set(re.findall(r"[A-Za-z_]+", THEIRS[THEIRS.index("{") :]))
    assert asked <= theirs


def test_rounds_are_told_by_their_medians_and_a_ratio_by_that_of_each_round():
    ours = [
        LoadFigures(rate, 1.0, 2.0, p99, 10, errors) for rate, p99, errors in ((900.0, 3.0, 0), (300.0, 9.0, 1), (800.0, 4.0, 0))
    ]
    theirs = [LoadFigures(rate, 5.0, 6.0, 7.0, 5, 0) for rate in (150.0, 60.0, 200.0)]
    rows = {row.metric: (row.value, row.n) for row in round_rows("shelfgraph", "1", ours)}
    assert rows == {"requests_per_second": (800.0, 30), "p50_ms": (1.0, 30), "p99_ms": (4.0, 30), "errors": (1.0, 30)}
    ratio = ratio_row("other", "1", ours, theirs)
    assert (ratio.value, ratio.low, ratio.high, ratio.n) == (5.0, 4.0, 6.0, 3)

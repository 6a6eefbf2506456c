"""Factors, falls and path quality as they are asked for: over GraphQL with their price, and in the plain answer."""

import pytest

QUERY = """query($first: Int!) { recommendations(householdId: "hh_a", first: $first) { ... on RecommendationConnection {
  quality { citedShare recencyDays popularityPercentile diversity fidelity }
  edges { score baseScore explanation { fall fidelity FACTORS paths { factor fall contribution } } } } } }"""
FACTORS = "factors { name words contribution values { name value contribution } }"
OTHER = """{ forecast(productId: "P001") { ... on Forecast {
  explanation { fall fidelity factors { name } paths { factor fall } } } } }"""
VALUES = [
    {"name": "own_baskets", "value": 4.0, "contribution": 0.2},
    {"name": "own_days_since", "value": None, "contribution": 0.1},
]


def test_factors_falls_and_quality_are_told(shop):
    answer = shop.ask(QUERY.replace("FACTORS", FACTORS), first=2)["data"]["recommendations"]
    assert answer["quality"] == {
        "citedShare": 1.0, "recencyDays": 30.0, "popularityPercentile": None, "diversity": 0.25, "fidelity": 0.5,
    }  # fmt: skip
    explanation = answer["edges"][0]["explanation"]
    assert (explanation["fall"], explanation["fidelity"]) == (0.25, 0.5)
    assert explanation["factors"] == [
        {"name": "habit", "words": "how the household shops", "contribution": 0.3, "values": VALUES},
        {"name": "popularity", "words": "how well it sells", "contribution": -0.05, "values": []},
    ]
    assert explanation["paths"] == [{"factor": "habit", "fall": 0.25, "contribution": 0.3}] * 3


def test_other_answers_have_none_of_it(shop):
    explanation = shop.ask(OTHER)["data"]["forecast"]["explanation"]
    assert (explanation["fall"], explanation["fidelity"], explanation["factors"]) == (None, None, [])
    assert {(path["factor"], path["fall"]) for path in explanation["paths"]} == {(None, None)}


@pytest.mark.parametrize("first", [1, 10])
def test_factors_cost_what_they_can_hold_at_most(shop, first):
    plain, told = (
        shop.ask(QUERY.replace("FACTORS", words), first=first)["extensions"]["cost"]["objects"] for words in ("", FACTORS)
    )
    # ten factors with two figures each
    assert told - plain == first * 10 * 3


def test_the_plain_answer_holds_the_same_and_the_same_bytes(shop):
    bodies = [shop.client.get("/v1/recommendations?household=hh_a&limit=2").json()["answer"] for _ in range(2)]
    assert bodies[0] == bodies[1]
    item = bodies[0]["items"][0]
    assert [one["name"] for one in item["explanation"]["factors"]] == ["habit", "popularity"]
    assert item["explanation"]["factors"][0]["values"] == VALUES
    assert item["explanation"]["paths"][0]["factor"] == "habit"
    assert bodies[0]["quality"]["cited_share"] == 1.0

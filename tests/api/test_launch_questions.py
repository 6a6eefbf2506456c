"""A launch over GraphQL: asked with its week and donors, logged with them, and told how when it is not asked for."""

import json

import pytest

from decisions.forecast.contract import ForecastRequest
from kit.restored import restored

QUERY = """query($id: ID!, $launch: LaunchInput) { forecast(productId: $id, horizonWeeks: 2, launch: $launch) { __typename
  ... on Forecast { points { units } drivers { name productId } decision { id } }
  ... on InsufficientEvidence { message remedy } ... on Problem { message } } }"""


def test_a_launch_is_asked_with_its_week_and_donors_and_logged_so(shop):
    opaque = shop.ask('{ product(id: "P007") { ... on Product { id } } }')["data"]["product"]["id"]
    launch = {"week": "2018-01-08", "donors": [opaque, "P008"]}
    answer = shop.ask(QUERY, id="P059", launch=launch)["data"]["forecast"]
    assert answer["points"] == [{"units": 10.0}] * 2
    assert [one["productId"] for one in answer["drivers"] if one["name"] == "donors"] == ["P007", "P008"]
    logged = json.loads(shop.log.get(answer["decision"]["id"]).request)
    assert (logged["launch_week"], logged["donors"]) == ("2018-01-08", ["P007", "P008"])
    assert restored(ForecastRequest, logged).donors == ("P007", "P008")


def test_a_launch_without_donors_is_asked_too(shop):
    answer = shop.ask(QUERY, id="P059", launch={"week": "2018-01-08"})["data"]["forecast"]
    assert [one["name"] for one in answer["drivers"]] == ["own_history"]


def test_a_product_without_history_says_that_its_launch_can_be_asked_for(shop):
    answer = shop.ask(QUERY, id="P059")["data"]["forecast"]
    assert answer["__typename"] == "InsufficientEvidence"
    assert "name its launch" in answer["remedy"]


@pytest.mark.parametrize("launch", [{"donors": ["P007"]}, {"week": "soon"}, {"week": "2018-01-08", "store": "st1"}])
def test_a_launch_that_is_none_is_refused_before_anything_is_decided(shop, launch):
    refused = shop.ask(QUERY, status=400, id="P059", launch=launch)
    assert [one["extensions"]["code"] for one in refused["errors"]] == ["BAD_VARIABLES"]
    assert shop.log.verify().entries == 0


def test_more_than_ten_donors_are_refused(shop):
    launch = {"week": "2018-01-08", "donors": [f"P{n:03d}" for n in range(11)]}
    answer = shop.ask(QUERY, id="P059", launch=launch)["data"]["forecast"]
    assert (answer["__typename"], "at most 10" in answer["message"]) == ("InvalidRequest", True)
    assert shop.log.verify().entries == 0

"""`shelfgraph recommend`: what it prints for people and for programs, and how it refuses."""

import json
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from api.services import Services
from cli import recommend
from cli.main import app
from decisions.recommend.exploration import USUAL_EXPLORATION
from decisions.recommend.live import NoEvents
from tests.tiny_retailer import household


@pytest.fixture
def run(recommend_shop, monkeypatch):
    services = SimpleNamespace(
        recommender=recommend_shop.service, graph=recommend_shop.graph, online=NoEvents(), discovery_share=0.1,
        exploration=USUAL_EXPLORATION,
    )  # fmt: skip
    assert set(vars(services)) <= set(Services.__slots__)
    opened = SimpleNamespace(open=lambda: SimpleNamespace(services_of=lambda: services))
    monkeypatch.setattr(recommend, "Installation", opened)
    runner = CliRunner()
    return lambda *given: runner.invoke(app, ["recommend", *given], env={"COLUMNS": "240"})


def test_a_list_tells_names_kinds_and_reasons(run):
    done = run(household(3))
    assert done.exit_code == 0, done.output
    assert "household by shelfgraph" in done.output
    assert "bought before" in done.output
    asked = json.loads(run(household(3), "--json").output)
    assert [item["rank"] for item in asked["items"]] == list(range(1, len(asked["items"]) + 1))
    assert all(item["product_id"] in done.output for item in asked["items"])


def test_surfaces_rules_and_baskets_reach_the_answer(run):
    beside = json.loads(run("--surface", "item", "--product", "pasta", "--json").output)
    assert (beside["system"], beside["items"][0]["product_id"]) == ("complements", "sauce")
    basket = json.loads(run("--basket", "pasta", "--basket", "bread", "--surface", "basket", "--json").output)
    assert not {"pasta", "bread"} & {item["product_id"] for item in basket["items"]}
    ruled = run("--surface", "item", "--product", "pasta", "--without-allergen", "nuts")
    assert "Kept out by rules: allergens" in ruled.output
    assert "answered by nothing" in ruled.output


def test_why_not_says_the_rule_or_the_place(run):
    listed = json.loads(run(household(3), "--limit", "1", "--json").output)["items"][0]["product_id"]
    assert "It is in the list, in place 1." in run(household(3), "--why-not", listed).output
    done = run("--why-not", "pasta", "--without-allergen", "nuts")
    assert "allergens" in done.output
    assert "broken" in done.output


def test_what_cannot_be_answered_is_said_in_one_line_without_a_trace(run):
    for given, said in ((("hh_nobody",), "no household"), (("--surface", "item"), "a product"), (("--limit", "0"), "100")):
        done = run(*given)
        assert done.exit_code == 1
        assert said in done.output
        assert "Traceback" not in done.output

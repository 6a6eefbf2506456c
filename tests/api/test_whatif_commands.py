"""`shelfgraph whatif`: what it prints for people and for programs, and how it refuses."""

import json
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from cli import whatif
from cli.main import app
from decisions.relations import RelationService
from decisions.substitution import NotServed
from tests.api import small_shop


@pytest.fixture
def run(shop_graph, monkeypatch):
    room = small_shop.what_ifs(shop_graph, RelationService(shop_graph, quality=small_shop.QUALITY))
    monkeypatch.setattr(whatif.Installation, "open", lambda: SimpleNamespace(what_ifs=lambda _: room))
    return lambda *words: CliRunner().invoke(app, ["whatif", *words], env={"COLUMNS": "200"})


def test_a_delisting_is_shown_with_what_it_rests_on(run):
    shown = run("delist", "P007", "--weeks", "1", "--limit", "3")
    assert shown.exit_code == 0, shown.output
    for words in ("P008", "counted as leaving the shop", "not identified", "taken for granted", "Replacements, 3 of 12"):
        assert words in shown.output, words


def test_a_delisting_for_programs_is_the_answer(run):
    shown = run("delist", "P008", "P007", "--store", "st1", "--json")
    assert shown.exit_code == 0, shown.output
    answer = json.loads(shown.stdout)
    assert (answer["product_ids"], answer["store_ids"], answer["horizon_weeks"]) == (["P007", "P008"], ["st1"], 4)
    assert sum(path["contribution"] for path in answer["explanation"]["paths"]) == pytest.approx(answer["picked_up"]["units"])


def test_a_proposal_says_what_is_simulated(run):
    shown = run("assortment", "GROCERY > DAIRY", "--count", "2", "--objective", "margin")
    assert shown.exit_code == 0, shown.output
    assert "on simulated costs" in shown.output
    answer = json.loads(run("assortment", "GROCERY > DAIRY", "--count", "2", "--cluster", "cluster-1", "--json").stdout)
    assert (len(answer["dropped"]), answer["objective"], answer["cluster_id"]) == (2, "demand", "cluster-1")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("delist", "nothing"), "There is no product 'nothing'"),
        (("delist", "P007", "--weeks", "9"), "Ask for 1 to 8 weeks"),
        (("delist", "P007", "--store", "st1", "--cluster", "cluster-1"), "Name one of the two"),
        (("assortment", "NOTHING"), "There is no category 'NOTHING'"),
        (("assortment", "GROCERY > DAIRY", "--count", "60"), "Ask for 1 to"),
    ],
)
def test_refusals_say_what_to_do(run, words, told):
    shown = run(*words)
    assert shown.exit_code == 1
    assert told in shown.output


def test_a_release_without_what_ifs_says_what_to_do(monkeypatch):
    def refuse(_):
        raise NotServed

    monkeypatch.setattr(whatif.Installation, "open", lambda: SimpleNamespace(what_ifs=refuse))
    shown = CliRunner().invoke(app, ["whatif", "delist", "P007"])
    assert shown.exit_code == 1
    assert "shelfgraph train" in shown.output

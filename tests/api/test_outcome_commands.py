"""`shelfgraph outcomes`: recording, listing, and evaluating policies from a log of drawn lists whose truth is known."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import numpy as np
import pytest
from typer.testing import CliRunner

from api.decisions_made import DecisionDesk
from api.exposure import ExposureMint, exposure_tokens
from api.kept import KeptAnswers
from api.outcomes import OutcomeDesk, OutcomeReport
from cli import outcomes
from cli.main import app
from decisions.recommend.contract import RecommendationAnswer, RecommendationRequest
from decisions.recommend.exploration import DrawKey, ExplorationSettings, draw_order
from governance.policy import development_principal
from governance.records import OutcomeKind, SqliteDecisionLog, SqliteOutcomeBook
from tests.api import small_shop

SCORES = np.array([3.0, 2.5, 2.0, 1.5, 1.0])
CLICKED = np.array([0.2, 0.7, 0.3, 0.5, 0.1])
"""The chance that each of five products is clicked, in both places."""
LISTS = 400
SETTINGS = ExplorationSettings(1.0, 0.2, 5)
WHO = development_principal("127.0.0.1")


class DrawingRecommender:
    """Draws two of five products as exploration says; to nobody in particular it offers what no household is ever shown."""

    def recommend(self, request: RecommendationRequest) -> RecommendationAnswer:
        shape = small_shop.FixedRecommender().recommend(replace(request, limit=7)).items
        if request.household_id is None:
            return RecommendationAnswer(small_shop.AS_OF, "popularity", (replace(shape[5], rank=1), replace(shape[6], rank=2)))
        key = DrawKey("rel_1", request.household_id, small_shop.AS_OF, request.exploration)
        draw = draw_order(SCORES, 2, SETTINGS, key)
        items = tuple(
            replace(shape[at], rank=rank, kind="discovery", score=float(SCORES[at]), propensity=float(chance))
            for rank, (at, chance) in enumerate(zip(draw.positions, draw.chances, strict=True), start=1)
        )
        return RecommendationAnswer(small_shop.AS_OF, "shelfgraph", items)


@pytest.fixture
def home(tmp_path, shop_graph, finder, monkeypatch):
    services = replace(small_shop.services(shop_graph, finder), recommender=DrawingRecommender())
    log, book = SqliteDecisionLog(tmp_path / "decisions.db"), SqliteOutcomeBook(tmp_path / "outcomes.sqlite")
    desk = OutcomeDesk(book, ExposureMint(b"k" * 64), 30)
    installation = SimpleNamespace(
        settings=SimpleNamespace(host="127.0.0.1"), outcome_book=book, decision_log=lambda *, read_only: log,
        outcome_desk=lambda: desk, kept_services=lambda _: services, services=services, log=log, desk=desk,
    )  # fmt: skip
    monkeypatch.setattr(outcomes.Installation, "open", lambda: installation)
    yield installation
    log.close()


def run(*words, code=0):
    done = CliRunner().invoke(app, ["outcomes", *words], env={"COLUMNS": "200"})
    assert done.exit_code == code, done.output
    return done


def shown(home, *numbers, household="hh_a"):
    """Logged lists with their tokens, one of each number."""
    desk = DecisionDesk(home.services, home.log, WHO, (), KeptAnswers())
    asked = [RecommendationRequest(f"{household}{number}", limit=2, exploration=number) for number in numbers]
    made = [desk.decide("recommendations", one) for one in asked]
    desk.write_now()
    return [(one, exposure_tokens(home.desk.mint, one, one.answer)) for one in made]


def reports(tokens, kinds, key):
    now, pairs = datetime.now(UTC) - timedelta(seconds=1), zip(tokens, kinds, strict=True)
    return [OutcomeReport(token, kind, f"{key}-{at}-{kind}", now) for at, (token, kind) in enumerate(pairs)]


@pytest.fixture
def history(home):
    """400 lists that were shown, with their clicks."""
    random = np.random.default_rng(3)
    sent = []
    for number, (made, tokens) in enumerate(shown(home, *range(1, LISTS + 1))):
        clicks = [OutcomeKind.CLICKED] * 2
        chosen = [random.random() < CLICKED[int(item.product_id[1:])] for item in made.answer.items]
        sent += reports(tokens, [OutcomeKind.SHOWN] * 2, number)
        sent += [one for one, clicked in zip(reports(tokens, clicks, number), chosen, strict=True) if clicked]
    told = home.desk.record_all(home.log, WHO, sent)
    assert all(not one.repeated for one in told)
    return home


def test_an_outcome_is_recorded_once_and_listed(home):
    ((_, tokens),) = shown(home, 1)
    first = json.loads(run("record", tokens[0], "purchased", "--value", "3.5", "--key", "k", "--happened-at",
                           datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S"), "--json").stdout)  # fmt: skip
    assert (first["outcome"]["draft"]["value"], first["repeated"]) == (3.5, False)
    assert "a dry run" in run("record", tokens[1], "clicked", "--dry-run").output
    assert "recorded" in run("record", tokens[1], "clicked").output
    assert len(json.loads(run("list", "--json").stdout)) == 2
    assert "purchased" in run("list").output


def test_what_is_no_token_is_refused(home):
    assert "given to you" in run("record", "nonsense", "clicked", code=1).output
    assert "one of shown, clicked" in run("record", "nonsense", "eaten", code=1).output


def test_policies_are_evaluated_from_the_log(history):
    done = run("evaluate", "--policy", "no_exploration", "--json")
    served, plain = json.loads(done.stdout)
    assert (served["policy"], plain["policy"]) == ("served", "no_exploration")
    assert served["evaluation"]["lists"] == plain["evaluation"]["lists"] == LISTS
    truth = CLICKED[0] + CLICKED[1]
    for one in plain["evaluation"]["estimates"]:
        assert one["value"] == pytest.approx(truth, abs=0.2)
        assert one["low"] < truth < one["high"]
    clicks = sum(one.draft.kind is OutcomeKind.CLICKED for one in history.outcome_book.latest(limit=10_000))
    assert served["evaluation"]["estimates"][0]["value"] == pytest.approx(clicks / LISTS)
    assert "no_exploration" in run("evaluate").output


def test_a_policy_that_the_log_cannot_speak_of_is_refused(history):
    done = run("evaluate", "--policy", "popularity", code=1)
    assert "popularity: The policy 'popularity' shows what the log never could in place 1: 100% of it." in done.output
    assert "served" in done.output


def test_another_share_is_asked_for_by_number(history):
    told = json.loads(run("evaluate", "--policy", "discovery_share=0.5", "--json").stdout)
    assert told[1]["policy"] == "discovery_share=0.5"
    assert "--policy" in run("evaluate", "--help").output
    for words in (("--policy", "guess"), ("--policy", "discovery_share=2"), ("--reward", "joy")):
        assert "one of" in run("evaluate", *words, code=1).output


def test_lists_that_were_not_reported_as_shown_are_left_out(history):
    ((_, tokens),) = shown(history, 1, household="hh_new")
    history.desk.record_all(history.log, WHO, reports(tokens[:1], [OutcomeKind.CLICKED], "late"))
    served = json.loads(run("evaluate", "--json").stdout)[0]
    assert served["left_out"] == [["not reported as shown", 1]]
    assert served["evaluation"]["lists"] == LISTS


def test_without_outcomes_nothing_is_said(home):
    assert "No list was reported as shown" in run("evaluate", code=1).output


def test_what_was_paid_counts_where_it_is_asked_for(history):
    ((_, tokens),) = shown(history, 2, household="hh_new")
    now = datetime.now(UTC) - timedelta(seconds=1)
    sent = reports(tokens[:1], [OutcomeKind.SHOWN], "paid")
    sent += [OutcomeReport(tokens[0], OutcomeKind.PURCHASED, f"paid-{n}", now, 8.0) for n in range(2)]
    history.desk.record_all(history.log, WHO, sent)
    served = json.loads(run("evaluate", "--reward", "value", "--json").stdout)[0]
    assert served["evaluation"]["estimates"][0]["value"] == pytest.approx(8.0 / (LISTS + 1))

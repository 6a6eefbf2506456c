"""The ranker of discovery: it learns what is there to learn, adds up, is refused when damaged, and serves only what it won."""

import json
from datetime import timedelta

import numpy as np
import pytest

from decisions.recommend import RecommendationRequest, RecommendService
from decisions.recommend.contract import Surface
from decisions.recommend.discovery import DISCOVERY_SYSTEM
from decisions.recommend.discovery_examples import DiscoveryExamples
from decisions.recommend.discovery_explain import named_by
from decisions.recommend.discovery_fitting import LEARNT_WEEKS, TRIED_WEEKS, looked_at, train_discovery, weeks_before
from decisions.recommend.discovery_lists import (
    LONGEST,
    TABLE,
    discovery_tables,
    ranked_discovery_tables,
    read_discoveries,
)
from decisions.recommend.discovery_ranker import DISCOVERY_RANKER, fit_discovery_ranker
from decisions.recommend.fitting import read_world
from features import InMemory, publish_features
from features.discovery_candidates import GROUPS, SOURCES
from features.discovery_day import discovery_day, links_of_edges, read_discovery_world
from features.discovery_transform import COLUMNS, GROUP_OF_COLUMN
from features.recommend_transform import household_knowledge
from features.repertoire import day_number, latest_origins
from tests.tiny_retailer import AS_OF, FIRST_MONDAY, HOUSEHOLDS, build_tiny_lake, household

SEED = 7
QUERIES, ROWS = 400, 12
TASTE = COLUMNS.index("als")


def made_up(seed=1):
    """Household-weeks of which the product with the largest taste was bought, among figures that say nothing."""
    random = np.random.default_rng(seed)
    values = random.random((QUERIES * ROWS, len(COLUMNS))).astype(np.float32)
    label = np.zeros(len(values), np.int8)
    label[np.arange(QUERIES) * ROWS + values[:, TASTE].reshape(QUERIES, ROWS).argmax(axis=1)] = 1
    return DiscoveryExamples(values, label, np.full(QUERIES, ROWS))


@pytest.fixture(scope="module")
def ranker():
    return fit_discovery_ranker(made_up(), SEED)


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    return build_tiny_lake(tmp_path_factory.mktemp("lake") / "lake")


@pytest.fixture(scope="module")
def world(lake):
    known = read_world(lake, AS_OF, {})
    return read_discovery_world(lake, known.purchases, known.population)


def test_it_finds_what_was_bought(ranker):
    fresh = made_up(2)
    first = ranker.scores(fresh.values).reshape(QUERIES, ROWS).argmax(axis=1)
    assert (fresh.label.reshape(QUERIES, ROWS).argmax(axis=1) == first).mean() > 0.8


def test_contributions_add_up_to_the_score_and_the_group_that_told_brings_most(ranker):
    fresh = made_up(3)
    brought, scores = ranker.contributions(fresh.values), ranker.scores(fresh.values)
    assert ranker.base + brought.sum(axis=1) == pytest.approx(scores, abs=1e-6)
    assert np.abs(brought).sum(axis=0).argmax() == GROUPS.index("tastes")


def test_a_group_that_is_shut_brings_nothing():
    without = fit_discovery_ranker(made_up(), SEED, tuple(group for group in GROUPS if group != "tastes"))
    brought = without.contributions(made_up(3).values)
    assert not brought[:, GROUPS.index("tastes")].any()
    assert (GROUPS.index("tastes") == GROUP_OF_COLUMN).sum() > 10


def test_equal_examples_and_seed_give_equal_bytes(ranker):
    assert fit_discovery_ranker(made_up(), SEED).text() == ranker.text()


def test_weeks_are_mondays_that_are_over():
    for days in range(7):
        day = day_number(AS_OF) + 1 + days
        weeks = weeks_before(day)
        assert len(weeks) == LEARNT_WEEKS + TRIED_WEEKS
        assert all((week + 3) % 7 == 0 for week in weeks)
        assert day - 14 < weeks[-1] <= day - 7
        assert set(np.diff(weeks).tolist()) == {7}


def test_with_too_little_to_learn_from_tastes_serve(world):
    tried, today = train_discovery(world, lambda _: {}, AS_OF, SEED)
    assert (tried.system, tried.ranker) == (DISCOVERY_SYSTEM, None)
    assert today.known.day == day_number(AS_OF) + 1
    assert not {"promotions", "promoted_tastes"} & set(tried.groups)


def test_promotions_are_looked_at_where_those_of_the_week_are_known(world):
    promoted = {"promotions", "promoted_tastes"}
    for weeks, known in ((38, True), (40, False)):
        for days in range(7 if known else 1):
            day = day_number(FIRST_MONDAY + timedelta(weeks=weeks, days=days))
            assert (promoted & set(looked_at(world, day)) == promoted) is known


def test_ranked_lists_are_kept_best_first_with_what_each_group_brought(world, ranker):
    monday = FIRST_MONDAY + timedelta(weeks=3)
    day = discovery_day(world, day_number(monday), links_of_edges({}, world.purchases, monday), SEED)
    stored = read_discoveries(InMemory(ranked_discovery_tables(day, ranker, GROUPS)), day.known.households)
    assert len(stored.start) == day.known.households + 1
    assert stored.brought.shape == (len(stored.product), len(GROUPS))
    assert ranker.base + stored.brought.sum(axis=1) == pytest.approx(stored.score, abs=1e-6)
    for place in range(day.known.households):
        rows = stored.of(place)
        assert (np.diff(stored.score[rows]) <= 0).all()
        assert not day.known.counts[place].toarray().ravel()[stored.product[rows]].any()
        assert len(rows) <= LONGEST
    assert all(named_by(bits) and set(named_by(bits)) <= set(SOURCES) for bits in np.unique(stored.sources).tolist())


def test_lists_of_tastes_are_read_back_as_they_were(world):
    purchases = world.purchases
    day = discovery_day(world, day_number(AS_OF) + 1, links_of_edges({}, purchases, AS_OF), SEED)
    tables = discovery_tables(household_knowledge(purchases, latest_origins(purchases)), day.tastes.tastes)
    stored = read_discoveries(InMemory(tables), day.known.households)
    assert stored.brought.sum(axis=1) == pytest.approx(stored.score)
    assert set(named_by(int(stored.sources[0]))) == {DISCOVERY_SYSTEM}


@pytest.fixture(scope="module")
def ranked_service(tmp_path_factory, recommend_shop, ranker):
    """The tiny shop as if its ranker of discovery had won."""
    known = read_world(recommend_shop.lake, AS_OF, {})
    world = read_discovery_world(recommend_shop.lake, known.purchases, known.population)
    today = discovery_day(world, day_number(AS_OF) + 1, links_of_edges({}, known.purchases, AS_OF), SEED)
    about = json.loads(recommend_shop.artefact["recommend.json"])
    about["discovery"] |= {"system": DISCOVERY_RANKER, "base": ranker.base}
    kept = ranked_discovery_tables(today, ranker, GROUPS)
    features = publish_features(tmp_path_factory.mktemp("ranked"), AS_OF, {**shop_tables(recommend_shop), **kept})
    artefact = {**recommend_shop.artefact, "recommend.json": json.dumps(about).encode()}
    return RecommendService(recommend_shop.graph, features, artefact), kept[TABLE]


def shop_tables(shop):
    return {name: shop.snapshot.table(name) for name in shop.tables}


def test_what_won_is_listed_explained_and_adds_up(ranked_service, ranker):
    service, kept = ranked_service
    seen = 0
    for number in range(HOUSEHOLDS):
        answer = service.recommend(RecommendationRequest(household(number), surface=Surface.DISCOVER, limit=5))
        ranked = [item for item in answer.items if item.kind == "discovery"]
        for item in ranked:
            brought = sum(factor.contribution for factor in item.explanation.factors)
            assert item.base_score + brought == pytest.approx(item.score, abs=1e-6)
            assert item.base_score == ranker.base
            assert set(item.sources) <= set(SOURCES)
            assert "was never bought by the household; " in item.explanation.text
        if ranked:
            assert (answer.system, answer.rungs[0].name, answer.degraded) == (DISCOVERY_RANKER, DISCOVERY_RANKER, None)
        seen += len(ranked)
    assert seen == sum(min(5, count) for count in np.bincount(kept["household"].to_numpy()).tolist())
    # most households have bought all fourteen products
    assert seen > 20


def test_beside_a_basket_of_nobody_known_tastes_answer(ranked_service):
    service, _ = ranked_service
    answer = service.recommend(RecommendationRequest(basket=("pasta", "sauce"), surface=Surface.DISCOVER, limit=3))
    assert answer.rungs[0].name == DISCOVERY_SYSTEM
    assert answer.degraded is None

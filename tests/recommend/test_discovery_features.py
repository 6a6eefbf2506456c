"""What discovery knows of a day: oracles written another way, candidates that are new and sell, and nothing of the future."""

from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest

from decisions.recommend.discovery_examples import discovery_week, examples_of, sources_of, to_learn_from
from decisions.recommend.fitting import read_world
from features.discovery_candidates import GROUP_OF_SOURCE, GROUPS, SOURCES, all_scores
from features.discovery_day import Links, discovery_day, links_of_edges, read_discovery_world
from features.discovery_facts import known_before, new_products
from features.discovery_links import ProductVectors
from features.discovery_shelf import POPULARITY_COLUMNS
from features.discovery_tastes import RIDGE
from features.discovery_transform import COLUMNS, GROUP_OF_COLUMN, figures_of
from features.repertoire import day_number
from tests.planted_future import plant_future
from tests.recommend.conftest import BOUGHT_WITH, handwritten_edges
from tests.tiny_retailer import AS_OF, FIRST_MONDAY, append_lines, build_tiny_lake, future_lines

MONDAY = FIRST_MONDAY + timedelta(weeks=3)
SEED = 7


def world_of(lake):
    known = read_world(lake, AS_OF, {})
    return read_discovery_world(lake, known.purchases, known.population)


def day_of(world, day=MONDAY, links=None):
    edges = {"isBoughtWith": handwritten_edges("isBoughtWith", BOUGHT_WITH)}
    return discovery_day(world, day_number(day), links or links_of_edges(edges, world.purchases, day), SEED)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return world_of(build_tiny_lake(tmp_path_factory.mktemp("lake") / "lake"))


@pytest.fixture(scope="module")
def day(world):
    return day_of(world)


@pytest.fixture(scope="module")
def figures(day):
    return figures_of(day, np.arange(day.known.households))


def bought_before(purchases, household, day):
    """Baskets by product, counted one line at a time."""
    counts = {}
    for basket in np.flatnonzero((purchases.basket_household == household) & (purchases.basket_day < day)):
        for item in purchases.products.item[purchases.products.start[basket] : purchases.products.start[basket + 1]]:
            counts[int(item)] = counts.get(int(item), 0) + 1
    return counts


def test_counts_and_new_products_are_those_of_a_plain_walk_through_the_baskets(world):
    day = day_number(MONDAY)
    known = known_before(world.purchases, day)
    new = set(zip(*(side.tolist() for side in new_products(world.purchases, day)), strict=True))
    expected = set()
    for household in range(known.households):
        before, after = (bought_before(world.purchases, household, until) for until in (day, day + 7))
        assert {item: int(known.counts[household, item]) for item in before} == before
        assert known.counts[household].nnz == len(before)
        expected |= {(household, item) for item in after.keys() - before.keys() if before}
    assert new == expected
    assert len(new) > 20


def test_the_dual_of_ease_is_the_inverse_over_products(day):
    bought = (day.known.counts.toarray() > 0).astype(float)
    inverse = np.linalg.inv(bought.T @ bought + RIDGE * np.eye(bought.shape[1]))
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0.0)
    expected = bought @ weights
    found = day.tastes.of(np.arange(day.known.households))["ease"]
    new = bought[:, day.known.live] == 0
    assert found[new] == pytest.approx(expected[:, day.known.live][new], rel=1e-3, abs=1e-5)


def test_item_knn_is_the_cosine_over_buyers(day):
    bought = (day.known.counts.toarray() > 0).astype(float)
    length = np.sqrt((bought**2).sum(axis=0))
    cosine = bought.T @ bought / np.maximum(np.outer(length, length), 1.0)
    expected = (day.known.faded.toarray() / np.maximum(length, 1.0) * length) @ cosine
    found = day.tastes.of(np.arange(day.known.households))["item_knn"]
    assert found == pytest.approx(expected[:, day.known.live], rel=1e-4)


def test_candidates_are_new_and_still_sell_and_each_is_named_by_a_source(day, figures):
    assert len(figures.row) > 100
    assert not (day.known.counts.toarray()[figures.row, figures.product] > 0).any()
    assert np.isin(figures.product, day.known.live).all()
    assert (figures.sources > 0).all()
    key = figures.row * day.known.products + figures.product
    assert (np.diff(key) > 0).all()


def test_figures_do_not_depend_on_who_is_asked_beside(day, figures):
    some = np.array([3, 11, 40])
    alone = figures_of(day, some)
    for place, household in enumerate(some.tolist()):
        mine, theirs = alone.row == place, figures.row == household
        assert alone.product[mine].tolist() == figures.product[theirs].tolist()
        assert alone.values[mine] == pytest.approx(figures.values[theirs], rel=1e-4, nan_ok=True)


@pytest.mark.parametrize("left_out", [("promotions", "promoted_tastes"), ("tastes", "promoted_tastes"), ("relations",)])
def test_leaving_groups_out_leaves_the_others_figures_as_they_are(day, figures, left_out):
    groups = tuple(group for group in GROUPS if group not in left_out)
    fewer = figures_of(day, np.arange(day.known.households), groups)
    kept = (figures.sources & sources_of(groups)) > 0
    assert fewer.product.tolist() == figures.product[kept].tolist()
    assert (fewer.sources == figures.sources[kept] & sources_of(groups)).all()
    looked_at = np.isin(GROUP_OF_COLUMN, [GROUPS.index(group) for group in groups])
    assert fewer.values[:, looked_at] == pytest.approx(figures.values[kept][:, looked_at], rel=1e-4, nan_ok=True)
    assert np.isnan(fewer.values[:, ~looked_at]).all()


def test_every_source_and_column_has_its_group():
    assert set(GROUP_OF_SOURCE) == set(SOURCES)
    assert set(GROUP_OF_SOURCE.values()) <= set(GROUPS)
    assert len(set(COLUMNS)) == len(COLUMNS) == len(GROUP_OF_COLUMN)


def test_relations_lead_from_what_was_bought(world, day):
    ids = world.purchases.product_ids.to_pylist()
    pasta, sauce = ids.index("pasta"), ids.index("sauce")
    score = day.links.of(np.arange(day.known.households))["isBoughtWith"][:, day.known.live.tolist().index(sauce)]
    assert score == pytest.approx(3.0 * day.known.faded[:, pasta].toarray().ravel(), rel=1e-5)


def test_a_network_names_what_its_vectors_point_at(world):
    products = len(world.purchases.product_ids)
    soap = world.purchases.product_ids.to_pylist().index("soap")
    taken = np.zeros((products, 1), np.float32)
    taken[soap] = 1.0
    empty = links_of_edges({}, world.purchases, MONDAY)
    day = day_of(world, links=Links(empty.relations, empty.needs, ProductVectors(taken, np.ones((products, 1), np.float32))))
    figures = figures_of(day, np.arange(day.known.households))
    named = figures.sources & (1 << tuple(SOURCES).index("network")) > 0
    first = figures.values[:, COLUMNS.index("network_place")] == 0
    assert named.any()
    assert set(figures.product[named & first & (figures.product == soap)].tolist()) == {soap}
    assert figures.values[:, COLUMNS.index("network")] == pytest.approx((figures.product == soap).astype(float))


def test_what_is_learnt_keeps_every_hit_and_every_household_with_one(world, day):
    week = discovery_week(world.purchases, day)
    learnt = to_learn_from(week, SEED, 0.5)
    assert learnt.label.sum() == week.label.sum() > 0
    with_hit = np.bincount(week.figures.row, weights=week.label)[week.figures.row] > 0
    assert 0.4 < (learnt.label == 0).sum() / ((week.label == 0) & with_hit).sum() < 0.6
    examples = examples_of([learnt], GROUPS)
    assert examples.queries.sum() == len(examples.label)
    heads = np.cumsum(np.r_[0, examples.queries[:-1]])
    assert (np.add.reduceat(examples.label.astype(int), heads) > 0).all()
    few = discovery_week(world.purchases, day, limit=10, seed=SEED)
    assert len(few.households) == 10
    assert set(few.households.tolist()) <= set(week.households.tolist())


def test_a_planted_future_changes_nothing_that_a_day_knows(tmp_path, world, day, figures):
    """Everything after the day is other: what is read, sold, promoted and offered later leaves no trace."""
    lake = build_tiny_lake(tmp_path / "lake")
    append_lines(lake, future_lines())
    assert len(plant_future(lake, AS_OF)) == 10
    again = figures_of(day_of(world_of(lake)), np.arange(day.known.households))
    assert again.product.tolist() == figures.product.tolist()
    assert again.values.tobytes() == figures.values.tobytes()


def test_baskets_of_the_day_and_later_change_nothing_that_was_known_before(tmp_path, world, day, figures):
    """The same within the data: baskets on and after the Monday are gone, and every figure is what it was."""
    lake = build_tiny_lake(tmp_path / "lake")
    lines = lake.arrow("sales_lines")
    before = pa.compute.less(lines["business_date"], pa.scalar(MONDAY, pa.date32()))
    cut = world_of(lake)
    lake.replace("sales_lines", lines.filter(before))
    past = world_of(lake)
    assert len(past.purchases.basket_day) < len(cut.purchases.basket_day)
    now = figures_of(day_of(past), np.arange(len(past.purchases.household_ids)))
    ids, earlier = (one.purchases.product_ids.to_pylist() for one in (world, past))
    who, then = (one.purchases.household_ids.to_pylist() for one in (world, past))
    seen = {(who[row], ids[item]) for row, item in zip(figures.row.tolist(), figures.product.tolist(), strict=True)}
    found = {(then[row], earlier[item]) for row, item in zip(now.row.tolist(), now.product.tolist(), strict=True)}
    assert found == {pair for pair in seen if pair[0] in set(then)}
    column = COLUMNS.index(POPULARITY_COLUMNS[0])
    sold = {ids[item]: value for item, value in zip(figures.product.tolist(), figures.values[:, column].tolist(), strict=True)}
    assert all(
        sold[earlier[item]] == value for item, value in zip(now.product.tolist(), now.values[:, column].tolist(), strict=True)
    )


def test_promotions_of_the_week_are_known_on_its_first_day_and_those_of_the_next_are_not(world):
    ids = world.purchases.product_ids.to_pylist()
    shelf = day_of(world, FIRST_MONDAY + timedelta(weeks=10)).shelf
    assert {ids[place] for place in shelf.known.live[shelf.mailer > 0]} == {"cola_a"}
    last = discovery_day(world, day_number(AS_OF) + 1, links_of_edges({}, world.purchases, AS_OF), SEED).shelf
    assert np.isnan(last.promoted[:, 0]).all()
    assert (last.mailer == 0).all()


def test_scores_are_those_of_the_groups_that_are_asked_for(day):
    assert "als" not in all_scores(day, np.array([0]), ("affinity",))
    assert {"als", "mailer", "mailer_taste"} <= all_scores(day, np.array([0])).keys()

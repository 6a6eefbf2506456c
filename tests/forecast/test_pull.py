"""How far neighbours pull: by hand, never by the future; what is told of one is the forecast less that without it."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pytest

from decisions.forecast import ForecastRequest, ForecastService
from decisions.forecast.backtest import PULL_SYSTEM, TWIN_SYSTEM, Trial, judge
from decisions.forecast.fitting import FitSettings, fit_panels, outputs_of
from decisions.forecast.news import Asked, pulled_apart
from decisions.forecast.segments import SEGMENTS
from decisions.overlay import ForecastOverlay, GoneProduct, IgnoredNeighbour, Mechanic, SwitchedOffPromotion
from features import publish_features
from features.demand import DemandTransform
from features.demand_neighbours import NeighbourVintages, neighbours
from features.demand_panel import DemandPanel, chain_panel, store_panel
from features.demand_pull import PULL_FEATURES, pull_at, pull_block, pull_factor
from features.known_ahead import KnownAhead
from kit.progress import SilentProgress

from .conftest import LOSS, PLAN_DAY, PRODUCTS, UPLIFT, graph_with, pair_edges, partner, promoted

pytestmark = pytest.mark.training

WEEKS = 40
MONDAY = date(2024, 1, 1)
LIFTED = 3.0


def edges(*rows: tuple[str, str, float]) -> pa.Table:
    return pa.table({name: [row[at] for row in rows] for at, name in enumerate(("source", "target", "strength"))})


def known_prices(price: np.ndarray) -> KnownAhead:
    """Prices that are planned eight weeks ahead."""
    places = np.zeros((8, 0, 1, price.shape[1]), dtype=np.float32)
    return KnownAhead((), places, np.zeros(len(price), dtype=np.int64), np.tile(price, (8, 1, 1)))


def panel(prices: bool = True) -> DemandPanel:
    """Three products: every fifth week `a` sells three times as much at half its price in a mailer of all stores."""
    units = np.tile(np.asarray([[20.0], [10.0], [5.0]], dtype=np.float32), (1, WEEKS))
    week = np.arange(WEEKS + 8)
    mailed = np.zeros((3, WEEKS + 8), dtype=np.float32)
    mailed[0] = week % 5 == 0
    units[0, mailed[0, :WEEKS] > 0] *= LIFTED
    price = np.full((3, WEEKS + 8), 2.0, dtype=np.float32)
    price[0, mailed[0] > 0] = 1.0
    codes = np.where(mailed > 0, 0, -1).astype(np.int16)
    return DemandPanel(
        as_of=MONDAY + timedelta(days=7 * WEEKS - 1),
        weeks=tuple(MONDAY + timedelta(days=7 * step) for step in range(WEEKS)),
        product_ids=("a", "b", "c"),
        store_ids=None,
        units=units,
        price=price[:, :WEEKS],
        discount=np.zeros((3, WEEKS), dtype=np.float32),
        display=np.zeros_like(mailed),
        mailer=mailed,
        display_code=np.full_like(codes, -1),
        mailer_code=codes,
        category=np.zeros(3, dtype=np.int32),
        product_type=np.zeros(3, dtype=np.int32),
        parent=np.arange(3),
        planned_weeks=8,
        ahead=known_prices(price) if prices else None,
    )


SUBSTITUTES = {
    "isSubstituteFor": edges(("a", "b", 0.2), ("b", "a", 0.05), ("a", "c", 0.1)),
    "isComplementTo": edges(("a", "c", 0.3)),
}


def test_a_promoted_neighbour_moves_a_product_by_the_strength_of_its_edge() -> None:
    known = panel()
    near = neighbours(known, SUBSTITUTES)
    pull = pull_at(known, near, WEEKS, scaled=False)
    # what is drawn to the mean of all weeks by one of about thirty
    np.testing.assert_allclose(pull.lift.regular, [20.0, 10.0, 5.0], rtol=0.03)
    # b loses what both directions say, on its own scale; c has one direction, and a complement
    taken = np.sqrt(0.2 * 0.05 * pull.lift.regular[0] / pull.lift.regular[1])
    np.testing.assert_allclose(pull.theta["isSubstituteFor"].toarray()[1], [-taken, 0, 0], rtol=1e-5)
    np.testing.assert_allclose(pull.theta["isSubstituteFor"].toarray()[2], [-0.1, 0, 0], rtol=1e-5)
    lift = pull.lift_of(known, 1, planned=True)
    # every promotion is alike, so the next one is expected to do what the past ones did
    np.testing.assert_allclose(lift, [LIFTED - 1, 0, 0], rtol=0.05)
    block = pull_block(known, pull, 1, np.arange(3), planned=True)
    found = dict(zip(PULL_FEATURES, block.T, strict=True))
    np.testing.assert_allclose(found["isSubstituteFor_pull"][1:], np.log1p(lift[0] * np.asarray([-taken, -0.1])), rtol=1e-5)
    np.testing.assert_allclose(found["isComplementTo_pull"][2], np.log1p(0.3 * lift[0]), rtol=1e-5)
    assert np.isnan(found["isComplementTo_pull"][:2]).all()
    # no promotion in the second week, and the usual one lies between
    quiet = pull_block(known, pull, 2, np.arange(3), planned=True)[1, 0]
    assert quiet == 0.0 > found["isSubstituteFor_usual_pull"][1] > found["isSubstituteFor_pull"][1]
    factor = pull_factor(block)
    assert factor[1] == pytest.approx(np.exp(block[1, 0] - block[1, 1])) and factor[0] == pytest.approx(1.0, abs=0.02)


def test_what_is_always_promoted_regularly_sells_what_it_sells() -> None:
    known = panel()
    mailer = known.mailer.copy()
    mailer[0] = 1.0
    always = replace(known, mailer=mailer)
    pull = pull_at(always, neighbours(always, SUBSTITUTES), WEEKS, scaled=False)
    np.testing.assert_allclose(pull.lift.regular[0], known.units[0].mean(), rtol=0.05)
    # the week ahead is like those before it, and moves nobody
    block = pull_block(always, pull, 2, np.arange(3), planned=True)
    np.testing.assert_allclose(pull_factor(block), 1.0, atol=0.15)


def test_a_deeper_cut_than_ever_lifts_more_and_an_unknown_one_as_usual() -> None:
    known, blind = panel(), panel(prices=False)
    deeper = replace(known, ahead=known_prices(known.ahead.prices[0] / np.where(known.mailer > 0, 1.5, 1.0).astype(np.float32)))
    lifts = [pull_at(one, neighbours(one, SUBSTITUTES), WEEKS).lift_of(one, 1, planned=True)[0] for one in (known, blind, deeper)]
    assert lifts[0] == pytest.approx(lifts[1], rel=0.05)
    assert lifts[2] > 1.2 * lifts[0]


def test_in_a_week_without_a_plan_neighbours_pull_as_usual_but_for_what_is_supposed() -> None:
    blind = replace(panel(prices=False), planned_weeks=0)
    near = neighbours(blind, SUBSTITUTES)
    pull = pull_at(blind, near, WEEKS, scaled=False)
    unknown = pull_block(blind, pull, 1, np.arange(3), planned=False)
    np.testing.assert_array_equal(unknown[:, 0::2], unknown[:, 1::2])
    np.testing.assert_array_equal(pull_factor(unknown), 1.0)
    # the product's own promotion says nothing of its neighbours
    mailer = np.zeros_like(blind.mailer)
    mailer[1, WEEKS] = 0.5
    own = replace(blind, mailer=mailer, planned_also=frozenset({1}))
    assert pull_factor(pull_block(own, pull, 1, np.asarray([1]), planned=True))[0] == 1.0
    # that of a neighbour takes what it takes beyond the usual
    mailer[0, WEEKS] = 1.0
    taken, usual = pull_block(replace(own, mailer=mailer), pull, 1, np.asarray([1]), planned=True)[0, :2]
    lift = pull.lift_of(replace(own, mailer=mailer), 1, planned=True)[0]
    assert lift > 1.5 and taken == pytest.approx(np.log1p(lift * pull.theta["isSubstituteFor"].toarray()[1, 0]), rel=1e-5)
    assert taken < usual < 0
    # one that is supposed to be gone gives its demand away, and a price that is known tells of a cut
    gone = np.zeros((3, 8), dtype=bool)
    gone[0, 0] = True
    given = np.log1p(-pull.theta["isSubstituteFor"].toarray()[1, 0])
    away = pull_block(replace(blind, gone=gone), pull, 1, np.asarray([1]), planned=False)[0, 0]
    assert away == pytest.approx(given, rel=1e-5)
    stopped = replace(pull, stopped=gone[:, 0])
    np.testing.assert_array_equal(pull_factor(pull_block(blind, stopped, 1, np.arange(3), planned=False)), 1.0)
    assert not any(pulled_apart(Asked(blind, near, 1, 4), stopped, np.full(8, 10.0)).values())
    priced = replace(panel(), planned_weeks=0)
    by_price = pull_at(priced, near, WEEKS, scaled=False)
    # half of what coverage and price bring together, whichever of them it is told of
    assert by_price.lift_of(priced, 1, planned=False)[0] > 0.3
    assert by_price.lift_of(priced, 2, planned=False)[0] == 0.0


def test_what_neighbours_brought_in_a_week_without_a_plan_is_what_moved_the_forecast() -> None:
    blind = replace(panel(prices=False), planned_weeks=0)
    near = neighbours(blind, SUBSTITUTES)
    pull = pull_at(blind, near, WEEKS, scaled=False)
    told = pulled_apart(Asked(blind, near, 1, 4), pull, np.full(8, 10.0))
    assert not any(told.values())
    gone = np.zeros((3, 8), dtype=bool)
    gone[0, :4] = True
    away = replace(blind, gone=gone)
    ((neighbour,),) = [one for one in pulled_apart(Asked(away, near, 1, 4), pull, np.full(8, 10.0)).values() if one]
    factor = pull_factor(pull_block(away, pull, 1, np.asarray([1]), planned=False))[0]
    assert neighbour.source_id == "a"
    assert neighbour.units == pytest.approx(4 * 10.0 * (1 - 1 / factor), rel=1e-5)
    assert neighbour.units > 1.0


def test_an_empty_shelf_has_stopped_selling_whatever_was_asked_for() -> None:
    known = panel()
    units, lost = known.units, np.zeros_like(known.units)
    lost[0, -2:] = units[0, -2:]
    pull = pull_at(replace(known, lost=lost), neighbours(known, SUBSTITUTES), WEEKS)
    assert pull.stopped.tolist() == [True, False, False]


def test_a_product_that_is_gone_gives_its_demand_away() -> None:
    known = panel()
    near = neighbours(known, SUBSTITUTES)
    pull = pull_at(known, near, WEEKS, scaled=False)
    gone = np.zeros((3, 8), dtype=bool)
    gone[0, 1] = True
    away = replace(known, gone=gone)
    assert pull_block(away, pull, 2, np.arange(3), planned=True)[1, 0] == pytest.approx(
        np.log1p(-pull.theta["isSubstituteFor"].toarray()[1, 0]), rel=1e-5
    )


def test_the_scale_of_strengths_is_measured_on_the_products_own_weeks() -> None:
    known = panel()
    units = known.units.copy()
    near = neighbours(known, {"isSubstituteFor": edges(("a", "b", 0.4), ("a", "c", 0.4))})
    lost = 1 - 0.2 * (LIFTED - 1)
    random = np.random.default_rng(1)
    units[1:] = random.poisson(400.0 * np.where(known.mailer[0, :WEEKS] > 0, lost, 1.0), (2, WEEKS))
    half = pull_at(replace(known, units=units), near, WEEKS)
    # the weeks say 0.2, the edges 0.4, of which the scale is drawn a little to 1
    assert 0.18 < -half.theta["isSubstituteFor"].toarray()[1, 0] < 0.3


def test_a_pull_reads_no_sales_of_the_origin_or_later() -> None:
    known = panel()
    later = known.units.copy()
    later[:, 30:] = 999.0
    priced = known.price.copy()
    priced[:, 30:] = 0.1
    for relations in (SUBSTITUTES, pair_edges()):
        near = neighbours(known, relations)
        blocks = [
            pull_block(one, pull_at(one, near, 30), 3, np.arange(3), planned=True)
            for one in (known, replace(known, units=later, price=priced))
        ]
        np.testing.assert_array_equal(*blocks)


def test_edges_keep_their_strengths_and_those_of_the_way_back() -> None:
    near = neighbours(panel(), SUBSTITUTES)
    np.testing.assert_allclose(near.strengths["isSubstituteFor"].toarray(), [[0, 0.05, 0], [0.2, 0, 0], [0.1, 0, 0]], rtol=1e-6)
    np.testing.assert_allclose(near.returned["isSubstituteFor"].toarray(), [[0, 0.2, 0], [0.05, 0, 0], [0, 0, 0]], rtol=1e-6)
    np.testing.assert_allclose(near.weights["isSubstituteFor"].toarray().sum(axis=1), 1.0, rtol=1e-6)


def trial(forecasts: dict[str, np.ndarray]) -> Trial:
    count = next(iter(forecasts.values())).shape[1]
    return Trial(
        origin=10,
        rows=np.arange(count),
        forecasts=forecasts,
        promoted=np.zeros((1, count), dtype=bool),
        segment=np.arange(count) % len(SEGMENTS),
        seasonal_share=0.0,
        actual=np.full((1, count), 10.0),
        scale=np.ones(count),
        weight=np.ones(count),
    )


@pytest.mark.parametrize("pulled", [9.5, 8.0])
def test_pulls_are_judged_once_for_all_series(pulled: float) -> None:
    count = 6 * len(SEGMENTS)
    simple = {name: np.full((1, count), 1.0) for name in ("last_week", "mean_4", "mean_8", "seasonal_naive")}
    # in the first segment it is the other way round
    off = np.where(np.arange(count) % len(SEGMENTS) == 0, 17.5 - pulled, pulled)[None]
    served = judge([trial(simple | {TWIN_SYSTEM: np.full((1, count), 9.0), PULL_SYSTEM: off})])
    assert set(served.systems) == {PULL_SYSTEM if pulled > 9 else TWIN_SYSTEM}


@pytest.fixture(scope="module")
def pulled(pairs_lake, tmp_path_factory):
    """The service of a shop whose forecasts are moved by pulls, whatever the back-test says."""
    chain = chain_panel(pairs_lake, as_of=PLAN_DAY)
    stores = store_panel(pairs_lake, chain)
    relations = pair_edges()
    settings = FitSettings(7, 20_000, 1, every_model=True)
    found = fit_panels(chain, stores, NeighbourVintages.always(neighbours(chain, relations)), settings, SilentProgress())
    everywhere = (PULL_SYSTEM,) * len(SEGMENTS)
    tree = found.hierarchy
    levels = {
        name: replace(level, verdict=replace(level.verdict, systems=everywhere))
        for name, level in {"chain": tree.chain, "store": tree.store}.items()
    }
    tree = replace(tree, **levels)
    found = replace(found, hierarchy=tree, forecasts=tree.forecasts(chain.week_count, 8))
    files, tables, _ = outputs_of(found, settings)
    graph = graph_with(relations, tmp_path_factory.mktemp("pulled-graph"))
    return ForecastService(graph, publish_features(tmp_path_factory.mktemp("pulled"), PLAN_DAY, tables), files)


def coming(product: str) -> list[date]:
    number = PRODUCTS.index(product)
    return [PLAN_DAY + timedelta(days=1 + 7 * step) for step in range(8) if promoted(number, WEEKS + step)]


@pytest.mark.parametrize("store", [None, "st0"])
def test_what_a_neighbour_brought_is_the_forecast_less_that_without_its_promotions(pulled, store) -> None:
    product, other = "p03", PRODUCTS[partner(3)]
    request = ForecastRequest(product, store, 8)
    answer = pulled.forecast(request)
    assert answer.system == PULL_SYSTEM
    expected = sum(point.units - point.baseline_units for point in answer.points)
    assert sum(driver.units for driver in answer.drivers) == pytest.approx(expected, abs=1e-6)
    assert sum(path.contribution for path in answer.explanation.paths) == pytest.approx(expected, abs=1e-6)
    (told,) = [driver for driver in answer.drivers if driver.product_id is not None]
    off = ForecastOverlay.of(promotions_off=[SwitchedOffPromotion(other, week, Mechanic.MAILER) for week in coming(other)])
    without = pulled.forecast(request, overlay=off)
    assert told.product_id == other and coming(other)
    moved = sum(one.units - two.units for one, two in zip(answer.points, without.points, strict=True))
    # making levels add up moves both alike, and the part is told of the forecast before that
    assert told.units == pytest.approx(moved, rel=0.2)
    assert not [driver for driver in without.drivers if driver.product_id is not None and abs(driver.units) > 1e-9]
    # its promotions triple it, and cost the other of its pair four fifths: about as much as is told
    weeks = [point.units for point in without.points if point.week_start in coming(other)]
    assert told.units == pytest.approx(-LOSS * sum(weeks), rel=0.35)


def test_an_ignored_neighbour_and_one_that_is_gone(pulled) -> None:
    product, other = "p03", PRODUCTS[partner(3)]
    request = ForecastRequest(product, None, 8)
    ignored = pulled.forecast(request, overlay=ForecastOverlay.of(neighbours_ignored=[IgnoredNeighbour(other, product)]))
    assert not [driver for driver in ignored.drivers if driver.product_id == other and abs(driver.units) > 1e-9]
    week = next(one for one in coming(other))
    gone = pulled.forecast(request, overlay=ForecastOverlay.of(products_gone=[GoneProduct(other, week)]))
    before = {point.week_start: point.units for point in pulled.forecast(request).points}
    after = {point.week_start: point.units for point in gone.points}
    assert after[week] > 1.5 * before[week]
    assert {one: after[one] for one in after if one != week} == pytest.approx({one: before[one] for one in before if one != week})


def test_trees_with_a_pull_are_those_of_the_twin(pairs_lake) -> None:
    chain = chain_panel(pairs_lake, as_of=PLAN_DAY)
    near = NeighbourVintages.always(neighbours(chain, pair_edges()))
    settings = FitSettings(7, 2_000, 1, every_model=True)
    found = fit_panels(chain, store_panel(pairs_lake, chain), near, settings, SilentProgress())
    level = found.hierarchy.chain
    twin, pulls = level.models[TWIN_SYSTEM], level.models[PULL_SYSTEM]
    assert pulls.names == (*twin.names, *PULL_FEATURES)
    transform = DemandTransform(chain, chain, near)
    features = transform.features(WEEKS, np.arange(5), [1])[0]
    wide, narrow = (features[:, [transform.names.index(name) for name in one.names]] for one in (pulls, twin))
    np.testing.assert_allclose(pulls.predict(wide), twin.predict(narrow) * pull_factor(wide[:, -len(PULL_FEATURES) :]))
    assert UPLIFT == LIFTED

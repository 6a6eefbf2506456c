"""Forecasts under suppositions: what is supposed moves them, what does not concern them changes no byte, the rest is refused."""

from datetime import timedelta

import numpy as np
import pytest

from decisions.forecast import ForecastRequest, ForecastService, ForecastSubjectUnclear, NotSupposable, UnknownCategory
from decisions.overlay import (
    NO_OVERLAY,
    ForecastOverlay,
    GoneProduct,
    IgnoredNeighbour,
    Mechanic,
    PlannedPrice,
    PlannedPromotion,
    SwitchedOffPromotion,
)
from kit.canonical import canonical_bytes

from .conftest import PLAN_DAY, PLANNED, PRODUCTS, UPLIFT, WEEKS, fitted_on, graph_with, pair_edges, partner, promoted

pytestmark = pytest.mark.training

FIRST = PLAN_DAY + timedelta(days=1)
PROMOTED = next(product for number, product in enumerate(PRODUCTS) if promoted(number, WEEKS))
QUIET = next(
    product
    for number, product in enumerate(PRODUCTS)
    if not any(promoted(one, WEEKS + step) for one in (number, partner(number)) for step in range(PLANNED))
)


def week(step: int):
    return FIRST + timedelta(days=7 * step)


def units(service, product, overlay=NO_OVERLAY, store=None, weeks=4):
    return np.asarray([p.units for p in service.forecast(ForecastRequest(product, store, weeks), overlay=overlay).points])


@pytest.fixture(scope="module")
def paired(pairs_lake, tmp_path_factory):
    fitted = fitted_on(pairs_lake, pair_edges(), tmp_path_factory.mktemp("paired"), PLAN_DAY)
    graph = graph_with(pair_edges(), tmp_path_factory.mktemp("paired-graph"))
    return ForecastService(graph, fitted.features, fitted.artefact)


def test_nothing_supposed_changes_no_byte(forecaster):
    for product in PRODUCTS[:6]:
        for store in (None, "st0"):
            request = ForecastRequest(product, store, 4)
            assert canonical_bytes(forecaster.forecast(request, overlay=NO_OVERLAY)) == canonical_bytes(
                forecaster.forecast(request)
            )


def test_what_concerns_neither_the_product_nor_a_neighbour_changes_no_byte(forecaster):
    # p02 and p05 share neither category nor type nor an edge
    elsewhere = ForecastOverlay.of(
        promotions_on=[PlannedPromotion("p05", week(0), Mechanic.MAILER, 1.0)],
        products_gone=[GoneProduct("p05", week(1)), GoneProduct("nothing", week(1))],
        neighbours_ignored=[IgnoredNeighbour("p05", "p06")],
        prices=[PlannedPrice("p05", week(0), 1.0)],
        promotions_off=[SwitchedOffPromotion("p02", FIRST - timedelta(days=7), Mechanic.MAILER)],
    )
    request = ForecastRequest("p02", None, 4)
    assert canonical_bytes(forecaster.forecast(request, overlay=elsewhere)) == canonical_bytes(forecaster.forecast(request))


@pytest.mark.parametrize("store", [None, "st0"])
def test_a_promotion_that_is_switched_off_takes_its_units_away(forecaster, store):
    off = ForecastOverlay.of(promotions_off=[SwitchedOffPromotion(PROMOTED, week(0), Mechanic.MAILER)])
    before, after = units(forecaster, PROMOTED, store=store), units(forecaster, PROMOTED, off, store)
    assert before[0] / after[0] == pytest.approx(UPLIFT, rel=0.35)
    assert not forecaster.forecast(ForecastRequest(PROMOTED, store), overlay=off).points[0].promoted
    # the week after may read that a mailer ran before; later ones do not
    np.testing.assert_allclose(before[2:], after[2:])


@pytest.mark.parametrize("step", [0, 3])
@pytest.mark.parametrize("store", [None, "st1"])
def test_a_promotion_that_is_supposed_brings_units_also_where_no_plan_was_known(forecaster, store, step):
    on = ForecastOverlay.of(promotions_on=[PlannedPromotion(QUIET, week(step), Mechanic.MAILER, 1.0)])
    before, after = units(forecaster, QUIET, store=store), units(forecaster, QUIET, on, store)
    assert after[step] / before[step] == pytest.approx(UPLIFT, rel=0.45)
    assert forecaster.forecast(ForecastRequest(QUIET, store), overlay=on).points[step].promoted


def test_a_promoted_neighbour_takes_units_until_it_is_ignored_or_gone(paired):
    number = next(n for n in range(len(PRODUCTS)) if promoted(partner(n), WEEKS) and not promoted(n, WEEKS))
    product, other = PRODUCTS[number], PRODUCTS[partner(number)]
    off = ForecastOverlay.of(promotions_off=[SwitchedOffPromotion(other, week(0), Mechanic.MAILER)])
    ignored = ForecastOverlay.of(neighbours_ignored=[IgnoredNeighbour(other, product)])
    gone = ForecastOverlay.of(products_gone=[GoneProduct(other, week(0))])
    assert paired.forecast(ForecastRequest(product, None, 1)).system == "shelfgraph"
    pressed, free = units(paired, product, weeks=1)[0], units(paired, product, off, weeks=1)[0]
    assert pressed < 0.6 * free
    for overlay in (ignored, gone):
        assert units(paired, product, overlay, weeks=1)[0] > 1.2 * pressed


def test_a_product_that_is_gone_sells_nothing_in_that_week(forecaster):
    gone = ForecastOverlay.of(products_gone=[GoneProduct("p00", week(1))])
    answer, before = (forecaster.forecast(ForecastRequest("p00", None, 3), overlay=one) for one in (gone, NO_OVERLAY))
    point = answer.points[1]
    assert (point.units, point.low, point.high, point.low_95, point.high_95) == (0.0, 0.0, 0.0, 0.0, 0.0)
    assert [answer.points[step] for step in (0, 2)] == [before.points[step] for step in (0, 2)]
    brought = sum(point.units - point.baseline_units for point in answer.points)
    assert sum(driver.units for driver in answer.drivers) == pytest.approx(brought, abs=1e-9)


def test_what_cannot_be_taken_into_account_is_refused(forecaster):
    priced = ForecastOverlay.of(prices=[PlannedPrice("p00", week(0), 1.5)])
    with pytest.raises(NotSupposable, match="no planned prices were delivered"):
        forecaster.forecast(ForecastRequest("p00"), overlay=priced)
    with pytest.raises(NotSupposable, match="ask for a product"):
        forecaster.forecast(ForecastRequest(), overlay=priced)


def test_drivers_sum_to_forecast_minus_baseline_in_every_case(forecaster, paired):
    cases = 0
    for service in (forecaster, paired):
        for product in PRODUCTS:
            for store in (None, "st0", "st1"):
                for weeks in range(1, 9):
                    answer = service.forecast(ForecastRequest(product, store, weeks))
                    brought = sum(point.units - point.baseline_units for point in answer.points)
                    assert sum(driver.units for driver in answer.drivers) == pytest.approx(brought, abs=1e-9)
                    assert sum(path.contribution for path in answer.explanation.paths) == pytest.approx(brought, abs=1e-9)
                    cases += 1
    assert cases == 1152


def test_a_neighbour_is_told_with_what_it_does_and_what_such_weeks_brought_before(paired):
    number = next(n for n in range(len(PRODUCTS)) if promoted(partner(n), WEEKS) and not promoted(n, WEEKS))
    product, other = PRODUCTS[number], PRODUCTS[partner(number)]
    answer = paired.forecast(ForecastRequest(product, None, 1))
    (driver,) = [one for one in answer.drivers if one.product_id == other]
    past = [w for w in range(1, WEEKS) if promoted(partner(number), w)]
    assert (driver.name, driver.past_weeks) == ("isSubstituteFor", len(past))
    assert driver.units < 0
    assert driver.low < driver.high < 0
    assert f"is promoted in the week of {FIRST.isoformat()}; {len(past)} such weeks, {driver.low:+.1f}" in answer.explanation.text
    (path,) = [one for one in answer.explanation.paths if one.hops and one.hops[0].relation == "isSubstituteFor"]
    assert (path.hops[0].source.id, path.hops[0].target.id) == (other, product)
    assert path.contribution == pytest.approx(driver.units)
    assert f"{driver.units:+.1f} units: Product {other}, a substitute" in answer.explanation.text


def test_levels_add_up(forecaster, forecast_graph):
    total = np.asarray([p.units for p in forecaster.forecast(ForecastRequest()).points])
    products = [units(forecaster, product) for product in PRODUCTS]
    np.testing.assert_allclose(np.sum(products, axis=0), total)
    mine = [product for number, product in enumerate(PRODUCTS[:-1]) if number % 4 == 1]
    category = forecaster.forecast(ForecastRequest(category_id="D > C1"))
    np.testing.assert_allclose(np.sum([units(forecaster, one) for one in mine], axis=0), [p.units for p in category.points])
    assert category.explanation.paths[0].contribution == pytest.approx(
        sum(point.units - point.baseline_units for point in category.points)
    )
    for product in PRODUCTS[:4]:
        stores = np.sum([units(forecaster, product, store=store) for store in ("st0", "st1")], axis=0)
        assert (stores <= units(forecaster, product) + 1e-9).all()


def test_a_request_may_itself_leave_out_a_promotion_or_a_neighbour(forecaster, paired):
    off = ForecastOverlay.of(promotions_off=[SwitchedOffPromotion(PROMOTED, week(0), one) for one in Mechanic])
    asked = ForecastRequest(PROMOTED, None, 4, without_promotions=(week(0),))
    by_request = np.asarray([point.units for point in forecaster.forecast(asked).points])
    np.testing.assert_array_equal(by_request, units(forecaster, PROMOTED, off))
    number = next(n for n in range(len(PRODUCTS)) if promoted(partner(n), WEEKS) and not promoted(n, WEEKS))
    product, other = PRODUCTS[number], PRODUCTS[partner(number)]
    ignored = ForecastOverlay.of(neighbours_ignored=[IgnoredNeighbour(other, product)])
    alone = paired.forecast(ForecastRequest(product, None, 1, without_neighbours=(other,))).points[0].units
    assert alone == units(paired, product, ignored, weeks=1)[0]
    for unclear in (
        ForecastRequest(without_neighbours=("p00",)),
        ForecastRequest("p00", without_promotions=(week(0) + timedelta(days=1),)),
        ForecastRequest("p00", category_id="D > C0"),
        ForecastRequest(store_id="st0"),
    ):
        with pytest.raises(ForecastSubjectUnclear):
            forecaster.forecast(unclear)
    with pytest.raises(UnknownCategory):
        forecaster.forecast(ForecastRequest(category_id="nowhere"))

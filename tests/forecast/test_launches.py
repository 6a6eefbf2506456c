"""Launches of a shop whose launches are known: accuracy, drivers, donors, paths, refusals, bytes, and no look ahead."""

import json
from datetime import date, timedelta

import numpy as np
import pytest

from decisions.forecast import (
    DonorWithoutLaunch,
    ForecastArtefactError,
    ForecastRequest,
    ForecastService,
    ForecastSubjectUnclear,
    HasHistory,
    HorizonOutOfRange,
    LaunchOutsideHorizon,
    NoHistory,
    NoLaunchKnown,
    NotSupposable,
    UnknownDonor,
)
from decisions.forecast.launch_curves import KINDS
from decisions.forecast.launch_metadata import LaunchScale
from decisions.forecast.launch_model import LaunchModel, LaunchRows
from decisions.overlay import ForecastOverlay, GoneProduct
from features.demand_launch_features import LAUNCH_FEATURES, launch_rows, told_at
from features.demand_launches import LAUNCH_WEEKS, launch_panel
from kg.ports import Direction
from kit.canonical import canonical_bytes
from tests.planted_future import plant_future

from .conftest import FIRST_MONDAY, SHOPS, fitted_on
from .launch_world import (
    A_WEEK,
    LAUNCH_DAY,
    RATES,
    UNSOLD,
    UPLIFT,
    WEEKS,
    all_products,
    launch_graph,
    launch_lake,
    supported,
)

pytestmark = pytest.mark.training

NEXT = LAUNCH_DAY + timedelta(days=1)
MANY, FEW = "l20-00", "l20-01"
"""Known launches of brand X and of brand Y."""
EVERY_LAUNCH = [
    ForecastRequest(product, None, weeks, launch_week=NEXT + timedelta(days=7 * lead), donors=donors)
    for product in UNSOLD
    for weeks in (1, 4)
    for lead in (0, 4)
    for donors in ((), (MANY,), (MANY, FEW))
]


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    return launch_lake(tmp_path_factory.mktemp("launch-lake"))


@pytest.fixture(scope="module")
def graph(tmp_path_factory):
    return launch_graph(tmp_path_factory.mktemp("launch-graph"))


@pytest.fixture(scope="module")
def launched(lake, tmp_path_factory):
    return fitted_on(lake, None, tmp_path_factory.mktemp("launch-features"), LAUNCH_DAY)


@pytest.fixture(scope="module")
def service(graph, launched):
    return ForecastService(graph, launched.features, launched.artefact)


@pytest.fixture(scope="module")
def panel(lake):
    return launch_panel(lake, as_of=LAUNCH_DAY)


def test_launches_are_first_sales_after_the_first_thirteen_weeks(panel):
    names = panel.panel.product_ids
    first = {product: launch for product, _, _, launch in all_products()}
    assert [first[name] for name in names] == panel.first.tolist()
    found = {names[row] for row in panel.launched(20)}
    assert found == {product for product, launch in first.items() if 13 <= launch < 20}
    curves = panel.curves(np.flatnonzero(panel.first == 18), 20)
    assert np.isnan(curves[2:]).all()
    assert (curves[0] >= 1).all()


def test_what_is_told_of_a_launch_by_hand(panel):
    names, origin = list(LAUNCH_FEATURES), 30
    rows = np.flatnonzero(panel.first == 31)[:2]
    told = launch_rows(told_at(panel, rows, origin, planned_weeks=8), panel.panel.target_week(origin))
    by_id = {product: (brand, kind, launch) for product, brand, kind, launch in all_products()}
    units = dict(zip(panel.panel.product_ids, panel.panel.units, strict=True))
    for place, row in enumerate(rows):
        product = panel.panel.product_ids[row]
        brand, kind, launch = by_id[product]
        siblings = [one for one, (b, k, first) in by_id.items() if (b, k) == (brand, kind) and first < origin]
        new = [one for one in siblings if by_id[one][2] > 0]
        active = [one for one in siblings if units[one][origin - 13 : origin].any()]
        weekly = [units[one][origin - 4 : origin].mean() for one in active]
        firsts = [units[one][by_id[one][2]] for one in new]
        # what serving reads of donors are launches whose weeks are all known
        whole = [first for one, first in zip(new, firsts, strict=True) if by_id[one][2] + LAUNCH_WEEKS <= origin]
        assert len(whole) < len(firsts)
        every = [units[one][first] for one, (_, _, first) in by_id.items() if 0 < first < origin]
        for step in range(LAUNCH_WEEKS):
            value = dict(zip(names, told[step, place], strict=True))
            assert value["type_brand_active"] == len(active)
            assert (value["type_brand_launches"], value["donors"]) == (len(new), len(whole))
            assert value["type_brand_units"] == pytest.approx(np.mean(weekly), rel=1e-5)
            assert value["donor_first"] == pytest.approx(np.mean(whole), rel=1e-5)
            drawn = (sum(firsts) + 2 * np.mean(every)) / (len(firsts) + 2)
            assert value["type_brand_first"] == pytest.approx(drawn, rel=1e-5)
            assert value["mailer_target"] == supported(product, launch + step, launch)
            assert value["week_of_launch"] == step + 1
            assert value["day_of_month"] == (FIRST_MONDAY + timedelta(days=7 * (launch + step))).day


def test_a_launch_is_told_without_a_look_at_what_it_and_others_sell(panel):
    origin, rows = 30, np.flatnonzero((panel.first >= 30) & (panel.first < 34))
    before = launch_rows(told_at(panel, rows, origin, planned_weeks=8), panel.panel.target_week(origin))
    panel.panel.units[:, origin:] += 500.0
    again = launch_rows(told_at(panel, rows, origin, planned_weeks=8), panel.panel.target_week(origin))
    panel.panel.units[:, origin:] -= 500.0
    np.testing.assert_array_equal(before, again)
    blind = launch_rows(told_at(panel, rows, origin, planned_weeks=0), panel.panel.target_week(origin))
    unknown = [name for number, name in enumerate(LAUNCH_FEATURES) if np.isnan(blind[1:, :, number]).all()]
    assert unknown == [name for name, driver in LAUNCH_FEATURES.items() if driver == "promotion"]


def test_attributes_win_the_back_test_and_come_near_the_true_rates(service, launched):
    told = json.loads(launched.artefact["forecast.json"])["launches"]
    assert told["systems"] == ["launch_attributes"] * len(KINDS)
    figures = launched.figures
    assert figures["launches_launches"] == 2 * 4 * A_WEEK
    assert figures["launches_wape_launch_attributes"] < 0.9 * min(
        figures[f"launches_wape_{name}"] for name in ("launch_mean", "launch_mean_of_category", "launch_donors")
    )
    assert 0.7 <= figures["launches_coverage_80"] <= 0.95
    for product in UNSOLD[:4]:
        answer = service.forecast(ForecastRequest(product, launch_week=NEXT))
        usual = RATES[product.split("-")[1].upper()]
        promoted = product.endswith("promoted")
        truth = [usual * UPLIFT if promoted and step < 2 else usual for step in range(4)]
        assert [point.promoted for point in answer.points] == [promoted and step < 2 for step in range(4)]
        assert sum(point.units for point in answer.points) == pytest.approx(sum(truth), rel=0.3)


def test_drivers_and_paths_sum_to_forecast_minus_baseline_and_intervals_hold_it(service):
    assert len(EVERY_LAUNCH) == 60
    for request in EVERY_LAUNCH:
        answer = service.forecast(request)
        brought = sum(point.units - point.baseline_units for point in answer.points)
        assert sum(one.units for one in answer.drivers) == pytest.approx(brought, abs=1e-9)
        assert sum(path.contribution for path in answer.explanation.paths) == pytest.approx(brought, abs=1e-9)
        assert [point.week_start for point in answer.points] == [
            request.launch_week + timedelta(days=7 * step) for step in range(request.horizon_weeks)
        ]
        for point in answer.points:
            assert 0 <= point.low_95 <= point.low <= point.units <= point.high <= point.high_95
        assert answer.history == ()
        assert answer.why.startswith("It had the lowest error in the back-test for launches of this kind")


def test_a_better_donor_never_lowers_a_forecast_and_is_named_by_its_driver(service):
    for product in UNSOLD:
        units = {}
        for donor in (MANY, FEW):
            answer = service.forecast(ForecastRequest(product, launch_week=NEXT, donors=(donor,)))
            units[donor] = sum(point.units for point in answer.points)
            assert [one.product_id for one in answer.drivers if one.name == "donors"] == [donor]
        assert units[MANY] >= units[FEW]
    assert units[MANY] > units[FEW]


@pytest.mark.parametrize("system", ["launch_donors", "launch_mean_of_category", "launch_mean"])
def test_where_a_simple_system_won_it_serves_by_hand(graph, launched, panel, system):
    told = json.loads(launched.artefact["forecast.json"])
    told["launches"] |= {"systems": [system] * len(KINDS), "baselines": ["launch_mean"] * len(KINDS)}
    simple = ForecastService(graph, launched.features, launched.artefact | {"forecast.json": canonical_bytes(told)})
    curves = {
        product: panel.panel.units[panel.panel.product_ids.index(product), launch : launch + LAUNCH_WEEKS]
        for product, _, _, launch in all_products()
        if 0 < launch <= WEEKS - LAUNCH_WEEKS
    }
    unsupported = [product for product in curves if int(product[-2:]) % 4 >= 2]
    alike = {  # every category is C0 but that of the product `alone`
        "launch_donors": [MANY, FEW], "launch_mean_of_category": unsupported, "launch_mean": unsupported,
    }[system]  # fmt: skip
    answer = simple.forecast(ForecastRequest("new-x", launch_week=NEXT, donors=(MANY, FEW)))
    by_hand = np.mean([curves[product] for product in alike], axis=0)
    assert [point.units for point in answer.points] == pytest.approx(by_hand.tolist(), rel=1e-6)
    assert answer.system == system
    brought = sum(point.units - point.baseline_units for point in answer.points)
    assert sum(one.units for one in answer.drivers) == pytest.approx(brought, abs=1e-9)
    assert sum(path.contribution for path in answer.explanation.paths) == pytest.approx(brought, abs=1e-9)


def test_every_hop_is_an_edge_and_paths_lead_from_the_product_to_its_donors(service, graph):
    reached = set()
    for request in EVERY_LAUNCH:
        answer = service.forecast(request)
        for path in answer.explanation.paths:
            at = request.product_id
            if [hop.source.id for hop in path.hops] in [[donor] for donor in request.donors]:
                # nothing below the department is shared: the donor is shown at its own place
                assert request.product_id == "alone"
                continue
            for hop in path.hops:
                found = graph.related(hop.relation, [hop.source.id], direction=Direction.OUT, limit=60)
                assert hop.target.id in {edge.target.id for edge in found[hop.source.id]}
                if hop.relation == "promotes":
                    continue
                assert at == (hop.target.id if hop.walked_backwards else hop.source.id)
                at = hop.source.id if hop.walked_backwards else hop.target.id
            reached.add((request.product_id, at))
    assert {("new-x", MANY), ("new-x", FEW), ("alone", "D > C3 > T9")} <= reached
    promoted = service.forecast(ForecastRequest("new-x-promoted", launch_week=NEXT))
    assert ["promotes"] in [[hop.relation for hop in path.hops] for path in promoted.explanation.paths]


def test_the_same_launch_is_the_same_bytes(service, graph, launched):
    again = ForecastService(graph, launched.features, launched.artefact)
    for request in EVERY_LAUNCH[::5]:
        assert canonical_bytes(service.forecast(request)) == canonical_bytes(again.forecast(request))


def test_planted_future_facts_change_nothing(launched, service, graph, tmp_path):
    lake = launch_lake(tmp_path / "lake", weeks=WEEKS + 2)
    assert plant_future(lake, LAUNCH_DAY)["promotion_weeks"] == 4
    again = fitted_on(lake, None, tmp_path / "features", LAUNCH_DAY)
    assert again.artefact == launched.artefact
    assert again.features.id == launched.features.id
    other = ForecastService(graph, again.features, again.artefact)
    for request in EVERY_LAUNCH[::7]:
        assert canonical_bytes(other.forecast(request)) == canonical_bytes(service.forecast(request))


REFUSALS = [
    (ForecastRequest("new-x"), NoHistory, "name its launch"),
    (ForecastRequest("old-1", launch_week=NEXT), HasHistory, "without a launch"),
    (ForecastRequest("new-x", launch_week=NEXT + timedelta(days=1)), ForecastSubjectUnclear, ""),
    (ForecastRequest("new-x", SHOPS[0], launch_week=NEXT), ForecastSubjectUnclear, ""),
    (ForecastRequest(launch_week=NEXT), ForecastSubjectUnclear, ""),
    (ForecastRequest("new-x", donors=(MANY,)), ForecastSubjectUnclear, ""),
    (ForecastRequest("new-x", launch_week=NEXT, donors=(MANY, MANY)), ForecastSubjectUnclear, ""),
    (ForecastRequest("new-x", launch_week=NEXT, donors=("new-x",)), ForecastSubjectUnclear, ""),
    (ForecastRequest("new-x", launch_week=NEXT, donors=tuple(f"l13-{n:02d}" for n in range(11))), ForecastSubjectUnclear, ""),
    (ForecastRequest("new-x", launch_week=NEXT, without_promotions=(NEXT,)), ForecastSubjectUnclear, ""),
    (ForecastRequest("new-x", None, 5, launch_week=NEXT), HorizonOutOfRange, "1 to 4"),
    (ForecastRequest("new-x", launch_week=NEXT - timedelta(days=7)), LaunchOutsideHorizon, NEXT.isoformat()),
    (ForecastRequest("new-x", launch_week=NEXT + timedelta(days=35)), LaunchOutsideHorizon, NEXT.isoformat()),
    (ForecastRequest("new-x", launch_week=date(1900, 1, 1)), LaunchOutsideHorizon, ""),
    (ForecastRequest("new-x", launch_week=NEXT, donors=("nobody",)), UnknownDonor, ""),
    (ForecastRequest("new-x", launch_week=NEXT, donors=("old-1",)), DonorWithoutLaunch, "or none"),
    (ForecastRequest("new-x", launch_week=NEXT, donors=(f"l{WEEKS - 2}-00",)), DonorWithoutLaunch, ""),
]


@pytest.mark.parametrize(("request_", "error", "says"), REFUSALS)
def test_what_cannot_be_asked_is_refused_by_name_with_what_to_do(service, request_, error, says):
    before = canonical_bytes(service.forecast(EVERY_LAUNCH[0]))
    with pytest.raises(error) as caught:
        service.forecast(request_)
    assert type(caught.value) is error
    assert says in caught.value.remedy
    assert canonical_bytes(service.forecast(EVERY_LAUNCH[0])) == before


def test_a_launch_takes_no_suppositions(service):
    overlay = ForecastOverlay.of(products_gone=[GoneProduct("new-x", NEXT)])
    with pytest.raises(NotSupposable):
        service.forecast(ForecastRequest("new-x", launch_week=NEXT), overlay=overlay)


def test_a_shop_without_launches_says_that_none_is_known(forecaster):
    with pytest.raises(NoLaunchKnown):
        forecaster.forecast(ForecastRequest("unsold", launch_week=date(2024, 10, 7)))


def test_a_launch_is_no_donor_of_itself(service):
    launches = service._launches
    group = launches._place.groups(MANY)["type_brand"]
    others = [launches._curves.product_ids[row] for row in launches._curves.donors_of(group)]
    asked = launches._asked(MANY, 0, ())
    assert MANY in others
    assert asked.features[0, list(LAUNCH_FEATURES).index("donors")] == len(others) - 1
    assert MANY not in asked.donors


def test_launches_that_all_sell_alike_teach_nothing():
    features = np.zeros((LAUNCH_WEEKS, 300, len(LAUNCH_FEATURES)), dtype=np.float32)
    alike, sells = np.zeros((LAUNCH_WEEKS, 300)), np.ones((LAUNCH_WEEKS, 300))
    alike[0] = 1.0
    sells[0, ::2] = 2.0
    assert not LaunchModel.can_learn(LaunchRows(features, alike))
    assert not LaunchModel.can_learn(LaunchRows(features, np.ones_like(alike)))
    assert LaunchModel.can_learn(LaunchRows(features, sells))


def test_a_model_without_trees_of_a_part_is_refused():
    with pytest.raises(ForecastArtefactError, match="no trees"):
        LaunchModel.from_files({}, {}, LaunchScale(1.0, (1.0,) * LAUNCH_WEEKS))


def test_a_changed_model_of_launches_is_refused(graph, launched):
    file = "forecast_launch_first_0.txt"
    with pytest.raises(ForecastArtefactError, match="digest"):
        ForecastService(graph, launched.features, launched.artefact | {file: launched.artefact[file] + b" "})


def test_a_retailer_in_its_first_months_is_served_by_means_of_few_launches(graph, lake, tmp_path):
    day = FIRST_MONDAY + timedelta(days=7 * 20 - 1)
    young = fitted_on(lake, None, tmp_path, day)
    told = json.loads(young.artefact["forecast.json"])["launches"]
    assert told["systems"] == ["launch_mean"] * len(KINDS)
    answer = ForecastService(graph, young.features, young.artefact).forecast(
        ForecastRequest("new-x", launch_week=day + timedelta(days=1), donors=("l14-00",))
    )
    assert answer.system == answer.baseline == "launch_mean"
    assert "not used" in answer.why
    assert all(point.units == point.baseline_units for point in answer.points)

"""Features of demand against an oracle that walks over rows, and against the future."""

import math
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pytest

from features.demand import FEATURE_GROUPS, DemandTransform
from features.demand_ahead import AHEAD_FEATURES
from features.demand_neighbours import NeighbourVintages, neighbours
from features.demand_panel import NoCompleteWeek, chain_panel, store_panel

from .conftest import FIRST_MONDAY, PLAN_DAY, PLANNED, PRODUCTS, RELATIONS, SHOPS, WEEKS, known_lake, line_table, promoted


@pytest.fixture(scope="module")
def sold(forecast_lake):
    rows = forecast_lake.sql("SELECT product_id, store_id, week_start, quantity, net_sales FROM sales_lines").to_pylist()
    units: dict[tuple[str, str | None, int], float] = {}
    for row in rows:
        week = (row["week_start"] - FIRST_MONDAY).days // 7
        for store in (None, row["store_id"]):
            key = (row["product_id"], store, week)
            units[key] = units.get(key, 0.0) + row["quantity"]
    return lambda product, store, week: units.get((product, store, week), 0.0)


@pytest.fixture(scope="module")
def transforms(forecast_lake, forecast_edges):
    chain = chain_panel(forecast_lake, as_of=PLAN_DAY)
    relations = NeighbourVintages.always(neighbours(chain, forecast_edges))
    return DemandTransform(chain, chain, relations), DemandTransform(store_panel(forecast_lake, chain), chain, relations)


def _oracle_alike(sold, product, store, origin, target):
    number = PRODUCTS.index(product)
    total = weighted = 0.0
    for week in range(origin):
        distance = float(promoted(number, week) != promoted(number, target))
        weight = math.exp(-distance / (2 * 0.2**2)) * 0.5 ** ((origin - 1 - week) / 13)
        total += weight
        weighted += weight * sold(product, store, week)
    lately = range(max(0, origin - 26), origin)
    usual = sum(sold(product, store, week) for week in lately) / len(lately)
    return (weighted + usual) / (total + 1)


def test_panels_hold_every_series_and_unit(transforms, sold):
    chain, stores = (transform.panel for transform in transforms)
    assert chain.product_ids == tuple(PRODUCTS)
    assert (len(stores.product_ids), chain.week_count, chain.planned_weeks) == (len(PRODUCTS) * len(SHOPS), WEEKS, PLANNED)
    assert chain.weeks[0] == FIRST_MONDAY
    for row in (0, 7, 23):
        assert chain.units[row].tolist() == [sold(PRODUCTS[row], None, week) for week in range(WEEKS)]
    for row in (0, 11, 47):
        assert stores.units[row].tolist() == [sold(stores.product_ids[row], stores.store_ids[row], w) for w in range(WEEKS)]
        assert chain.product_ids[stores.parent[row]] == stores.product_ids[row]


@pytest.mark.parametrize("level", [0, 1])
@pytest.mark.parametrize(("origin", "horizon"), [(30, 1), (35, 2), (WEEKS, 2)])
def test_features_equal_an_oracle_over_rows(transforms, sold, level, origin, horizon):
    transform = transforms[level]
    panel, names = transform.panel, transform.names
    rows = np.arange(len(panel.product_ids))
    features = transform.features(origin, rows, [horizon])[0]
    target = origin + horizon - 1
    for row in range(0, len(rows), 5):
        product = panel.product_ids[row]
        store = panel.store_ids[row] if panel.store_ids else None
        past = [sold(product, store, week) for week in range(origin)]
        number = PRODUCTS.index(product)
        expected = {
            "last_1": past[-1],
            "last_3": past[-3],
            "mean_8": sum(past[-8:]) / 8,
            "zero_share_13": sum(units == 0 for units in past[-13:]) / 13,
            "weeks_since_sale": next(age for age in range(origin) if past[-1 - age] > 0),
            "regular_mean_26": _mean([u for w, u in enumerate(past) if w >= origin - 26 and not promoted(number, w)]),
            "promoted_mean_26": _mean([u for w, u in enumerate(past) if w >= origin - 26 and promoted(number, w)]),
            "mailer_target": float(promoted(number, target)),
            "mailer_week_before": float(promoted(number, target - 1)),
            "alike_mean": _oracle_alike(sold, product, store, origin, target),
            "price_last": 2.0,
            "horizon": horizon,
            "day_of_month": (FIRST_MONDAY + timedelta(days=7 * target)).day,
        }
        for name, value in expected.items():
            assert features[row, names.index(name)] == pytest.approx(value, rel=1e-4), (name, product, store)


def test_neighbour_features_equal_an_oracle_over_edges(transforms, sold):
    transform, _ = transforms
    origin, names = 33, transform.names
    features = transform.features(origin, np.arange(len(PRODUCTS)), [1])[0]

    def recent(product, of):
        return sum(of(product, week) for week in range(origin - 4, origin)) / 4

    def units(product, week):
        return sold(product, None, week)

    def expected(product, week):
        return _oracle_alike(sold, product, None, week, week)

    def trend(weighted):
        of_units, of_expected = (sum(w * recent(one, of) for one, w in weighted) for of in (units, expected))
        return (of_units + 1) / (of_expected + 1)

    def pressure(weighted, week):
        return sum(weight * promoted(PRODUCTS.index(one), week) for one, weight in weighted)

    def response(product, weighted):
        fading = [0.5 ** ((origin - 1 - week) / 26) for week in range(origin)]
        alike = [
            fade * math.exp(-((pressure(weighted, week) - pressure(weighted, origin)) ** 2) / (2 * 0.15**2))
            for week, fade in enumerate(fading)
        ]
        mine, usual = [units(product, week) for week in range(origin)], [0.0, *(expected(product, w) for w in range(1, origin))]
        base = (_dot(fading, mine) + 1) / (_dot(fading, usual) + 1)
        return math.log((_dot(alike, mine) + 5 * base) / (_dot(alike, usual) + 5) / base)

    for relation, edges in RELATIONS.items():
        for number, product in enumerate(PRODUCTS):
            mine = [(source, strength) for source, target, strength in edges if target == product]
            told = [features[number, names.index(f"{relation}_{signal}")] for signal in ("trend", "mailer", "response")]
            if not mine:
                assert np.isnan(told).all()
                continue
            total = sum(strength for _, strength in mine)
            weighted = [(source, strength / total) for source, strength in mine]
            by_oracle = [trend(weighted), pressure(weighted, origin), response(product, weighted)]
            assert told == pytest.approx(by_oracle, rel=1e-3, abs=1e-5), (relation, product)
    siblings = [(one, 1.0) for n, one in enumerate(PRODUCTS) if n % 4 == 1 and n != 1]
    assert features[1, names.index("category_trend")] == pytest.approx(trend(siblings), rel=1e-4)
    assert FEATURE_GROUPS.keys() - AHEAD_FEATURES.keys() == set(names)
    assert len(names) == features.shape[1]


def test_an_origin_sees_the_neighbours_that_were_known_by_then(transforms, forecast_edges):
    chain, rows = transforms[0].panel, np.arange(len(PRODUCTS))
    one, other = (neighbours(chain, {name: forecast_edges[name]}) for name in ("isSubstituteFor", "isComplementTo"))
    grown = DemandTransform(chain, chain, NeighbourVintages.of({24: other, 8: one}))
    for origin, known in ((8, one), (23, one), (24, other), (33, other)):
        alone = DemandTransform(chain, chain, NeighbourVintages.always(known))
        np.testing.assert_array_equal(grown.features(origin, rows, [1, 8]), alone.features(origin, rows, [1, 8]))
    before = grown.features(7, rows, [1])[0]
    of_neighbours = [place for place, name in enumerate(grown.names) if FEATURE_GROUPS[name] == "neighbours"]
    assert np.isnan(before[:, of_neighbours]).all()
    twin = DemandTransform(chain, chain, None).features(7, rows, [1])[0]
    np.testing.assert_array_equal(np.delete(before, of_neighbours, axis=1), twin)
    with pytest.raises(ValueError, match="no neighbours were known at 7"):
        grown.relations.until(7)


def test_sales_after_the_day_and_unfinished_weeks_are_not_read(forecast_lake, transforms, tmp_path):
    lake = known_lake(tmp_path / "lake")
    keys = [(WEEKS + step, product, shop) for step in range(2) for product in range(len(PRODUCTS)) for shop in SHOPS]
    lake.append("sales_lines", line_table(keys, [300.0] * len(keys)))
    for day, weeks in ((PLAN_DAY, WEEKS), (PLAN_DAY + timedelta(days=6), WEEKS), (PLAN_DAY + timedelta(days=7), WEEKS + 1)):
        panel = chain_panel(lake, as_of=day)
        assert panel.week_count == weeks
        np.testing.assert_array_equal(panel.units[:, :WEEKS], transforms[0].panel.units)
    midweek = chain_panel(lake, as_of=PLAN_DAY + timedelta(days=3))
    np.testing.assert_array_equal(midweek.units, transforms[0].panel.units)


def test_the_plan_can_be_switched_off(forecast_lake, transforms):
    blind = chain_panel(forecast_lake, as_of=PLAN_DAY, promotion_plan=False)
    assert blind.planned_weeks == 0
    assert np.isnan(blind.mailer[:, WEEKS:]).all()
    np.testing.assert_array_equal(blind.mailer[:, :WEEKS], transforms[0].panel.mailer[:, :WEEKS])
    transform = DemandTransform(blind, blind, None)
    features = transform.features(20, np.arange(3), [1])[0]
    assert np.isnan(features[:, transform.names.index("mailer_target")]).all()


def test_features_at_an_origin_ignore_all_later_columns(transforms):
    transform = transforms[0]
    before = transform.features(25, np.arange(5), [1, 2])
    changed = transform.panel.units.copy()
    changed[:, 25:] = 999.0
    panel = replace(transform.panel, units=changed, price=_blank(transform.panel.price, 25))
    again = DemandTransform(panel, panel, transform.relations).features(25, np.arange(5), [1, 2])
    np.testing.assert_array_equal(before, again)


def test_retailer_without_promotion_feed(forecast_lake, tmp_path):
    lake = type(forecast_lake)(tmp_path / "bare", threads=1)
    for name in ("sales_lines", "products"):
        lake.replace(name, forecast_lake.arrow(name))
    panel = chain_panel(lake, as_of=PLAN_DAY)
    assert panel.planned_weeks == 0
    assert not panel.mailer[:, :WEEKS].any()


def test_coverage_counts_stores_and_not_the_places_within_them(forecast_lake, transforms, tmp_path):
    lake = known_lake(tmp_path / "lake")
    promotions = lake.arrow("promotion_weeks")
    again = promotions.set_column(
        promotions.schema.get_field_index("display_location"), "display_location", pa.array(["7"] * promotions.num_rows)
    )
    third = again.set_column(
        again.schema.get_field_index("mailer_location"), "mailer_location", pa.nulls(again.num_rows, pa.string())
    )
    lake.append("promotion_weeks", again)
    lake.append("promotion_weeks", third)
    chain = chain_panel(lake, as_of=PLAN_DAY)
    for panel, before in ((chain, transforms[0].panel), (store_panel(lake, chain), transforms[1].panel)):
        np.testing.assert_array_equal(panel.mailer, before.mailer)
        np.testing.assert_array_equal(panel.display, before.mailer)
        assert np.nanmax(panel.display) == 1.0


def test_a_first_week_that_is_not_whole_is_left_out(forecast_lake, tmp_path):
    lake = known_lake(tmp_path / "lake")
    lines = forecast_lake.arrow("sales_lines")
    days = np.asarray(lines["business_date"].to_pylist())
    lake.replace("sales_lines", lines.filter(pa.array(days > FIRST_MONDAY)))
    assert chain_panel(lake, as_of=PLAN_DAY).weeks[0] == FIRST_MONDAY + timedelta(days=7)
    with pytest.raises(NoCompleteWeek):
        chain_panel(lake, as_of=date(2023, 1, 1))


def _dot(weights, values):
    return sum(weight * value for weight, value in zip(weights, values, strict=True))


def _mean(values):
    return sum(values) / len(values)


def _blank(matrix, column):
    changed = matrix.copy()
    changed[:, column:] = 77.0
    return changed


def test_a_retailer_without_categories_has_one_group_and_one_with_some_has_their_paths(tmp_path):
    lake = known_lake(tmp_path / "lake")
    products = lake.arrow("products")
    at = [products.schema.get_field_index(name) for name in ("department", "category", "product_type")]
    nothing = pa.nulls(products.num_rows, pa.string())
    bare = products.set_column(at[0], "department", nothing).set_column(at[1], "category", nothing)
    lake.replace("products", bare.set_column(at[2], "product_type", nothing))
    panel = chain_panel(lake, as_of=PLAN_DAY)
    assert panel.category_ids == ("",)
    assert set(panel.category) == set(panel.product_type) == {0}
    lake.replace("products", products)
    assert chain_panel(lake, as_of=PLAN_DAY).category_ids == ("D", "D > C0", "D > C1", "D > C2", "D > C3")

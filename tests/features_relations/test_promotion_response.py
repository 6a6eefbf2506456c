"""Cross-promotion response on small shops: against regressions solved another way, a planted effect, a placebo, and no future."""

from collections import Counter, defaultdict
from datetime import timedelta
from itertools import permutations

import numpy as np
import pyarrow as pa
import pytest
from scipy.optimize import minimize

from features.promotion_lift import beside_category, level_of, own_lift
from features.promotion_panel import ScopeUnknown, promotion_panel
from features.promotion_response import RESPONSE_SCHEMA, ResponseNeed, measure_response, pairs_across, promotion_response
from lake.delta_lake import DeltaLake
from tests.promotion_worlds import FIRST, PRODUCTS, PROMOTIONS, TRIPS, planted_shop, random_shop

LOW = ResponseNeed(purchases=10, weeks=2, information=0.1, baskets=5)


@pytest.fixture(scope="module")
def common(tmp_path_factory):
    return random_shop(tmp_path_factory.mktemp("shop"))


def test_panel_counts_what_was_sold_and_promoted(common):
    (lake, as_of), counts, discounts, mailed = common
    panel = promotion_panel(lake, as_of, minimum_purchases=1)
    assert panel.product_ids.to_pylist() == [*sorted(PRODUCTS), "z"]
    np.testing.assert_array_equal(panel.purchases[:, :6], counts.sum(axis=1))
    np.testing.assert_array_equal(panel.mailer[:, :6], mailed)
    assert set(panel.trips.tolist()) == {2.0 * TRIPS}
    sold = counts.sum(axis=1) > 0
    np.testing.assert_allclose(panel.cheaper[:, :6][sold], discounts[sold])
    assert panel.category.tolist() == [0, 0, 0, 0, 1, -1, -1]
    assert panel.line[2] == panel.line[3]
    assert len({panel.line[0], panel.line[1], panel.line[2]}) == 3


def pair_by_regression(panel, first, second, level, lift):
    """Regress one pair's residuals by least squares, from smoother matrices: no matrices of pairs."""
    apart = (panel.weeks[:, None] - panel.weeks) / 7
    smoother = np.exp(-0.5 * (apart / 6) ** 2) * (panel.trips * (panel.listed & ~panel.promoted)[:, second])
    smoother /= smoother.sum(axis=1, keepdims=True)
    x = lift[:, first] - smoother @ lift[:, first]
    root = np.sqrt(level.weight[:, second])
    solution = np.linalg.lstsq((root * x)[:, None], root * level.surprise[:, second], rcond=None)[0]
    return solution[0], float(((root * x) ** 2).sum())


def test_pairs_equal_regressions_solved_one_by_one(common):
    (lake, as_of), *_ = common
    panel = promotion_panel(lake, as_of, minimum_purchases=1)
    across = (np.array([0, 4]), np.array([4, 1]))
    measured = measure_response(panel, LOW, across)
    level = level_of(panel)
    beside, lift = beside_category(panel, level), own_lift(panel, level)
    pairs = list(zip(measured.promoted.tolist(), measured.responding.tolist(), strict=True))
    assert sorted(pairs) == sorted([(a, b) for a in range(4) for b in range(4) if a != b] + [(0, 4), (4, 1)])
    for row, (first, second) in enumerate(pairs):
        used = level if panel.category[first] == panel.category[second] else beside
        expected = pair_by_regression(panel, first, second, used, lift)
        assert (measured.response[row], measured.information[row]) == pytest.approx(expected)
        alone = [panel.promoted[w, first] and not panel.promoted[w, second] for w in range(panel.weeks.size)]
        assert measured.weeks[row] == sum(alone)
        assert measured.store_weeks[row] == 2 * sum(alone)


def test_pairs_across_categories_met_in_enough_baskets(common):
    (lake, as_of), *_ = common
    panel = promotion_panel(lake, as_of, minimum_purchases=1)
    category = {name: of[0] for name, of in PRODUCTS.items()}
    baskets = defaultdict(set)
    for row in lake.arrow("sales_lines").to_pylist():
        baskets[row["basket_id"]].add(row["product_id"])
    met = Counter(pair for held in baskets.values() for pair in permutations(sorted(held - {"f", "z"}), 2))
    least = sorted(count for pair, count in met.items() if "e" in pair)[4]
    expected = {pair for pair, count in met.items() if count >= least and category[pair[0]] != category[pair[1]]}
    assert 2 <= len(expected) < 8
    first, second = pairs_across(lake, as_of, panel, ResponseNeed(baskets=least))
    names = panel.product_ids.to_pylist()
    assert sorted((names[a], names[b]) for a, b in zip(first, second, strict=True)) == sorted(expected)


def test_level_is_the_average_of_like_weeks(common):
    (lake, as_of), *_ = common
    panel = promotion_panel(lake, as_of, minimum_purchases=1)
    level = level_of(panel)
    week, product = 12, 1
    near = [
        (np.exp(-0.5 * ((week - other) / 6) ** 2), panel.purchases[other, product], panel.trips[other])
        for other in range(30)
        if not panel.promoted[other, product]
    ]
    rate = sum(weight * sold for weight, sold, _ in near) / sum(weight * trips for weight, _, trips in near)
    assert level.expected[week, product] == pytest.approx(rate * panel.trips[week])
    others = [n for n in (0, 2, 3) if level.weight[week, n] > 0]
    sold, expected = (sum(matrix[week, n] for n in others) for matrix in (panel.purchases, level.expected))
    factor = beside_category(panel, level).expected[week, product] / level.expected[week, product]
    assert factor == pytest.approx((sold + 20) / (expected + 20))


def test_own_lift_maximises_the_penalised_likelihood(common):
    (lake, as_of), *_ = common
    panel = promotion_panel(lake, as_of, minimum_purchases=1)
    level = level_of(panel)
    rows = panel.listed & (level.expected > 0.2)
    signs = np.stack([panel.cheaper, panel.mailer])

    def loss(coefficients):
        mean = level.expected * np.exp(np.tensordot(coefficients, signs, 1))
        return (mean - panel.purchases * np.log(np.maximum(mean, 1e-12)))[rows].sum() + 2.5 * (coefficients**2).sum()

    best = minimize(loss, np.zeros(2), tol=1e-10).x
    assert best.min() > 0.2
    np.testing.assert_allclose(own_lift(panel, level), np.tensordot(best, signs, 1) / np.log(2), atol=1e-4)


@pytest.mark.parametrize("response", [-0.25, 0.25])
def test_a_planted_response_is_found_in_its_direction_alone(tmp_path, response):
    lake, as_of = planted_shop(tmp_path, response)
    table = promotion_response(lake, as_of)
    assert table.schema == RESPONSE_SCHEMA
    found = {(row["promoted"], row["responding"]): row for row in table.to_pylist()}
    # the responder's level holds the one week in six in which it responds
    assert found["a", "b"]["measured"] == pytest.approx(response / (1 + response / 6), rel=0.06)
    assert abs(found["c", "b"]["measured"]) < 0.05
    assert abs(found["a", "c"]["measured"]) < 0.05
    assert ("b", "a") not in found
    row = found["a", "b"]
    assert (row["weeks"], row["control_weeks"], row["store_weeks"]) == (8, 40, 16)
    assert (row["first_week"], row["last_week"]) == (FIRST + timedelta(days=21), FIRST + timedelta(days=7 * 45))
    assert np.sign(row["response"]) == np.sign(response)
    assert row["low"] < row["response"] < row["high"]
    rates = {name: sum(p["product_id"] == name for p in lake.arrow("sales_lines").to_pylist()) for name in "ab"}
    assert row["diverted"] == pytest.approx(-row["response"] * rates["b"] / rates["a"])


def test_shuffled_promotions_find_nothing(tmp_path):
    (lake, as_of), *_ = random_shop(tmp_path, seed=4, weeks=40)
    panel = promotion_panel(lake, as_of, minimum_purchases=1)
    random = np.random.default_rng(0)
    scores = []
    for _ in range(60):
        measured = measure_response(panel, LOW, shuffle=random.permutation(panel.weeks.size))
        scores.append(measured.response * np.sqrt(measured.information))
    scores = np.concatenate(scores)
    assert abs(scores.mean()) < 0.15
    assert 0.85 < scores.std() < 1.15


def test_the_future_changes_nothing(tmp_path, common):
    (lake, _), *_ = common
    as_of = FIRST + timedelta(days=7 * 20 + 3)
    before = promotion_response(lake, as_of, need=LOW)
    assert before.num_rows > 10
    later = lake.arrow("sales_lines").filter(pa.compute.field("business_date") > as_of)
    again = DeltaLake(tmp_path / "again", threads=1)
    for name in ("products", "promotion_weeks"):
        again.replace(name, lake.arrow(name))
    known = lake.arrow("sales_lines").filter(pa.compute.field("business_date") <= as_of)
    louder = later.set_column(later.schema.get_field_index("product_id"), "product_id", pa.repeat("b", later.num_rows))
    again.replace("sales_lines", pa.concat_tables([known, louder]))
    planted = {"product_id": "b", "store_id": "s1", "display_location": "1", "mailer_location": "A"}
    week = {"week_start": FIRST + timedelta(days=7 * 20)}
    again.append("promotion_weeks", pa.Table.from_pylist([planted | week], PROMOTIONS))
    assert promotion_response(again, as_of, need=LOW).equals(before)


def test_scopes_and_missing_evidence(common):
    (lake, as_of), counts, *_ = common
    both = promotion_response(lake, as_of, scopes=("season:winter", "chain", "store_cluster:cluster-1"), need=LOW)
    assert set(both["scope"].to_pylist()) == {"chain", "season:winter", "store_cluster:cluster-1"}
    chain = promotion_response(lake, as_of, need=LOW)
    assert both.filter(pa.compute.field("scope") == "chain").equals(chain)
    winter = promotion_panel(lake, as_of, scope="season:winter", minimum_purchases=1)
    assert winter.weeks.size == 9
    np.testing.assert_array_equal(winter.purchases[:, :6], counts[:9].sum(axis=1))
    for scope in ("nowhere", "season:monsoon", "store_cluster:cluster-9"):
        with pytest.raises(ScopeUnknown, match=scope):
            promotion_response(lake, as_of, scopes=(scope,))
    assert promotion_response(lake, FIRST - timedelta(days=1)).num_rows == 0
    assert promotion_response(lake, as_of, need=ResponseNeed(purchases=10**6)).num_rows == 0

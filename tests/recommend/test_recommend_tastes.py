"""Shared tastes: a world of two tastes whose answer is known, an oracle of the fold-in written another way, and the front."""

import subprocess
import sys
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from decisions.recommend.discovery import Discovery
from features import InMemory
from features.collaborative import REGULARISATION, fit_tastes, read_tastes, taste_tables, weight_of
from features.recommend_tables import read_serving_features
from features.repertoire import day_number, read_purchases
from lake.delta_lake import DeltaLake

FIRST = date(2024, 1, 1)
LAST = FIRST + timedelta(days=40)
SIDE = 20
PEOPLE = 40
SCHEMA = pa.schema(
    [("basket_id", pa.string()), ("product_id", pa.string()), ("household_id", pa.string()), ("store_id", pa.string()),
     ("sold_at", pa.timestamp("us", "UTC")), ("business_date", pa.date32()), ("merchandise", pa.bool_())]
)  # fmt: skip


def line(household, product, day):
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    return {"basket_id": f"{household}-{day}", "product_id": product, "household_id": household, "store_id": "s",
            "sold_at": noon, "business_date": day, "merchandise": True}  # fmt: skip


def two_tastes(folder, later=()):
    """Households like one of two sides of the shelf, forty each; each has bought all products of its side but one."""
    rows = [
        line(f"h{one:02}", f"{'ab'[one // PEOPLE]}{product}", FIRST + timedelta(days=week * 7))
        for one in range(2 * PEOPLE)
        for product in range(SIDE)
        if product != one % SIDE
        for week in range(1 + product % 3)
    ]
    lake = DeltaLake(folder, threads=1)
    lake.replace("sales_lines", pa.Table.from_pylist([*rows, *later], SCHEMA))
    names = sorted({row["product_id"] for row in rows})
    lake.replace("products", pa.table({"product_id": names, **dict.fromkeys(("department", "category", "product_type"), names)}))
    return lake


@pytest.fixture(scope="module")
def purchases(tmp_path_factory):
    return read_purchases(two_tastes(tmp_path_factory.mktemp("tastes")), LAST)


@pytest.fixture(scope="module")
def tastes(purchases):
    return fit_tastes(purchases, day_number(LAST) + 1, 7)


def bought(purchases, household):
    baskets = purchases.basket_household == household
    of = np.repeat(baskets, np.diff(purchases.products.start))
    counts = np.bincount(purchases.products.item[of], minlength=purchases.products.items)
    product = np.flatnonzero(counts)
    return product, weight_of(counts[product].astype(float))


def ridge_over_the_whole_shelf(factors, product, weight):
    """What is not bought is wanted with 0 at confidence 1; a shrunken least-squares fit over every product."""
    confidence, wanted = np.ones(len(factors)), np.zeros(len(factors))
    confidence[product], wanted[product] = weight, 1.0
    root = np.sqrt(confidence)
    sides = np.vstack([factors * root[:, None], np.sqrt(REGULARISATION) * np.eye(factors.shape[1])])
    return np.linalg.lstsq(sides, np.r_[root * wanted, np.zeros(factors.shape[1])], rcond=None)[0]


def test_the_missing_product_of_ones_own_side_comes_first(purchases, tastes):
    ids = purchases.product_ids.to_pylist()
    for household in range(2 * PEOPLE):
        product, _ = bought(purchases, household)
        closed = np.zeros(len(ids), bool)
        closed[product] = True
        best, score = tastes.nearest(tastes.households[household], closed, 3)
        assert ids[best[0]] == f"{'ab'[household // PEOPLE]}{household % SIDE}"
        assert score[0] > 2 * score[1]


def test_everybodys_factors_agree_with_a_ridge_over_the_whole_shelf(purchases, tastes):
    for household in range(2 * PEOPLE):
        product, weight = bought(purchases, household)
        expected = ridge_over_the_whole_shelf(tastes.products.astype(float), product, weight)
        assert tastes.households[household] == pytest.approx(expected, abs=1e-5)
        assert np.array_equal(tastes.of_basket(product, weight), tastes.households[household])


def test_nearest_is_a_sort_of_all_scores(purchases, tastes):
    random = np.random.default_rng(3)
    for limit in (0, 1, 5, 50):
        taste, closed = random.normal(size=tastes.products.shape[1]).astype(np.float32), random.random(2 * SIDE) < 0.3
        best, score = tastes.nearest(taste, closed, limit)
        all_scores = tastes.products @ taste
        expected = sorted(np.flatnonzero(~closed), key=lambda product: (-all_scores[product], product))[:limit]
        assert best.tolist() == expected
        assert score == pytest.approx(all_scores[expected])


def test_equal_purchases_give_equal_bytes_and_tables_give_them_back(purchases, tastes):
    again = fit_tastes(purchases, day_number(LAST) + 1, 7)
    read = read_tastes(InMemory(taste_tables(tastes)))
    for other in (again, read):
        assert other.households.tobytes() == tastes.households.tobytes()
        assert other.products.tobytes() == tastes.products.tobytes()
        assert other.live.tobytes() == tastes.live.tobytes()


def test_a_purchase_on_the_day_itself_is_not_known(tmp_path, tastes):
    later = [line("h00", "b5", LAST + timedelta(days=1))]
    known = read_purchases(two_tastes(tmp_path, later), LAST + timedelta(days=2))
    assert len(known.basket_ids) == len(set(known.basket_ids.to_pylist()))
    before, after = (fit_tastes(known, day_number(LAST) + days, 7) for days in (1, 2))
    assert before.households.tobytes() == tastes.households.tobytes()
    assert after.households.tobytes() != tastes.households.tobytes()


def test_nothing_known_is_no_taste(purchases):
    tastes = fit_tastes(purchases, day_number(FIRST), 7)
    assert not tastes.households.any()
    assert not tastes.products.any()
    assert not len(tastes.live)


@pytest.fixture(scope="module")
def discovery(recommend_shop):
    features = read_serving_features(recommend_shop.snapshot)
    return features, Discovery(features, read_tastes(recommend_shop.snapshot))


def test_a_household_is_offered_only_what_is_new_eligible_and_not_in_hand(discovery):
    features, front = discovery
    products = len(features.product_ids)
    offered = 0
    for household in range(len(features.household_ids)):
        own = features.knowledge.between(household, household + 1).own.key
        new = np.setdiff1d(np.arange(products), own)
        eligible, basket = np.ones(products, bool), new[household % 2 :][:1]
        eligible[new[len(new) // 2 :][: household % 2]] = False
        product, score = front.nearest(household, basket, eligible, 5)
        assert not np.isin(product, np.r_[own, basket]).any()
        assert eligible[product].all()
        assert (np.diff(score) <= 0).all()
        offered += len(product)
    assert offered


def test_a_basket_of_nobody_known_is_solved_and_an_empty_one_tells_nothing(discovery):
    features, front = discovery
    eligible = np.ones(len(features.product_ids), bool)
    basket = np.array([0, 1])
    product, score = front.nearest_to_basket(basket, eligible, 4)
    assert len(product) == len(score) == 4
    assert not np.isin(product, basket).any()
    assert not len(front.nearest_to_basket(np.empty(0, np.int64), eligible, 4)[0])
    assert not len(front.nearest_to_basket(basket, ~eligible, 4)[0])


def test_serving_loads_neither_implicit_nor_torch():
    ask = "import sys, decisions.recommend, decisions.recommend.discovery; print({'implicit', 'torch'} & set(sys.modules))"
    told = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)  # fixed words, no shell
    assert told.stdout.strip() == "set()"

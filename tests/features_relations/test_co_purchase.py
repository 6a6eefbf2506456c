"""Counts of trips and pairs, against counts made one trip at a time."""

from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest
from scipy import sparse

from features.basket_pairs import basket_pairs, expected_together
from features.co_purchase import Support, product_support, supported_lines, trips
from tests.relation_worlds import FIRST_DAY, line_rows, pairs_by_hand, write_world

ANY = Support(baskets=1, households=1)
CATALOGUE = {f"p{n}": (f"c{n % 3}" if n < 11 else None, f"t{n}") for n in range(12)}


def random_trips(seed, count=400):
    random = np.random.default_rng(seed)
    names = np.array(sorted(CATALOGUE))
    weights = np.arange(1, names.size + 1) / np.arange(1, names.size + 1).sum()
    return [
        (
            int(random.integers(60)),
            f"h{random.integers(15)}",
            tuple(random.choice(names, random.integers(1, 6), replace=False, p=weights)),
        )
        for _ in range(count)
    ]


def matrices(lake, as_of, need=ANY):
    products = lake.to_arrow(product_support(lake, as_of, need))
    visits = lake.to_arrow(trips(lake, as_of))
    lines = lake.to_arrow(supported_lines(lake, as_of, need))
    basket = {name: number for number, name in zip(visits["basket"].to_pylist(), visits["basket_id"].to_pylist(), strict=True)}
    columns = [basket[name] for name in lines["basket_id"].to_pylist()]
    ones = np.ones(lines.num_rows, dtype=np.int32)
    bought = sparse.csr_array((ones, (lines["position"].to_numpy(), columns)), shape=(products.num_rows, visits.num_rows))
    bought.sort_indices()
    households = visits["household_id"].combine_chunks().dictionary_encode().indices.to_numpy()
    return products["product_id"].to_pylist(), bought, households, visits


@pytest.mark.parametrize("seed", [1, 2])
def test_pairs_equal_counting_by_hand(tmp_path, seed):
    planned = random_trips(seed)
    lake = write_world(tmp_path, line_rows(planned), CATALOGUE)
    ids, bought, households, visits = matrices(lake, FIRST_DAY + timedelta(days=59))
    pairs = basket_pairs(bought, households, visits["day"].cast(pa.int32()).to_numpy(), minimum_baskets=3)
    found = {
        (ids[row["first"]], ids[row["second"]]): (row["baskets"], row["households"], row["first_day"], row["last_day"])
        for row in pairs.to_pylist()
    }
    assert found == {pair: counts for pair, counts in pairs_by_hand(planned).items() if counts[0] >= 3}
    assert len(found) > 30


def test_expected_baskets_are_products_of_shares_within_cells():
    counts = sparse.csr_array(np.array([[4, 0, 3], [2, 5, 3], [0, 1, 0]]))
    expected = expected_together(counts, np.array([8, 10, 3]), np.array([0, 0, 1]), np.array([1, 2, 2]))
    np.testing.assert_allclose(expected, [4 * 2 / 8 + 3 * 3 / 3, 0.0, 5 * 1 / 10])


@pytest.mark.parametrize("at_once", [8_000_000, 40, 1])
@pytest.mark.parametrize("block_cost", [0.0, 1e9])
def test_expected_baskets_do_not_depend_on_how_they_are_reckoned(monkeypatch, at_once, block_cost):
    """In dense rows where all fits at once, pair by pair where blocks are dear, and in blocks."""
    random = np.random.default_rng(2)
    counts = sparse.random_array((30, 50), density=0.2, rng=random, data_sampler=lambda size: random.integers(1, 5, size)).tocsr()
    trips_of_cell, ends = random.integers(5, 50, 50), random.integers(30, size=(2, 200))
    monkeypatch.setattr("features.basket_pairs.CELLS_AT_ONCE", at_once)
    monkeypatch.setattr("features.basket_pairs.PRODUCT_COST", 0.0)
    monkeypatch.setattr("features.basket_pairs.BLOCK_COST", block_cost)
    dense = counts.toarray()
    by_hand = [sum(dense[a] * dense[b] / trips_of_cell) for a, b in ends.T]
    np.testing.assert_allclose(expected_together(counts, trips_of_cell, *ends), by_hand)
    assert expected_together(counts, trips_of_cell, *np.zeros((2, 0), dtype=np.int64)).tolist() == []


def test_what_does_not_count(tmp_path):
    rows = line_rows([(0, "h", ("a", "b")), (5, "h", ("a",))])
    rows += line_rows([(1, "h", ("a",))], prefix="fuel", merchandise=False)
    rows += line_rows([(2, "h", ("a",))], prefix="zero", quantity=0.0)
    lake = write_world(tmp_path, rows, {"a": ("c", "t"), "b": (None, None)})
    support = lake.to_arrow(product_support(lake, FIRST_DAY + timedelta(days=4), ANY)).to_pylist()
    assert [(row["product_id"], row["position"], row["baskets"], row["units"]) for row in support] == [
        ("a", 0, 1, 1.0),
        ("b", 1, 1, 1.0),
    ]
    one_category = lake.to_arrow(product_support(lake, FIRST_DAY + timedelta(days=5), Support(1, 1, ("c",)))).to_pylist()
    assert [(row["product_id"], row["baskets"], row["last_sold"]) for row in one_category] == [
        ("a", 2, FIRST_DAY + timedelta(days=5))
    ]


def test_trip_strata_are_powers_of_two(tmp_path):
    names = [f"p{n:03d}" for n in range(130)]
    planned = [(0, "h", tuple(names[:size])) for size in (1, 2, 3, 4, 63, 64, 130)]
    lake = write_world(tmp_path, line_rows(planned), dict.fromkeys(names, ("c", "t")))
    assert lake.to_arrow(trips(lake, FIRST_DAY))["trip_stratum"].to_pylist() == [0, 1, 1, 2, 5, 6, 6]

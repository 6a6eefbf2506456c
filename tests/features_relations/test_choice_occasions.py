"""First choices of former buyers, written down by hand, and the occasions they are taken from."""

from collections import defaultdict

import numpy as np
import pytest

from features.choice_features import HOUSEHOLD_FEATURES, LOYALTY_FEATURES, PAIR_FEATURES
from features.choice_occasions import Missing, choice_rows, first_choices, in_states, joined_rows, passed_over
from features.choice_state import shelf_state
from tests.choice_worlds import lines_of

DAY = 100
UNTIL = 140
HISTORY = [
    *((DAY - back, who, "one", ("a",)) for who in ("h1", "h2", "h3", "h4", "h5") for back in (10, 20)),
    *((DAY - 15, who, "one", (product,)) for who, product in (("h1", "b"), ("h2", "c"), ("rare", "a"), ("rare", "b"))),
    *((DAY - back, "h6", "one", ("b", "c")) for back in (30, 40)),
]
AFTER = [
    (DAY + 3, "h1", "one", ("b", "c")),  # two at once: half each
    (DAY + 5, "h1", "one", ("c",)),  # later trips do not count
    (DAY + 2, "h2", "one", ("a",)),  # there it was: not a trip without it
    (DAY + 9, "h2", "one", ("a", "c")),  # what is taken beside it is not taken in its place
    (DAY + 12, "h2", "one", ("b",)),
    (DAY + 1, "h3", "one", ("new",)),  # launched later: nothing that could be chosen
    (DAY + 4, "h3", "one", ("c",)),
    (UNTIL + 1, "h4", "one", ("b",)),  # after the window
    (DAY + 1, "h6", "one", ("b",)),  # no former buyer
    (DAY + 1, "rare", "one", ("b",)),  # a buyer once only
]


@pytest.fixture(scope="module")
def shelf_and_state():
    lines = lines_of({"x": HISTORY + AFTER}, 200)
    return lines, lines.shelf(0), shelf_state(lines.shelf(0), DAY)


def chosen(shelf_and_state, **changes):
    lines, shelf, state = shelf_and_state
    missing = Missing(**{"category": 0, "product": 0, "day": DAY, "until": UNTIL, "gone": False, **changes})
    choices = first_choices(shelf, state, missing)
    names = [lines.household_ids[int(state.households[row])].as_py() for row in choices.buyers]
    products = [lines.product_ids[int(number)].as_py() for number in state.products]
    return {
        name: {product: float(part) for product, part in zip(products, row, strict=True) if part}
        for name, row in zip(names, choices.share, strict=True)
    }


def test_the_first_basket_without_the_product_tells(shelf_and_state):
    assert chosen(shelf_and_state) == {"h1": {"b": 0.5, "c": 0.5}, "h2": {"b": 1.0}, "h3": {}, "h4": {}, "h5": {}}


def test_where_it_was_gone_every_trip_of_the_category_counts(shelf_and_state):
    # it is not to be had in their store; h2's first basket holds nothing else that is known
    assert chosen(shelf_and_state, gone=True) == {"h1": {"b": 0.5, "c": 0.5}, "h2": {}, "h3": {}, "h4": {}, "h5": {}}


def test_only_the_households_concerned_are_asked(shelf_and_state):
    lines = shelf_and_state[0]
    concerned = np.isin(lines.household_ids.to_numpy(zero_copy_only=False), ["h2", "h6"])
    assert chosen(shelf_and_state, households=concerned) == {"h2": {"b": 1.0}}


def test_a_product_that_the_state_leaves_out_has_no_choices(shelf_and_state):
    _, shelf, state = shelf_and_state
    assert first_choices(shelf, state, Missing(0, 3, DAY, UNTIL, gone=False)) is None


def steady_world(seed=2, last=364):
    """Two categories; of five products each the first sells every week, the last every fourth."""
    random = np.random.default_rng(seed)
    trips = defaultdict(list)
    for category in ("x", "y"):
        for week in range(last // 7 + 1):
            for number in range(12):
                product = random.choice(["p0", "p1", "p2"]) if week % 4 or number else "p4"
                day = week * 7 + int(random.integers(7))
                trips[category].append((day, f"h{number}", "one", (f"{category}_{product}",)))
            trips[category].append((week * 7, "h0", "one", (f"{category}_p3",)))
    return trips, lines_of(trips, last)


def test_products_passed_over_sold_steadily_and_leave_history_and_horizon():
    trips, lines = steady_world()
    drawn = passed_over(lines, seed=5, days_per_category=6, products_per_day=3, horizon_days=56)
    assert len(drawn) == 36
    for one in drawn:
        assert lines.first_day + 91 <= one.day <= lines.last_day - 56
        assert (one.until, one.gone, one.weight, one.households) == (one.day + 56, False, 1.0, None)
        category = lines.categories[one.category]
        name = lines.product_ids[int(lines.product_start[one.category]) + one.product].as_py()
        weeks = {(one.day - day) // 7 for day, _, _, held in trips[category] if name in held and 0 <= one.day - day < 91}
        assert len(weeks) >= 11
        assert not name.endswith("p4")
    seeds = [passed_over(lines, seed=seed, days_per_category=6, products_per_day=3, horizon_days=56) for seed in (5, 6)]
    first, second, third = ([(one.category, one.product, one.day) for one in found] for found in (drawn, *seeds))
    assert first == second != third


def test_a_short_history_has_no_products_passed_over():
    _, lines = steady_world(last=140)
    assert passed_over(lines, seed=5, days_per_category=6, products_per_day=3, horizon_days=56) == []


def test_missing_products_that_share_a_state_are_told_together():
    _, lines = steady_world()
    missing = [Missing(1, 0, 200, 256, gone=False), Missing(0, 1, 200, 256, gone=True), Missing(1, 2, 200, 256, gone=False)]
    found = [(state.day, group) for _, state, group in in_states(lines, missing)]
    assert found == [(200, [missing[0], missing[2]]), (200, [missing[1]])]


def test_rows_hold_what_was_taken_and_never_what_was_missing():
    _, lines = steady_world()
    shelf = lines.shelf(0)
    state = shelf_state(shelf, 200)
    missing = Missing(0, 0, 200, 256, gone=True, weight=3.0)
    choices = first_choices(shelf, state, missing)
    rows = choice_rows(choices, missing, np.random.default_rng(1), choices_each=5, others_each=2)
    assert rows.size.size == rows.weight.size == 5
    assert set(rows.weight.tolist()) == {3.0}
    assert set(rows.category.tolist()) == {0}
    start = np.cumsum(rows.size) - rows.size
    np.testing.assert_allclose(np.add.reduceat(rows.taken, start), 1.0, rtol=1e-6)
    assert rows.features.shape == (rows.size.sum(), len(HOUSEHOLD_FEATURES) + len(LOYALTY_FEATURES) + len(PAIR_FEATURES))
    assert rows.size.max() <= 2 + 2
    # all others, and never the missing one itself
    every = choice_rows(choices, missing, np.random.default_rng(1), choices_each=5, others_each=9)
    assert every.size.tolist() == [state.products.size - 1] * 5
    one = rows.of_choices(np.array([False, True, False, False, True]))
    assert one.size.tolist() == [rows.size[1], rows.size[4]]
    np.testing.assert_array_equal(one.taken[: rows.size[1]], rows.taken[start[1] : start[1] + rows.size[1]])
    both = joined_rows([rows, one])
    assert (both.size.size, both.features.shape[0]) == (7, rows.size.sum() + one.size.sum())
    assert joined_rows([]).size.size == 0


def test_too_few_former_buyers_give_no_rows(shelf_and_state):
    _, shelf, state = shelf_and_state
    missing = Missing(0, 0, DAY, UNTIL, gone=False)
    choices = first_choices(shelf, state, missing)
    assert choice_rows(choices, missing, np.random.default_rng(1), choices_each=5, others_each=5) is None

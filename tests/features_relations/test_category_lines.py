"""Lines by category as columns, against the rows they came from."""

from datetime import timedelta

import numpy as np

from features.category_lines import ATTRIBUTES, read_category_lines
from tests.relation_worlds import FIRST_DAY, line_rows, write_world

CATALOGUE = {"a": ("x", "t1"), "b": ("x", None), "c": ("y", "t1"), "d": (None, None), "e": (None, None), "f": ("x", "t2")}
NAMES = {"d": "oat biscuits", "a": "never compared by name"}
TRIPS = [(5, "h2", ("b", "a")), (3, "h1", ("a", "c")), (3, "h2", ("d", "e")), (9, "h1", ("a",)), (4, "h3", ("c", "d"))]


def read(folder, rows, last=9, **settings):
    lake = write_world(folder, rows, CATALOGUE, NAMES)
    return read_category_lines(lake, FIRST_DAY + timedelta(days=last), **settings)


def told(lines):
    """Return (category, day, household, product, basket) of every line, in order."""
    found = []
    for category, name in enumerate(lines.categories):
        shelf = lines.shelf(category)
        assert shelf.first == lines.product_start[category]
        for line in range(shelf.day.size):
            product = lines.product_ids[int(shelf.first + shelf.product[line])].as_py()
            household = lines.household_ids[int(shelf.household[line])].as_py()
            day = lines.epoch + timedelta(days=int(shelf.day[line]))
            found.append((name, (day - FIRST_DAY).days, household, product, int(shelf.basket[line])))
    return found


def test_lines_lie_by_category_and_in_the_order_of_time(tmp_path):
    lines = read(tmp_path, line_rows(TRIPS))
    # d has a name and no category; e has neither, and f was not sold
    assert lines.categories == ("", "x", "y")
    assert lines.product_ids.to_pylist() == ["d", "a", "b", "c"]
    assert [row[:4] for row in told(lines)] == [
        ("", 3, "h2", "d"), ("", 4, "h3", "d"),
        ("x", 3, "h1", "a"), ("x", 5, "h2", "a"), ("x", 5, "h2", "b"), ("x", 9, "h1", "a"),
        ("y", 3, "h1", "c"), ("y", 4, "h3", "c"),
    ]  # fmt: skip
    baskets = [row[4] for row in told(lines)]
    assert baskets[3] == baskets[4] != baskets[5]
    assert baskets[0] != baskets[2] == baskets[6]
    assert (lines.first_day, lines.last_day) == tuple((FIRST_DAY + timedelta(days=n) - lines.epoch).days for n in (3, 9))
    assert [lines.place(product) for product in ("d", "a", "b", "c", "f", "nothing")] == [
        (0, 0), (1, 0), (1, 1), (2, 0), None, None,
    ]  # fmt: skip


def test_attributes_are_codes_and_unknown_is_minus_one(tmp_path):
    lines = read(tmp_path, line_rows(TRIPS))
    code = {name: lines.attributes[:, place].tolist() for place, name in enumerate(ATTRIBUTES)}
    assert (code["product_type"], code["supplier_id"], code["brand"]) == ([-1, 0, -1, 0], [-1] * 4, [0] * 4)
    assert lines.names.named().tolist() == [True, False, False, False]


def test_lines_of_a_product_in_a_basket_are_one(tmp_path):
    twice = line_rows([(3, "h1", ("a",))], quantity=2.0) + line_rows([(3, "h1", ("a",))], quantity=3.0)
    shelf = read(tmp_path, twice).shelf(0)
    assert (shelf.units.tolist(), shelf.net_sales.tolist(), shelf.discount.tolist()) == ([5.0], [10.0], [0.0])


def test_what_does_not_count_is_left_out(tmp_path):
    rows = line_rows([(3, "h1", ("a",))])
    rows += line_rows([(3, "h1", ("b",))], prefix="fuel", merchandise=False)
    rows += line_rows([(3, "h1", ("b",))], prefix="zero", quantity=0.0)
    rows += [{**row, "household_id": None} for row in line_rows([(3, "h1", ("b",))], prefix="nobody")]
    rows += line_rows([(10, "late", ("b",))], prefix="future")
    lines = read(tmp_path, rows)
    assert (lines.product_ids.to_pylist(), lines.household_ids.to_pylist()) == (["a"], ["h1"])


def test_categories_can_be_chosen(tmp_path):
    lines = read(tmp_path, line_rows(TRIPS), categories={"y"})
    assert (lines.categories, lines.product_ids.to_pylist()) == (("y",), ["c"])


def test_a_day_before_the_first_sale_has_no_lines(tmp_path):
    lines = read(tmp_path, line_rows(TRIPS), last=1)
    assert (lines.categories, len(lines.product_ids), lines.first_day) == ((), 0, lines.last_day + 1)
    assert np.array_equal(lines.line_start, [0])

"""Names that share rare words are alike; products with a category are never compared by name."""

import numpy as np
import pyarrow as pa
import pytest

from features.name_likeness import LEAST_LIKENESS, name_likeness

NAMES = ["RED tea cup", "Blue TEA CUP", "Red money box", None, "Blue tea cup", ""]
CATEGORIES = [None, None, None, None, "CUPS", None]


def likeness():
    return name_likeness(pa.chunked_array([pa.array(NAMES, pa.string())]), pa.chunked_array([pa.array(CATEGORIES, pa.string())]))


def pair(first, second):
    return likeness().of(np.array([first]), np.array([second]))[0]


def test_likeness_is_the_cosine_of_weighted_words():
    # six rows; "red", "tea" and "cup" are in two of the compared names, "blue", "money" and "box" in one
    two, one = np.log(1 + 6 / 2), np.log(1 + 6 / 1)
    red_cup, blue_cup, box = np.sqrt(3 * two**2), np.sqrt(2 * two**2 + one**2), np.sqrt(two**2 + 2 * one**2)
    assert pair(0, 1) == pair(1, 0) == pytest.approx(2 * two**2 / (red_cup * blue_cup))
    assert pair(0, 2) == pytest.approx(two**2 / (red_cup * box))
    assert pair(1, 2) == 0.0
    assert pair(0, 1) > LEAST_LIKENESS > pair(0, 2)
    assert pair(0, 0) == pytest.approx(1.0)


def test_only_named_products_of_no_category_are_compared():
    assert likeness().named().tolist() == [True, True, True, False, False, False]
    assert pair(1, 4) == pair(3, 3) == 0.0


def test_a_shop_without_names_compares_none():
    nobody = name_likeness(pa.chunked_array([pa.nulls(2, pa.string())]), pa.chunked_array([pa.nulls(2, pa.string())]))
    assert nobody.of(np.array([0]), np.array([1])).tolist() == [0.0]
    assert not nobody.named().any()

"""The grammar of safety statements: what is said, what is not, and what cannot be read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.safety_words import (
    LISTED_ALLERGENS,
    allergen_name,
    read_allergens,
    read_diet,
    read_minimum_age,
    readable,
)


def absent(statement: str) -> set[str]:
    read = read_allergens(statement)
    return set() if read is None else set(read.stated_absent)


def test_a_list_of_what_is_contained_says_that_the_rest_of_the_fourteen_is_not():
    assert absent("contains: milk, nuts") == LISTED_ALLERGENS - {"milk", "nuts"}
    assert absent("none") == LISTED_ALLERGENS
    assert len(LISTED_ALLERGENS) == 14


def test_traces_are_not_absent_and_say_nothing_of_the_rest():
    assert absent("may contain: nuts") == set()
    assert absent("Contains: MILK; may_contain:  Tree   Nuts") == LISTED_ALLERGENS - {"milk", "nuts"}


def test_what_it_is_free_from_is_absent_and_nothing_else():
    assert absent("free_from: milk, kiwi") == {"milk", "kiwi"}


def test_what_is_named_as_contained_is_not_free_of_itself():
    assert absent("contains: milk; free from: milk") == LISTED_ALLERGENS - {"milk"}


def test_a_part_holds_its_whole_and_is_not_freed_by_it():
    assert "gluten" not in absent("contains: wheat; free from: gluten")
    assert "milk" not in absent("contains: lactose")
    assert absent("free from: wheat") == {"wheat"}


def test_a_word_that_nobody_knows_leaves_the_list_open():
    assert absent("contains: dairy") == set()
    assert absent("contains: dairy; free from: nuts") == {"nuts"}


@pytest.mark.parametrize(
    "statement",
    ["", "milk", "contains milk", "contains:", "contains: milk,", "has: milk", "contains: milk; contains: nuts", ";", ":",
     "contains: milk; free from", "contains: milk | contains: nuts", "contains: none: milk"],
)  # fmt: skip
def test_what_cannot_be_read_says_nothing(statement):
    assert read_allergens(statement) is None
    assert not readable("Allergens", statement)


def test_diets_are_met_where_it_is_said_and_not_denied():
    read = read_diet("suitable for: vegan, halal; not suitable for: halal")
    assert read is not None
    assert read.stated_met == {"vegan"}
    assert read_diet("vegan") is None
    assert read_diet("none") is not None


def test_ages_are_whole_years():
    assert [read_minimum_age(text) for text in ("18", "16 years", "21+", "none")] == [18, 16, 21, 0]
    assert [read_minimum_age(text) for text in ("", "adults", "-3", "180", "18.5", "18 months")] == [None] * 6


def test_of_an_attribute_without_a_grammar_any_words_do():
    assert readable("choking hazard", "small parts")
    assert readable("minimum age", "18")
    assert not readable("minimum age", "adults")


@given(st.text(max_size=60))
def test_any_text_is_read_or_says_nothing(text):
    read, diet = read_allergens(text), read_diet(text)
    assert read is None or not read.stated_absent & read.present
    assert diet is None or not diet.stated_met & diet.unmet
    read_minimum_age(text)


@given(st.sets(st.sampled_from(sorted(LISTED_ALLERGENS)), min_size=1))
def test_whatever_is_contained_is_never_absent(contained):
    read = read_allergens("contains: " + ", ".join(sorted(contained)))
    assert read is not None
    assert read.stated_absent == LISTED_ALLERGENS - contained
    assert {allergen_name(name) for name in contained} == contained

"""The overlay: equal suppositions are equal values, and nonsense is none."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

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

MONDAY = date(2018, 1, 1)
weeks = st.integers(0, 7).map(lambda n: MONDAY + timedelta(days=7 * n))
products = st.sampled_from(["a", "b", "c"])
gone = st.lists(st.builds(GoneProduct, products, weeks))
ignored = st.lists(st.builds(IgnoredNeighbour, products, products))


@given(gone, ignored, st.randoms(use_true_random=False))
def test_the_order_in_which_things_are_said_does_not_matter(first, second, random):
    one = ForecastOverlay.of(products_gone=first, neighbours_ignored=second)
    random.shuffle(first)
    random.shuffle(second)
    other = ForecastOverlay.of(products_gone=[*first, *first], neighbours_ignored=second)
    assert one == other
    assert hash(one) == hash(other)
    assert canonical_bytes(one) == canonical_bytes(other)
    assert one.is_empty == (not first and not second)


def test_nothing_supposed_is_empty():
    assert ForecastOverlay.of() == ForecastOverlay() == NO_OVERLAY
    assert NO_OVERLAY.is_empty


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"products_gone": [GoneProduct("a", MONDAY + timedelta(days=1))]}, "by its Monday"),
        ({"promotions_on": [PlannedPromotion("a", MONDAY, Mechanic.DISPLAY, 0.0)]}, "a coverage is above 0"),
        ({"promotions_on": [PlannedPromotion("a", MONDAY, Mechanic.DISPLAY, 1.1)]}, "a coverage is above 0"),
        ({"promotions_on": [PlannedPromotion("a", MONDAY, Mechanic.DISPLAY, share) for share in (0.1, 0.2)]}, "two different"),
        (
            {
                "promotions_on": [PlannedPromotion("a", MONDAY, Mechanic.DISPLAY, 0.1)],
                "promotions_off": [SwitchedOffPromotion("a", MONDAY, Mechanic.DISPLAY)],
            },
            "two different",
        ),
        ({"prices": [PlannedPrice("a", MONDAY, 0.0)]}, "a price is above 0"),
        ({"prices": [PlannedPrice("a", MONDAY, float("inf"))]}, "a price is above 0"),
        ({"prices": [PlannedPrice("a", MONDAY, price) for price in (1.0, 2.0)]}, "two different"),
    ],
)
def test_what_cannot_be_supposed_is_refused(parts, words):
    with pytest.raises(ValueError, match=words):
        ForecastOverlay.of(**parts)


def test_parts_out_of_order_are_refused():
    with pytest.raises(ValueError, match="sorted"):
        ForecastOverlay(products_gone=(GoneProduct("b", MONDAY), GoneProduct("a", MONDAY)))


def test_both_mechanics_of_a_week_stand_beside_each_other():
    on = [PlannedPromotion("a", MONDAY, Mechanic.DISPLAY, 0.1)]
    assert not ForecastOverlay.of(promotions_on=on, promotions_off=[SwitchedOffPromotion("a", MONDAY, Mechanic.MAILER)]).is_empty

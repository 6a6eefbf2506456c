"""Contradictions, held against an oracle that writes every cell out; and overlays, which say what the changes say."""

from datetime import date, timedelta
from itertools import combinations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from decisions.overlay import Mechanic
from decisions.scenarios import (
    Change,
    ChangeKind,
    EvaluationUnavailable,
    Horizon,
    OverlappingChanges,
    PinnedScenario,
    StoreByStoreOnly,
    horizon_of,
    overlaps_between,
    overlay_of,
)
from decisions.scenarios.overlaps import placed

FIRST = date(2018, 1, 1)
HORIZON = Horizon(FIRST, 8)
STORES = ("s1", "s2", "s3")


def monday(number):
    return FIRST + timedelta(days=7 * number)


@st.composite
def changes(draw):
    kind = draw(st.sampled_from([kind for kind in ChangeKind if kind is not ChangeKind.IGNORE_NEIGHBOUR]))
    product = draw(st.sampled_from(["a", "b"]))
    start = draw(st.integers(0, 6))
    until = draw(st.integers(start + 1, 8))
    window = (monday(start), monday(until))
    stores = draw(st.none() | st.sets(st.sampled_from(STORES), min_size=1).map(lambda found: tuple(sorted(found))))
    if kind is ChangeKind.DELIST:
        return Change(kind, product, stores, *window)
    if kind is ChangeKind.PLAN_PRICE:
        return Change(kind, product, stores, *window, price=draw(st.sampled_from([1.0, 2.0])))
    if kind is ChangeKind.SWITCH_OFF_PROMOTION:
        return Change(kind, product, None, *window, promotion_id="p", mechanic=draw(st.sampled_from(Mechanic)))
    shares = st.sampled_from([0.25, 0.5])
    display, mailer = draw(st.none() | shares), draw(shares)
    return Change(kind, product, None, *window, display, mailer)


def cells(change):
    """Every (product, store, week, facet) that a change says something of, and what; another way than the code's."""
    stores = STORES if change.store_ids is None else change.store_ids
    said = {}
    week = change.from_week
    while week < change.until_week:
        for store in stores:
            if change.kind is ChangeKind.DELIST:
                said[change.product_id, store, week, "there"] = False
            if change.price is not None:
                said[change.product_id, store, week, "price"] = change.price
            if change.display is not None:
                said[change.product_id, store, week, "display"] = change.display
            if change.mailer is not None:
                said[change.product_id, store, week, "mailer"] = change.mailer
            if change.kind is ChangeKind.SWITCH_OFF_PROMOTION:
                said[change.product_id, store, week, change.mechanic.value] = 0.0
        week += timedelta(days=7)
    return said


def contradict(one, other):
    first, second = cells(one), cells(other)
    if any(first[cell] != second[cell] for cell in first.keys() & second.keys()):
        return True
    for gone, rest in ((one, other), (other, one)):
        if gone.kind is ChangeKind.DELIST and rest.kind in (ChangeKind.PLAN_PRICE, ChangeKind.PLAN_PROMOTION):
            met = {cell[:3] for cell in cells(gone)} & {cell[:3] for cell in cells(rest)}
            if met and (rest.kind is ChangeKind.PLAN_PRICE or gone.store_ids is None):
                return True
    return False


@settings(max_examples=400, deadline=None)
@given(st.lists(changes(), min_size=2, max_size=4))
def test_contradictions_are_those_that_every_cell_written_out_shows(several):
    found = overlaps_between(placed(None, several), HORIZON)
    expected = [
        (f"Change {i}", f"Change {j}")
        for (i, one), (j, other) in combinations(enumerate(several, 1), 2)
        if one.product_id == other.product_id and contradict(one, other)
    ]
    assert [(one.first, one.second) for one in found] == expected
    for one in found:
        i, j = int(one.first.split()[1]) - 1, int(one.second.split()[1]) - 1
        stores = STORES if one.store_id is None else (one.store_id,)
        for change in (several[i], several[j]):
            assert {(one.product_id, store, one.week_start) for store in stores} <= {cell[:3] for cell in cells(change)}


@settings(max_examples=300, deadline=None)
@given(st.lists(changes(), max_size=4), st.sampled_from(STORES))
def test_changes_that_agree_give_an_overlay_that_says_what_they_say(several, store):
    assume(not overlaps_between(placed(None, several), HORIZON))
    overlay = overlay_of(several, store_id=store, horizon=HORIZON)
    here = {}
    for change in several:
        here.update({cell: value for cell, value in cells(change).items() if cell[1] == store})
    assert {(one.product_id, one.week_start) for one in overlay.products_gone} == {
        (product, week) for product, _, week, facet in here if facet == "there"
    }
    assert {(one.product_id, one.week_start): one.price for one in overlay.prices} == {
        (product, week): value for (product, _, week, facet), value in here.items() if facet == "price"
    }
    told = {(one.product_id, one.week_start, one.mechanic.value): one.coverage for one in overlay.promotions_on}
    told |= {(one.product_id, one.week_start, one.mechanic.value): 0.0 for one in overlay.promotions_off}
    assert told == {
        (product, week, facet): value for (product, _, week, facet), value in here.items() if facet in ("display", "mailer")
    }


def test_the_whole_chain_is_not_asked_about_some_stores():
    some = Change(ChangeKind.DELIST, "a", ("s1",), FIRST)
    with pytest.raises(StoreByStoreOnly) as refused:
        overlay_of([Change(ChangeKind.DELIST, "b", None, FIRST), some], store_id=None, horizon=HORIZON)
    assert refused.value.position == 2
    assert overlay_of([some], store_id="s2", horizon=HORIZON).is_empty


def test_a_delisting_without_an_end_lasts_to_the_end_of_the_horizon():
    overlay = overlay_of([Change(ChangeKind.DELIST, "a", None, monday(5))], store_id=None, horizon=HORIZON)
    assert [one.week_start for one in overlay.products_gone] == [monday(5), monday(6), monday(7)]


@pytest.mark.parametrize(
    ("as_of", "first"),
    [
        (date(2017, 12, 31), date(2018, 1, 1)),
        (date(2018, 1, 1), date(2018, 1, 1)),
        (date(2018, 1, 6), date(2018, 1, 1)),
        (date(2018, 1, 7), date(2018, 1, 8)),
    ],
)
def test_the_first_forecast_week_is_the_one_after_the_last_complete_one(as_of, first):
    assert horizon_of(as_of) == Horizon(first, 8)


def test_at_most_twenty_overlaps_are_kept_and_all_are_counted():
    several = [Change(ChangeKind.PLAN_PRICE, "a", None, FIRST, monday(1), price=float(n)) for n in range(1, 9)]
    error = OverlappingChanges(overlaps_between(placed(None, several), HORIZON))
    assert (len(error.overlaps), error.total) == (20, 28)
    assert "27 more" in error.problem


def test_places_name_the_scenario():
    scenario = PinnedScenario("scn_1", 1, "summer", ())
    assert placed(scenario, [Change(ChangeKind.DELIST, "a")])[0].place == "Change 1 of scenario 'summer'"


def test_an_evaluation_that_is_not_there_says_what_it_would_be():
    assert "what a delisting does" in EvaluationUnavailable("what a delisting does").problem

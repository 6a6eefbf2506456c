"""Columns side by side, and what is told of a delisting where little is known of it."""

from datetime import date, timedelta

from decisions.scenarios import (
    Change,
    ChangeKind,
    ComparisonRequest,
    DelistOutcome,
    DelistUntold,
    Horizon,
    Outlook,
    Supposition,
    Taker,
    WeekOutlook,
    overlay_of,
    side_by_side,
)

FIRST = date(2018, 1, 1)
HORIZON = Horizon(FIRST, 8)
SECOND = FIRST + timedelta(days=7)
OUTCOME = DelistOutcome(10.0, 9.0, 8.0, 10.0, (Taker("b", 9.0, 8.0, 10.0),))
PROBLEM = "Too few households bought it."


class TenAWeek:
    """Ten units in every week in which the product is there."""

    def outlook(self, question, overlay):
        gone = {one.week_start for one in overlay.products_gone if one.product_id == question.product_id}
        days = [FIRST + timedelta(days=7 * number) for number in range(question.horizon_weeks)]
        units = [0.0 if day in gone else 10.0 for day in days]
        weeks = (WeekOutlook(day, one, one, one, promoted=False) for day, one in zip(days, units, strict=True))
        return Outlook(FIRST, "flat", tuple(weeks))


class Known:
    def outcome(self, question):
        return OUTCOME


class Untold:
    def outcome(self, question):
        raise DelistUntold(PROBLEM, "Ask for another one.")


def supposed(name, *changes):
    return Supposition(name, name, 1, changes, overlay_of(changes, store_id=None, horizon=HORIZON))


def columns(delistings):
    gone, other = (supposed(name, Change(ChangeKind.DELIST, name, None, SECOND)) for name in ("a", "b"))
    return side_by_side(ComparisonRequest("a"), (gone, other), HORIZON, TenAWeek(), delistings).columns


def test_a_delisting_that_cannot_be_told_is_a_note_and_the_forecast_is_told():
    told = columns(Untold())
    assert [(one.name, one.units, one.difference) for one in told] == [("base", 40.0, 0.0), ("a", 10.0, -30.0), ("b", 40.0, 0.0)]
    assert [(one.delist, one.note) for one in told] == [(None, None), (None, PROBLEM), (None, None)]


def test_a_delisting_is_told_in_the_column_of_the_product_that_goes():
    assert [(one.delist, one.note) for one in columns(Known())] == [(None, None), (OUTCOME, None), (None, None)]
    note = columns(None)[1].note
    assert note is not None
    assert "no service" in note

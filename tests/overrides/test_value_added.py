"""Forecast value added against cases worked by hand, and what is counted when."""

from datetime import UTC, date, datetime, timedelta

import pytest

from decisions.overrides import (
    Actuals,
    Judged,
    OverriddenRequest,
    PinnedOverride,
    PinnedWeek,
    SystemForecast,
    SystemWeek,
    lay_over,
    value_added,
)

MONDAY = date(2018, 1, 1)
NOW = datetime(2018, 1, 1, tzinfo=UTC)
LONG_AFTER = date(2018, 3, 5)


def week(number):
    return MONDAY + timedelta(days=7 * number)


def judged(name, *weeks, author="ann", withdrawn=None):
    pinned = tuple(PinnedWeek(week(number), by_hand, system) for number, by_hand, system in weeks)
    return Judged(name, author, "p", None, pinned, withdrawn)


def measure(*several, sold, households=None, known=LONG_AFTER):
    units = {(name, week(number)): units for (name, number), units in sold.items()}
    return value_added(several, Actuals(known, units, households or {one.id: 10 for one in several}))


def test_a_case_worked_by_hand():
    """Ann: system says 10, 10, she says 16, 12, sold are 15 and 13: the system is off by 5 + 3 = 8, she by 1 + 1 = 2.

    Bob: system says 20, he says 30, sold are 18: the system is off by 2, he by 12. Together: 10 against 14 of 46 units.
    """
    report = measure(
        judged("a", (0, 16.0, 10.0), (1, 12.0, 10.0)),
        judged("b", (0, 30.0, 20.0), author="bob"),
        sold={("a", 0): 15.0, ("a", 1): 13.0, ("b", 0): 18.0},
    )
    ann, bob = dict(report.by_author)["ann"], dict(report.by_author)["bob"]
    assert (ann.actual_units, ann.system_error, ann.override_error) == (28.0, 8.0, 2.0)
    assert ann.value_added == pytest.approx(6 / 28)
    assert (bob.system_error, bob.override_error) == (2.0, 12.0)
    assert bob.value_added == pytest.approx(-10 / 18)
    assert (report.total.overrides, report.total.weeks, report.total.actual_units) == (2, 3, 46.0)
    assert report.total.system_wape == pytest.approx(10 / 46)
    assert report.total.override_wape == pytest.approx(14 / 46)
    assert report.total.value_added == pytest.approx(-4 / 46)
    assert [one.value.value_added for one in report.overrides] == [ann.value_added, bob.value_added]


def test_a_week_counts_once_it_is_over():
    one = judged("a", (0, 5.0, 10.0), (1, 5.0, 10.0))
    for known, weeks in ((week(1) - timedelta(days=2), None), (week(1) - timedelta(days=1), 1), (week(2) - timedelta(days=1), 2)):
        report = measure(one, sold={("a", 0): 7.0}, known=known)
        assert (None if report.total is None else report.total.weeks) == weeks
        assert report.waiting == int(weeks is None)


def test_withdrawing_spares_only_the_weeks_that_had_not_begun():
    told = {("a", 0): 7.0, ("a", 1): 7.0}
    for withdrawn, weeks in ((week(0) - timedelta(days=1), None), (week(0), 1), (week(1), 2), (None, 2)):
        report = measure(judged("a", (0, 5.0, 10.0), (1, 5.0, 10.0), withdrawn=withdrawn), sold=told)
        assert (None if report.total is None else report.total.weeks) == weeks


@pytest.mark.parametrize(("households", "withheld"), [(0, False), (1, True), (9, True), (10, False)])
def test_sales_of_a_few_households_are_withheld_and_in_no_total(households, withheld):
    few, many = judged("few", (0, 5.0, 10.0)), judged("many", (0, 5.0, 10.0), author="bob")
    sold = {("few", 0): 7.0 if households else 0.0, ("many", 0): 8.0}
    report = measure(few, many, sold=sold, households={"few": households, "many": 50})
    assert report.withheld == int(withheld)
    assert report.overrides[0].withheld is withheld
    assert (report.overrides[0].value is None) is withheld
    assert report.total.overrides == 2 - withheld
    assert [author for author, _ in report.by_author] == (["bob"] if withheld else ["ann", "bob"])


def test_what_did_not_sell_has_errors_but_no_rate():
    report = measure(judged("a", (0, 4.0, 10.0)), sold={})
    assert (report.total.system_error, report.total.override_error) == (10.0, 4.0)
    assert (report.total.system_wape, report.total.override_wape, report.total.value_added) == (None, None, None)


def test_nothing_set_is_nothing_measured():
    report = measure(sold={})
    assert (report.total, report.by_author, report.overrides, report.withheld, report.waiting) == (None, (), (), 0, 0)


def test_the_override_set_last_holds_and_the_system_is_never_hidden():
    first = PinnedOverride("o1", "ann", "why", NOW, NOW, (PinnedWeek(week(0), 5.0, 9.0), PinnedWeek(week(1), 6.0, 9.0)))
    second = PinnedOverride("o2", "bob", "because", NOW, NOW, (PinnedWeek(week(1), 7.0, 9.0), PinnedWeek(week(7), 1.0, 9.0)))
    system = SystemForecast(MONDAY, "shelfgraph", tuple(SystemWeek(week(n), 10.0) for n in range(3)))
    answer = lay_over(OverriddenRequest("p", None, 3, None, (first, second)), system)
    assert [(one.units, one.system_units, one.override and one.override.author) for one in answer.weeks] == [
        (5.0, 10.0, "ann"), (7.0, 10.0, "bob"), (10.0, 10.0, None),
    ]  # fmt: skip
    assert (answer.units, answer.system_units) == (22.0, 30.0)

"""The calendar of a country against an oracle that looks at one day after the other."""

import math
from datetime import date, timedelta

import holidays
import numpy as np
import pytest

from features.holiday_calendar import CALENDAR_COLUMNS, CountryUnknown, calendar_columns, check_country

MONDAYS = tuple(date(2016, 12, 26) + timedelta(days=7 * number) for number in range(270))


def column(name: str, country: str, *weeks: date) -> list[float]:
    return [float(calendar_columns((week,), country, 0)[name][0]) for week in weeks]


@pytest.mark.parametrize("country", ["US", "DE", "DE-BY", "GB", "JP", "SA"])
def test_every_column_equals_an_oracle_over_days(country):
    found = calendar_columns(MONDAYS, country)
    code, _, part = country.partition("-")
    off, own = (
        holidays.country_holidays(code, subdiv=part or None, observed=observed, categories=("public",))
        for observed in (True, False)
    )
    weeks = [*MONDAYS, *(MONDAYS[-1] + timedelta(days=7 * number) for number in range(1, 9))]
    assert list(found) == list(CALENDAR_COLUMNS)
    for place, monday in enumerate(weeks):
        days = [monday + timedelta(days=number) for number in range(-7, 14)]
        before, within, after = (sum(day in off for day in days[start : start + 7]) for start in (0, 7, 14))
        ahead = next(number for number in range(29) if number == 28 or monday + timedelta(days=number) in own)
        thursday = monday + timedelta(days=3)
        length = (date(thursday.year + 1, 1, 1) - date(thursday.year, 1, 1)).days
        angle = 2 * math.pi * (thursday - date(thursday.year, 1, 1)).days / length
        first = next((number for number in range(7) if (monday + timedelta(days=number)).day == 1), None)
        since = 0 if first is not None else next(n for n in range(1, 6) if 1 in [d.day for d in seven(monday, -7 * n)])
        expected = [within, ahead, before > 0, after > 0, math.sin(angle), math.cos(angle), first is not None, since]
        for name, value in zip(CALENDAR_COLUMNS, expected, strict=True):
            assert found[name][place] == pytest.approx(float(value), abs=1e-6), (name, monday)
    assert {(part.dtype.name, len(part)) for part in found.values()} == {("float32", len(weeks))}


def seven(monday: date, shift: int) -> list[date]:
    return [monday + timedelta(days=shift + number) for number in range(7)]


def test_days_that_people_know():
    thanksgiving, christmas, november = date(2017, 11, 20), date(2017, 12, 25), date(2017, 10, 30)
    assert column("days_to_holiday", "US", thanksgiving, christmas, november) == [3.0, 0.0, 12.0]
    assert column("public_holidays", "US", thanksgiving, christmas, november) == [1.0, 1.0, 0.0]
    # New Year 2022 was a Saturday: the Friday before was off, but the holiday is still the Saturday
    assert column("public_holidays", "US", date(2021, 12, 27)) == [2.0]
    assert column("days_to_holiday", "US", date(2021, 12, 27)) == [5.0]
    # Corpus Christi is a day off in Bavaria and none in Berlin
    assert [column("public_holidays", country, date(2024, 5, 27))[0] for country in ("DE-BY", "DE-BE")] == [1.0, 0.0]
    assert column("first_week_of_month", "US", date(2017, 11, 27), date(2017, 12, 4)) == [1.0, 0.0]
    assert column("week_of_month", "US", date(2017, 11, 27), date(2017, 12, 4), date(2017, 12, 11)) == [0.0, 1.0, 2.0]


def test_every_country_of_the_package_has_a_calendar():
    codes = [code for code in holidays.list_supported_countries(include_aliases=False) if len(code) == 2]
    assert len(codes) > 200
    week = (date(2024, 12, 23),)
    held = {code: calendar_columns(week, code, 53)["public_holidays"].sum() for code in codes}
    assert np.mean([count > 0 for count in held.values()]) > 0.95
    assert held["US"] >= 11


@pytest.mark.parametrize("code", ["XX", "us", "USA", "US-ZZ", "", "DE-", "US ", "Germany", "../etc", "x" * 500, "DE\n"])
def test_a_country_that_nobody_knows_is_told(code):
    with pytest.raises(CountryUnknown) as caught:
        check_country(code)
    assert caught.value.country == code
    assert "SHELFGRAPH_COUNTRY" in caught.value.remedy
    assert len(str(caught.value)) < 400
    with pytest.raises(CountryUnknown):
        calendar_columns(MONDAYS[:2], code)
    assert check_country("DE-BY") == "DE-BY"


def test_a_calendar_of_no_week_is_refused():
    with pytest.raises(ValueError, match="at least one week"):
        calendar_columns((), "US")

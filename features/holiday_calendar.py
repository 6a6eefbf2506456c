"""What every calendar tells ahead: public holidays of a country, and where a week lies in the year and in the month."""

import re
from datetime import date, timedelta

import holidays
import numpy as np

from kit.errors import ShelfgraphError

__all__ = ["CALENDAR_COLUMNS", "CountryUnknown", "calendar_columns", "check_country", "mondays"]

CALENDAR_COLUMNS = (
    "public_holidays",
    "days_to_holiday",
    "holiday_week_before",
    "holiday_week_after",
    "week_of_year_sine",
    "week_of_year_cosine",
    "first_week_of_month",
    "week_of_month",
)
FAR_DAYS = 28
"""A holiday further ahead than this is not shopped for yet."""
WEEK_DAYS = 7
CODE = re.compile(r"([A-Z]{2})(?:-([A-Z0-9]{1,3}))?")


class CountryUnknown(ShelfgraphError):
    """No public holidays are known of a country, or of a part of it."""

    def __init__(self, country: str) -> None:
        self.country = country
        super().__init__(
            f"No public holidays are known of '{country[:40]}'.",
            "Name a country by its two letters of ISO 3166 (US), or a part of one (DE-BY): SHELFGRAPH_COUNTRY is the setting.",
        )


def check_country(country: str) -> str:
    """Return the code of a country, or of a part of one, whose public holidays are known. Raises: CountryUnknown."""
    _days(country, (), observed=True)
    return country


def calendar_columns(weeks: tuple[date, ...], country: str, horizon_weeks: int = 8) -> dict[str, np.ndarray]:
    """Return a float32 array for each of `CALENDAR_COLUMNS`, one value per week and `horizon_weeks` more after the last.

    `public_holidays` counts the days of the week that are public holidays, days off in their place included.
    `days_to_holiday` runs from the Monday to the next public holiday's own day, 28 where it is further ahead than that.
    `holiday_week_before` and `_after` are 1 where the week before, after holds a public holiday.
    `week_of_year_sine` and `_cosine` place the week's Thursday on the circle of its year.
    `week_of_month` is 0 for the week that holds the first of a month (`first_week_of_month` is 1 then), 2 for that of the 15th.

    Args:
        weeks: Mondays, one week after the other.
        country: ISO 3166 code, such as `US` or `DE-BY`.
        horizon_weeks: how many weeks follow the last one.

    Raises:
        CountryUnknown: no public holidays are known of the country.
    """
    monday = mondays(weeks, horizon_weeks)
    first, last = monday[0].item(), monday[-1].item() + timedelta(days=WEEK_DAYS + FAR_DAYS)
    years = tuple(range((first - timedelta(days=WEEK_DAYS)).year, last.year + 1))
    off = _days(country, years, observed=True)
    values = (
        _held(off, monday, 0),
        _days_ahead(_days(country, years, observed=False), monday),
        _held(off, monday, -WEEK_DAYS) > 0,
        _held(off, monday, WEEK_DAYS) > 0,
        *_places_in_year(monday),
        *_places_in_month(monday),
    )
    return {name: np.asarray(value, dtype=np.float32) for name, value in zip(CALENDAR_COLUMNS, values, strict=True)}


def mondays(weeks: tuple[date, ...], horizon_weeks: int) -> np.ndarray:
    """Return the weeks' Mondays and those of the weeks that follow, as datetime64[D]. Raises: ValueError without a week."""
    if not weeks:
        raise ValueError("a calendar needs at least one week")
    known = np.array(weeks, dtype="datetime64[D]")
    return np.concatenate([known, known[-1] + WEEK_DAYS * np.arange(1, horizon_weeks + 1)])


def _days(country: str, years: tuple[int, ...], *, observed: bool) -> np.ndarray:
    """The public holidays of some years as sorted datetime64[D]; observed ones have their days off beside them."""
    code = CODE.fullmatch(country)
    if code is None:
        raise CountryUnknown(country)
    try:
        found = holidays.country_holidays(
            code[1], subdiv=code[2], years=years, observed=observed, categories=(holidays.PUBLIC,), expand=False
        )
    except NotImplementedError as error:
        # how the package says that it does not know a place
        raise CountryUnknown(country) from error
    return np.array(sorted(found), dtype="datetime64[D]")


def _held(days: np.ndarray, monday: np.ndarray, shift_days: int) -> np.ndarray:
    """How many of `days` lie in each week, or in the one `shift_days` from it."""
    start = monday + shift_days
    return np.asarray(np.searchsorted(days, start + WEEK_DAYS) - np.searchsorted(days, start), dtype=np.int64)


def _days_ahead(days: np.ndarray, monday: np.ndarray) -> np.ndarray:
    with_end = np.append(days, monday[-1] + 2 * FAR_DAYS)
    ahead = with_end[np.searchsorted(with_end, monday)] - monday
    return np.asarray(np.minimum(ahead.astype(np.int64), FAR_DAYS), dtype=np.int64)


def _places_in_year(monday: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    thursday = monday + 3
    year = thursday.astype("datetime64[Y]")
    start, end = year.astype("datetime64[D]"), (year + 1).astype("datetime64[D]")
    angle = 2 * np.pi * (thursday - start).astype(np.float64) / (end - start).astype(np.float64)
    return np.sin(angle), np.cos(angle)


def _places_in_month(monday: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    sunday = monday + (WEEK_DAYS - 1)
    place = (sunday - sunday.astype("datetime64[M]").astype("datetime64[D]")).astype(np.int64) // WEEK_DAYS
    return place == 0, place

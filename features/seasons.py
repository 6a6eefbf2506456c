"""Meteorological seasons of the northern hemisphere: three whole months each, winter from December to February."""

from datetime import date

import ibis
import ibis.expr.types as ir

__all__ = ["MONTHS_OF_SEASON", "SEASONS", "season_of", "season_of_days"]

SEASONS = ("winter", "spring", "summer", "autumn")
MONTHS_OF_A_SEASON = 3
MONTHS_OF_SEASON = {
    "winter": "December to February",
    "spring": "March to May",
    "summer": "June to August",
    "autumn": "September to November",
}


def season_of(day: date) -> str:
    """Return the season of a day, one of `SEASONS`."""
    return SEASONS[day.month % 12 // MONTHS_OF_A_SEASON]


def season_of_days(day: ir.DateValue) -> ir.StringValue:
    """Return the season of a column of days, as `season_of` gives it."""
    month = day.month()
    named = [(month.isin(_months(name)), name) for name in SEASONS]
    return ibis.cases(*named, else_=ibis.null("string"))


def _months(season: str) -> tuple[int, ...]:
    return tuple(month for month in range(1, 13) if SEASONS[month % 12 // MONTHS_OF_A_SEASON] == season)

"""From a forecast's answer to its chart. What the answer does not have is left out of the chart, not made up."""

from collections.abc import Callable, Sequence

from api.charts.contract import FanChart, FanDriver, FanWeek
from decisions.forecast.contract import ForecastAnswer, ForecastPoint

__all__ = ["WHOLE_CHAIN", "NameOf", "fan_chart"]

NameOf = Callable[[str, str], str]
"""The display name of a node, by label and id."""
WHOLE_CHAIN = "the whole chain"
EVERYTHING = "all merchandise"
SHOWN_NEIGHBOURS = 3
"""Of each relation, those that brought most; the others are summed."""
NEIGHBOURS = frozenset({"siblings", "isSubstituteFor", "isComplementTo", "isBoughtWith"})
"""Drivers that are other products."""


def fan_chart(answer: ForecastAnswer, name_of: NameOf, origin: str) -> FanChart:
    """Return the chart of a forecast.

    Args:
        answer: as the forecast room gives it.
        name_of: tells what things are called.
        origin: which release and graph version answered.
    """
    return FanChart(
        product=_subject(answer, name_of),
        place=WHOLE_CHAIN if answer.store_id is None else name_of("Store", answer.store_id),
        as_of=answer.as_of,
        system=answer.system,
        baseline=answer.baseline,
        origin=origin,
        history=answer.history,
        weeks=tuple(map(_week, answer.points)),
        drivers=tuple(_drivers(answer, name_of)),
    )


def _subject(answer: ForecastAnswer, name_of: NameOf) -> str:
    if answer.product_id is not None:
        return name_of("Product", answer.product_id)
    return EVERYTHING if answer.category_id is None else name_of("ProductCategory", answer.category_id)


def _week(point: ForecastPoint) -> FanWeek:
    ends_95 = point.low_95, point.high_95
    return FanWeek(point.week_start, point.units, point.low, point.high, *ends_95, point.baseline_units, point.promoted)


def _drivers(answer: ForecastAnswer, name_of: NameOf) -> Sequence[FanDriver]:
    """Return the drivers that the answer names; a driver with a product is a neighbour, told by that product's name."""
    found: list[FanDriver] = []
    others: dict[str, float] = {}
    shown: dict[str, int] = {}
    for driver in sorted(answer.drivers, key=lambda one: -abs(one.units)):
        if driver.product_id is None:
            found.append(FanDriver(driver.words, driver.units, driver.name in NEIGHBOURS))
            continue
        shown[driver.name] = shown.get(driver.name, 0) + 1
        if shown[driver.name] <= SHOWN_NEIGHBOURS:
            words = f"{driver.words}: {name_of('Product', driver.product_id)}"
            found.append(FanDriver(words, driver.units, neighbour=True))
        else:
            others[driver.words] = others.get(driver.words, 0.0) + driver.units
    return [*found, *(FanDriver(f"{words}: others", units, neighbour=True) for words, units in others.items())]

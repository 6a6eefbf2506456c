"""From a forecast's answer to its chart. What the answer does not have is left out of the chart, not made up."""

from collections.abc import Callable, Sequence

from api.charts.contract import FanChart, FanDriver, FanWeek
from decisions.envelope import ExplanationPath
from decisions.forecast.contract import ForecastAnswer, ForecastPoint

__all__ = ["WHOLE_CHAIN", "NameOf", "fan_chart"]

NameOf = Callable[[str, str], str]
"""The display name of a node, by label and id."""
WHOLE_CHAIN = "the whole chain"
OWN = "its own history, price and calendar"
BY_RELATION = {
    "promotes": FanDriver("promotions", 0.0, neighbour=False),
    "inCategory": FanDriver("products of its category", 0.0, neighbour=True),
    "isSubstituteFor": FanDriver("its substitutes", 0.0, neighbour=True),
    "isComplementTo": FanDriver("its complements", 0.0, neighbour=True),
    "isBoughtWith": FanDriver("products bought with it", 0.0, neighbour=True),
}
"""How the drivers behind paths are called. Any other relation is told by its own name."""


def fan_chart(answer: ForecastAnswer, name_of: NameOf, origin: str) -> FanChart:
    """Return the chart of a forecast.

    Args:
        answer: as the forecast room gives it; `low_95`, `high_95` and `drivers` are used where it has them.
        name_of: tells what things are called.
        origin: which release and graph version answered.
    """
    return FanChart(
        product=name_of("Product", answer.product_id),
        place=WHOLE_CHAIN if answer.store_id is None else name_of("Store", answer.store_id),
        as_of=answer.as_of,
        system=answer.system,
        baseline=answer.baseline,
        origin=origin,
        history=answer.history,
        weeks=tuple(map(_week, answer.points)),
        drivers=tuple(_named_drivers(answer, name_of) or _drivers_of_paths(answer.explanation.paths)),
    )


def _week(point: ForecastPoint) -> FanWeek:
    ends_95 = getattr(point, "low_95", None), getattr(point, "high_95", None)
    return FanWeek(point.week_start, point.units, point.low, point.high, *ends_95, point.baseline_units, point.promoted)


def _named_drivers(answer: ForecastAnswer, name_of: NameOf) -> Sequence[FanDriver]:
    """Return the drivers that the answer names; a driver with a product is a neighbour, told by that product's name."""
    found = []
    for driver in getattr(answer, "drivers", ()):
        words = driver.words
        if driver.product_id is not None and driver.product_id not in words:
            words = f"{words}: {name_of('Product', driver.product_id)}"
        neighbour = driver.product_id is not None or any(words == one.words for one in BY_RELATION.values() if one.neighbour)
        found.append(FanDriver(words, driver.units, neighbour))
    return found


def _drivers_of_paths(paths: Sequence[ExplanationPath]) -> Sequence[FanDriver]:
    """Return the paths' contributions by relation. A path without a hop, and one that stands alone, is the product's own."""
    sums: dict[FanDriver, float] = {}
    for path in paths:
        relation = path.hops[0].relation if path.hops and len(paths) > 1 else None
        kind = FanDriver(OWN, 0.0, neighbour=False) if relation is None else BY_RELATION.get(relation)
        kind = kind or FanDriver(f"by {relation}", 0.0, neighbour=True)
        sums[kind] = sums.get(kind, 0.0) + path.contribution
    return [FanDriver(kind.words, units, kind.neighbour) for kind, units in sums.items()]

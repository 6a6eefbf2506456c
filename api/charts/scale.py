"""Units on an axis: very large and very small ones are drawn in powers of ten, which the axis names."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from api.charts.words import superscript

__all__ = ["Scale", "scale_for"]

PLAIN_FROM, PLAIN_TO = 1e-2, 1e6
LEAST_POWER, MOST_POWER = -300, 306


@dataclass(frozen=True, slots=True)
class Scale:
    """Values are drawn divided by ten to the `power`."""

    power: int

    def at(self, value: float | None) -> float:
        """Return where a value is drawn; NaN leaves a gap."""
        return math.nan if value is None or not math.isfinite(value) else value / 10.0**self.power

    @property
    def words(self) -> str:
        """What the axis says beside the unit."""
        return "" if self.power == 0 else f" (× 10{superscript(self.power)})"


PLAIN = Scale(0)


def scale_for(values: Iterable[float | None]) -> Scale:
    """Return the scale on which the largest of the values has one to three digits, or can be written out."""
    top = max((abs(value) for value in values if value is not None and math.isfinite(value)), default=0.0)
    if top == 0 or PLAIN_FROM <= top < PLAIN_TO:
        return PLAIN
    return Scale(min(max(3 * math.floor(math.log10(top) / 3), LEAST_POWER), MOST_POWER))

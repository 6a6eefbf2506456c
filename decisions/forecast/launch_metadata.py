"""How launches are served, as the artefact keeps it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from decisions.forecast.intervals import IntervalCalibration

__all__ = ["LaunchMetadata", "LaunchScale", "read_launches"]


@dataclass(frozen=True, slots=True)
class LaunchScale:
    """`least`: the least that a launch sold in its first week; `means` (4): what each week sold on average beyond it."""

    least: float
    means: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class LaunchMetadata:
    """How launches are served: systems and baselines by kind, intervals; of the model its scale, neutral values and digests by
    file (None where there is no model), and the values of siblings that nothing is known of.
    """

    systems: tuple[str, ...]
    baselines: tuple[str, ...]
    intervals: IntervalCalibration
    scale: LaunchScale | None
    neutral: tuple[float | None, ...]
    digests: Mapping[str, str]
    unknown_siblings: tuple[float | None, ...]

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON types."""
        scale = None if self.scale is None else {"least": self.scale.least, "means": list(self.scale.means)}
        return {
            "systems": list(self.systems),
            "baselines": list(self.baselines),
            "intervals": self.intervals.to_json(),
            "scale": scale,
            "neutral": list(self.neutral),
            "digests": dict(self.digests),
            "unknown_siblings": list(self.unknown_siblings),
        }


def read_launches(value: dict[str, Any] | None) -> LaunchMetadata | None:
    """Return what `to_json` described; None: no launch was known. Raises: KeyError, TypeError."""
    if value is None:
        return None
    scale = value["scale"]
    return LaunchMetadata(
        systems=tuple(value["systems"]),
        baselines=tuple(value["baselines"]),
        intervals=IntervalCalibration.from_json(value["intervals"]),
        scale=None if scale is None else LaunchScale(scale["least"], tuple(scale["means"])),
        neutral=tuple(value["neutral"]),
        digests=value["digests"],
        unknown_siblings=tuple(value["unknown_siblings"]),
    )

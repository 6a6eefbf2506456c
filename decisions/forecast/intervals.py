"""80 % intervals by split conformal prediction with scaled residuals.

The scaled residual of a back-test forecast is `(actual - forecast) / sqrt(forecast + 0.25)`: the scale of a count. Its
10 % and 90 % quantiles are taken within bins of the forecast's size, so that slow sellers, whose residuals are skewed,
get their own. Nothing is rounded: rounding outward over-covers. Source: Lei et al., Distribution-free predictive
inference for regression, JASA 2018 (locally weighted split conformal).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["UNTRIED", "IntervalCalibration", "calibrate", "coverage"]

TAIL = 0.1
BINS = 12
MINIMUM_PER_BIN = 50
SCALE_OFFSET = 0.25


@dataclass(frozen=True, slots=True)
class IntervalCalibration:
    """`edges` (B - 1, ascending) split forecasts into bins; `low` and `high` (B) are quantiles of scaled residuals."""

    edges: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]

    def interval(self, forecast: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the lower and upper ends, never below 0 and never leaving the forecast outside."""
        position = np.searchsorted(np.asarray(self.edges), forecast, side="right")
        scale = np.sqrt(forecast + SCALE_OFFSET)
        low = forecast + np.asarray(self.low)[position] * scale
        high = forecast + np.asarray(self.high)[position] * scale
        return np.clip(low, 0.0, forecast), np.maximum(high, forecast)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return {"edges": list(self.edges), "low": list(self.low), "high": list(self.high)}

    @staticmethod
    def from_json(value: dict[str, Any]) -> "IntervalCalibration":
        """Return the calibration that `to_json` described."""
        return IntervalCalibration(tuple(value["edges"]), tuple(value["low"]), tuple(value["high"]))


UNTRIED = IntervalCalibration(edges=(), low=(-1.2816,), high=(1.2816,))
"""The 10 % and 90 % points of a standard normal: for series of a kind that no back-test could try."""


def calibrate(forecast: np.ndarray, actual: np.ndarray) -> IntervalCalibration:
    """Return the calibration of back-test forecasts (n, at least one) against what happened."""
    bins = max(1, min(BINS, len(forecast) // MINIMUM_PER_BIN))
    edges = np.unique(np.quantile(forecast, np.arange(1, bins) / bins)) if bins > 1 else np.empty(0)
    score = (actual - forecast) / np.sqrt(forecast + SCALE_OFFSET)
    position = np.searchsorted(edges, forecast, side="right")
    members = [score[position == index] for index in range(len(edges) + 1)]
    tails = [_tails(member if len(member) else score) for member in members]
    return IntervalCalibration(tuple(edges.tolist()), tuple(low for low, _ in tails), tuple(high for _, high in tails))


def coverage(low: np.ndarray, high: np.ndarray, actual: np.ndarray) -> float:
    """Return the share of `actual` inside its interval, ends included."""
    return float(np.mean((actual >= low) & (actual <= high)))


def _tails(score: np.ndarray) -> tuple[float, float]:
    # the finite-sample correction of split conformal prediction widens small bins a little
    reach = min(1.0, (1 - TAIL) * (1 + 1 / len(score)))
    return float(np.quantile(score, 1 - reach)), float(np.quantile(score, reach))

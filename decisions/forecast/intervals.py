"""80 % and 95 % intervals by split conformal prediction with scaled residuals.

The scaled residual of a back-test forecast is `(actual - forecast) / sqrt(forecast + 0.25)`: the scale of a count. Its quantiles
are taken within cells of the forecast's size, of the kind of series (`segments.KINDS`) and of whether the week is promoted: slow
sellers have skewed residuals, promoted weeks and fast sellers wide ones, and each cell holds what it promises for itself.
Source: Lei et al., Distribution-free predictive inference for regression, JASA 2018 (locally weighted split conformal); Vovk,
Conditional validity of inductive conformal predictors, 2012 (cells of their own).

Ends are not rounded: rounded outward they cover too much. Where units are whole, an interval holds the whole numbers between its
ends, so that rounding inward (`whole_units`) leaves out nothing that it held.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from decisions.forecast.segments import KINDS

__all__ = [
    "LEVELS_PERCENT",
    "TAILS",
    "UNTRIED",
    "Band",
    "IntervalCalibration",
    "calibrate",
    "coverage",
    "interval_groups",
    "whole_units",
]

TAILS = (0.025, 0.1, 0.9, 0.975)
LEVELS_PERCENT = (80, 95)
BINS = 12
MINIMUM_PER_CELL = 50
SCALE_OFFSET = 0.25
GROUPS = 2 * len(KINDS)
"""By kind of series weeks that are not promoted, and weeks that are."""


@dataclass(frozen=True, slots=True, eq=False)
class Band:
    """Ends of both intervals, each of the forecast's shape."""

    low_95: np.ndarray
    low_80: np.ndarray
    high_80: np.ndarray
    high_95: np.ndarray

    def ends(self, percent: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the ends of the interval of 80 or 95 %."""
        return (self.low_80, self.high_80) if percent == LEVELS_PERCENT[0] else (self.low_95, self.high_95)


@dataclass(frozen=True, slots=True)
class IntervalCalibration:
    """`edges` (ascending, one tuple a group of `interval_groups`) split forecasts into cells; `tails` hold, by group and cell,
    the 2.5, 10, 90 and 97.5 % quantiles of scaled residuals.
    """

    edges: tuple[tuple[float, ...], ...]
    tails: tuple[tuple[tuple[float, ...], ...], ...]

    def band(self, forecast: np.ndarray, groups: np.ndarray) -> Band:
        """Return both intervals, never below 0 and never leaving the forecast outside. `groups`: of the forecast's shape."""
        quantiles = np.empty((*forecast.shape, len(TAILS)))
        for group in range(GROUPS):
            inside = groups == group
            cell = np.searchsorted(np.asarray(self.edges[group]), forecast[inside], side="right")
            quantiles[inside] = np.asarray(self.tails[group])[cell]
        ends = forecast[..., None] + quantiles * np.sqrt(forecast + SCALE_OFFSET)[..., None]
        below, above = np.clip(ends[..., :2], 0.0, forecast[..., None]), np.maximum(ends[..., 2:], forecast[..., None])
        return Band(below[..., 0], below[..., 1], above[..., 0], above[..., 1])

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return {"edges": [list(one) for one in self.edges], "tails": [[list(cell) for cell in one] for one in self.tails]}

    @staticmethod
    def from_json(value: dict[str, Any]) -> "IntervalCalibration":
        """Return the calibration that `to_json` described."""
        edges = tuple(tuple(one) for one in value["edges"])
        return IntervalCalibration(edges, tuple(tuple(tuple(cell) for cell in one) for one in value["tails"]))


NORMAL = (-1.96, -1.2816, 1.2816, 1.96)
UNTRIED = IntervalCalibration(edges=((),) * GROUPS, tails=((NORMAL,),) * GROUPS)
"""The points of a standard normal: for series of a kind that no back-test could try."""


def interval_groups(promoted: np.ndarray, kinds: np.ndarray | int = 0) -> np.ndarray:
    """Return the group of each forecast: its kind of series (`kinds`, along the last axis) and whether its week is promoted."""
    return np.asarray(2 * np.asarray(kinds, dtype=np.int64) + promoted.astype(bool))


def calibrate(forecast: np.ndarray, actual: np.ndarray, groups: np.ndarray) -> IntervalCalibration:
    """Return the calibration of back-test forecasts against what happened (all n, at least one).

    A group without 50 forecasts has the quantiles of all that are promoted as it is, or of all where they are few, too.
    """
    score = (actual - forecast) / np.sqrt(forecast + SCALE_OFFSET)
    found = []
    for group in range(GROUPS):
        tried = (groups == group, groups % 2 == group % 2, np.ones(len(forecast), dtype=bool))
        chosen = next((one for one in tried if np.count_nonzero(one) >= MINIMUM_PER_CELL), tried[-1])
        found.append(_cells(forecast[chosen], score[chosen]))
    return IntervalCalibration(tuple(edges for edges, _ in found), tuple(tails for _, tails in found))


def coverage(ends: tuple[np.ndarray, np.ndarray], actual: np.ndarray) -> float:
    """Return the share of `actual` inside its interval, ends included."""
    low, high = ends
    return float(np.mean((actual >= low) & (actual <= high)))


def whole_units(ends: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends rounded inward; outward where no whole number lies between them."""
    low, high = ends
    inward = np.ceil(low) <= np.floor(high)
    return np.where(inward, np.ceil(low), np.floor(low)), np.where(inward, np.floor(high), np.ceil(high))


def _cells(forecast: np.ndarray, score: np.ndarray) -> tuple[tuple[float, ...], tuple[tuple[float, ...], ...]]:
    bins = max(1, min(BINS, len(forecast) // MINIMUM_PER_CELL))
    edges = np.unique(np.quantile(forecast, np.arange(1, bins) / bins)) if bins > 1 else np.empty(0)
    position = np.searchsorted(edges, forecast, side="right")
    members: Sequence[np.ndarray] = [score[position == index] for index in range(len(edges) + 1)]
    return tuple(edges.tolist()), tuple(_tails(member if len(member) else score) for member in members)


def _tails(score: np.ndarray) -> tuple[float, ...]:
    # the finite-sample correction of split conformal prediction widens small cells a little
    widened = 1 + 1 / len(score)
    reach = [1 - min(1.0, (1 - tail) * widened) if tail < 0.5 else min(1.0, tail * widened) for tail in TAILS]
    return tuple(np.quantile(score, reach).tolist())

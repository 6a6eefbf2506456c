"""Baselines of weekly demand, computed from a series' own past weeks alone.

`seasonal_naive` is the same week one year (52 weeks) before. Where that week is not known, which is so for most weeks
as long as there is one year of data, it falls back to `mean_8` of the same series: the rule is declared here, and
`seasonal_share` says for which share of the forecasts the real thing was possible: every back-test states it beside its
errors, and an answer that rests on the baseline says how many of its weeks fell back.
"""

from collections.abc import Mapping

import numpy as np

__all__ = ["BASELINES", "SEASONAL", "SEASON_WEEKS", "baseline_forecasts", "seasonal_share", "year_before"]

SEASON_WEEKS = 52
SEASONAL = "seasonal_naive"
BASELINES = ("last_week", "mean_4", "mean_8", SEASONAL)


def baseline_forecasts(units: np.ndarray, same_week_last_year: np.ndarray) -> Mapping[str, np.ndarray]:
    """Return each baseline's forecast, horizons x series, float64.

    Args:
        units: series x past weeks, the last column being the last known week; at least one week.
        same_week_last_year: horizons x series, NaN where unknown.
    """
    horizons = same_week_last_year.shape[0]
    flat = {name: units[:, -weeks:].mean(axis=1, dtype=np.float64) for name, weeks in _WINDOWS.items()}
    forecasts = {name: np.tile(value, (horizons, 1)) for name, value in flat.items()}
    forecasts[SEASONAL] = np.where(np.isnan(same_week_last_year), forecasts["mean_8"], same_week_last_year)
    return forecasts


def year_before(units: np.ndarray, origin: int, horizons: int) -> np.ndarray:
    """Return the units 52 weeks before each week to forecast, horizons x series, NaN before the first known week."""
    columns = [origin + horizon - SEASON_WEEKS for horizon in range(horizons)]
    unknown = np.full(len(units), np.nan)
    return np.stack([units[:, column].astype(np.float64) if 0 <= column < origin else unknown for column in columns])


def seasonal_share(same_week_last_year: np.ndarray) -> float:
    """Return the share of forecasts for which the week one year before is known."""
    return float(np.mean(~np.isnan(same_week_last_year))) if same_week_last_year.size else 0.0


_WINDOWS = {"last_week": 1, "mean_4": 4, "mean_8": 8}

"""Croston, TSB and AutoETS of the library statsforecast, over many series at once.

They see a series' own weeks and nothing else: no promotion, no neighbour. The first two are made for intermittent demand, the
third chooses among exponential smoothings by AICc. Sources: Croston, Forecasting and stock control for intermittent demands,
1972, with the correction of Syntetos and Boylan, 2005; Teunter, Syntetos and Babai, Intermittent demand: linking forecasting to
inventory obsolescence, 2011; Hyndman et al., A state space framework for automatic forecasting, 2002.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

__all__ = ["AUTO_ETS", "CLASSICAL", "CROSTON", "TSB", "classical_forecasts"]

CROSTON, TSB, AUTO_ETS = "croston", "tsb", "auto_ets"
CLASSICAL = (CROSTON, TSB, AUTO_ETS)
SMOOTHING = 0.2
LEAST_WEEKS = 8
"""Fewer known weeks say too little for a smoothing to be chosen."""


def classical_forecasts(units: np.ndarray, horizons: int, names: Sequence[str] = CLASSICAL) -> Mapping[str, np.ndarray]:
    """Return each method's forecast (horizons x series, float64, never below 0).

    Args:
        units: series x past weeks, the last column being the last known week. With fewer than 8 weeks nothing is returned.
        horizons: how many weeks.
        names: which of `CLASSICAL`.
    """
    series, weeks = units.shape
    if weeks < LEAST_WEEKS or not series or not names:
        return {}
    frame = pd.DataFrame(
        {
            "unique_id": np.repeat(np.arange(series), weeks),
            "ds": np.tile(np.arange(weeks), series),
            "y": units.reshape(-1).astype(np.float64),
        }
    )
    engine, models = _library(names)
    found = engine(models=models, freq=1, n_jobs=1).forecast(df=frame, h=horizons)
    # rows come by series, then week; a method that fails on a series leaves it empty
    return {name: _matrix(found[name].to_numpy(), series, horizons, units) for name in names}


def _library(names: Sequence[str]) -> tuple[Any, list[Any]]:
    # compiled at import, for seconds: whoever only serves does not pay for it
    from statsforecast import StatsForecast, models  # noqa: PLC0415 - see above

    made = {
        CROSTON: lambda: models.CrostonSBA(alias=CROSTON),
        TSB: lambda: models.TSB(alpha_d=SMOOTHING, alpha_p=SMOOTHING, alias=TSB),
        AUTO_ETS: lambda: models.AutoETS(season_length=1, alias=AUTO_ETS),
    }
    return StatsForecast, [made[name]() for name in names]


def _matrix(values: np.ndarray, series: int, horizons: int, units: np.ndarray) -> np.ndarray:
    matrix = values.astype(np.float64).reshape(series, horizons).T
    usual = units[:, -LEAST_WEEKS:].mean(axis=1, dtype=np.float64)
    return np.clip(np.where(np.isfinite(matrix), matrix, usual), 0.0, None)

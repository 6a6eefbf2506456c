"""Promotion-adjusted residuals: what a series sold lately against what weeks promoted alike had sold before.

A level that has moved shows here at once, where a plain mean mixes it with the promotions that came and went.
"""

import numpy as np

from features.demand_panel import DemandPanel

__all__ = ["RESIDUAL_FEATURES", "RESIDUAL_WEEKS", "log_ratio", "residual_block"]

RESIDUAL_WEEKS = (1, 2, 4, 8)
RESIDUAL_FEATURES: dict[str, str] = {f"residual_{weeks}": "own_history" for weeks in RESIDUAL_WEEKS}
HALF_UNIT = 0.5


def residual_block(panel: DemandPanel, origin: int, rows: np.ndarray) -> np.ndarray:
    """Return len(rows) x len(RESIDUAL_FEATURES) as float32: logarithms of mean units over mean expected units."""
    units, expected = panel.units[rows, :origin], panel.expected[rows, :origin]
    columns = [log_ratio(units[:, -weeks:].mean(axis=1), expected[:, -weeks:].mean(axis=1)) for weeks in RESIDUAL_WEEKS]
    return np.stack(columns, axis=1).astype(np.float32)


def log_ratio(units: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Return the logarithm of units over expected units, half a unit on either side: slow sellers do not swing."""
    return np.log((units + HALF_UNIT) / (expected + HALF_UNIT))

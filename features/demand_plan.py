"""What is planned for the week to forecast, and what the series sold when it was promoted alike (`demand_alike`)."""

import numpy as np

from features.demand_alike import alike_weights, drawn_mean
from features.demand_panel import DemandPanel

__all__ = ["PLAN_FEATURES", "plan_block"]

PLAN_FEATURES: dict[str, str] = {
    "display_target": "promotion",
    "mailer_target": "promotion",
    "display_code_target": "promotion",
    "mailer_code_target": "promotion",
    "mailer_week_before": "promotion",
    "display_week_before": "promotion",
    "alike_mean": "promotion",
    "alike_ratio": "promotion",
    "alike_weeks": "promotion",
    "alike_discount": "promotion",
}


def plan_block(panel: DemandPanel, origin: int, horizon: int, rows: np.ndarray, *, planned: bool) -> np.ndarray:
    """Return len(rows) x len(PLAN_FEATURES) as float32; NaN where the plan of the week is not known (`planned`)."""
    target = origin + horizon - 1
    if not planned:
        return _unplanned(len(rows))
    display, mailer = panel.display[rows, target], panel.mailer[rows, target]
    columns = [
        display,
        mailer,
        _location(panel.display_code[rows, target]),
        _location(panel.mailer_code[rows, target]),
        panel.mailer[rows, target - 1],
        panel.display[rows, target - 1],
        *_alike(panel, origin, rows, display, mailer),
    ]
    return np.stack(columns, axis=1).astype(np.float32)


def _unplanned(count: int) -> np.ndarray:
    return np.full((count, len(PLAN_FEATURES)), np.nan, dtype=np.float32)


def _location(codes: np.ndarray) -> np.ndarray:
    return np.where(codes < 0, np.nan, codes)


def _alike(panel: DemandPanel, origin: int, rows: np.ndarray, display: np.ndarray, mailer: np.ndarray) -> list[np.ndarray]:
    units = panel.units[rows, :origin]
    past_display, past_mailer = np.nan_to_num(panel.display[rows, :origin]), np.nan_to_num(panel.mailer[rows, :origin])
    weight = alike_weights(past_display, past_mailer, display, mailer)
    mean, usual = drawn_mean(units, weight), units[:, -26:].mean(axis=1)
    return [mean, mean / np.maximum(usual, 1e-3), weight.sum(axis=1), _alike_discount(panel.discount[rows, :origin], weight)]


def _alike_discount(discount: np.ndarray, weight: np.ndarray) -> np.ndarray:
    known = ~np.isnan(discount)
    total = (weight * known).sum(axis=1)
    average = (weight * np.where(known, discount, 0.0)).sum(axis=1) / np.maximum(total, 1e-6)
    return np.where(total > 1e-3, average, np.nan)

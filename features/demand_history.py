"""Own history, own price and past promotion of each series: reads columns before the origin alone."""

import numpy as np

from features.demand_panel import DemandPanel

__all__ = ["HISTORY_FEATURES", "PROMOTION_MEMORY_WEEKS", "decayed_mean", "history_block", "last_price", "usual_price"]

PROMOTED_COVERAGE = 0.1
"""A week counts as promoted when at least this share of the stores had a mailer or a display."""
PROMOTION_MEMORY_WEEKS = 26
"""How far back past promotions are looked at."""
PRICE_WEEKS = 26

HISTORY_FEATURES: dict[str, str] = {
    "last_1": "own_history",
    "last_2": "own_history",
    "last_3": "own_history",
    "mean_4": "own_history",
    "mean_8": "own_history",
    "mean_13": "own_history",
    "mean_26": "own_history",
    "decayed_2": "own_history",
    "decayed_6": "own_history",
    "deviation_13": "own_history",
    "maximum_13": "own_history",
    "zero_share_13": "own_history",
    "weeks_since_sale": "own_history",
    "weeks_since_first_sale": "own_history",
    "regular_mean_26": "own_history",
    "promoted_mean_26": "promotion",
    "promoted_share_26": "promotion",
    "display_last": "promotion",
    "mailer_last": "promotion",
    "display_mean_8": "promotion",
    "mailer_mean_8": "promotion",
    "price_last": "price",
    "price_change": "price",
    "discount_last": "price",
    "discount_mean_13": "price",
}


def history_block(panel: DemandPanel, origin: int, rows: np.ndarray) -> np.ndarray:
    """Return len(rows) x len(HISTORY_FEATURES) as float32; NaN where the history says nothing."""
    units = panel.units[rows, :origin]
    columns = [*_levels(units), *_rhythm(units), *_promoted(panel, origin, rows), *_prices(panel, origin, rows)]
    return np.stack(columns, axis=1).astype(np.float32)


def decayed_mean(units: np.ndarray, half_life_weeks: float) -> np.ndarray:
    """Return the mean of each row, the weight of a week halving every `half_life_weeks` back from the last one."""
    age = np.arange(units.shape[1] - 1, -1, -1)
    weight = np.float32(0.5) ** (age / np.float32(half_life_weeks))
    return np.asarray(units @ (weight / weight.sum()), dtype=np.float32)


def usual_price(panel: DemandPanel, origin: int, rows: np.ndarray) -> np.ndarray:
    """Return the mean price of the 26 weeks before the origin (currency a unit; NaN without a sale)."""
    return _mean_known(panel.price[rows, max(0, origin - PRICE_WEEKS) : origin])


def last_price(panel: DemandPanel, origin: int, rows: np.ndarray) -> np.ndarray:
    """Return the last price in the 26 weeks before the origin (currency a unit; NaN without a sale)."""
    return _last_known(panel.price[rows, max(0, origin - PRICE_WEEKS) : origin])


def _levels(units: np.ndarray) -> list[np.ndarray]:
    lags = [units[:, -k] if units.shape[1] >= k else np.full(len(units), np.nan, np.float32) for k in (1, 2, 3)]
    means = [units[:, -k:].mean(axis=1) for k in (4, 8, 13, 26)]
    return [*lags, *means, decayed_mean(units, 2.0), decayed_mean(units, 6.0)]


def _rhythm(units: np.ndarray) -> list[np.ndarray]:
    recent = units[:, -13:]
    sold = units > 0
    ever = sold.any(axis=1)
    since_sale = np.where(ever, np.argmax(sold[:, ::-1], axis=1), np.nan)
    since_first = np.where(ever, units.shape[1] - np.argmax(sold, axis=1), np.nan)
    return [recent.std(axis=1), recent.max(axis=1), (recent == 0).mean(axis=1), since_sale, since_first]


def _promoted(panel: DemandPanel, origin: int, rows: np.ndarray) -> list[np.ndarray]:
    past = slice(max(0, origin - PROMOTION_MEMORY_WEEKS), origin)
    units = panel.units[rows, past]
    display, mailer = (np.nan_to_num(part[rows, past]) for part in (panel.display, panel.mailer))
    promoted = np.maximum(display, mailer) >= PROMOTED_COVERAGE
    return [
        _mean_where(units, ~promoted),
        _mean_where(units, promoted),
        promoted.mean(axis=1),
        display[:, -1],
        mailer[:, -1],
        display[:, -8:].mean(axis=1),
        mailer[:, -8:].mean(axis=1),
    ]


def _prices(panel: DemandPanel, origin: int, rows: np.ndarray) -> list[np.ndarray]:
    discount = panel.discount[rows, max(0, origin - PRICE_WEEKS) : origin]
    last, usual = last_price(panel, origin, rows), usual_price(panel, origin, rows)
    return [last, last / np.maximum(usual, 1e-6), _last_known(discount), _mean_known(discount[:, -13:])]


def _mean_known(values: np.ndarray) -> np.ndarray:
    return _mean_where(values, ~np.isnan(values))


def _mean_where(values: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    count = chosen.sum(axis=1)
    total = np.where(chosen, values, 0.0).sum(axis=1)
    return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan), dtype=np.float32)


def _last_known(values: np.ndarray) -> np.ndarray:
    known = ~np.isnan(values)
    position = values.shape[1] - 1 - np.argmax(known[:, ::-1], axis=1)
    return np.where(known.any(axis=1), values[np.arange(len(values)), position], np.nan)

"""Weeks promoted alike: what a series sold when its promotions were like those of a week that is asked about.

Every past week counts by how near its display and mailer coverage were to those of the asked week (a Gaussian kernel) and by
its age. The mean is the forecast's analogue in the series' own history; asked week by week, each from the weeks before it, it
is what was to be expected, and what was sold beyond it is demand that promotions do not account for.
"""

import numpy as np

__all__ = ["alike_weights", "drawn_mean", "expected_units"]

KERNEL_WIDTH = 0.2
"""Coverage differences beyond about twice this share of the stores count as another kind of week."""
HALF_LIFE_WEEKS = 13.0
PRIOR_WEEKS = 1.0
"""The long-run mean counts as this many alike weeks, so that one odd week does not decide."""
USUAL_WEEKS = 26


def alike_weights(past_display: np.ndarray, past_mailer: np.ndarray, display: np.ndarray, mailer: np.ndarray) -> np.ndarray:
    """Return how much each past week counts (N x T float32).

    Args:
        past_display: N x T coverage of the past weeks by displays, the oldest first, no NaN.
        past_mailer: likewise by mailers.
        display: N, coverage of the asked week.
        mailer: likewise.
    """
    distance = (past_display - display[:, None]) ** 2 + (past_mailer - mailer[:, None]) ** 2
    age = np.arange(past_display.shape[1] - 1, -1, -1, dtype=np.float32)
    kernel = np.exp(-distance / np.float32(2 * KERNEL_WIDTH**2))
    return np.asarray(kernel * np.float32(0.5) ** (age / np.float32(HALF_LIFE_WEEKS)))


def drawn_mean(units: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return the weighted mean of past units (N x T), drawn to the mean of the last 26 weeks."""
    usual = units[:, -USUAL_WEEKS:].mean(axis=1)
    return np.asarray(((weight * units).sum(axis=1) + PRIOR_WEEKS * usual) / (weight.sum(axis=1) + PRIOR_WEEKS))


def expected_units(units: np.ndarray, display: np.ndarray, mailer: np.ndarray) -> np.ndarray:
    """Return what each week was expected to sell, from the weeks before it alone (N x T float32; the first week has no past: 0).

    Args:
        units: N x T.
        display: coverage, N x T or longer; NaN counts as none.
        mailer: likewise.
    """
    expected = np.zeros(units.shape, dtype=np.float32)
    display, mailer = np.nan_to_num(display[:, : units.shape[1]]), np.nan_to_num(mailer[:, : units.shape[1]])
    for week in range(1, units.shape[1]):
        weight = alike_weights(display[:, :week], mailer[:, :week], display[:, week], mailer[:, week])
        expected[:, week] = drawn_mean(units[:, :week], weight)
    return expected

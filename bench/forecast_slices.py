"""Slices of products that the forecast benchmark names beforehand: all are known at the origin."""

from collections.abc import Mapping

import numpy as np

from features.demand import DemandTransform
from features.demand_history import PROMOTED_COVERAGE
from features.demand_relations import has_stopped

__all__ = ["SLICES", "chosen_products", "slices_of"]

SHARE_OF_WEEKS, UNITS_A_WEEK, FIRST_WEEKS = 20 / 53, 60 / 53, 13
SLICES = (
    "own_and_substitutes_promoted",
    "substitute_stopped",
    "own_promoted",
    "not_promoted",
    "intermittent",
    "ten_units_a_week",
)
SUBSTITUTE = "isSubstituteFor"
LEAST_SHARE = 0.1
"""A neighbour counts as a substitute here when it is a tenth or more of a product's substitutes, by strength."""
RECENT_WEEKS = 13


def chosen_products(units: np.ndarray) -> np.ndarray:
    """Return the rows (int64) that sold often and enough in the weeks known (N x T), first within the first 13."""
    weeks = units.shape[1]
    enough = ((units > 0).sum(axis=1) >= SHARE_OF_WEEKS * weeks) & (units.sum(axis=1) >= UNITS_A_WEEK * weeks)
    return np.flatnonzero(enough & (units[:, :FIRST_WEEKS] > 0).any(axis=1))


def slices_of(transform: DemandTransform, rows: np.ndarray, horizons: int) -> Mapping[str, np.ndarray]:
    """Return the mask over `rows` of each slice, as it is known at the end of the transform's panel."""
    panel, known = transform.panel, transform.panel.week_count
    ahead = slice(known, known + horizons)
    covered = np.fmax(np.nan_to_num(panel.display[:, ahead]), np.nan_to_num(panel.mailer[:, ahead]))
    promoted = (covered >= PROMOTED_COVERAGE).any(axis=1)
    recent = panel.units[:, -RECENT_WEEKS:]
    stopped = has_stopped(panel, known)
    masks = {
        "own_promoted": promoted,
        "not_promoted": ~promoted,
        "intermittent": (recent == 0).mean(axis=1) > 0.5,
        "ten_units_a_week": recent.mean(axis=1) >= 10,
    }
    weights = transform.relations.latest.weights.get(SUBSTITUTE) if transform.relations is not None else None
    if weights is not None:
        strong = weights.copy()
        strong.data = (strong.data >= LEAST_SHARE).astype(np.float32)
        masks["own_and_substitutes_promoted"] = promoted & (strong @ promoted.astype(np.float32) > 0)
        masks["substitute_stopped"] = strong @ stopped.astype(np.float32) > 0
    return {name: np.asarray(mask)[rows] for name, mask in masks.items()}

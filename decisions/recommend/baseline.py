"""Orders without a model: what sells, what the household buys most often, and the same with older baskets fading."""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from features.recommend_transform import FEATURES

__all__ = ["BASELINE_FEATURES", "DECAYED_FREQUENCIES", "baseline_scores"]

BASELINE_FEATURES: Mapping[str, str] = MappingProxyType(
    {
        "popularity": "product_sold_28",
        "personal_frequency": "own_baskets",
        "decayed_frequency_95": "own_decay_95",
        "decayed_frequency_98": "own_decay_98",
        "decayed_frequency_90_days": "own_decay_days",
    }
)
"""Which figure orders the list, by system: baskets of everybody in 28 days, own baskets, own baskets with older ones fading."""
DECAYED_FREQUENCIES = ("decayed_frequency_95", "decayed_frequency_98", "decayed_frequency_90_days")


def baseline_scores(system: str, figures: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Return the score of each row of `figures` (columns: `FEATURES`)."""
    return np.asarray(figures[:, FEATURES.index(BASELINE_FEATURES[system])], dtype=np.float64)

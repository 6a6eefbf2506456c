"""Kinds of series, as they are known on the day of the forecast: each is served by what wins its own back-test.

A series is intermittent when more than half of its last 13 weeks were without a sale, fast when it sold ten units a week or more,
and steady otherwise. Neighbours have news for it when a substitute's sales have stopped, or when a substitute or a complement is
promoted in the weeks ahead: there they may tell something, elsewhere they are noise.
"""

import numpy as np

from features.demand import DemandTransform
from features.demand_neighbours import NEIGHBOUR_RELATIONS

__all__ = ["KINDS", "SEGMENTS", "kind_of", "segment_codes"]

KINDS = ("intermittent", "steady", "fast")
NEWS = ("quiet", "neighbour news")
SEGMENTS = tuple(f"{kind}, {news}" for news in NEWS for kind in KINDS)
RECENT_WEEKS = 13
FAST_UNITS = 10.0
INTERMITTENT = 0.5
TOLD_BY = tuple(f"{relation}_{signal}" for relation in NEIGHBOUR_RELATIONS[:2] for signal in ("stopped", "mailer", "display"))
LEAST_NEWS = 0.05
"""Of a product's neighbours, by their strength."""


def kind_of(segment: np.ndarray) -> np.ndarray:
    """Return the position in `KINDS` of series whose position in `SEGMENTS` is given."""
    return np.asarray(segment % len(KINDS))


def segment_codes(transform: DemandTransform, units: np.ndarray, features: np.ndarray | None) -> np.ndarray:
    """Return the position in `SEGMENTS` of each series (int64).

    Args:
        transform: names the features.
        units: series x past weeks.
        features: horizons x series x F of the weeks ahead; None, or without neighbours: there is no news.
    """
    recent = units[:, -RECENT_WEEKS:]
    kind = np.where((recent == 0).mean(axis=1) > INTERMITTENT, 0, np.where(recent.mean(axis=1) >= FAST_UNITS, 2, 1))
    news = np.zeros(len(units), dtype=bool)
    told = [] if features is None else [transform.names.index(name) for name in TOLD_BY if name in transform.names]
    if features is not None and told:
        news = (np.nan_to_num(features[:, :, told]) >= LEAST_NEWS).any(axis=(0, 2))
    return np.asarray(kind + len(KINDS) * news, dtype=np.int64)

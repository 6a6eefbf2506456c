"""The floors of the next basket: each ranks all products, not the candidates of the ranker they are compared with.

`popularity`: baskets of everybody in the 28 days before. `personal_frequency`: the household's baskets that held the product;
`decayed_frequency_…`: the same with older baskets fading, by .95 or .98 a basket or with a half-life of 90 days. Equal products
are ordered by the household's latest purchase, then by popularity, which also fills lists of households with few products.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from decisions.recommend.examples import outcomes
from decisions.recommend.scoring import ListQuality, list_quality
from features.recommend_population import best_sellers
from features.repertoire import FloatArray, IntArray, Origins, Purchases, history

__all__ = ["floor_qualities"]

POPULAR_DAYS = 28
POPULAR_LIMIT = 20
CHUNK = 1000
OWN_COLUMNS: Mapping[str, str | None] = {
    "popularity": None,
    "personal_frequency": "baskets",
    "decayed_frequency_95": "decay_95",
    "decayed_frequency_98": "decay_98",
    "decayed_frequency_90_days": "decay_days",
}


@dataclass(frozen=True, slots=True)
class _Lists:
    """Rows of own and popular products, sorted by origin and product."""

    origin: IntArray
    product: IntArray
    label: npt.NDArray[np.int8]
    scores: Mapping[str, FloatArray]


def floor_qualities(purchases: Purchases, origins: Origins, wanted: IntArray, k: int = 10) -> dict[str, ListQuality]:
    """Return the quality of each floor's list of `k`, one value per origin. `wanted` counts what each basket held."""
    parts = list(_chunks(purchases, origins))
    first = np.cumsum([0, *(CHUNK for _ in parts)])
    origin = np.concatenate([part.origin + first[place] for place, part in enumerate(parts)])
    product, label = (np.concatenate([getattr(part, name) for part in parts]) for name in ("product", "label"))
    scores = {name: np.concatenate([part.scores[name] for part in parts]) for name in OWN_COLUMNS}
    return {name: list_quality(origin, product, score, label, wanted, k) for name, score in scores.items()}


def _chunks(purchases: Purchases, origins: Origins) -> Iterator[_Lists]:
    for first in range(0, len(origins), CHUNK):
        yield _lists(purchases, origins.take(np.arange(first, min(first + CHUNK, len(origins)))))


def _lists(purchases: Purchases, origins: Origins) -> _Lists:
    products = purchases.products.items
    own = history(purchases, purchases.products, origins)
    own_key = own["origin"].astype(np.int64) * products + own["item"].astype(np.int64)
    popular = best_sellers(purchases, origins.facts_day, window_days=POPULAR_DAYS, limit=POPULAR_LIMIT)
    row, place = np.nonzero(popular >= 0)
    popular_key = row * products + popular[row, place]
    key = np.union1d(own_key, popular_key)
    popularity, latest = np.zeros(len(key)), np.zeros(len(key))
    popularity[np.searchsorted(key, popular_key)] = 1.0 - place / POPULAR_LIMIT
    own_at = np.searchsorted(key, own_key)
    latest[own_at] = 1.0 / (1.0 + own["baskets_since"].astype(np.float64))
    ties = (latest + popularity / CHUNK) / CHUNK**2
    scores = {"popularity": popularity}
    for name, column in OWN_COLUMNS.items():
        if column is not None:
            scores[name] = ties.copy()
            scores[name][own_at] += own[column].astype(np.float64)
    truth = outcomes(purchases, origins)
    label = np.isin(key, truth.origin * products + truth.product).astype(np.int8)
    return _Lists(key // products, key % products, label, scores)

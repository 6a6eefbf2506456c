"""Which products are worth ranking: the household's repertoire, what relations speak for, and what sells."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from features.recommend_relations import RELATION_COLUMNS, RelationEvidence
from features.recommend_transform import RHYTHM_COLUMNS, HouseholdKnowledge
from features.repertoire import IntArray

__all__ = ["SOURCES", "Candidates", "candidates_of", "top_by_origin"]

REPERTOIRE_LIMIT = 70
RELATION_LIMIT = 15
POPULAR_LIMIT = 15
SOURCES = ("repertoire", "basket_relations", "recent_relations", "popularity")
"""In the order of the bits of `Candidates.sources`."""
_DECAY = RHYTHM_COLUMNS.index("decay_98")
_TOTAL = RELATION_COLUMNS.index("total")


@dataclass(frozen=True, slots=True)
class Candidates:
    """One row per origin and product, sorted by both. `sources` has bit i set where `SOURCES[i]` brought the product."""

    origin: IntArray
    product: IntArray
    sources: npt.NDArray[np.uint8]


def candidates_of(
    knowledge: HouseholdKnowledge, relations: Mapping[str, RelationEvidence], popular: IntArray, products: int
) -> Candidates:
    """Return the candidates of each origin. `popular` (origins, any) holds best sellers, -1 for none."""
    own = knowledge.own
    bought, item = own.key // products, own.key % products
    kept = top_by_origin(bought, own.values[:-1, _DECAY], REPERTOIRE_LIMIT)
    parts = [(bought[kept], item[kept])]
    for hand in ("basket", "recent"):
        found = [relations[key] for key in sorted(relations) if key.startswith(hand)]
        origin = np.concatenate([evidence.origin for evidence in found])
        candidate = np.concatenate([evidence.candidate for evidence in found])
        best = top_by_origin(origin, np.concatenate([evidence.values[:, _TOTAL] for evidence in found]), RELATION_LIMIT)
        parts.append((origin[best], candidate[best]))
    sellers = popular[:, :POPULAR_LIMIT]
    row = np.repeat(np.arange(len(sellers)), sellers.shape[1])
    there = sellers.ravel() >= 0
    parts.append((row[there], sellers.ravel()[there]))
    return _merged(parts, products)


def top_by_origin(origin: IntArray, value: npt.NDArray[np.float32], limit: int) -> IntArray:
    """Return the rows with the `limit` largest values of each origin; ties keep the given order. `origin` in any order."""
    order = np.argsort((origin << 32) - _ordinal(value), kind="stable")
    ordered = origin[order]
    first = np.searchsorted(ordered, ordered)
    return np.asarray(order[np.arange(len(order)) - first < limit])


def _ordinal(value: npt.NDArray[np.float32]) -> IntArray:
    """Return integers of 32 bits in the order of the values: one sort by (origin, value) is then one of integers."""
    bits = np.ascontiguousarray(value, dtype=np.float32).view(np.int32)
    return np.asarray(bits ^ ((bits >> 31) & np.int32(0x7FFFFFFF)), dtype=np.int64)


def _merged(parts: list[tuple[IntArray, IntArray]], products: int) -> Candidates:
    key = np.concatenate([origin * products + product for origin, product in parts])
    bit = np.repeat(1 << np.arange(len(parts)), [len(origin) for origin, _ in parts]).astype(np.uint8)
    order = np.argsort(key, kind="stable")
    key, bit = key[order], bit[order]
    head = np.flatnonzero(np.r_[True, key[1:] != key[:-1]]) if len(key) else np.empty(0, np.int64)
    sources = np.bitwise_or.reduceat(bit, head) if len(key) else bit
    return Candidates(key[head] // products, key[head] % products, sources)

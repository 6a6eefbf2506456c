"""Factors: what moved a score, in its unit, with the figures that moved it most."""

from collections.abc import Sequence
from math import isnan

from decisions.recommend.contract import Factor, FactorValue
from decisions.recommend.model import MOVERS, Moved
from features.recommend_transform import FEATURES, GROUPS

__all__ = ["FACTOR_WORDS", "factors_of", "one_factor"]

FACTOR_WORDS = {
    "habit": "how the household shops, and how it bought this product",
    "rhythm": "how often the household buys products of this kind",
    "popularity": "how well the product sells and is bought again",
    "promotion": "what is promoted, and what was sold for less of late",
    "relations": "which products go with the basket and the latest purchases",
    "companions": "what lies in the same baskets as what is in hand",
    "taste": "what households with like baskets buy",
    "trend": "how its sales grow",
}


def factors_of(moved: Moved, row: int) -> tuple[Factor, ...]:
    """Return the factors of a row that brought anything, those that weigh most first."""
    features, figures, shares = moved.feature[row].tolist(), moved.figure[row].tolist(), moved.share[row].tolist()
    factors = []
    for group, brought in enumerate(moved.brought[row].tolist()):
        if not brought:
            continue
        first, last = group * MOVERS, (group + 1) * MOVERS
        told = zip(features[first:last], figures[first:last], shares[first:last], strict=True)
        # a figure that is not known is NaN, which no answer can hold
        values = [
            FactorValue(FEATURES[feature], None if isnan(figure) else figure, share)
            for feature, figure, share in told
            if feature >= 0 and share
        ]
        factors.append(Factor(GROUPS[group], FACTOR_WORDS[GROUPS[group]], brought, tuple(values)))
    factors.sort(key=lambda one: -abs(one.contribution))
    return tuple(factors)


def one_factor(name: str, contribution: float, values: Sequence[FactorValue] = ()) -> tuple[Factor, ...]:
    """Return the one factor of a score that rests on one thing alone; none where it brought nothing."""
    return (Factor(name, FACTOR_WORDS[name], contribution, tuple(values)),) if contribution else ()

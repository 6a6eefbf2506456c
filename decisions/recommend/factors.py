"""Factors: what moved a score, in its unit, with the figures that moved it most."""

from collections.abc import Sequence
from math import isnan

from decisions.recommend.contract import Factor, FactorValue
from decisions.recommend.model import MOVERS, Moved
from features.recommend_transform import FEATURES, GROUPS

__all__ = ["FACTOR_WORDS", "factors_of", "one_factor"]

DIGITS = 6
"""Of figures that are told; contributions are told whole, so that they sum to the score."""
FACTOR_WORDS = {
    "habit": "how the household shops, and how it bought this product",
    "rhythm": "how often the household buys products of this kind",
    "popularity": "how well the product sells and is bought again",
    "promotion": "what is promoted, and what was sold for less of late",
    "relations": "which products go with the basket and the latest purchases",
    "taste": "what households with like baskets buy",
    "trend": "how its sales grow",
}


def factors_of(moved: Moved, row: int) -> tuple[Factor, ...]:
    """Return the factors of a row that brought anything, those that weigh most first."""
    features, figures, shares = (part[row].tolist() for part in (moved.feature, moved.figure, moved.share))
    factors = []
    for group, brought in enumerate(moved.brought[row].tolist()):
        if not brought:
            continue
        places = range(group * MOVERS, (group + 1) * MOVERS)
        values = [
            _value(features[place], figures[place], shares[place]) for place in places if features[place] >= 0 and shares[place]
        ]
        factors.append(Factor(GROUPS[group], FACTOR_WORDS[GROUPS[group]], brought, tuple(values)))
    factors.sort(key=lambda one: -abs(one.contribution))
    return tuple(factors)


def one_factor(name: str, contribution: float, values: Sequence[FactorValue] = ()) -> tuple[Factor, ...]:
    """Return the one factor of a score that rests on one thing alone; none where it brought nothing."""
    return (Factor(name, FACTOR_WORDS[name], contribution, tuple(values)),) if contribution else ()


def _value(feature: int, figure: float, share: float) -> FactorValue:
    # a figure that is not known is NaN, which no answer can hold
    return FactorValue(FEATURES[feature], None if isnan(figure) else round(figure, DIGITS), round(share, DIGITS))

"""What every rule of recommendations reads and gives: a question, a mask of products, and a check with its proof."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Protocol

import numpy as np
import numpy.typing as npt

from decisions.recommend.contract import NO_CONSTRAINTS, Constraints, RuleCheck
from decisions.recommend.live import NOTHING_SINCE, LiveFacts
from features.repertoire import IntArray

__all__ = ["NO_ROWS", "USUAL_SETTINGS", "EligibilityAsk", "EligibilitySettings", "Kept", "Mask", "Rule"]

Mask = npt.NDArray[np.bool_]
KEPT_MASKS, KEPT_BYTES = 512, 8_000_000
"""Masks kept by each rule, and how many bytes of them at most: of 68,000 products some 120 masks."""
NO_ROWS: IntArray = np.empty(0, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class EligibilitySettings:
    """The retailer's own bounds. Stock that is older than `stock_age_days` is unknown where a request does not say more."""

    stock_age_days: int = 14


USUAL_SETTINGS = EligibilitySettings()


@dataclass(frozen=True, slots=True, eq=False)
class EligibilityAsk:
    """What the rules depend on in one request. Store, basket and exclusions are positions in the features.

    Args:
        store: where; None (or -1) where it is not known.
        constraints: what the caller asks for.
        live: what happened since the release.
        stands_in_for: the id of the product that suggestions are to replace, as on `Surface.ITEM`; None where nothing is
            replaced. It may be one that was never sold.
        basket, excluded: what must not come again.
    """

    store: int | None = None
    constraints: Constraints = NO_CONSTRAINTS
    live: LiveFacts = NOTHING_SINCE
    stands_in_for: str | None = None
    basket: IntArray = field(default_factory=lambda: NO_ROWS)
    excluded: IntArray = field(default_factory=lambda: NO_ROWS)

    @property
    def place(self) -> int:
        """The store's position, -1 for none."""
        return -1 if self.store is None else self.store


class Rule(Protocol):
    """One rule by its public name. `check` passes exactly where `closed` is False.

    A rule is `standing` where it depends on the place, the constraints and what is replaced alone.
    """

    name: str
    standing: bool

    def asked(self, ask: EligibilityAsk) -> bool:
        """Return whether the constraints (or what is replaced) ask for this rule, beyond what always holds."""
        ...

    def closed(self, ask: EligibilityAsk) -> Mask:
        """Return which products the rule keeps out. The array is shared: it is not written to."""
        ...

    def check(self, ask: EligibilityAsk, product: int) -> RuleCheck:
        """Return the rule held against one product, with what was read."""
        ...


class Kept:
    """Masks kept by all that they were computed from: what is not in the key cannot have counted."""

    def __init__(self, compute: Callable[..., Mask], products: int) -> None:
        self._masks = lru_cache(max(1, min(KEPT_MASKS, KEPT_BYTES // max(products, 1))))(compute)

    def mask(self, *key: Hashable) -> Mask:
        return self._masks(*key)

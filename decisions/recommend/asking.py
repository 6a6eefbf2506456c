"""A request by position: who, what is in hand, where, and which products are open to be suggested."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from decisions.recommend.contract import RecommendationRequest
from decisions.recommend.live import LiveFacts
from features.repertoire import IntArray

__all__ = ["Asked"]


@dataclass(frozen=True, slots=True)
class Asked:
    """What every surface reads of a request.

    Args:
        request: as it was asked.
        household: position of a household with purchases whose habits may be used; None for nobody.
        basket: ascending positions of what lies in the basket or the session's cart.
        hand: of the basket and of what the session looked at.
        store: position of the store; None where none is known.
        live: what happened since the release.
        open: by product, whether every rule lets it be suggested here.
    """

    request: RecommendationRequest
    household: int | None
    basket: IntArray
    hand: IntArray
    store: int | None
    live: LiveFacts
    open: npt.NDArray[np.bool_]

    @property
    def open_products(self) -> IntArray:
        """The ascending positions of the products that may be suggested."""
        return np.flatnonzero(self.open)

"""A request by position: who, what is in hand, where, and which products are open to be suggested."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from decisions.recommend.contract import RecommendationRequest
from decisions.recommend.eligibility import Openness
from decisions.recommend.live import LiveFacts
from features.repertoire import IntArray

__all__ = ["Asked"]


@dataclass(frozen=True, slots=True)
class Asked:
    """What every surface reads of a request.

    Args:
        request: as it was asked.
        household: position of a household with purchases whose habits may be used; None for nobody.
        hand: ascending positions of what lies in the basket or the session's cart, and of what the session looked at.
        store: position of the store; None where none is known.
        live: what happened since the release.
        openness: which products the rules let be suggested here, and which rule keeps out which.
        open: by product, whether it may be suggested on this surface.
        replaces: whether the product of the request is not to be had, so that suggestions stand in for it.
        cause: why the household's habits may not be used; "" where they may or none was named.
    """

    request: RecommendationRequest
    household: int | None
    hand: IntArray
    store: int | None
    live: LiveFacts
    openness: Openness
    open: npt.NDArray[np.bool_]
    replaces: bool = False
    cause: str = ""

    @property
    def open_products(self) -> IntArray:
        """The ascending positions of the products that may be suggested."""
        return np.flatnonzero(self.open)

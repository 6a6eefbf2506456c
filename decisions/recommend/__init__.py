"""What to recommend to a household, beside a basket, or to anybody: ranked products with the paths they rest on."""

from decisions.recommend.contract import RecommendationAnswer, RecommendationRequest, RecommendedProduct
from decisions.recommend.errors import (
    BasketTooLarge,
    LimitOutOfRange,
    NothingSold,
    OtherDay,
    RecommendationArtefactError,
    RecommendationError,
    UnknownHousehold,
    UnknownProducts,
    UnknownStore,
)
from decisions.recommend.fitting import fit
from decisions.recommend.service import RecommendService

__all__ = [
    "BasketTooLarge",
    "LimitOutOfRange",
    "NothingSold",
    "OtherDay",
    "RecommendService",
    "RecommendationAnswer",
    "RecommendationArtefactError",
    "RecommendationError",
    "RecommendationRequest",
    "RecommendedProduct",
    "UnknownHousehold",
    "UnknownProducts",
    "UnknownStore",
    "fit",
]

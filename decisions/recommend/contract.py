"""Recommendations for a household, for a basket, or for both."""

from dataclasses import dataclass
from datetime import date

from decisions.envelope import Degradation, Explanation

__all__ = ["RecommendationAnswer", "RecommendationRequest", "RecommendedProduct"]


@dataclass(frozen=True, slots=True)
class RecommendationRequest:
    """At least one of `household_id` and `basket` is given, or the answer is what sells. `limit` 1 to 100."""

    household_id: str | None = None
    basket: tuple[str, ...] = ()
    store_id: str | None = None
    limit: int = 10
    as_of: date | None = None


@dataclass(frozen=True, slots=True)
class RecommendedProduct:
    """One suggestion. `score` orders the list; `sources` names the candidate sources that brought it."""

    product_id: str
    rank: int
    score: float
    sources: tuple[str, ...]
    explanation: Explanation


@dataclass(frozen=True, slots=True)
class RecommendationAnswer:
    """The list, which system ordered it (`shelfgraph`, or the baseline that won), and why it is less than it could be."""

    as_of: date
    system: str
    items: tuple[RecommendedProduct, ...]
    degraded: Degradation | None = None

"""What sells more than it used to: this week against the three before, in a store against the two months before.

The score is the lower end of a one-sided 90 % interval of the growth in square-root units (Anscombe's transform makes counts
of any size vary alike), so that three sales after one are no trend. What does not grow for sure has no place.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np

from decisions.recommend.asking import Asked
from decisions.recommend.contract import FactorValue, RecommendationExplanation
from decisions.recommend.customer_text import CustomerReason, customer_text
from decisions.recommend.factors import one_factor
from decisions.recommend.shelf import Shelf
from decisions.recommend.suggestions import Suggestion, Told
from features.recommend_population import PRODUCT_COLUMNS, STORE_COLUMNS
from features.recommend_tables import ServingFeatures
from features.repertoire import FloatArray, IntArray

__all__ = ["TRENDING", "Trend", "TrendLists", "best", "trend_of", "trends"]

TRENDING = "trending"
"""The name of the system."""

KEPT_TRENDS = 512

QUANTILE_90 = 1.2816
"""Of the standard normal distribution."""
ANSCOMBE = 3 / 8
_WEEK, _MONTH = (PRODUCT_COLUMNS.index(name) for name in ("sold_7", "sold_28"))
_STORE_MONTH, _STORE_QUARTER = (STORE_COLUMNS.index(name) for name in ("store_sold_28", "store_sold_91"))


@dataclass(frozen=True, slots=True)
class Trend:
    """By product: the growth's lower end (0 and below: no trend), baskets of late, and as many days' worth of those before."""

    growth: FloatArray
    lately: FloatArray
    before: FloatArray
    days: int


def trends(features: ServingFeatures, store: int | None) -> Trend:
    """Return the trend of every product in the chain, or in a store (position) by its own sales."""
    products = np.arange(len(features.product_ids))
    if store is None:
        facts = features.population.products(products, products).astype(np.float64)
        return trend_of(facts[:, _WEEK], facts[:, _MONTH] - facts[:, _WEEK], days=7, days_before=21)
    here = features.population.stores(np.full(len(products), store), products, products).astype(np.float64)
    return trend_of(here[:, _STORE_MONTH], here[:, _STORE_QUARTER] - here[:, _STORE_MONTH], days=28, days_before=63)


def trend_of(lately: FloatArray, before: FloatArray, *, days: int, days_before: int) -> Trend:
    """Return the trend of products that lay in so many baskets `lately`, and in the `days_before` before those `days`."""
    share = days / days_before
    # both variances are a quarter; the earlier count is scaled by the share of days
    deviation = 0.5 * np.sqrt(1.0 + share)
    growth = np.sqrt(lately + ANSCOMBE) - np.sqrt(share * (before + ANSCOMBE)) - QUANTILE_90 * deviation
    return Trend(growth, lately, share * before, days)


def best(trend: Trend, open_products: IntArray, limit: int) -> IntArray:
    """Return the products with the surest growth, best first; none that does not grow."""
    grows = open_products[trend.growth[open_products] > 0]
    return np.asarray(grows[np.lexsort((grows, -trend.growth[grows]))][:limit])


class TrendLists:
    """Suggestions of what grows, in the store where it can be told there, in the chain otherwise."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._of_store = lru_cache(KEPT_TRENDS)(partial(trends, shelf.features))

    def suggestions(self, asked: Asked, limit: int) -> list[Suggestion]:
        """Return at most `limit` open products with the surest growth: those of the store first, then those of the chain."""
        stores = (asked.store, None) if asked.store is not None else (None,)
        return [one for store in stores for one in self._of(store, asked, limit)]

    def _of(self, store: int | None, asked: Asked, limit: int) -> Iterator[Suggestion]:
        trend = self._of_store(store)
        for product in best(trend, asked.open_products, limit).tolist():
            yield Suggestion(
                product=product,
                score=float(trend.growth[product]),
                kind="trend",
                sources=("trend_in_store" if store is not None else "trend",),
                tell=partial(self._told, product, trend, in_store=store is not None),
            )

    def _told(self, product: int, trend: Trend, *, in_store: bool) -> Told:
        name = self._shelf.view.product(product).display_name
        where = "in this store" if in_store else "in all stores"
        text = (
            f"{name}: in {trend.lately[product]:.0f} baskets of the last {trend.days} days {where}, "
            f"after {trend.before[product]:.1f} in as many days before."
        )
        growth = float(trend.growth[product])
        values = [FactorValue(f"baskets_{trend.days}_days", float(trend.lately[product]), growth)]
        explanation = RecommendationExplanation(text, (), one_factor("trend", growth, values))
        return Told(explanation, customer_text(CustomerReason.GROWING, name))

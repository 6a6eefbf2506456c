"""Why the ranker of discovery listed a product: the groups of figures that brought something, as factors.

Their contributions sum to the score less what every score starts from. No path is cited: what a deletion would do to the score
was not measured, and most of these groups (tastes, affinities, sales) are no edges. The sentence says which weighed most.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from decisions.recommend.contract import Factor, RecommendationExplanation
from decisions.recommend.customer_text import CustomerReason, customer_text
from decisions.recommend.graph_view import GraphView
from decisions.recommend.suggestions import Told
from features.discovery_candidates import GROUPS, SOURCES

__all__ = ["DiscoveryExplainer", "named_by"]

SPOKEN: Mapping[str, str] = {
    "tastes": "households with like baskets buy it",
    "affinity": "the household turns to such products",
    "popularity": "it sells well, or finds new buyers fast",
    "price": "its price is what the household is used to",
    "household": "it suits households that shop as much",
    "relations": "it goes with, or can replace, what the household bought",
    "needs": "it serves a need that the household shops for",
    "network": "it lies near what the household bought",
    "promotions": "it is promoted this week",
    "promoted_tastes": "the week's mailer has it, and households with like baskets buy it",
}
REASONS: Mapping[str, CustomerReason] = {
    "popularity": CustomerReason.POPULAR,
    "promotions": CustomerReason.ON_OFFER,
    "promoted_tastes": CustomerReason.ON_OFFER,
}
"""What a customer is told of a group; of all others, that the product fits."""


class DiscoveryExplainer:
    """Explains products that the ranker listed."""

    def __init__(self, view: GraphView) -> None:
        self._view = view

    def told(self, product: int, brought: npt.NDArray[np.float64]) -> Told:
        """Return sentence, factors and the customer's sentence. `brought`: by `GROUPS`."""
        name, promotion = self._view.product(product).display_name, self._view.promotion(product)
        most = GROUPS[int(np.argmax(brought))]
        text = f"{name} was never bought by the household; {SPOKEN[most]}."
        factors = [
            Factor(group, SPOKEN[group], value, ()) for group, value in zip(GROUPS, brought.tolist(), strict=True) if value
        ]
        factors.sort(key=lambda one: -abs(one.contribution))
        reason = REASONS.get(most, CustomerReason.TASTE)
        if reason is CustomerReason.ON_OFFER and not promotion:
            # what the graph does not hold is not promised to a customer
            reason = CustomerReason.TASTE
        return Told(RecommendationExplanation(text, (), tuple(factors)), customer_text(reason, name))


def named_by(bits: int) -> tuple[str, ...]:
    """Return the sources that named a product."""
    return tuple(name for place, name in enumerate(SOURCES) if bits >> place & 1)

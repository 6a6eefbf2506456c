"""Why the ranker of discovery listed a product: what each group of figures brought, on the path that shows it.

Promotions bring theirs to the promotion. Tastes, affinities and sales are no edges: they are brought by the product's place in
the catalogue, and the sentence says which of them weighed most. Contributions sum to the score less what every score starts from.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from decisions.envelope import Explanation, ExplanationPath
from decisions.recommend.customer_text import CustomerReason, customer_text
from decisions.recommend.graph_view import GraphView
from decisions.recommend.suggestions import Told
from features.discovery_candidates import GROUPS, SOURCES

__all__ = ["DiscoveryExplainer", "named_by"]

PROMOTED = np.isin(GROUPS, ("promotions", "promoted_tastes"))
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
        """Return sentence, paths and the customer's sentence. `brought`: by `GROUPS`."""
        name, promotion = self._view.product(product).display_name, self._view.promotion(product)
        most = GROUPS[int(np.argmax(brought))]
        text = f"{name} was never bought by the household; {SPOKEN[most]}."
        promoted = float(brought[PROMOTED].sum()) if promotion else 0.0
        paths = [ExplanationPath(self._view.category(product), float(brought.sum()) - promoted)]
        if promoted:
            paths.append(ExplanationPath(promotion, promoted))
        paths.sort(key=lambda path: -abs(path.contribution))
        reason = REASONS.get(most, CustomerReason.TASTE)
        if reason is CustomerReason.ON_OFFER and not promotion:
            # what the graph does not hold is not promised to a customer
            reason = CustomerReason.TASTE
        return Told(Explanation(text, tuple(paths)), customer_text(reason, name))


def named_by(bits: int) -> tuple[str, ...]:
    """Return the sources that named a product."""
    return tuple(name for place, name in enumerate(SOURCES) if bits >> place & 1)

"""What a household never bought, or what nobody has in hand: as the system that won its back-test orders it, varied, explained.

Where the ranker won, its stored list answers, and shared tastes are the step below: they are computed when a basket or rules
leave too little of the list. Where it did not, tastes are all there is.
"""

from functools import partial

import numpy as np

from decisions.envelope import Explanation, ExplanationPath
from decisions.recommend.asking import Asked
from decisions.recommend.bounds import Bounds
from decisions.recommend.customer_text import CustomerReason, customer_text
from decisions.recommend.discovery import DISCOVERY_SOURCES, DISCOVERY_SYSTEM, Discovery
from decisions.recommend.discovery_explain import DiscoveryExplainer, named_by
from decisions.recommend.discovery_lists import LONGEST, PLACES, StoredDiscoveries
from decisions.recommend.shelf import Shelf
from decisions.recommend.suggestions import Suggestion, Told
from features.repertoire import FloatArray, IntArray

__all__ = ["DiscoverLists"]

ENOUGH = 110
"""Open products of a stored list from which on it answers: a hundred places and ten to vary them."""


class DiscoverLists:
    """Suggestions of what is new, at most a few alike in ten places, none before too many households.

    Args:
        shelf: the release's products and households.
        discovery: ranks by tastes.
        bounds: what may stand together.
        stored: every household's list, as it was computed in training.
        system: the name of what ordered the stored lists.
        base_score: what every score of that system starts from.
    """

    def __init__(
        self,
        shelf: Shelf,
        discovery: Discovery,
        bounds: Bounds,
        stored: StoredDiscoveries,
        system: str = DISCOVERY_SYSTEM,
        base_score: float = 0.0,
    ) -> None:
        self._shelf = shelf
        self._discovery = discovery
        self._bounds = bounds
        self._stored = stored
        self._base = base_score
        self._explainer = DiscoveryExplainer(shelf.view)
        self.system = system

    def suggestions(self, asked: Asked, limit: int) -> list[Suggestion]:
        """Return at most `limit` open products that the household never bought; beside a basket, for nobody known."""
        return self.ranked(asked, limit) or self.by_taste(asked, limit)

    def ranks(self, asked: Asked) -> bool:
        """Whether the ranker's list answers: there is one for the household, and enough of it is open."""
        return (
            self.system != DISCOVERY_SYSTEM and asked.household is not None and self._listed(asked, asked.household) is not None
        )

    def ranked(self, asked: Asked, limit: int) -> list[Suggestion]:
        """Return what the ranker listed for the household; nothing where it does not answer (`ranks`)."""
        rows = None if asked.household is None or not self.ranks(asked) else self._listed(asked, asked.household)
        if rows is None:
            return []
        row_of = dict(zip(self._stored.product[rows].tolist(), rows.tolist(), strict=True))
        return [self._from_list(row_of[one]) for one in self._varied(asked, self._stored.product[rows], limit)]

    def by_taste(self, asked: Asked, limit: int) -> list[Suggestion]:
        """Return the nearest by shared tastes."""
        product, score = self._nearest(asked)
        of = dict(zip(product.tolist(), score.tolist(), strict=True))
        return [self._by_taste(one, of[one], personal=asked.household is not None) for one in self._varied(asked, product, limit)]

    def _varied(self, asked: Asked, product: IntArray, limit: int) -> list[int]:
        if asked.household is not None:
            product = self._bounds.spread(product, str(asked.request.household_id))
        # whole tens are varied, so that a longer list begins with the shorter one
        order: list[int] = self._bounds.apply(product, -(-limit // PLACES) * PLACES)[:limit].tolist()
        return order

    def _listed(self, asked: Asked, household: int) -> IntArray | None:
        """Return the rows of the stored list that are open, or None where too few are; that depends on no limit."""
        rows = self._stored.of(household)
        there = self._stored.product[rows]
        kept = rows[asked.open[there] & ~np.isin(there, asked.hand)]
        return kept if len(rows) < LONGEST or len(kept) >= ENOUGH else None

    def _nearest(self, asked: Asked) -> tuple[IntArray, FloatArray]:
        """Return the open products that please most."""
        if asked.household is None:
            return self._discovery.nearest_to_basket(asked.hand, asked.open, LONGEST)
        if self.system == DISCOVERY_SYSTEM and not len(asked.hand):
            rows = self._listed(asked, asked.household)
            if rows is not None:
                return self._stored.product[rows], self._stored.score[rows]
        return self._discovery.nearest(asked.household, asked.hand, asked.open, LONGEST)

    def _from_list(self, row: int) -> Suggestion:
        return Suggestion(
            product=int(self._stored.product[row]),
            score=float(self._stored.score[row]),
            kind="discovery",
            sources=named_by(int(self._stored.sources[row])),
            tell=partial(self._explainer.told, int(self._stored.product[row]), self._stored.brought[row]),
            base_score=self._base,
        )

    def _by_taste(self, product: int, score: float, *, personal: bool) -> Suggestion:
        return Suggestion(
            product=product,
            score=score,
            kind="discovery",
            sources=DISCOVERY_SOURCES,
            tell=partial(self._told, product, score, personal=personal),
        )

    def _told(self, product: int, score: float, *, personal: bool) -> Told:
        """The score is a taste, which no edge shows: it is told with the product's place in the catalogue."""
        name = self._shelf.view.product(product).display_name
        to_whom = "was never bought by the household" if personal else "does not lie in the basket"
        text = f"{name} {to_whom}; households with like baskets buy it."
        reason = CustomerReason.TASTE if personal else CustomerReason.TASTE_OF_BASKET
        path = ExplanationPath(self._shelf.view.category(product), score)
        return Told(Explanation(text, (path,)), customer_text(reason, name))

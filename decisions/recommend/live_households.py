"""What is known of the household of a request, what it bought since the release included."""

from collections.abc import Sequence

from decisions.recommend.asking import Asked
from decisions.recommend.live import LivePurchase
from decisions.recommend.shelf import Shelf
from features.recommend_live import HouseholdBaskets, LiveBasket, live_basket, with_live
from features.recommend_transform import HouseholdKnowledge
from features.repertoire import day_number

__all__ = ["LiveHouseholds"]

CHAIN = 0
"""The store of who never said where: any, since a household without purchases knows none."""


class LiveHouseholds:
    """Knowledge of households by the transform of training and serving.

    Args:
        shelf: the release's products and households.
        baskets: every basket of every household in the release.
    """

    def __init__(self, shelf: Shelf, baskets: HouseholdBaskets) -> None:
        self._shelf = shelf
        self._baskets = baskets

    def bought(self, purchases: Sequence[LivePurchase], household: int | None) -> tuple[LiveBasket, ...]:
        """Return what a household (position; None for one without purchases in the release) bought since, oldest first."""
        usual = CHAIN if household is None else int(self._shelf.features.knowledge.store[household])
        found = (self._encoded(one, usual) for one in purchases)
        return tuple(basket for basket in found if len(basket.items))

    def knowledge(self, asked: Asked) -> HouseholdKnowledge:
        """Return what is known of the request's household, as origin 0, about a basket in its store.

        What was bought since counts as it would in a release of the day after the last of it.
        """
        stored = self._shelf.features.knowledge
        store = asked.store
        if store is None:
            store = CHAIN if asked.household is None else int(stored.store[asked.household])
        if asked.household is not None and not asked.bought:
            return stored.of(asked.household, store)
        day = max(int(stored.day.max(initial=0)), *(basket.day + 1 for basket in asked.bought))
        return with_live(stored, self._baskets, asked.household, asked.bought, day=day, store=store)

    def _encoded(self, purchase: LivePurchase, usual: int) -> LiveBasket:
        shelf = self._shelf
        store = usual if purchase.store_id is None else shelf.store.get(purchase.store_id, usual)
        units = dict(zip(purchase.product_ids, purchase.units, strict=True))
        return live_basket(shelf.product, units, day=day_number(purchase.day), store=store)

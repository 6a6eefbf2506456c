"""Sentences that may be shown to a customer: display names of products and plain words, nothing else.

No sentence has a place for a number, a person, a store's figures or a supplier, so none can say them.
"""

from collections.abc import Collection
from enum import StrEnum

from decisions.envelope import Explanation

__all__ = ["CustomerReason", "customer_reason", "customer_text"]


class CustomerReason(StrEnum):
    """Why a product is suggested, as far as a customer is told."""

    BOUGHT_BEFORE = "bought_before"
    WITH_BASKET = "with_basket"
    WITH_BOUGHT = "with_bought"
    ON_OFFER = "on_offer"
    POPULAR = "popular"
    TASTE = "taste"
    TASTE_OF_BASKET = "taste_of_basket"
    GROWING = "growing"
    REPLACES = "replaces"
    GOES_WITH = "goes_with"
    OFTEN_WITH = "often_with"


_SENTENCES = {
    CustomerReason.BOUGHT_BEFORE: "You have bought {name} before, and it may be time for it again.",
    CustomerReason.WITH_BASKET: "{name} goes with {other} in your basket.",
    CustomerReason.WITH_BOUGHT: "{name} goes with {other}, which you bought lately.",
    CustomerReason.ON_OFFER: "{name} is on offer this week.",
    CustomerReason.POPULAR: "{name} is bought by many.",
    CustomerReason.TASTE: "{name} is new for you, and fits what you like to buy.",
    CustomerReason.TASTE_OF_BASKET: "{name} fits what is in your basket.",
    CustomerReason.GROWING: "{name} is bought more and more lately.",
    CustomerReason.REPLACES: "{name} can take the place of {other}.",
    CustomerReason.GOES_WITH: "{name} goes with {other}.",
    CustomerReason.OFTEN_WITH: "{name} is often bought with {other}.",
}


def customer_text(reason: CustomerReason, name: str, other: str = "") -> str:
    """Return the sentence.

    Args:
        reason: which sentence.
        name: the display name of the suggested product.
        other: that of the product it goes with, or replaces.
    """
    return _SENTENCES[reason].format(name=name, other=other)


def customer_reason(explanation: Explanation, product_id: str, basket: Collection[str]) -> tuple[CustomerReason, str]:
    """Return the reason that the path which raised the score most gives, and the name of the other product it is about.

    A path that says nothing a customer may read (the rhythm of a kind of product, by another product) is passed over.

    Args:
        explanation: its paths, those that weigh most first.
        product_id: what is suggested.
        basket: ids of what lies in the basket.
    """
    for path in explanation.paths:
        last = path.hops[-1] if path.hops else None
        if last is None or path.contribution <= 0:
            continue
        if last.relation == "promotes":
            return CustomerReason.ON_OFFER, ""
        if last.relation in {"isBoughtWith", "isComplementTo"}:
            other = last.source if last.target.id == product_id else last.target
            return CustomerReason.WITH_BASKET if other.id in basket else CustomerReason.WITH_BOUGHT, other.display_name
        if last.relation == "contains" and last.target.id == product_id:
            return CustomerReason.BOUGHT_BEFORE, ""
    return CustomerReason.POPULAR, ""

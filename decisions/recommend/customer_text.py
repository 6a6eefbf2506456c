"""Sentences that may be shown to a customer: display names of products and plain words, nothing else.

No sentence has a place for a number, a person, a store's figures or a supplier, so none can say them.
"""

from enum import StrEnum

from decisions.recommend.contract import RecommendationExplanation

__all__ = ["CustomerReason", "customer_reason", "customer_text"]


class CustomerReason(StrEnum):
    """Why a product is suggested, as far as a customer is told."""

    BOUGHT_BEFORE = "bought_before"
    WITH_BASKET = "with_basket"
    WITH_BOUGHT = "with_bought"
    ON_OFFER = "on_offer"
    POPULAR = "popular"
    NEW_FOR_YOU = "new_for_you"
    REPLACES = "replaces"


_SENTENCES = {
    CustomerReason.BOUGHT_BEFORE: "You have bought {name} before, and it may be time for it again.",
    CustomerReason.WITH_BASKET: "{name} goes with {other} in your basket.",
    CustomerReason.WITH_BOUGHT: "{name} goes with {other}, which you bought lately.",
    CustomerReason.ON_OFFER: "{name} is on offer this week.",
    CustomerReason.POPULAR: "{name} is popular in your store.",
    CustomerReason.NEW_FOR_YOU: "{name} is new for you: it is often bought with {other}.",
    CustomerReason.REPLACES: "{name} can take the place of {other}, which is not available.",
}
_NEEDS_OTHER = {reason for reason, sentence in _SENTENCES.items() if "{other}" in sentence}


def customer_text(reason: CustomerReason, name: str, other: str = "") -> str:
    """Return the sentence. Where the reason is about another product and none is named, the product is called popular.

    Args:
        reason: which sentence.
        name: the display name of the suggested product.
        other: that of the product it goes with, or replaces.
    """
    if reason in _NEEDS_OTHER and not other:
        reason = CustomerReason.POPULAR
    return _SENTENCES[reason].format(name=name, other=other)


def customer_reason(
    explanation: RecommendationExplanation, product_id: str, basket: tuple[str, ...]
) -> tuple[CustomerReason, str]:
    """Return the reason that the strongest cited path gives, and the display name of the other product it is about.

    A path that says nothing a customer may read (the rhythm of a kind of product, by another product) is passed over.

    Args:
        explanation: cites the paths, strongest first.
        product_id: what is suggested.
        basket: ids of what lies in the basket.
    """
    for path in explanation.paths:
        last = path.hops[-1]
        if last.relation == "promotes":
            return CustomerReason.ON_OFFER, ""
        if last.relation in {"isBoughtWith", "isComplementTo"}:
            other = last.source if last.target.id == product_id else last.target
            held = other.id in basket
            return (CustomerReason.WITH_BASKET if held else CustomerReason.WITH_BOUGHT), other.display_name
        if last.relation == "contains" and last.target.id == product_id:
            return CustomerReason.BOUGHT_BEFORE, ""
    return CustomerReason.POPULAR, ""

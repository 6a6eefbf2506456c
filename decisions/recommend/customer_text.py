"""Sentences that may be shown to a customer: display names of products and plain words, nothing else.

No sentence has a place for a number, a person, a store's figures or a supplier, so none can say them.
"""

from collections.abc import Collection
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
    TASTE = "taste"
    TASTE_OF_BASKET = "taste_of_basket"
    GROWING = "growing"
    REPLACES = "replaces"
    GOES_WITH = "goes_with"
    OFTEN_WITH = "often_with"
    OF_A_KIND = "of_a_kind"
    FITS = "fits"
    SUGGESTED = "suggested"


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
    CustomerReason.OF_A_KIND: "{name} is of a kind that you buy.",
    CustomerReason.FITS: "{name} fits how you shop.",
    CustomerReason.SUGGESTED: "Have a look at {name}.",
}


_REASON_OF_FACTOR = {
    "habit": CustomerReason.FITS,
    "rhythm": CustomerReason.OF_A_KIND,
    "popularity": CustomerReason.POPULAR,
}


def customer_text(reason: CustomerReason, name: str, other: str = "") -> str:
    """Return the sentence.

    Args:
        reason: which sentence.
        name: the display name of the suggested product.
        other: that of the product it goes with, or replaces.
    """
    return _SENTENCES[reason].format(name=name, other=other)


def customer_reason(
    explanation: RecommendationExplanation, product_id: str, basket: Collection[str]
) -> tuple[CustomerReason, str]:
    """Return the reason that the first cited path gives, and the name of the other product it is about.

    Where nothing is cited, the factor that raised the score most gives it.

    Args:
        explanation: its paths, those that weigh most first.
        product_id: what is suggested.
        basket: ids of what lies in the basket.
    """
    for path in explanation.paths:
        last = path.hops[-1]
        if last.relation in {"isBoughtWith", "isComplementTo"}:
            other = last.source if last.target.id == product_id else last.target
            return CustomerReason.WITH_BASKET if other.id in basket else CustomerReason.WITH_BOUGHT, other.display_name
        if last.relation == "promotes":
            return CustomerReason.ON_OFFER, ""
        itself = any(hop.relation == "contains" and hop.target.id == product_id for hop in path.hops)
        return CustomerReason.BOUGHT_BEFORE if itself else CustomerReason.OF_A_KIND, ""
    lead = next((one.name for one in explanation.factors if one.contribution > 0), "")
    return _REASON_OF_FACTOR.get(lead, CustomerReason.SUGGESTED), ""

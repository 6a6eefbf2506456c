"""The labels and relations of the vocabulary, for code that names them.

Generated from `ontology/vocab/` by `python -m ontology.generate_terms`: change the Turtle, then run it again.
"""

from enum import StrEnum

__all__ = ["ONTOLOGY_VERSION", "NodeLabel", "RelationType"]

ONTOLOGY_VERSION = "1.0"


class NodeLabel(StrEnum):
    """Labels of nodes."""

    PRODUCT = "Product"
    PRODUCT_CATEGORY = "ProductCategory"
    BRAND = "Brand"
    SUPPLIER = "Supplier"
    STORE = "Store"
    STORE_CLUSTER = "StoreCluster"
    HOUSEHOLD = "Household"
    BASKET = "Basket"
    SESSION = "Session"
    PROMOTION = "Promotion"
    CAMPAIGN = "Campaign"
    COUPON = "Coupon"
    NEED = "Need"


class RelationType(StrEnum):
    """Names of relations between nodes."""

    BROADER = "broader"
    IN_CATEGORY = "inCategory"
    OF_BRAND = "ofBrand"
    SUPPLIED_BY = "suppliedBy"
    IN_CLUSTER = "inCluster"
    MADE_BY = "madeBy"
    AT_STORE = "atStore"
    CONTAINS = "contains"
    PROMOTES = "promotes"
    APPLIES_TO = "appliesTo"
    OF_CAMPAIGN = "ofCampaign"
    RECEIVED = "received"
    REDEEMED = "redeemed"
    IN_SESSION = "inSession"
    VIEWED = "viewed"
    ADDED_TO_CART = "addedToCart"
    IS_SUBSTITUTE_FOR = "isSubstituteFor"
    IS_COMPLEMENT_TO = "isComplementTo"
    IS_BOUGHT_WITH = "isBoughtWith"
    IS_VARIANT_OF = "isVariantOf"
    SIMILAR_TO = "similarTo"
    SERVES_NEED = "servesNeed"
    IS_DECLARED_EQUIVALENT_TO = "isDeclaredEquivalentTo"
    NEVER_SUBSTITUTE_FOR = "neverSubstituteFor"
    REQUIRES = "requires"
    REPLACES = "replaces"

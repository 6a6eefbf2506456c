"""Substitutes, complements and products bought together: derived with their evidence, and served from the graph."""

from decisions.relations.compare import DiffRequest
from decisions.relations.contract import RelatedAnswer, RelatedProduct, RelatedRequest
from decisions.relations.derive import Derived, Limits, derive, derive_relations, fit_relations
from decisions.relations.edges import EDGE_SCHEMA
from decisions.relations.errors import (
    BeforeFirstSale,
    LimitOutOfRange,
    NeverSoldTogether,
    NotKnownYet,
    QualityNotMeasured,
    RelationError,
    SameProduct,
    ScopeWithoutData,
    UnknownProduct,
    UnknownRelation,
    UnknownVersion,
)
from decisions.relations.measured import QualityRequest
from decisions.relations.service import RelationService
from decisions.relations.why import WhyRequest

__all__ = [
    "EDGE_SCHEMA",
    "BeforeFirstSale",
    "Derived",
    "DiffRequest",
    "LimitOutOfRange",
    "Limits",
    "NeverSoldTogether",
    "NotKnownYet",
    "QualityNotMeasured",
    "QualityRequest",
    "RelatedAnswer",
    "RelatedProduct",
    "RelatedRequest",
    "RelationError",
    "RelationService",
    "SameProduct",
    "ScopeWithoutData",
    "UnknownProduct",
    "UnknownRelation",
    "UnknownVersion",
    "WhyRequest",
    "derive",
    "derive_relations",
    "fit_relations",
]

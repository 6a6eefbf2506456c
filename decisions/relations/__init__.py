"""Substitutes, complements and products bought together: derived with their evidence, and served from the graph."""

from decisions.relations.contract import RelatedAnswer, RelatedProduct, RelatedRequest
from decisions.relations.derive import Limits, derive_relations, substitute_ranking
from decisions.relations.edges import EDGE_SCHEMA
from decisions.relations.errors import LimitOutOfRange, NotKnownYet, RelationError, UnknownProduct, UnknownRelation
from decisions.relations.service import RelationService

__all__ = [
    "EDGE_SCHEMA",
    "LimitOutOfRange",
    "Limits",
    "NotKnownYet",
    "RelatedAnswer",
    "RelatedProduct",
    "RelatedRequest",
    "RelationError",
    "RelationService",
    "UnknownProduct",
    "UnknownRelation",
    "derive_relations",
    "substitute_ranking",
]

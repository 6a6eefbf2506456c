"""Questions about substitutes, complements and products bought together, and their answers."""

from dataclasses import dataclass
from datetime import date

from decisions.envelope import Evidence, Explanation

__all__ = ["RelatedAnswer", "RelatedProduct", "RelatedRequest"]


@dataclass(frozen=True, slots=True)
class RelatedRequest:
    """`relation` is isSubstituteFor, isComplementTo or isBoughtWith; `limit` 1 to 100; `as_of` None: the release's day."""

    product_id: str
    relation: str
    limit: int = 10
    as_of: date | None = None


@dataclass(frozen=True, slots=True)
class RelatedProduct:
    """One related product, strongest first, with the evidence of its edge and the paths behind it."""

    product_id: str
    evidence: Evidence
    explanation: Explanation


@dataclass(frozen=True, slots=True)
class RelatedAnswer:
    """Related products; empty when none has enough evidence."""

    product_id: str
    relation: str
    as_of: date
    items: tuple[RelatedProduct, ...]

"""Questions about substitutes, complements and products bought together, and their answers."""

from dataclasses import dataclass
from datetime import date

from decisions.envelope import Evidence, Explanation
from kg.ports import CHAIN

__all__ = ["RelatedAnswer", "RelatedProduct", "RelatedRequest", "ThinScope"]


@dataclass(frozen=True, slots=True)
class RelatedRequest:
    """What is related to a product.

    Args:
        product_id: the product that is asked about.
        relation: isSubstituteFor, isComplementTo or isBoughtWith.
        limit: 1 to 100.
        as_of: None: the release's day.
        scope: `chain`, `store_cluster:ID`, `season:NAME` or `segment:ID`.
        or_parent: whether the wider scope may answer, and say so, where this one has too little evidence.
    """

    product_id: str
    relation: str
    limit: int = 10
    as_of: date | None = None
    scope: str = CHAIN
    or_parent: bool = True


@dataclass(frozen=True, slots=True)
class RelatedProduct:
    """One related product, strongest first, with the evidence of its edge and the paths behind it.

    Its edge runs from this product to the one that was asked about.
    """

    product_id: str
    evidence: Evidence
    explanation: Explanation


@dataclass(frozen=True, slots=True)
class ThinScope:
    """The scope that was asked for has no edge into the product: too little evidence there.

    `parent_scope` is the wider one (None for the chain), `parent_edges` how many edges it has, `scopes` which scopes have any.
    """

    scope: str
    parent_scope: str | None
    parent_edges: int
    scopes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RelatedAnswer:
    """Related products; empty when none has enough evidence.

    `scope` is where they hold, None where no scope answered; `thin` says when it is not the scope that was asked for.
    """

    product_id: str
    relation: str
    as_of: date
    items: tuple[RelatedProduct, ...]
    scope: str | None = CHAIN
    thin: ThinScope | None = None

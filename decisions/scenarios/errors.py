"""ScenarioError
├── UnknownProduct          the graph has no such product
├── UnknownStore            the graph has no such store
├── UnknownPromotion        the graph has no such promotion
├── UnknownNeighbour        the graph has no relation from the one product to the other
├── EmptyStoreSet           a change names its stores, and names none
├── WeeksOutsideHorizon     a change names weeks that the release does not forecast
├── ScenarioInvalid         a name, a change or a request is outside of what is allowed
├── OverlappingChanges      two changes say different things of the same product, store and week
├── StoreByStoreOnly        a change holds in some stores only, and the whole chain was asked about
├── DelistUntold            too little is known to say what a delisting does to other products
└── EvaluationUnavailable   the release has nothing that could evaluate this
"""

from collections.abc import Sequence
from datetime import date

from decisions.scenarios.overlaps import Overlap
from kit.errors import ShelfgraphError

__all__ = [
    "DelistUntold",
    "EmptyStoreSet",
    "EvaluationUnavailable",
    "OverlappingChanges",
    "ScenarioError",
    "ScenarioInvalid",
    "StoreByStoreOnly",
    "UnknownNeighbour",
    "UnknownProduct",
    "UnknownPromotion",
    "UnknownStore",
    "WeeksOutsideHorizon",
]

MAXIMUM_OVERLAPS = 20
SHOWN = 80


class ScenarioError(ShelfgraphError):
    """A scenario cannot be kept or evaluated."""


class UnknownProduct(ScenarioError):
    """The graph has no such product."""

    def __init__(self, product_id: str) -> None:
        self.product_id = product_id
        super().__init__(f"There is no product '{product_id[:SHOWN]}'.", "Search for it by type, brand or size to find its id.")


class UnknownStore(ScenarioError):
    """The graph has no such store."""

    def __init__(self, store_id: str) -> None:
        self.store_id = store_id
        super().__init__(f"There is no store '{store_id[:SHOWN]}'.", "Leave the stores out where all of them are meant.")


class UnknownPromotion(ScenarioError):
    """The graph has no such promotion."""

    def __init__(self, promotion_id: str) -> None:
        self.promotion_id = promotion_id
        super().__init__(f"There is no promotion '{promotion_id[:SHOWN]}'.", "Take its id from the product's `promotions`.")


class UnknownNeighbour(ScenarioError):
    """The graph has no relation from the one product to the other."""

    def __init__(self, source_id: str, target_id: str) -> None:
        self.source_id = source_id
        self.target_id = target_id
        super().__init__(
            f"No relation leads from product '{source_id[:SHOWN]}' to product '{target_id[:SHOWN]}'.",
            "Take both ids from an edge of `substitutes`, `complements` or `boughtWith`, source first.",
        )


class EmptyStoreSet(ScenarioError):
    """A change names its stores, and names none."""

    def __init__(self, position: int) -> None:
        self.position = position
        super().__init__(
            f"Change {position} names an empty set of stores.", "Name at least one, or leave the stores out to mean all of them."
        )


class WeeksOutsideHorizon(ScenarioError):
    """A change names weeks that the release does not forecast."""

    def __init__(self, first_week: date, until_week: date) -> None:
        self.first_week = first_week
        self.until_week = until_week
        super().__init__(
            f"Only the weeks from {first_week.isoformat()} up to before {until_week.isoformat()} are forecast.",
            "Choose Mondays of that time, `untilWeek` at most its end.",
        )


class ScenarioInvalid(ScenarioError):
    """A name, a change or a request is outside of what is allowed."""

    def __init__(self, what: str, allowed: str) -> None:
        self.what = what
        self.allowed = allowed
        super().__init__(f"{what} is not {allowed}.", "Change it and try again.")


class OverlappingChanges(ScenarioError):
    """Two changes say different things of the same product, store and week. At most 20 overlaps are kept, `total` counts all."""

    def __init__(self, overlaps: Sequence[Overlap]) -> None:
        self.overlaps = tuple(overlaps[:MAXIMUM_OVERLAPS])
        self.total = len(overlaps)
        first = overlaps[0]
        super().__init__(
            f"{first.first} and {first.second} say different things of product '{first.product_id[:SHOWN]}' in the week of "
            f"{first.week_start.isoformat()}{_more(len(overlaps) - 1)}.",
            "Take one of them out, or part their stores or weeks.",
        )


class StoreByStoreOnly(ScenarioError):
    """A change holds in some stores only, and the whole chain was asked about."""

    def __init__(self, position: int) -> None:
        self.position = position
        super().__init__(
            f"Change {position} holds in some stores only; what it does to the whole chain is not told.",
            "Ask for one store at a time, or let the change hold in all stores.",
        )


class DelistUntold(ScenarioError):
    """Too little is known to say what a delisting does to other products; `problem` and `remedy` are those of who was asked."""


class EvaluationUnavailable(ScenarioError):
    """The release has nothing that could evaluate this."""

    def __init__(self, what: str) -> None:
        self.what = what
        super().__init__(
            f"This release cannot evaluate {what}.", "The scenario is kept; ask again once a release that can is served."
        )


def _more(count: int) -> str:
    return f" ({count} more)" if count else ""

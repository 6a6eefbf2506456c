"""RelationError
├── UnknownProduct    the graph has no such product
├── UnknownRelation   the request names a relation that is not served
├── LimitOutOfRange   fewer than 1 or more than 100 products were asked for
└── NotKnownYet       the request names a day that the served graph does not speak of
"""

from datetime import date

from kit.errors import ShelfgraphError

__all__ = ["LimitOutOfRange", "NotKnownYet", "RelationError", "UnknownProduct", "UnknownRelation"]


class RelationError(ShelfgraphError):
    """A question about related products could not be answered."""


class UnknownProduct(RelationError):
    """The graph has no such product."""

    def __init__(self, product_id: str) -> None:
        self.product_id = product_id
        super().__init__(f"There is no product '{product_id}'.", "Search for it by type, brand or size to find its id.")


class UnknownRelation(RelationError):
    """The request names a relation that is not served."""

    def __init__(self, relation: str, served: tuple[str, ...]) -> None:
        self.relation = relation
        super().__init__(f"The relation '{relation}' is not served.", f"Ask for one of {', '.join(served)}.")


class LimitOutOfRange(RelationError):
    """Fewer than 1 or more than the highest number of products were asked for."""

    def __init__(self, asked: int, highest: int) -> None:
        self.asked = asked
        self.highest = highest
        super().__init__(f"{asked} related products cannot be given.", f"Ask for 1 to {highest}.")


class NotKnownYet(RelationError):
    """The request names a day that the served graph does not speak of."""

    def __init__(self, asked: date, served: date) -> None:
        self.asked = asked
        self.served = served
        super().__init__(
            f"The served graph states its relations as of {served.isoformat()}, not as of {asked.isoformat()}.",
            "Leave as_of out, or ask for the day that is served.",
        )

"""RelationError
├── UnknownProduct       the graph has no such product
├── UnknownRelation      the request names a relation that is not served
├── LimitOutOfRange      fewer than 1 or more than 100 products were asked for
├── NotKnownYet          the request names a day that the served graph does not speak of
├── BeforeFirstSale      the request names a day before anything was sold
├── ScopeWithoutData     no edge of the relation has that scope
├── NeverSoldTogether    the two products were never sold at the same time
├── SameProduct          a product is compared with itself
├── UnknownVersion       no such graph version is published
├── QualityNotMeasured   there is no back-test of the served relations, or none of that part
├── PictureUnknown       the back-test has no such picture
└── QualityArtefactError the back-test's files are missing, changed or of another format
"""

from datetime import date

from kit.errors import ShelfgraphError

__all__ = [
    "BeforeFirstSale",
    "LimitOutOfRange",
    "NeverSoldTogether",
    "NotKnownYet",
    "PictureUnknown",
    "QualityArtefactError",
    "QualityNotMeasured",
    "RelationError",
    "SameProduct",
    "ScopeWithoutData",
    "UnknownProduct",
    "UnknownRelation",
    "UnknownVersion",
]

MOST_NAMED = 20


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


class BeforeFirstSale(RelationError):
    """The request names a day before anything was sold."""

    def __init__(self, asked: date, first_sale: date) -> None:
        self.asked = asked
        self.first_sale = first_sale
        super().__init__(
            f"Nothing was sold on or before {asked.isoformat()}: the first sale is of {first_sale.isoformat()}.",
            "Leave as_of out, or ask for the day that is served.",
        )


class ScopeWithoutData(RelationError):
    """No edge of the relation has that scope."""

    def __init__(self, relation: str, scope: str, scopes: tuple[str, ...]) -> None:
        self.scope = scope
        self.scopes = scopes
        super().__init__(
            f"No edge of {relation} has the scope '{scope[:80]}'.", f"Scopes with data: {_listed(scopes) or 'none at all'}."
        )


class NeverSoldTogether(RelationError):
    """The two products were never sold at the same time."""

    def __init__(self, product_id: str, other_id: str, periods: str) -> None:
        self.product_id = product_id
        self.other_id = other_id
        super().__init__(
            f"'{product_id[:80]}' and '{other_id[:80]}' were never sold at the same time: {periods}.",
            "Ask for products that were sold in the same weeks.",
        )


class SameProduct(RelationError):
    """A product is compared with itself."""

    def __init__(self, product_id: str) -> None:
        self.product_id = product_id
        super().__init__(f"'{product_id[:80]}' is compared with itself.", "Name two different products.")


class UnknownVersion(RelationError):
    """No such graph version is published, or none before another."""

    def __init__(self, version: str, versions: tuple[str, ...], *, before: bool = False) -> None:
        self.version = version
        self.versions = versions
        problem = (
            f"No graph version is published before '{version[:80]}'."
            if before
            else (f"No graph version '{version[:80]}' is published.")
        )
        super().__init__(problem, f"Published versions, the newest first: {_listed(versions)}.")


class QualityNotMeasured(RelationError):
    """The served release was made without a back-test of its relations, or its back-test has nothing of that part."""

    def __init__(self, part: str | None = None, categories: tuple[str, ...] = ()) -> None:
        self.categories = categories
        if part is None:
            super().__init__("The served release was made without a back-test of its relations.", "Run `shelfgraph train` again.")
        else:
            remedy = f"Categories with past events: {_listed(categories)}." if categories else "Ask for another relation."
            super().__init__(f"The back-test has no past event of {part}.", remedy)


class PictureUnknown(RelationError):
    """The back-test has no such picture."""

    def __init__(self, name: str, names: tuple[str, ...]) -> None:
        self.name = name
        super().__init__(f"The back-test has no picture '{name[:80]}'.", f"It has: {_listed(names) or 'none'}.")


class QualityArtefactError(RelationError):
    """The back-test's files are missing, changed or of another format."""

    def __init__(self, file: str, problem: str) -> None:
        self.file = file
        super().__init__(f"The back-test's file '{file}' cannot be used: {problem}.", "Run `shelfgraph train` again.")


def _listed(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more

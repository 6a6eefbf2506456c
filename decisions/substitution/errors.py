"""SubstitutionError
├── UnknownProduct          the graph has no such product
├── UnknownStore            the graph has no such store
├── UnknownCluster          the release knows no such cluster of stores
├── UnknownCategory         the graph has no such category
├── EmptyStoreSet           the request names no store at all
├── StoresNamedTwice        the request names stores and a cluster
├── ProductCountOutOfRange  no product was named, or more than 500
├── DropCountOutOfRange     a proposal is to drop nothing, or the whole category, or the category is too large
├── HorizonOutOfRange       fewer than 1 or more than 8 weeks were asked for
├── LimitOutOfRange         fewer than 1 or more than 100 replacements were asked for
├── OtherDay                the request names a day that the release was not built for
├── InsufficientEvidence    there is too little to tell where demand goes
│   ├── NoHistory           none of the products was sold (there) often enough
│   ├── NoReplacementKnown  no replacement of any of the products is known
│   ├── NothingLeft         every product of a category would leave
│   └── NoMargin            no product of the category has a purchase cost
├── NotServed               the release was made without what a what-if needs
└── SubstitutionArtefactError  the release's files for what-ifs are missing, changed or of another format
"""

from datetime import date

from kit.errors import ShelfgraphError

__all__ = [
    "DropCountOutOfRange",
    "EmptyStoreSet",
    "HorizonOutOfRange",
    "InsufficientEvidence",
    "LimitOutOfRange",
    "NoHistory",
    "NoMargin",
    "NoReplacementKnown",
    "NotServed",
    "NothingLeft",
    "OtherDay",
    "ProductCountOutOfRange",
    "StoresNamedTwice",
    "SubstitutionArtefactError",
    "SubstitutionError",
    "UnknownCategory",
    "UnknownCluster",
    "UnknownProduct",
    "UnknownStore",
]

MOST_NAMED = 10


class SubstitutionError(ShelfgraphError):
    """A what-if could not be answered."""


class UnknownProduct(SubstitutionError):
    """The graph has no such product."""

    def __init__(self, product_id: str) -> None:
        self.product_id = product_id
        super().__init__(f"There is no product '{product_id[:80]}'.", "Search for it by type, brand or size to find its id.")


class UnknownStore(SubstitutionError):
    """The graph has no such store."""

    def __init__(self, store_id: str) -> None:
        self.store_id = store_id
        super().__init__(f"There is no store '{store_id[:80]}'.", "Leave the stores out for the whole chain.")


class UnknownCluster(SubstitutionError):
    """The release knows no such cluster of stores."""

    def __init__(self, cluster_id: str, clusters: tuple[str, ...]) -> None:
        self.cluster_id = cluster_id
        self.clusters = clusters
        super().__init__(f"There is no cluster of stores '{cluster_id[:80]}'.", f"There are: {_listed(clusters) or 'none'}.")


class UnknownCategory(SubstitutionError):
    """The graph has no such category."""

    def __init__(self, category_id: str) -> None:
        self.category_id = category_id
        super().__init__(
            f"There is no category '{category_id[:80]}'.",
            "Take the id from `categoryPath` of a product, such as 'GROCERY > CHEESE'.",
        )


class EmptyStoreSet(SubstitutionError):
    """The request names no store at all."""

    def __init__(self) -> None:
        super().__init__("The set of stores is empty.", "Name one store or more, or leave the stores out for the whole chain.")


class StoresNamedTwice(SubstitutionError):
    """The request names stores and a cluster."""

    def __init__(self) -> None:
        super().__init__("Both stores and a cluster of stores are named.", "Name one of the two.")


class ProductCountOutOfRange(SubstitutionError):
    """No product was named, or more than the highest number."""

    def __init__(self, asked: int, highest: int) -> None:
        self.asked = asked
        self.highest = highest
        super().__init__(f"A what-if of {asked} products cannot be answered.", f"Name 1 to {highest} products.")


class DropCountOutOfRange(SubstitutionError):
    """A proposal is to drop nothing, or the whole category, or the category is too large."""

    def __init__(self, asked: int, considered: int, highest: int) -> None:
        self.asked = asked
        self.considered = considered
        remedy = (
            f"Ask for a category of at most {highest} products, such as one of a lower level."
            if considered > highest
            else f"Ask for 1 to {max(considered - 1, 1)}."
        )
        super().__init__(f"{asked} of {considered} products that are sold cannot be chosen to be dropped.", remedy)


class HorizonOutOfRange(SubstitutionError):
    """Fewer than 1 or more than the highest number of weeks were asked for."""

    def __init__(self, asked: int, highest: int) -> None:
        self.asked = asked
        self.highest = highest
        super().__init__(f"A what-if over {asked} weeks cannot be answered.", f"Ask for 1 to {highest} weeks.")


class LimitOutOfRange(SubstitutionError):
    """Fewer than 1 or more than the highest number of replacements were asked for."""

    def __init__(self, asked: int, highest: int) -> None:
        self.asked = asked
        self.highest = highest
        super().__init__(f"{asked} replacements cannot be named.", f"Ask for 1 to {highest}.")


class OtherDay(SubstitutionError):
    """The request names a day that the release was not built for."""

    def __init__(self, asked: date, served: date) -> None:
        self.asked = asked
        self.served = served
        super().__init__(
            f"This release looks ahead from {served.isoformat()}, not from {asked.isoformat()}.",
            "Leave as_of out, or ask for the day that is served.",
        )


class InsufficientEvidence(SubstitutionError):
    """There is too little to tell where demand goes."""


class NoHistory(InsufficientEvidence):
    """None of the products was sold (there) often enough."""

    def __init__(self, product_ids: tuple[str, ...], *, in_stores: bool) -> None:
        self.product_ids = product_ids
        where = " in these stores" if in_stores else ""
        super().__init__(
            f"None of {_listed(product_ids)} was sold often enough{where} to say what it would have sold.",
            "Ask for the whole chain, or for products that are sold.",
        )


class NoReplacementKnown(InsufficientEvidence):
    """No replacement of any of the products is known."""

    def __init__(self, product_ids: tuple[str, ...]) -> None:
        self.product_ids = product_ids
        super().__init__(
            f"Too few households bought {_listed(product_ids)} for a replacement to be known.",
            "Ask for products that are bought more often.",
        )


class NothingLeft(InsufficientEvidence):
    """Every product of a category would leave."""

    def __init__(self, category_ids: tuple[str, ...]) -> None:
        self.category_ids = category_ids
        super().__init__(
            f"Every product that is sold of {_listed(category_ids)} would leave: nothing says where such demand goes.",
            "Leave at least one product of each category.",
        )


class NoMargin(InsufficientEvidence):
    """No product of the category has a purchase cost."""

    def __init__(self, category_id: str) -> None:
        self.category_id = category_id
        super().__init__(
            f"No product of '{category_id[:80]}' has a purchase cost.",
            "Ingest purchase_costs and train again, or ask for demand.",
        )


class NotServed(SubstitutionError):
    """The release was made without what a what-if needs."""

    def __init__(self) -> None:
        super().__init__(
            "The served release cannot answer what-ifs: it was made before they were known.", "Run `shelfgraph train`."
        )


class SubstitutionArtefactError(SubstitutionError):
    """The release's files for what-ifs are missing, changed or of another format."""

    def __init__(self, file: str, problem: str) -> None:
        self.file = file
        super().__init__(f"The file '{file}' for what-ifs cannot be used: {problem}.", "Run `shelfgraph train` again.")


def _listed(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(f"'{name[:60]}'" for name in names[:MOST_NAMED]) + more

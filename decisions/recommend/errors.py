"""RecommendationError
├── UnknownHousehold            the graph has no such household
├── UnknownProducts             the basket names products that the graph does not have
├── UnknownStore                the graph has no such store
├── LimitOutOfRange             fewer than 1 or more than 100 products were asked for
├── BasketTooLarge              more than 200 products are in the basket
├── EmptyBasket                 suggestions beside a basket or in a session, and neither was given
├── SurfaceIncomplete           the surface asks for something that the request does not hold
├── ListTooLong                 more candidates, or products to leave out, than an answer looks at
├── DetailOutOfRange            a share, a moment, an age or a number is outside what it can be
├── UnknownPlacement            no placement has this name
├── PlacementsUnreadable        the file of placements cannot be used
├── PageInvalid                 a page without placements, with too many, or with one twice
├── OtherDay                    the request names a day that the release was not built for
├── UnknownPurpose              the request is for a purpose that nobody consents to
├── NothingSold                 no merchandise was sold on or before the day to learn from
└── RecommendationArtefactError the ranker's files are missing, changed or of another format
"""

from datetime import date

from kit.errors import ShelfgraphError

__all__ = [
    "BasketTooLarge",
    "DetailOutOfRange",
    "EmptyBasket",
    "LimitOutOfRange",
    "ListTooLong",
    "NothingSold",
    "OtherDay",
    "PageInvalid",
    "PlacementsUnreadable",
    "RecommendationArtefactError",
    "RecommendationError",
    "SurfaceIncomplete",
    "UnknownHousehold",
    "UnknownPlacement",
    "UnknownProducts",
    "UnknownPurpose",
    "UnknownStore",
]

NAMED = 20
"""Products named in an error's text; its fields hold all of them."""


class RecommendationError(ShelfgraphError):
    """Products could not be recommended."""


class UnknownHousehold(RecommendationError):
    """The graph has no such household."""

    def __init__(self, household_id: str) -> None:
        self.household_id = household_id
        super().__init__(
            f"There is no household '{household_id[:80]}'.",
            "Leave the household out for an answer from the basket or what sells.",
        )


class UnknownProducts(RecommendationError):
    """The basket names products that the graph does not have."""

    def __init__(self, product_ids: tuple[str, ...]) -> None:
        self.product_ids = product_ids
        named = ", ".join(product[:40] for product in product_ids[:NAMED])
        super().__init__(
            f"The basket holds {len(product_ids)} unknown products: {named}.", "Take them out, or search for their ids."
        )


class UnknownStore(RecommendationError):
    """The graph has no such store."""

    def __init__(self, store_id: str) -> None:
        self.store_id = store_id
        super().__init__(f"There is no store '{store_id[:80]}'.", "Leave the store out to use the household's own.")


class LimitOutOfRange(RecommendationError):
    """Fewer than 1 or more than the highest number of products were asked for."""

    def __init__(self, asked: int, highest: int) -> None:
        self.asked = asked
        self.highest = highest
        super().__init__(f"A list of {asked} products cannot be given.", f"Ask for 1 to {highest}.")


class BasketTooLarge(RecommendationError):
    """More products are in the basket than an answer looks at."""

    def __init__(self, size: int, highest: int) -> None:
        self.size = size
        self.highest = highest
        super().__init__(f"The basket holds {size} products.", f"Send at most {highest}.")


class EmptyBasket(RecommendationError):
    """Suggestions beside a basket or in a session were asked for, and neither was given."""

    def __init__(self) -> None:
        super().__init__(
            "There is neither a basket nor a session to suggest something beside.",
            "Send the basket's products or a session id, or ask for the surface `trending`.",
        )


class SurfaceIncomplete(RecommendationError):
    """The surface asks for something that the request does not hold."""

    def __init__(self, surface: str, missing: str) -> None:
        self.surface = surface
        self.missing = missing
        super().__init__(f"The surface `{surface}` needs {missing}.", f"Send {missing}, or ask for another surface.")


class ListTooLong(RecommendationError):
    """More candidates, or products to leave out, than an answer looks at."""

    def __init__(self, what: str, size: int, highest: int) -> None:
        self.what = what
        self.size = size
        self.highest = highest
        super().__init__(f"{size} {what} were sent.", f"Send at most {highest}.")


class DetailOutOfRange(RecommendationError):
    """A share, a moment, an age or a number is outside what it can be."""

    def __init__(self, name: str, given: object, allowed: str) -> None:
        self.name = name
        self.given = given
        self.allowed = allowed
        super().__init__(f"`{name}` cannot be {str(given)[:40]}.", f"Send {allowed}, or leave it out.")


class UnknownPlacement(RecommendationError):
    """No placement has this name."""

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        self.name = name
        self.known = known
        super().__init__(f"There is no placement '{name[:80]}'.", f"Known are {', '.join(known)}.")


class PlacementsUnreadable(RecommendationError):
    """The file of placements cannot be used."""

    def __init__(self, file: str, problem: str) -> None:
        self.file = file
        super().__init__(
            f"The placements in {file[:80]} cannot be used: {problem}.",
            'Write {"home": {"surface": "household", "limit": 10}, …}; surfaces are in docs/api.md.',
        )


class PageInvalid(RecommendationError):
    """A page without placements, with too many, or with one twice."""

    def __init__(self, problem: str, highest: int) -> None:
        self.highest = highest
        super().__init__(f"The page cannot be filled: {problem}.", f"Name 1 to {highest} different placements.")


class OtherDay(RecommendationError):
    """The request names a day that the release was not built for."""

    def __init__(self, asked: date, served: date) -> None:
        self.asked = asked
        self.served = served
        super().__init__(
            f"This release recommends as of {served}, not as of {asked}.", "Leave `as_of` out, or ask for the day that is served."
        )


class UnknownPurpose(RecommendationError):
    """The request is for a purpose that nobody consents to."""

    def __init__(self, purpose: str, purposes: tuple[str, ...]) -> None:
        self.purpose = purpose
        self.purposes = purposes
        super().__init__(f"There is no purpose '{purpose[:40]}'.", f"Name one of {', '.join(purposes)}.")


class NothingSold(RecommendationError):
    """No merchandise was sold on or before the day to learn from."""

    def __init__(self, as_of: date) -> None:
        self.as_of = as_of
        super().__init__(f"No merchandise was sold on or before {as_of}.", "Ingest sales lines first, or choose a later day.")


class RecommendationArtefactError(RecommendationError):
    """The ranker's files are missing, changed or of another format."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"The ranker cannot be used: {problem}", "Run `shelfgraph train` again.")

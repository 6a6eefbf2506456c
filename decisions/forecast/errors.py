"""ForecastError
├── UnknownProduct         the graph has no such product
│   └── UnknownDonor       the graph has no such product, named as a donor
├── UnknownStore           the graph has no such store
├── UnknownCategory        the graph has no such category
│   └── CategoryWithoutProducts no product that is sold is directly in the category
├── ForecastSubjectUnclear a store without a product, a product and a category together, or no Monday
├── NotSupposable          what serves the series cannot take a supposition into account
├── HorizonOutOfRange      fewer than 1 or more than 8 weeks were asked for
├── LaunchOutsideHorizon   a launch, or one of its weeks, lies outside the weeks that can be forecast
├── HasHistory             a launch was asked for of a product that is sold
├── OtherDay               the request names a day that the release was not built for
├── InsufficientEvidence   there is too little to forecast from
│   ├── NoHistory          the product was not sold (there) in the weeks before
│   ├── NoLaunchKnown      no launch is known that another could be like
│   └── DonorWithoutLaunch a donor's first weeks lie before the data, or are not over
├── TooLittleHistory       the lake knows too few weeks to train and hold some out
└── ForecastArtefactError  the model's files are missing, changed or of another format
"""

from datetime import date

from kit.errors import ShelfgraphError

__all__ = [
    "CategoryWithoutProducts",
    "DonorWithoutLaunch",
    "ForecastArtefactError",
    "ForecastError",
    "ForecastSubjectUnclear",
    "HasHistory",
    "HorizonOutOfRange",
    "InsufficientEvidence",
    "LaunchOutsideHorizon",
    "NoHistory",
    "NoLaunchKnown",
    "NotSupposable",
    "OtherDay",
    "TooLittleHistory",
    "UnknownCategory",
    "UnknownDonor",
    "UnknownProduct",
    "UnknownStore",
]


class ForecastError(ShelfgraphError):
    """A forecast could not be given."""


class UnknownProduct(ForecastError):
    """The graph has no such product."""

    def __init__(self, product_id: str) -> None:
        self.product_id = product_id
        super().__init__(f"There is no product '{product_id}'.", "Search for it by type, brand or size to find its id.")


class UnknownDonor(UnknownProduct):
    """The graph has no such product, named as a donor."""


class UnknownStore(ForecastError):
    """The graph has no such store."""

    def __init__(self, store_id: str) -> None:
        self.store_id = store_id
        super().__init__(f"There is no store '{store_id}'.", "Leave the store out for a forecast of the whole chain.")


class UnknownCategory(ForecastError):
    """The graph has no such category."""

    def __init__(self, category_id: str) -> None:
        self.category_id = category_id
        super().__init__(
            f"There is no category '{category_id}'.", "A product's `categoryPath` has ids; leave it out for all merchandise."
        )


class CategoryWithoutProducts(UnknownCategory):
    """No product that is sold is directly in the category."""

    def __init__(self, category_id: str) -> None:
        self.category_id = category_id
        ForecastError.__init__(
            self,
            f"No product that is sold is directly in category '{category_id}'.",
            "Ask for a category below it, as a product's `categoryPath` names them, or for all merchandise.",
        )


class ForecastSubjectUnclear(ForecastError):
    """A store without a product, a product and a category together, or no Monday."""

    def __init__(self, problem: str, remedy: str = "Name a product, a category, or nothing for all.") -> None:
        self.problem_found = problem
        super().__init__(f"It is not clear what to forecast: {problem}.", remedy)


class NotSupposable(ForecastError):
    """What serves the series cannot take a supposition into account."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(
            f"That cannot be supposed: {reason}.", "Leave that change out, or ask for the product in the whole chain."
        )


class HorizonOutOfRange(ForecastError):
    """Fewer than 1 or more than the highest number of weeks were asked for."""

    def __init__(self, asked: int, highest: int) -> None:
        self.asked = asked
        self.highest = highest
        super().__init__(f"A horizon of {asked} weeks cannot be forecast.", f"Ask for 1 to {highest} weeks.")


class LaunchOutsideHorizon(ForecastError):
    """A launch, or one of its weeks, lies outside the weeks that can be forecast."""

    def __init__(self, week: date, weeks: int, first: date, last: date) -> None:
        self.week = week
        self.weeks = weeks
        self.first = first
        self.last = last
        super().__init__(
            f"{weeks} weeks from {week.isoformat()} on do not lie within those that can be forecast.",
            f"Name a Monday from {first.isoformat()} on, so that its last week begins by {last.isoformat()}.",
        )


class HasHistory(ForecastError):
    """A launch was asked for of a product that is sold."""

    def __init__(self, product_id: str) -> None:
        self.product_id = product_id
        super().__init__(f"Product '{product_id}' is on sale: it has no launch to come.", "Ask for it without a launch.")


class OtherDay(ForecastError):
    """The request names a day that the release was not built for."""

    def __init__(self, asked: date, served: date) -> None:
        self.asked = asked
        self.served = served
        super().__init__(
            f"This release forecasts from {served.isoformat()}, not from {asked.isoformat()}.",
            "Leave as_of out, or ask for the day that is served.",
        )


class InsufficientEvidence(ForecastError):
    """There is too little to forecast from."""

    def __init__(self, product_id: str, store_id: str | None, reason: str, remedy: str) -> None:
        self.product_id = product_id
        self.store_id = store_id
        where = "" if store_id is None else f" in store '{store_id}'"
        super().__init__(f"Product '{product_id}'{where} {reason}.", remedy)


class NoHistory(InsufficientEvidence):
    """The product was not sold (there) in the weeks before."""

    def __init__(self, product_id: str, store_id: str | None, weeks: int) -> None:
        self.weeks = weeks
        super().__init__(
            product_id,
            store_id,
            f"was not sold often enough in the last {weeks} weeks",
            "Ask for the whole chain, or for a product of its category; of one yet to be sold, name its launch.",
        )


class NoLaunchKnown(InsufficientEvidence):
    """No launch is known that another could be like."""

    def __init__(self, product_id: str) -> None:
        super().__init__(
            product_id, None, "cannot be compared: no launch is known whole", "Ask again when the data hold more weeks."
        )


class DonorWithoutLaunch(InsufficientEvidence):
    """A donor's first weeks lie before the data, or are not over."""

    def __init__(self, product_id: str, donor_id: str) -> None:
        self.donor_id = donor_id
        super().__init__(
            product_id,
            None,
            f"cannot be like '{donor_id}', of whose launch not all weeks are known",
            "Name a donor that was launched within the data, or none.",
        )


class TooLittleHistory(ForecastError):
    """The lake knows too few weeks to train and hold some out."""

    def __init__(self, as_of: date, weeks: int) -> None:
        self.as_of = as_of
        self.weeks = weeks
        super().__init__(
            f"{weeks} complete weeks are known on {as_of.isoformat()}; a back-test needs at least two.",
            "Ingest an earlier history, or train as of a later day.",
        )


class ForecastArtefactError(ForecastError):
    """The model's files are missing, changed or of another format."""

    def __init__(self, file: str, problem: str) -> None:
        self.file = file
        super().__init__(f"The forecast artefact's file '{file}' cannot be used: {problem}.", "Run `shelfgraph train` again.")

"""Recommendations on every surface, pages of them without repeats, and why a product is not among them.

An answer is a function of the release, the request and what happened since the release until `events_until`: a decision that is
replayed with its logged request gives the same bytes.
"""

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from decisions.envelope import Degradation, Explanation, ExplanationPath
from decisions.recommend.exploration import NO_EXPLORATION, ExplorationSettings

__all__ = [
    "NO_CONSTRAINTS",
    "NO_CONTEXT",
    "Constraints",
    "Factor",
    "FactorValue",
    "PageAnswer",
    "PageRequest",
    "PathQuality",
    "Placement",
    "PlacementAnswer",
    "RecommendationAnswer",
    "RecommendationExplanation",
    "RecommendationPath",
    "RecommendationRequest",
    "RecommendedProduct",
    "RequestContext",
    "RuleCheck",
    "RungUsed",
    "Surface",
    "WhyNotAnswer",
    "WhyNotOutcome",
    "WhyNotRequest",
    "Withheld",
]


class Surface(StrEnum):
    """Where the suggestions are shown, which decides what a good one is."""

    HOUSEHOLD = "household"
    """For a household, a basket or both: habit and, by a stated share, discovery. Without either, what sells."""
    BASKET = "basket"
    """Beside a basket or in a session, anonymous or not: what goes with it."""
    ITEM = "item"
    """Beside one product: what replaces it where it is not to be had, what completes it where it is."""
    BUY_AGAIN = "buy_again"
    """What the household bought before and is likely to want now."""
    DISCOVER = "discover"
    """What the household never bought."""
    TRENDING = "trending"
    """What sells more than it used to, in the store where one is named."""
    RERANK = "rerank"
    """The caller's own candidates, in a better order."""


@dataclass(frozen=True, slots=True)
class RequestContext:
    """What is known of the moment. Every value may be absent; what the served model does not know it does not use."""

    hour: int | None = None
    weekday: int | None = None
    device: str | None = None
    weather: str | None = None


@dataclass(frozen=True, slots=True)
class Constraints:
    """What must hold for every suggestion, beyond what always must. Where a rule asks, what is unknown fails.

    Args:
        without_allergens: each must be stated to be absent.
        diets: each must be stated to be met.
        age_years: of whoever is shown the list. None: not known, which withholds what has an age limit.
        in_stock_only: stock at the store must be known and there. Otherwise known empty shelves alone are left out.
        largest_stock_age_days: stock that is older is unknown. None: the retailer's setting.
        priced_only: a price must be known.
    """

    without_allergens: tuple[str, ...] = ()
    diets: tuple[str, ...] = ()
    age_years: int | None = None
    in_stock_only: bool = False
    largest_stock_age_days: int | None = None
    priced_only: bool = False


NO_CONTEXT = RequestContext()
NO_CONSTRAINTS = Constraints()


@dataclass(frozen=True, slots=True)
class RecommendationRequest:
    """What to suggest, to whom, where. `limit` 1 to 100.

    Args:
        household_id: whose habits count.
        basket: what lies in it; never suggested again.
        store_id: where; the household's own unless named.
        surface: which question is asked.
        session_id: a visit whose views and cart count, with or without a household.
        product_id: the product of `Surface.ITEM`.
        candidates: the caller's candidates of `Surface.RERANK`.
        exclude: what must not come, such as what other places of the page show.
        discovery_share: of the places of `Surface.HOUSEHOLD`, 0 to 1. None: none; the API fills in the retailer's.
        purpose: what the list is for; consent is looked up for it.
        exploration: which draw of the places of discovery; 0: none, the best come first. The same number draws the same.
        exploration_settings: how freely they are drawn; the API fills in the retailer's.
        events_until: the number of the last event that counts; 0: none since the release.
    """

    household_id: str | None = None
    basket: tuple[str, ...] = ()
    store_id: str | None = None
    limit: int = 10
    as_of: date | None = None
    surface: Surface = Surface.HOUSEHOLD
    session_id: str | None = None
    product_id: str | None = None
    candidates: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    discovery_share: float | None = None
    context: RequestContext = NO_CONTEXT
    constraints: Constraints = NO_CONSTRAINTS
    purpose: str = "personalisation"
    exploration: int = 0
    exploration_settings: ExplorationSettings = NO_EXPLORATION
    events_until: int = 0


@dataclass(frozen=True, slots=True)
class RuleCheck:
    """One rule held against one product, with the proof: what was read, from which table, of which day."""

    rule: str
    passed: bool
    proof: str
    source: str | None = None
    observed_on: date | None = None
    simulated: bool = False


@dataclass(frozen=True, slots=True)
class FactorValue:
    """One figure that a factor rests on, and what it brought to the score. `value` is None where nothing is known."""

    name: str
    value: float | None
    contribution: float


@dataclass(frozen=True, slots=True)
class Factor:
    """What moved a score, in the score's unit; `values` are the figures that moved it most, not all of them."""

    name: str
    words: str
    contribution: float
    values: tuple[FactorValue, ...] = ()


@dataclass(frozen=True, slots=True)
class RecommendationPath(ExplanationPath):
    """A path that is cited because the score falls without its facts.

    `contribution` is what the factor it shows brought, or where several paths show one factor, its share of that.

    Args:
        factor: the factor that reads these facts.
        fall: by how much the score falls when they, and nothing else, are deleted and the product is scored again.
    """

    factor: str = ""
    fall: float = 0.0


@dataclass(frozen=True, slots=True)
class RecommendationExplanation(Explanation):
    """Factors, whose contributions sum to the score less what every score starts from, and the paths that some rest on.

    Classes of their own: logged answers of other decisions keep their bytes.

    Args:
        fall: by how much the score falls when the facts of all paths are deleted at once; None where nothing is cited.
        fidelity: the fall as a share of the score above its start. It may exceed 1. None where nothing is cited, or where the
            score does not lie above its start.
    """

    factors: tuple[Factor, ...] = ()
    fall: float | None = None
    fidelity: float | None = None


@dataclass(frozen=True, slots=True)
class PathQuality:
    """What an answer's explanations are like (after Balloccu, Boratto, Fenu and Marras, 2022).

    Args:
        cited_share: of the suggestions, those that cite a path.
        recency_days: mean age of the newest evidence of each path on the day of the answer; None where no path has a day.
        popularity_percentile: mean share, 0 to 1, of the things of a kind that sell no better than the one through which a path
            reaches its product; None where no path leads through a product or a category.
        diversity: different kinds of paths as a share of the most that so many paths could be of; None without paths.
        fidelity: mean over the suggestions that have one.
    """

    cited_share: float
    recency_days: float | None
    popularity_percentile: float | None
    diversity: float | None
    fidelity: float | None


@dataclass(frozen=True, slots=True)
class RecommendedProduct:
    """One suggestion.

    Args:
        score: orders the places of one kind; `kind` says which (`habit`, `discovery`, `companions`, `relations`, `popularity`).
        sources: the candidate sources that brought it.
        explanation: factors whose contributions sum to the score less `base_score`, and the paths that some of them rest on. For
            the retailer's own people.
        customer_text: a sentence that may be shown to the customer.
        p_accept: the calibrated probability that it is in the next basket; None where nothing was calibrated.
        propensity: the probability with which this product got this place, given those before it: 1 where nothing is drawn.
        checks: the rules that were asked for and that it passed, with their proofs.
    """

    product_id: str
    rank: int
    score: float
    sources: tuple[str, ...]
    explanation: Explanation
    kind: str = "habit"
    customer_text: str = ""
    p_accept: float | None = None
    propensity: float = 1.0
    base_score: float = 0.0
    checks: tuple[RuleCheck, ...] = ()


@dataclass(frozen=True, slots=True)
class Withheld:
    """How many candidates a rule kept out of the list."""

    rule: str
    products: int


@dataclass(frozen=True, slots=True)
class RungUsed:
    """One step of the surface's ladder that gave suggestions: its name, how many, and why the step above did not give them."""

    name: str
    places: int
    cause: str = ""


@dataclass(frozen=True, slots=True)
class RecommendationAnswer:
    """The list, which system ordered it (`shelfgraph`, or the baseline that won), and why it is less than it could be.

    `discovery_share` is the share of the given places that discovery got; `unused_context` names what was told of the moment
    and is not known to the model that answered.
    """

    as_of: date
    system: str
    items: tuple[RecommendedProduct, ...]
    degraded: Degradation | None = None
    surface: Surface = Surface.HOUSEHOLD
    discovery_share: float = 0.0
    withheld: tuple[Withheld, ...] = ()
    unused_context: tuple[str, ...] = ()
    newest_event: int = 0
    rungs: tuple[RungUsed, ...] = ()
    quality: PathQuality | None = None


@dataclass(frozen=True, slots=True)
class Placement:
    """One place of a page: its name, what it shows and how much."""

    name: str
    surface: Surface
    limit: int
    product_id: str | None = None


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Several placements for one visit, filled from the first to the last: no product comes twice on a page."""

    placements: tuple[Placement, ...]
    shared: RecommendationRequest = field(default_factory=RecommendationRequest)

    @property
    def household_id(self) -> str | None:
        """Whose page it is."""
        return self.shared.household_id


@dataclass(frozen=True, slots=True)
class PlacementAnswer:
    """The list of one placement."""

    name: str
    answer: RecommendationAnswer


@dataclass(frozen=True, slots=True)
class PageAnswer:
    """The lists of a page, in the order of its placements."""

    as_of: date
    placements: tuple[PlacementAnswer, ...]
    degraded: Degradation | None = None


class WhyNotOutcome(StrEnum):
    """What became of a product that was asked after."""

    LISTED = "listed"
    RULED_OUT = "ruled_out"
    NO_CANDIDATE = "no_candidate"
    RANKED_LOWER = "ranked_lower"


@dataclass(frozen=True, slots=True)
class WhyNotRequest:
    """Why a product is not among the suggestions of a request."""

    product_id: str
    asked: RecommendationRequest

    @property
    def household_id(self) -> str | None:
        """Whose suggestions are asked after."""
        return self.asked.household_id


@dataclass(frozen=True, slots=True)
class WhyNotAnswer:
    """The failing rules with their proofs, or the smallest change that would bring the product into the list.

    Args:
        rank: its place in the whole order; None where it was no candidate or was ruled out.
        score: its score, and `needed` that of the last place of the list.
        change: the smallest change in words; "" where a rule forbids it.
        checks: all rules, failing ones first.
    """

    as_of: date
    product_id: str
    outcome: WhyNotOutcome
    text: str
    rank: int | None = None
    score: float | None = None
    needed: float | None = None
    change: str = ""
    checks: tuple[RuleCheck, ...] = ()
    degraded: Degradation | None = None

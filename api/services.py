"""What the API asks of the rest of the house, as one frozen object. The wiring builds it; tests build it from doubles."""

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Protocol

from decisions.envelope import Freshness
from decisions.forecast.contract import ForecastAnswer, ForecastRequest
from decisions.overlay import NO_OVERLAY, ForecastOverlay
from decisions.recommend.contract import (
    PageAnswer,
    PageRequest,
    Placement,
    RecommendationAnswer,
    RecommendationRequest,
    WhyNotAnswer,
    WhyNotRequest,
)
from decisions.recommend.live import NoEvents, OnlineFacts
from decisions.recommend.placements import DEFAULT_PLACEMENTS
from decisions.relations.compare import DiffAnswer, DiffRequest
from decisions.relations.contract import RelatedAnswer, RelatedRequest
from decisions.relations.measured import QualityAnswer, QualityRequest
from decisions.relations.why import WhyAnswer, WhyRequest
from decisions.scenarios.contract import DelistOutcomes
from decisions.search.contract import SearchAnswer, SearchRequest
from decisions.substitution.contract import AssortmentAnswer, AssortmentRequest, DelistAnswer, DelistRequest
from decisions.substitution.errors import NotServed
from governance.records.ports import DecisionEntry, DecisionLog, Release
from kg.ports import ArrayGraph
from kit.clock import Clock, SystemClock

__all__ = [
    "DecisionBook",
    "Forecaster",
    "NoWhatIfs",
    "ProductFinder",
    "Recommender",
    "RelatedService",
    "Services",
    "WhatIfs",
]


class RelatedService(Protocol):
    """Answers which products replace, complete or accompany a product, why, what changed, and how well that was borne out."""

    def related(self, request: RelatedRequest) -> RelatedAnswer:
        """Return related products with evidence. Raises: the errors of `decisions.relations`."""
        ...

    def related_many(self, requests: Sequence[RelatedRequest]) -> tuple[RelatedAnswer, ...]:
        """Return the answer of each request, as `related` would, in a number of reads that does not grow with them."""
        ...

    def why(self, request: WhyRequest) -> WhyAnswer:
        """Return all that the graph holds between two products. Raises: the errors of `decisions.relations`."""
        ...

    def compare(self, request: DiffRequest) -> DiffAnswer:
        """Return a page of what changed between two published versions. Raises: the errors of `decisions.relations`."""
        ...

    def quality(self, request: QualityRequest) -> QualityAnswer:
        """Return what the release's back-test measured. Raises: the errors of `decisions.relations`."""
        ...

    def pictures(self) -> Mapping[str, bytes]:
        """Return the back-test's pictures by name, as SVG."""
        ...


class Recommender(Protocol):
    """Answers what to offer to a household or beside a basket."""

    def recommend(self, request: RecommendationRequest) -> RecommendationAnswer:
        """Return ranked products with their paths. Raises: the errors of `decisions.recommend`."""
        ...

    def page(self, request: PageRequest) -> PageAnswer:
        """Return the lists of a page's placements, no product twice. Raises: the errors of `decisions.recommend`."""
        ...

    def why_not(self, request: WhyNotRequest) -> WhyNotAnswer:
        """Return why a product is not among the suggestions. Raises: the errors of `decisions.recommend`."""
        ...


class Forecaster(Protocol):
    """Answers how much of a product will be sold in the next weeks."""

    def forecast(self, request: ForecastRequest, *, overlay: ForecastOverlay = NO_OVERLAY) -> ForecastAnswer:
        """Return weekly units with intervals and drivers, as the overlay supposes. Raises: the errors of `decisions.forecast`."""
        ...


class WhatIfs(Protocol):
    """Answers where demand goes when products leave, and which ones could."""

    def delist(self, request: DelistRequest) -> DelistAnswer:
        """Return who picks up the demand, what stays, and what leaves. Raises: the errors of `decisions.substitution`."""
        ...

    def propose(self, request: AssortmentRequest) -> AssortmentAnswer:
        """Return what to drop of a category. Raises: the errors of `decisions.substitution`."""
        ...


class NoWhatIfs:
    """Stands where a release was made without what a what-if needs."""

    def delist(self, request: DelistRequest) -> DelistAnswer:
        """Refuse. Raises: NotServed."""
        raise NotServed

    def propose(self, request: AssortmentRequest) -> AssortmentAnswer:
        """Refuse. Raises: NotServed."""
        raise NotServed


class ProductFinder(Protocol):
    """Answers which products match words."""

    def search(self, request: SearchRequest) -> SearchAnswer:
        """Return the best matches. Raises: SearchRequestInvalid."""
        ...


class DecisionBook(DecisionLog, Protocol):
    """A decision log that a caller need not block on."""

    @property
    def writable(self) -> bool:
        """Whether entries can be taken: open for writing, and its writer alive."""
        ...

    def submit(self, entry: DecisionEntry) -> "Future[str]":
        """Queue one entry; the future gives its chain hash once it is durable."""
        ...

    def close(self) -> None:
        """Write what is queued and release the files. Closing twice is allowed."""
        ...


@dataclass(frozen=True, slots=True)
class Services:
    """Everything that resolvers need, pinned to one release.

    Args:
        release: which graph, features, models and policy answer; its parts go into every answer's header.
        graph: the published graph version of the release.
        freshness: how old the inputs are, repeated in every answer.
        served_from: what the graph is read from, such as `snapshot`.
        clock: tells when an answer was recorded.
        delistings: says what becomes of the demand for a product that goes; None where the release has no such service.
        online: what happened since the release.
        placements: the named places of the shop's pages.
        discovery_share: of a household's places, where a request names none.
    """

    release: Release
    graph: ArrayGraph
    relations: RelatedService
    recommender: Recommender
    forecaster: Forecaster
    search: ProductFinder
    what_ifs: WhatIfs = field(default_factory=NoWhatIfs)
    freshness: tuple[Freshness, ...] = ()
    served_from: str = "snapshot"
    clock: Clock = field(default_factory=SystemClock)
    delistings: DelistOutcomes | None = None
    online: OnlineFacts = field(default_factory=NoEvents)
    placements: Mapping[str, Placement] = field(default_factory=lambda: DEFAULT_PLACEMENTS)
    discovery_share: float = 0.1

"""Errors to answers, in one table: the code that programs read, the HTTP status, and the GraphQL type for a business outcome.

A class that the table does not name is answered as the nearest class above it. What is no error of ours is a fault of
ours: it is masked, and logged under the correlation id that the answer carries.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from api import errors as api
from decisions.forecast import errors as forecast
from decisions.overrides import errors as overrides
from decisions.recommend import errors as recommend
from decisions.relations import errors as relations
from decisions.scenarios import errors as scenarios
from decisions.search import errors as search
from decisions.substitution import errors as substitution
from governance import policy
from governance.records import errors as records
from kg import errors as kg
from kit.errors import ShelfgraphError

__all__ = ["ERROR_MAP", "INTERNAL", "LOGGED_REFUSALS", "ErrorAnswer", "answer_for", "answer_for_class"]


@dataclass(frozen=True, slots=True)
class ErrorAnswer:
    """How an error is answered. `outcome` names the type of a business outcome; None: it is a GraphQL error."""

    code: str
    status: int
    outcome: str | None = None


INTERNAL = ErrorAnswer("INTERNAL", 500)
_UNAVAILABLE = ErrorAnswer("UNAVAILABLE", 503)
_INVALID = ErrorAnswer("INVALID_REQUEST", 400, "InvalidRequest")
_UNKNOWN_PRODUCT = ErrorAnswer("UNKNOWN_PRODUCT", 404, "UnknownProduct")
_UNKNOWN_HOUSEHOLD = ErrorAnswer("UNKNOWN_HOUSEHOLD", 404, "UnknownHousehold")
_UNKNOWN_STORE = ErrorAnswer("UNKNOWN_STORE", 404, "UnknownStore")
_TOO_LITTLE = ErrorAnswer("INSUFFICIENT_EVIDENCE", 422, "InsufficientEvidence")

ERROR_MAP: Mapping[type[ShelfgraphError], ErrorAnswer] = {
    ShelfgraphError: INTERNAL,
    # the request
    api.BodyTooLarge: ErrorAnswer("BODY_TOO_LARGE", 413),
    api.BodyUnreadable: ErrorAnswer("BODY_UNREADABLE", 400),
    api.MediaTypeRefused: ErrorAnswer("MEDIA_TYPE_REFUSED", 415),
    api.QueryRefused: ErrorAnswer("QUERY_REFUSED", 400),
    api.ArgumentInvalid: _INVALID,
    api.CursorInvalid: ErrorAnswer("CURSOR_INVALID", 400),
    api.CursorOfAnotherVersion: ErrorAnswer("CURSOR_OF_ANOTHER_VERSION", 409),
    api.ChartsBusy: ErrorAnswer("CHARTS_BUSY", 429),
    search.SearchRequestInvalid: _INVALID,
    policy.NotAuthorised: ErrorAnswer("NOT_AUTHORISED", 403, "NotAuthorised"),
    # decisions
    relations.UnknownProduct: _UNKNOWN_PRODUCT,
    relations.UnknownRelation: _INVALID,
    relations.LimitOutOfRange: _INVALID,
    relations.NotKnownYet: _INVALID,
    relations.SameProduct: _INVALID,
    relations.BeforeFirstSale: ErrorAnswer("BEFORE_FIRST_SALE", 400, "BeforeFirstSale"),
    relations.ScopeWithoutData: ErrorAnswer("SCOPE_WITHOUT_DATA", 404, "ScopeWithoutData"),
    relations.NeverSoldTogether: ErrorAnswer("NEVER_SOLD_TOGETHER", 422),
    relations.UnknownVersion: ErrorAnswer("UNKNOWN_VERSION", 404, "UnknownVersion"),
    relations.QualityNotMeasured: ErrorAnswer("QUALITY_NOT_MEASURED", 404, "QualityNotMeasured"),
    relations.PictureUnknown: ErrorAnswer("PICTURE_UNKNOWN", 404),
    relations.QualityArtefactError: _UNAVAILABLE,
    recommend.UnknownHousehold: _UNKNOWN_HOUSEHOLD,
    recommend.UnknownProducts: _UNKNOWN_PRODUCT,
    recommend.UnknownStore: _UNKNOWN_STORE,
    recommend.UnknownPurpose: _INVALID,
    recommend.LimitOutOfRange: _INVALID,
    recommend.BasketTooLarge: _INVALID,
    recommend.OtherDay: _INVALID,
    recommend.EmptyBasket: _INVALID,
    recommend.SurfaceIncomplete: _INVALID,
    recommend.ListTooLong: _INVALID,
    recommend.DetailOutOfRange: _INVALID,
    recommend.PageInvalid: _INVALID,
    recommend.UnknownPlacement: ErrorAnswer("UNKNOWN_PLACEMENT", 404, "UnknownPlacement"),
    recommend.RecommendationArtefactError: _UNAVAILABLE,
    forecast.UnknownProduct: _UNKNOWN_PRODUCT,
    forecast.UnknownStore: _UNKNOWN_STORE,
    forecast.UnknownCategory: _INVALID,
    forecast.ForecastSubjectUnclear: _INVALID,
    forecast.NotSupposable: _INVALID,
    forecast.HorizonOutOfRange: _INVALID,
    forecast.LaunchOutsideHorizon: _INVALID,
    forecast.HasHistory: _INVALID,
    forecast.OtherDay: _INVALID,
    forecast.InsufficientEvidence: _TOO_LITTLE,
    forecast.ForecastArtefactError: _UNAVAILABLE,
    # planning
    api.PlanningUnavailable: _UNAVAILABLE,
    api.JobKindUnknown: _INVALID,
    scenarios.UnknownProduct: _UNKNOWN_PRODUCT,
    scenarios.UnknownStore: _UNKNOWN_STORE,
    scenarios.UnknownPromotion: ErrorAnswer("UNKNOWN_PROMOTION", 404, "UnknownPromotion"),
    scenarios.UnknownNeighbour: ErrorAnswer("UNKNOWN_NEIGHBOUR", 404, "UnknownNeighbour"),
    scenarios.EmptyStoreSet: ErrorAnswer("EMPTY_STORE_SET", 400, "EmptyStoreSet"),
    scenarios.WeeksOutsideHorizon: ErrorAnswer("WEEKS_OUTSIDE_HORIZON", 400, "WeeksOutsideHorizon"),
    scenarios.ScenarioInvalid: _INVALID,
    scenarios.OverlappingChanges: ErrorAnswer("OVERLAPPING_CHANGES", 409, "OverlappingChanges"),
    scenarios.StoreByStoreOnly: ErrorAnswer("STORE_BY_STORE_ONLY", 422, "StoreByStoreOnly"),
    scenarios.DelistUntold: _TOO_LITTLE,
    scenarios.EvaluationUnavailable: ErrorAnswer("EVALUATION_UNAVAILABLE", 422, "EvaluationUnavailable"),
    overrides.OverrideInvalid: _INVALID,
    overrides.WeeksNotForecast: ErrorAnswer("WEEKS_OUTSIDE_HORIZON", 400, "WeeksOutsideHorizon"),
    records.IdempotencyKeyReused: ErrorAnswer("IDEMPOTENCY_KEY_REUSED", 409, "IdempotencyKeyReused"),
    records.VersionConflict: ErrorAnswer("VERSION_CONFLICT", 409, "VersionConflict"),
    records.ScenarioUnknown: ErrorAnswer("UNKNOWN_SCENARIO", 404, "UnknownScenario"),
    records.ScenarioNameTaken: ErrorAnswer("SCENARIO_NAME_TAKEN", 409, "ScenarioNameTaken"),
    records.ScenarioArchived: ErrorAnswer("SCENARIO_ARCHIVED", 409, "ScenarioArchived"),
    records.OverrideUnknown: ErrorAnswer("UNKNOWN_OVERRIDE", 404, "UnknownOverride"),
    records.OverrideWithdrawn: ErrorAnswer("OVERRIDE_WITHDRAWN", 409, "OverrideWithdrawn"),
    records.JobUnknown: ErrorAnswer("UNKNOWN_JOB", 404, "UnknownJob"),
    records.JobQueueFull: ErrorAnswer("JOB_QUEUE_FULL", 429, "JobQueueFull"),
    records.JobOver: ErrorAnswer("JOB_OVER", 409, "JobOver"),
    records.JobNotResumable: ErrorAnswer("JOB_NOT_RESUMABLE", 409, "JobNotResumable"),
    records.JobUnfinished: ErrorAnswer("JOB_UNFINISHED", 409, "JobUnfinished"),
    records.JobResultDamaged: ErrorAnswer("JOB_RESULT_DAMAGED", 500),
    records.BookUnavailable: _UNAVAILABLE,
    substitution.UnknownProduct: _UNKNOWN_PRODUCT,
    substitution.UnknownStore: _UNKNOWN_STORE,
    substitution.UnknownCluster: ErrorAnswer("UNKNOWN_CLUSTER", 404, "UnknownStoreCluster"),
    substitution.UnknownCategory: ErrorAnswer("UNKNOWN_CATEGORY", 404, "UnknownCategory"),
    substitution.EmptyStoreSet: _INVALID,
    substitution.StoresNamedTwice: _INVALID,
    substitution.ProductCountOutOfRange: _INVALID,
    substitution.DropCountOutOfRange: _INVALID,
    substitution.HorizonOutOfRange: _INVALID,
    substitution.LimitOutOfRange: _INVALID,
    substitution.OtherDay: _INVALID,
    substitution.InsufficientEvidence: _TOO_LITTLE,
    substitution.NotServed: ErrorAnswer("NOT_SERVED", 503, "NotServed"),
    substitution.SubstitutionArtefactError: _UNAVAILABLE,
    # books
    records.DecisionUnknown: ErrorAnswer("UNKNOWN_DECISION", 404, "UnknownDecision"),
    records.DecisionDamaged: ErrorAnswer("DECISION_DAMAGED", 500),
    records.DecisionLogUnavailable: ErrorAnswer("DECISION_LOG_UNAVAILABLE", 503),
    # the graph
    kg.GraphUnavailable: _UNAVAILABLE,
    kg.SnapshotError: _UNAVAILABLE,
    kg.GraphTimeout: ErrorAnswer("TIMEOUT", 504),
    kg.QueryTooLarge: _INVALID,
}

LOGGED_REFUSALS: tuple[type[ShelfgraphError], ...] = tuple(c for c, a in ERROR_MAP.items() if a is _TOO_LITTLE)
"""Refusals that are answers of their own: written into the log, and the same again on replay."""


def answer_for(error: BaseException) -> ErrorAnswer:
    """Return how an error is answered."""
    return answer_for_class(type(error))


def answer_for_class(error_class: type[BaseException]) -> ErrorAnswer:
    """Return the entry of a class, or of the nearest class above it; else INTERNAL."""
    return next((ERROR_MAP[c] for c in error_class.__mro__ if c in ERROR_MAP), INTERNAL)

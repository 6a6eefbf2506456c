"""Outcomes as GraphQL types: what is reported of an exposure, and what became of the report."""

from datetime import datetime
from enum import Enum

import strawberry

from api.graphql.planning_problems import IdempotencyKeyReused
from api.graphql.problems import InvalidRequest, NotAuthorised, Problem, UnknownDecision
from api.outcomes import OutcomeReport
from governance.records import Outcome, OutcomeKind, Recorded

__all__ = [
    "OUTCOME_OUTCOMES",
    "ExposureOutcome",
    "ExposureTokenExpired",
    "ExposureTokenInvalid",
    "OutcomeInput",
    "OutcomePayload",
    "outcome_payload",
    "report_of",
]


@strawberry.enum(description="What a customer did with a product that was shown.")
class ExposureOutcomeKind(Enum):
    """Kinds of outcome, as the book names them."""

    SHOWN = "shown"
    CLICKED = "clicked"
    ADDED_TO_CART = "added_to_cart"
    PURCHASED = "purchased"
    DISMISSED = "dismissed"


@strawberry.type(description="The exposure token was not given out by this installation, or not to you.")
class ExposureTokenInvalid(Problem):
    """A token that nobody gave you."""


@strawberry.type(description="The exposure was too long ago to report on.")
class ExposureTokenExpired(Problem):
    """Too late."""


@strawberry.input(description="What is reported: the `token` of a recommendation, and what the customer did.")
class OutcomeInput:
    """One report."""

    token: str
    kind: ExposureOutcomeKind
    happened_at: datetime = strawberry.field(description="With its offset from UTC.")
    value: float | None = strawberry.field(default=None, description="Of a purchase, in the shop's currency.")


@strawberry.type(description="What a customer did with one product of one answer. Never changed; it names no household.")
class ExposureOutcome:
    """An outcome as it was recorded."""

    id: strawberry.ID
    decision_id: strawberry.ID
    product_id: strawberry.ID
    rank: int
    propensity: float = strawberry.field(description="The chance with which it got its place, given those before it.")
    surface: str
    placement: str | None
    release_id: str
    kind: ExposureOutcomeKind
    happened_at: datetime
    value: float | None
    recorded_at: datetime


@strawberry.type(description="What reporting came to.")
class OutcomePayload:
    """What an act came to."""

    outcome: ExposureOutcome | None
    dry_run: bool
    repeated: bool
    user_errors: list[Problem]


OUTCOME_OUTCOMES = (
    ExposureTokenInvalid, ExposureTokenExpired, UnknownDecision, IdempotencyKeyReused, InvalidRequest, NotAuthorised,
)  # fmt: skip


def report_of(asked: OutcomeInput, key: str) -> OutcomeReport:
    """Return the report that was sent."""
    return OutcomeReport(asked.token, OutcomeKind(asked.kind.value), key, asked.happened_at, asked.value)


def outcome_payload(recorded: Recorded[Outcome] | None) -> OutcomePayload:
    """Return what recording came to; None is a dry run."""
    if recorded is None:
        return OutcomePayload(outcome=None, dry_run=True, repeated=False, user_errors=[])
    draft = recorded.value.draft
    outcome = ExposureOutcome(
        id=strawberry.ID(recorded.value.id), decision_id=strawberry.ID(draft.decision_id),
        product_id=strawberry.ID(draft.product_id), rank=draft.rank, propensity=draft.propensity, surface=draft.surface,
        placement=draft.placement or None, release_id=draft.release_id, kind=ExposureOutcomeKind(draft.kind.value),
        happened_at=draft.happened_at, value=draft.value, recorded_at=recorded.value.recorded_at,
    )  # fmt: skip
    return OutcomePayload(outcome=outcome, dry_run=False, repeated=recorded.repeated, user_errors=[])

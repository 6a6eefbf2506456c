"""Forecasts set by hand as GraphQL types."""

from datetime import date, datetime
from typing import cast

import strawberry

from api.asked import Asked
from api.decisions_made import Refused
from api.graphql.envelope_types import Decision, PageInfo, decision_of, optional_id
from api.graphql.problems import Problem
from api.planning.overrides import KeptOverride, overridden_forecast
from decisions import overrides as room
from decisions.forecast.contract import ForecastRequest
from governance.records import Override

__all__ = [
    "AppliedOverride",
    "AuthorValueAdded",
    "ForecastOverride",
    "ForecastOverrideWeek",
    "ForecastValueAdded",
    "OverriddenForecast",
    "OverriddenForecastWeek",
    "OverrideConnection",
    "OverrideEdge",
    "OverridePayload",
    "OverrideValueAdded",
    "OverrideWeekInput",
    "OverrideWithdrawal",
    "ValueAdded",
    "overridden_of",
    "override_of",
    "override_payload",
    "value_added_of",
]


@strawberry.input(description="Units of the week that begins on this Monday.")
class OverrideWeekInput:
    """One week, set by hand."""

    week_start: date
    units: float


@strawberry.type(description="One week: what the system said when it was set, and what was set by hand.")
class ForecastOverrideWeek:
    """One week of an override."""

    week_start: date
    system_units: float
    units: float


@strawberry.type(description="An override taken back, as a record of its own.")
class OverrideWithdrawal:
    """A withdrawal."""

    author: str
    reason: str
    withdrawn_at: datetime
    as_of: date


@strawberry.type(
    description="A forecast set by hand, with the system's figures of the same weeks. Never changed; withdrawing adds a record."
)
class ForecastOverride:
    """An override as it stands."""

    id: strawberry.ID
    product_id: strawberry.ID
    store_id: strawberry.ID | None
    weeks: list[ForecastOverrideWeek]
    reason: str
    author: str
    set_at: datetime
    expires_at: datetime
    as_of: date
    release_id: str
    system: str
    decision_id: strawberry.ID | None
    in_force: bool = strawberry.field(description="Whether it changes the forecast now: neither expired nor withdrawn.")
    withdrawal: OverrideWithdrawal | None


@strawberry.type
class OverrideEdge:
    """One override of a list."""

    cursor: str
    node: ForecastOverride


@strawberry.type(description="Overrides, the newest first.")
class OverrideConnection:
    """A page of overrides."""

    edges: list[OverrideEdge]
    page_info: PageInfo


@strawberry.type(description="What an act on an override came to; in a dry run `weeks` says what the system says today.")
class OverridePayload:
    """What an act came to."""

    override: ForecastOverride | None
    weeks: list[ForecastOverrideWeek]
    dry_run: bool
    repeated: bool
    user_errors: list[Problem]


@strawberry.type(description="The override that holds in a week: who set it, why, and until when.")
class AppliedOverride:
    """The override that holds."""

    id: strawberry.ID
    author: str
    reason: str
    set_at: datetime
    expires_at: datetime


@strawberry.type(description="One week with both figures; without an override they are the same.")
class OverriddenForecastWeek:
    """One week with both figures."""

    week_start: date
    system_units: float
    units: float
    override: AppliedOverride | None


@strawberry.type(description="The forecast with what was set by hand beside what the system says; a decision of its own.")
class OverriddenForecast:
    """Both figures."""

    system: str
    system_units: float
    units: float
    weeks: list[OverriddenForecastWeek]
    decision: Decision


@strawberry.type(
    description="Errors in units and as shares of the actual units; `valueAdded` above 0: the hand did better than the system."
)
class ValueAdded:
    """By how much the error fell."""

    overrides: int
    weeks: int
    actual_units: float
    system_error: float
    override_error: float
    system_wape: float | None
    override_wape: float | None
    value_added: float | None


@strawberry.type
class AuthorValueAdded:
    """Of one author."""

    author: str
    value: ValueAdded


@strawberry.type(
    description="Of one override. No value: no week is known yet, or fewer than ten households are behind the sales."
)
class OverrideValueAdded:
    """Of one override."""

    id: strawberry.ID
    author: str
    product_id: strawberry.ID
    store_id: strawberry.ID | None
    withheld: bool
    value: ValueAdded | None


@strawberry.type(
    description="What setting forecasts by hand was worth, by the sales known until a day. Withheld overrides are in no total."
)
class ForecastValueAdded:
    """Forecast value added."""

    known_until: date
    total: ValueAdded | None
    by_author: list[AuthorValueAdded]
    overrides: list[OverrideValueAdded]
    withheld: int
    waiting: int = strawberry.field(description="Overrides of which no week is known yet.")


def override_of(override: Override, now: datetime) -> ForecastOverride:
    """Return an override as it is answered."""
    draft = override.draft
    return ForecastOverride(
        id=strawberry.ID(override.id), product_id=strawberry.ID(draft.product_id), store_id=optional_id(draft.store_id),
        weeks=cast("list[ForecastOverrideWeek]", draft.weeks), reason=draft.reason, author=draft.author, set_at=override.set_at,
        expires_at=draft.expires_at, as_of=draft.as_of, release_id=draft.release_id, system=draft.system,
        decision_id=optional_id(draft.decision_id), in_force=override.in_force(now),
        withdrawal=cast("OverrideWithdrawal | None", override.withdrawal),
    )  # fmt: skip


def override_payload(kept: KeptOverride, now: datetime, *, dry_run: bool) -> OverridePayload:
    """Return what an act came to; where the forecast refused, its refusal is what stands in the way."""
    recorded = kept.recorded
    return OverridePayload(
        override=None if recorded is None else override_of(recorded.value, now),
        weeks=cast("list[ForecastOverrideWeek]", kept.weeks), dry_run=dry_run,
        repeated=recorded is not None and recorded.repeated, user_errors=[],
    )  # fmt: skip


def overridden_of(asked: Asked, request: ForecastRequest) -> OverriddenForecast | None:
    """Return both figures where an override is in force; None where the forecast is the system's alone."""
    if asked.front.planning is None or not request.product_id or request.launch_week is not None:
        return None
    question = overridden_forecast(asked.planner(), request.product_id, request)
    if question is None:
        return None
    made = asked.desk.decide("overridden_forecast", question)
    answer: room.OverriddenAnswer | Refused = made.answer
    if isinstance(answer, Refused):
        return None
    return OverriddenForecast(
        system=answer.system, system_units=answer.system_units, units=answer.units,
        weeks=cast("list[OverriddenForecastWeek]", answer.weeks), decision=decision_of(made),
    )  # fmt: skip


def value_added_of(report: room.ValueReport) -> ForecastValueAdded:
    """Return a report as it is answered."""
    return ForecastValueAdded(
        known_until=report.known_until, total=cast("ValueAdded | None", report.total),
        by_author=[AuthorValueAdded(author=author, value=cast("ValueAdded", value)) for author, value in report.by_author],
        overrides=cast("list[OverrideValueAdded]", report.overrides), withheld=report.withheld, waiting=report.waiting,
    )  # fmt: skip

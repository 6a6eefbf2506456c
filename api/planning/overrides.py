"""Forecasts set by hand: kept beside what the system said, laid over what it says, measured once sales are known."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from api.decisions_made import Refused
from api.planning.evaluating import system_forecast
from api.planning.parts import Decided, Planner, act_of
from decisions.forecast.contract import ForecastAnswer, ForecastRequest
from decisions.overrides import (
    Judged,
    OverriddenRequest,
    PinnedOverride,
    PinnedWeek,
    ValueReport,
    check_override,
    check_reason,
)
from features.demand_panel import MAXIMUM_HORIZON_WEEKS
from governance.records import Override, OverrideDraft, OverrideWeek, Recorded

__all__ = ["KeptOverride", "in_force", "overridden_forecast", "set_override", "value_report", "withdraw_override"]

MAXIMUM_MEASURED = 1000


@dataclass(frozen=True, slots=True)
class KeptOverride:
    """What an act came to: the weeks with both figures, and the record, None after a dry run.

    `refused` is the decision that the forecast refused: there is nothing that the hand could be measured against.
    """

    weeks: tuple[OverrideWeek, ...]
    recorded: Recorded[Override] | None
    refused: Decided | None = None


def set_override(
    planner: Planner,
    product_id: str,
    store_id: str | None,
    units_by_week: Mapping[date, float],
    *,
    reason: str,
    expires_at: datetime,
    key: str,
    expected: int | None = None,
    dry_run: bool = False,
    author: str | None = None,
) -> KeptOverride:
    """Set the forecast of a product by hand, beside what the system says today of the same weeks.

    Raises: OverrideInvalid, WeeksNotForecast, VersionConflict, IdempotencyKeyReused, ArgumentInvalid, the forecast's errors.
    """
    book = planner.planning.books.overrides
    by_hand = {week.isoformat(): float(units) for week, units in sorted(units_by_week.items())}
    arguments = {"product": product_id, "store": store_id, "weeks": by_hand, "reason": reason, "expires_at": expires_at}
    act = act_of(planner, "override_set", key, **arguments, expected=expected, author=author)
    done = None if dry_run else book.done(act)
    if done is not None:
        return KeptOverride(done.value.draft.weeks, done)
    decided = planner.decided("forecast", ForecastRequest(product_id, store_id, MAXIMUM_HORIZON_WEEKS))
    if isinstance(decided.answer, Refused):
        return KeptOverride((), None, decided)
    draft = _draft(
        planner, (product_id, store_id), decided, units_by_week, reason=reason, expires_at=expires_at, author=author
    )  # fmt: skip
    if not dry_run:
        planner.write_now()
    return KeptOverride(draft.weeks, book.set(draft, act, expected=expected, dry_run=dry_run))


def withdraw_override(
    planner: Planner, override_id: str, *, reason: str, key: str, dry_run: bool = False, author: str | None = None
) -> KeptOverride:
    """Take an override back, as a record of its own. Raises: OverrideUnknown, OverrideWithdrawn, OverrideInvalid."""
    book = planner.planning.books.overrides
    act = act_of(planner, "override_withdraw", key, override_id=override_id, reason=reason, author=author)
    done = None if dry_run else book.done(act)
    if done is not None:
        return KeptOverride(done.value.draft.weeks, done)
    plain, weeks = check_reason(reason), book.get(override_id).draft.weeks
    as_of = planner.services.graph.version.as_of
    recorded = book.withdraw(override_id, author=author or planner.name, reason=plain, as_of=as_of, act=act, dry_run=dry_run)
    return KeptOverride(weeks, recorded)


def in_force(overrides: Sequence[Override], now: datetime) -> tuple[PinnedOverride, ...]:
    """Return those that change the forecast now, as questions hold them, in the order they were set."""
    return tuple(_pinned(one) for one in overrides if one.in_force(now))


def overridden_forecast(planner: Planner, product_id: str, request: ForecastRequest) -> OverriddenRequest | None:
    """Return the question with a product's overrides that are in force now, None where there are none."""
    found = planner.planning.books.overrides.of_series(product_id, request.store_id)
    held = in_force(found, planner.services.clock.now())
    if not held:
        return None
    return OverriddenRequest(product_id, request.store_id, request.horizon_weeks, request.as_of, held)


def value_report(planner: Planner, *, author: str | None = None) -> ValueReport:
    """Return the forecast value added of the latest 1,000 overrides, of one author or all."""
    latest = planner.planning.books.overrides.latest(limit=MAXIMUM_MEASURED)
    return planner.planning.measure(tuple(_judged(one) for one in latest if author in (None, one.draft.author)))


def _draft(
    planner: Planner,
    series: tuple[str, str | None],
    decided: Decided,
    by_week: Mapping[date, float],
    *,
    reason: str,
    expires_at: datetime,
    author: str | None,
) -> OverrideDraft:
    product_id, store_id = series
    answer: ForecastAnswer = decided.answer
    system = system_forecast(answer)
    plain = check_override(by_week, system, reason=reason, expires_at=expires_at, now=planner.services.clock.now())
    weeks = tuple(
        OverrideWeek(week.week_start, week.units, float(by_week[week.week_start]))
        for week in system.weeks
        if week.week_start in by_week
    )
    return OverrideDraft(
        product_id, store_id, weeks, plain, author or planner.name, expires_at, answer.as_of,
        planner.services.release.id, answer.system, decided.decision_id,
    )  # fmt: skip


def _pinned(override: Override) -> PinnedOverride:
    draft = override.draft
    return PinnedOverride(override.id, draft.author, draft.reason, override.set_at, draft.expires_at, _weeks(draft))


def _judged(override: Override) -> Judged:
    draft, withdrawal = override.draft, override.withdrawal
    taken_back = None if withdrawal is None else withdrawal.as_of
    return Judged(override.id, draft.author, draft.product_id, draft.store_id, _weeks(draft), taken_back)


def _weeks(draft: OverrideDraft) -> tuple[PinnedWeek, ...]:
    return tuple(PinnedWeek(week.week_start, week.units, week.system_units) for week in draft.weeks)

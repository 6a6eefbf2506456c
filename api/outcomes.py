"""What customers did with what they were shown: reports are checked against their token and the decision log, then recorded."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from api.errors import ArgumentInvalid, ExposureTokenExpired, ExposureTokenInvalid
from api.exposure import Exposure, ExposureMint
from governance.policy import Operation, Principal, require
from governance.records import Act, DecisionLog, Outcome, OutcomeBook, OutcomeDraft, OutcomeKind, Recorded
from governance.records.errors import DecisionUnknown
from kit.canonical import digest_of_value
from kit.clock import Clock, SystemClock
from kit.errors import ShelfgraphError

__all__ = ["MAXIMUM_REPORTS", "OutcomeDesk", "OutcomeReport", "Told"]

MAXIMUM_REPORTS = 100
MAXIMUM_KEY = 200
LARGEST_VALUE = 1e9
CLOCK_SKEW = timedelta(minutes=5)
"""By so much the clock of whoever reports may be ahead of ours."""
Told = Recorded[Outcome] | ShelfgraphError | None
"""What became of a report: recorded, refused, or (a dry run) checked."""


@dataclass(frozen=True, slots=True)
class OutcomeReport:
    """What is reported: by which token, what the customer did, when, and of a purchase its value in the shop's currency."""

    token: str
    kind: OutcomeKind
    idempotency_key: str
    happened_at: datetime
    value: float | None = None


@dataclass(frozen=True, slots=True)
class OutcomeDesk:
    """Takes reports for one home.

    Args:
        book: where outcomes are kept.
        mint: reads the tokens.
        keep_days: how long after an exposure something is still reported of it.
    """

    book: OutcomeBook
    mint: ExposureMint
    keep_days: int
    clock: Clock = field(default_factory=SystemClock)

    def record(
        self, log: DecisionLog, principal: Principal, report: OutcomeReport, *, dry_run: bool = False
    ) -> Recorded[Outcome] | None:
        """Record one report; None after a dry run.

        Raises: NotAuthorised, ArgumentInvalid, ExposureTokenInvalid, ExposureTokenExpired, DecisionUnknown, IdempotencyKeyReused.
        """
        (told,) = self.record_all(log, principal, [report], dry_run=dry_run)
        if isinstance(told, ShelfgraphError):
            raise told
        return told

    def record_all(
        self, log: DecisionLog, principal: Principal, reports: Sequence[OutcomeReport], *, dry_run: bool = False
    ) -> list[Told]:
        """Return what became of each report; one that is refused keeps no other from being recorded.

        Raises: NotAuthorised, BookUnavailable, DecisionLogUnavailable: then nothing was recorded.
        """
        require(principal, Operation.RECORD_OUTCOME)
        checked = [self._checked(log, principal, report) for report in reports]
        whole = [one for one in checked if not isinstance(one, ShelfgraphError)]
        recorded = iter(self.book.record_all(whole, dry_run=dry_run))
        return [one if isinstance(one, ShelfgraphError) else next(recorded) for one in checked]

    def _checked(
        self, log: DecisionLog, principal: Principal, report: OutcomeReport
    ) -> tuple[OutcomeDraft, Act] | ShelfgraphError:
        try:
            exposure = self.mint.read(report.token)
            self._check(exposure, principal, report)
            log.get(exposure.decision_id)
        except _REFUSALS as error:
            return error
        draft = _draft(exposure, report)
        key = f"outcome:{report.idempotency_key}"
        return draft, Act(principal.name, key, digest_of_value(draft))

    def _check(self, exposure: Exposure, principal: Principal, report: OutcomeReport) -> None:
        if exposure.principal != principal.name:
            raise ExposureTokenInvalid
        _check_key(report.idempotency_key)
        _check_value(report)
        now, happened_at = self.clock.now(), report.happened_at
        if happened_at.tzinfo is None:
            raise ArgumentInvalid("happenedAt", "a time with its offset from UTC")
        if happened_at > now + CLOCK_SKEW or happened_at.date() < exposure.issued_on - timedelta(days=1):
            raise ArgumentInvalid("happenedAt", f"between the exposure on {exposure.issued_on} and now")
        if (now.date() - exposure.issued_on).days > self.keep_days:
            raise ExposureTokenExpired(exposure.issued_on, self.keep_days)


_REFUSALS = (ArgumentInvalid, ExposureTokenInvalid, ExposureTokenExpired, DecisionUnknown)
"""What is wrong with one report and no other."""


def _check_key(key: str) -> None:
    if not key.strip() or len(key) > MAXIMUM_KEY or not key.isprintable():
        raise ArgumentInvalid("idempotencyKey", f"1 to {MAXIMUM_KEY} printable characters")


def _check_value(report: OutcomeReport) -> None:
    if report.value is None:
        return
    if report.kind is not OutcomeKind.PURCHASED:
        raise ArgumentInvalid("value", "left out, as nothing was purchased")
    if not (math.isfinite(report.value) and 0 <= report.value <= LARGEST_VALUE):
        raise ArgumentInvalid("value", f"a number from 0 to {LARGEST_VALUE:,.0f}")


def _draft(exposure: Exposure, report: OutcomeReport) -> OutcomeDraft:
    return OutcomeDraft(
        exposure.decision_id, exposure.product_id, exposure.rank, exposure.propensity, exposure.surface, exposure.placement,
        exposure.release_id, report.kind, report.happened_at.astimezone(UTC), report.value, exposure.principal,
    )  # fmt: skip

"""The book of outcomes: what customers did with what they were shown."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from governance.records.errors import IdempotencyKeyReused
from governance.records.planning_ports import Recorded
from governance.records.ports import Act

__all__ = ["Outcome", "OutcomeBook", "OutcomeDraft", "OutcomeKind"]


class OutcomeKind(StrEnum):
    """What a customer did with a product that was shown."""

    SHOWN = "shown"
    CLICKED = "clicked"
    ADDED_TO_CART = "added_to_cart"
    PURCHASED = "purchased"
    DISMISSED = "dismissed"


@dataclass(frozen=True, slots=True)
class OutcomeDraft:
    """What is reported of one exposure. It names no household; the decision's entry in the log may.

    Args:
        placement: the place of the page; "" for an answer that is no page.
        propensity: the chance with which the product got its place.
        value: of a purchase, in the shop's currency, where it is known.
        reporter: the principal who reports.
    """

    decision_id: str
    product_id: str
    rank: int
    propensity: float
    surface: str
    placement: str
    release_id: str
    kind: OutcomeKind
    happened_at: datetime
    value: float | None
    reporter: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """An outcome as it was recorded; never changed."""

    id: str
    recorded_at: datetime
    draft: OutcomeDraft


class OutcomeBook(Protocol):
    """Outcomes are only ever added, each once per key of its reporter."""

    def record(self, draft: OutcomeDraft, act: Act, *, dry_run: bool = False) -> Recorded[Outcome] | None:
        """Add an outcome; under a known key return the one that was recorded. Raises: IdempotencyKeyReused."""
        ...

    def record_all(
        self, reports: Sequence[tuple[OutcomeDraft, Act]], *, dry_run: bool = False
    ) -> tuple[Recorded[Outcome] | IdempotencyKeyReused | None, ...]:
        """Add several in one commit. A key that stands for something else refuses its own report and no other."""
        ...

    def get(self, outcome_id: str) -> Outcome:
        """Return an outcome. Raises: OutcomeUnknown."""
        ...

    def latest(self, *, limit: int, after: str | None = None) -> tuple[Outcome, ...]:
        """Return outcomes, the last recorded first, behind the outcome `after`."""
        ...

    def of_decisions(self, decision_ids: Sequence[str]) -> Iterator[Outcome]:
        """Yield the outcomes of decisions in the order they were recorded."""
        ...

    def decisions(self) -> tuple[str, ...]:
        """Return the ids of all decisions that have outcomes, in their order."""
        ...

"""What planning works with: the books, the lake, and who is told of a new job. One object, opened once."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from api.decisions_made import Made, compute
from api.error_map import LOGGED_REFUSALS
from api.errors import ArgumentInvalid
from api.services import Services
from decisions.overrides import Judged, ValueReport
from governance.policy import Principal
from governance.records import Act
from kit.canonical import digest_of_value
from pipeline.books import PlanningBooks

__all__ = ["Decided", "Planner", "Planning", "act_of"]

MAXIMUM_KEY = 200


def _nobody() -> None:
    """Nobody has to be told."""


@dataclass(frozen=True, slots=True)
class Planning:
    """Opened once for an application or a command.

    Args:
        books: scenarios, overrides, jobs.
        measure: computes forecast value added from the lake.
        queue_limit: how many jobs may be queued or running.
        wake: told when a job was queued.
    """

    books: PlanningBooks
    measure: Callable[[tuple[Judged, ...]], ValueReport]
    queue_limit: int = 20
    wake: Callable[[], None] = _nobody


@dataclass(frozen=True, slots=True)
class Decided:
    """An answer, and the decision under which it is logged, None on the command line, which logs none."""

    answer: Any
    made: Made | None

    @property
    def decision_id(self) -> str | None:
        """The id in the log."""
        return None if self.made is None else self.made.id


@dataclass(frozen=True, slots=True)
class Planner:
    """One principal at work on one release, which is opened when something first asks for it.

    `decide` makes a decision, and `write_now` waits until it is on disk; without them the answer is computed and not logged, as
    the command line does.
    """

    open_services: Callable[[], Services]
    planning: Planning
    principal: Principal
    decide: Callable[[str, Any], Made] | None = None
    write_now: Callable[[], None] = _nobody

    def decided(self, kind: str, request: Any) -> Decided:
        """Return the decision on a request; a refusal that counts as an answer is one. Raises: the errors of its room."""
        if self.decide is not None:
            made = self.decide(kind, request)
            return Decided(made.answer, made)
        return Decided(compute(self.services, kind, request, LOGGED_REFUSALS), None)

    @property
    def services(self) -> Services:
        """The release that answers."""
        return self.open_services()

    @property
    def name(self) -> str:
        """Who is at work."""
        return self.principal.name


def act_of(planner: Planner, what: str, key: str, **arguments: Any) -> Act:
    """Return the act of a principal under a key; its fingerprint is that of what is asked. Raises: ArgumentInvalid."""
    if not key.strip() or len(key) > MAXIMUM_KEY or not key.isprintable():
        raise ArgumentInvalid("idempotencyKey", f"1 to {MAXIMUM_KEY} printable characters")
    return Act(planner.name, f"{what}:{key}", digest_of_value({"what": what, **arguments}))

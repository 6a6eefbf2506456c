"""What every resolver may use: who asks, of which release, and the loaders and decisions of this one request."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from api.catalogue import Catalogue
from api.cursors import CursorMint
from api.decisions_made import DecisionDesk
from api.error_map import LOGGED_REFUSALS
from api.errors import OutcomesUnavailable, PlanningUnavailable
from api.exposure import ExposureMint
from api.kept import KeptAnswers
from api.kept_reads import KeptReads
from api.loaders import Loaders
from api.outcomes import OutcomeDesk
from api.planning.parts import Planner, Planning
from api.services import DecisionBook, Services
from governance.policy import Operation, Principal, require

__all__ = ["Asked", "Front"]


@dataclass(frozen=True, slots=True)
class Front:
    """What lives as long as the served release: opened once, shared by all requests."""

    services: Services
    catalogue: Catalogue
    cursors: CursorMint
    log: DecisionBook
    ready: Callable[[], bool]
    planning: Planning | None = None
    outcomes: OutcomeDesk | None = None
    exposures: ExposureMint = field(default_factory=lambda: ExposureMint(secrets.token_bytes(32)))
    kept: KeptAnswers = field(default_factory=KeptAnswers)
    reads: KeptReads = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "reads", KeptReads(self.services.graph))

    def ask(self, principal: Principal) -> "Asked":
        """Open the context of one request."""
        desk = DecisionDesk(self.services, self.log, principal, LOGGED_REFUSALS, self.kept)
        return Asked(self, principal, desk, Loaders(self.reads))


@dataclass(slots=True)
class Asked:
    """The context of one request."""

    front: Front
    principal: Principal
    desk: DecisionDesk
    loaders: Loaders
    pages: dict[Any, Any] = field(default_factory=dict)
    """Pages of related products that siblings share, by what was asked of them."""

    @property
    def services(self) -> Services:
        """The release that answers."""
        return self.front.services

    def planner(self) -> Planner:
        """Return the principal at work on plans, whose decisions are logged. Raises: PlanningUnavailable."""
        if self.front.planning is None:
            raise PlanningUnavailable
        return Planner(lambda: self.services, self.front.planning, self.principal, self.desk.decide, self.desk.write_now)

    def outcomes(self) -> OutcomeDesk:
        """Return the desk that takes reports of outcomes. Raises: OutcomesUnavailable."""
        if self.front.outcomes is None:
            raise OutcomesUnavailable
        return self.front.outcomes

    def require(self, operation: Operation) -> None:
        """Check the policy for a read that is no decision. Raises: NotAuthorised."""
        require(self.principal, operation)

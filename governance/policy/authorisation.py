"""Who may do what: roles, operations and the one table between them. What the table does not name is denied."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from governance.policy.errors import NotAuthorised
from kit.canonical import digest_of_value

__all__ = ["GRANTS", "Operation", "Principal", "Role", "Verdict", "authorise", "policy_digest", "require"]

POLICY_VERSION = 1


class Role(StrEnum):
    """What a person or a program is to this service."""

    MERCHANDISER = "merchandiser"
    RECOMMENDATION_CLIENT = "recommendation_client"
    PLANNER = "planner"
    DATA_STEWARD = "data_steward"
    AUDITOR = "auditor"
    OWNER = "owner"


class Operation(StrEnum):
    """What can be asked of the service, one name per question at the API's border."""

    READ_PRODUCT = "read_product"
    SEARCH = "search"
    READ_RELATIONS = "read_relations"
    RECOMMEND = "recommend"
    RECOMMEND_FOR_HOUSEHOLD = "recommend_for_household"
    FORECAST = "forecast"
    PLAN_ASSORTMENT = "plan_assortment"
    READ_NODE = "read_node"
    READ_HOUSEHOLD = "read_household"
    READ_DECISION = "read_decision"
    RECORD_OUTCOME = "record_outcome"
    SEND_EVENTS = "send_events"
    READ_HEALTH = "read_health"
    READ_PLANS = "read_plans"
    PLAN = "plan"
    OVERRIDE_FORECAST = "override_forecast"
    RUN_JOBS = "run_jobs"
    SEE_ALL_JOBS = "see_all_jobs"


_EVERYONE = frozenset(Role)
_CATALOGUE = _EVERYONE
_PLANNERS = frozenset({Role.PLANNER, Role.MERCHANDISER, Role.OWNER})
_HOUSEHOLDS = frozenset({Role.RECOMMENDATION_CLIENT, Role.DATA_STEWARD, Role.OWNER})

GRANTS: Mapping[Operation, frozenset[Role]] = {
    Operation.READ_PRODUCT: _CATALOGUE,
    Operation.SEARCH: _CATALOGUE,
    Operation.READ_NODE: _CATALOGUE,
    Operation.READ_HEALTH: _EVERYONE,
    Operation.READ_RELATIONS: _EVERYONE,
    Operation.RECOMMEND: frozenset({Role.MERCHANDISER, Role.RECOMMENDATION_CLIENT, Role.DATA_STEWARD, Role.OWNER}),
    Operation.RECOMMEND_FOR_HOUSEHOLD: _HOUSEHOLDS,
    Operation.FORECAST: frozenset({Role.MERCHANDISER, Role.PLANNER, Role.DATA_STEWARD, Role.OWNER}),
    Operation.PLAN_ASSORTMENT: frozenset({Role.MERCHANDISER, Role.PLANNER, Role.DATA_STEWARD, Role.OWNER}),
    Operation.READ_HOUSEHOLD: frozenset({Role.RECOMMENDATION_CLIENT, Role.DATA_STEWARD, Role.OWNER}),
    Operation.RECORD_OUTCOME: frozenset({Role.RECOMMENDATION_CLIENT, Role.DATA_STEWARD, Role.OWNER}),
    Operation.SEND_EVENTS: _HOUSEHOLDS,
    Operation.READ_DECISION: frozenset({Role.DATA_STEWARD, Role.AUDITOR, Role.OWNER}),
    Operation.READ_PLANS: _PLANNERS | {Role.DATA_STEWARD, Role.AUDITOR},
    Operation.PLAN: _PLANNERS,
    Operation.OVERRIDE_FORECAST: frozenset({Role.PLANNER, Role.OWNER}),
    Operation.RUN_JOBS: _PLANNERS | {Role.DATA_STEWARD},
    Operation.SEE_ALL_JOBS: frozenset({Role.DATA_STEWARD, Role.AUDITOR, Role.OWNER}),
}
"""The whole policy: an operation is allowed to the roles that its row names."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks: a name for the log, and roles. No roles, no rights."""

    name: str
    roles: frozenset[Role]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether an operation is allowed, and the sentence that says why."""

    allowed: bool
    reason: str


def authorise(principal: Principal, operation: Operation) -> Verdict:
    """Return the policy's verdict; anything that the table does not grant is denied."""
    granted = _granting(principal, operation)
    if not granted:
        return Verdict(allowed=False, reason=f"no role of {principal.name} is granted {operation}")
    return Verdict(allowed=True, reason=f"granted to {min(granted)}")


def require(principal: Principal, operation: Operation) -> None:
    """Raise NotAuthorised unless the policy allows the operation."""
    if not _granting(principal, operation):
        raise NotAuthorised(operation)


def _granting(principal: Principal, operation: Operation) -> frozenset[Role]:
    return GRANTS.get(operation, frozenset()) & principal.roles


def policy_digest() -> str:
    """Return the SHA-256 over the whole table: it changes with every grant."""
    return _digest_of(tuple(GRANTS.items()))


@lru_cache(maxsize=8)
def _digest_of(grants: tuple[tuple[Operation, frozenset[Role]], ...]) -> str:
    """Every answer names the policy, so its digest is kept by the grants that it was computed from."""
    table = {operation.value: sorted(role.value for role in roles) for operation, roles in grants}
    return digest_of_value({"version": POLICY_VERSION, "grants": table})

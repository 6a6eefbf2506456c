"""Business outcomes of planning: what stands in the way of a scenario, an override or a job."""

from datetime import date

import strawberry

from api.graphql.problems import InvalidRequest, NotAuthorised, Problem, UnknownProduct, UnknownStore

__all__ = [
    "JOB_OUTCOMES",
    "OVERRIDE_OUTCOMES",
    "PLANNING_PROBLEMS",
    "SCENARIO_OUTCOMES",
    "ChangeOverlap",
    "EmptyStoreSet",
    "EvaluationUnavailable",
    "IdempotencyKeyReused",
    "JobNotResumable",
    "JobOver",
    "JobQueueFull",
    "JobUnfinished",
    "OverlappingChanges",
    "OverrideWithdrawn",
    "ScenarioArchived",
    "ScenarioNameTaken",
    "StoreByStoreOnly",
    "UnknownJob",
    "UnknownNeighbour",
    "UnknownOverride",
    "UnknownPromotion",
    "UnknownScenario",
    "VersionConflict",
    "WeeksOutsideHorizon",
]


@strawberry.type(description="The graph version that answers has no such promotion.")
class UnknownPromotion(Problem):
    """No such promotion."""


@strawberry.type(description="No relation leads from the one product to the other.")
class UnknownNeighbour(Problem):
    """No such edge."""


@strawberry.type(description="No such scenario was kept, or not in that revision.")
class UnknownScenario(Problem):
    """No such scenario."""


@strawberry.type(description="No such job, or it is somebody else's.")
class UnknownJob(Problem):
    """No such job."""


@strawberry.type(description="No such override was set.")
class UnknownOverride(Problem):
    """No such override."""


@strawberry.type(description="A change names its stores, and names none.")
class EmptyStoreSet(Problem):
    """No stores."""


@strawberry.type(
    description="Weeks are named that the release does not forecast: it does from `firstWeek` up to before `untilWeek`."
)
class WeeksOutsideHorizon(Problem):
    """Weeks that are not forecast."""

    first_week: date
    until_week: date


@strawberry.type(description="Two changes that contradict, and the first store and week where they do; no store: in all of them.")
class ChangeOverlap:
    """Two changes that contradict."""

    first: str
    second: str
    product_id: strawberry.ID
    store_id: strawberry.ID | None
    week_start: date


@strawberry.type(
    description="Changes say different things of the same product, store and week. At most 20 are shown, `total` counts all."
)
class OverlappingChanges(Problem):
    """Changes that contradict."""

    overlaps: list[ChangeOverlap]
    total: int


@strawberry.type(description="A change holds in some stores only, and the whole chain was asked about.")
class StoreByStoreOnly(Problem):
    """To be asked store by store."""


@strawberry.type(description="The release has nothing that could evaluate this; nothing was made up in its place.")
class EvaluationUnavailable(Problem):
    """Nothing there that could evaluate it."""


@strawberry.type(description="The idempotency key was used for something else; nothing was done.")
class IdempotencyKeyReused(Problem):
    """A key used twice."""


@strawberry.type(description="What was to be changed was changed meanwhile; nothing was done.")
class VersionConflict(Problem):
    """Somebody else was faster."""

    expected: int
    found: int


@strawberry.type(description="Another scenario has that name.")
class ScenarioNameTaken(Problem):
    """A name in use."""


@strawberry.type(description="The scenario is archived and takes no changes.")
class ScenarioArchived(Problem):
    """An archived scenario."""


@strawberry.type(description="The override was withdrawn before.")
class OverrideWithdrawn(Problem):
    """Withdrawn before."""


@strawberry.type(description="As many jobs as are taken are queued or running.")
class JobQueueFull(Problem):
    """No room."""

    limit: int


@strawberry.type(description="The job ended before: there is nothing to cancel.")
class JobOver(Problem):
    """Over."""


@strawberry.type(description="Only a failed or cancelled job is resumed.")
class JobNotResumable(Problem):
    """Nothing to resume."""


@strawberry.type(description="The job has no result yet.")
class JobUnfinished(Problem):
    """Not done."""


_ACTS = (IdempotencyKeyReused, VersionConflict, InvalidRequest, NotAuthorised)
_SUPPOSED = (
    OverlappingChanges,
    WeeksOutsideHorizon,
    EmptyStoreSet,
    UnknownProduct,
    UnknownStore,
    UnknownPromotion,
    UnknownNeighbour,
)
SCENARIO_OUTCOMES = (*_SUPPOSED, UnknownScenario, ScenarioNameTaken, ScenarioArchived, *_ACTS)
JOB_OUTCOMES = (
    *_SUPPOSED, StoreByStoreOnly, EvaluationUnavailable, UnknownScenario, UnknownJob, JobQueueFull, JobOver, JobNotResumable,
    *_ACTS,
)  # fmt: skip
OVERRIDE_OUTCOMES = (UnknownProduct, UnknownStore, WeeksOutsideHorizon, UnknownOverride, OverrideWithdrawn, *_ACTS)
PLANNING_PROBLEMS = (*dict.fromkeys((*SCENARIO_OUTCOMES, *JOB_OUTCOMES, *OVERRIDE_OUTCOMES)), JobUnfinished)
"""All that may stand in the way, so that the schema holds each of them."""

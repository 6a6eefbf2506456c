"""Business outcomes that are no success: types of the schema, so that a client must think of them."""

from dataclasses import fields
from datetime import date

import strawberry

from api.decisions_made import Made, Refused
from api.error_map import answer_for
from api.graphql.envelope_types import Decision, decision_of
from api.graphql.relation_types import SellingPeriod
from kit.errors import ShelfgraphError

__all__ = [
    "BeforeFirstSale",
    "InsufficientEvidence",
    "InvalidRequest",
    "NeverSoldTogether",
    "NotAuthorised",
    "NotServed",
    "Problem",
    "QualityNotMeasured",
    "ScopeWithoutData",
    "UnknownCategory",
    "UnknownDecision",
    "UnknownHousehold",
    "UnknownPlacement",
    "UnknownProduct",
    "UnknownStore",
    "UnknownStoreCluster",
    "UnknownVersion",
    "problem_for",
    "refused_answer",
]


@strawberry.interface(description="Something that stands in the way of an answer.")
class Problem:
    """What is wrong, and what to do next."""

    message: str = strawberry.field(description="What is wrong, in one sentence.")
    remedy: str = strawberry.field(description="What you can do next.")


@strawberry.type(description="The graph version that answers has no such product.")
class UnknownProduct(Problem):
    """No such product."""


@strawberry.type(description="The graph version that answers has no such household.")
class UnknownHousehold(Problem):
    """No such household."""


@strawberry.type(description="No placement has this name.")
class UnknownPlacement(Problem):
    """No such placement."""

    known: list[str] = strawberry.field(description="The placements that there are.")


@strawberry.type(description="The graph version that answers has no such store.")
class UnknownStore(Problem):
    """No such store."""


@strawberry.type(description="The graph version that answers has no such category.")
class UnknownCategory(Problem):
    """No such category."""


@strawberry.type(description="The release that answers knows no such cluster of stores.")
class UnknownStoreCluster(Problem):
    """No such cluster."""

    clusters: list[str] = strawberry.field(description="The clusters that there are.")


@strawberry.type(description="The log holds no such decision.")
class UnknownDecision(Problem):
    """No such decision."""


@strawberry.type(description="Your roles do not include this.")
class NotAuthorised(Problem):
    """Refused by the policy."""


@strawberry.type(description="The release that answers was made before this could be asked.")
class NotServed(Problem):
    """Nothing to answer with."""


@strawberry.type(description="An argument is outside of what is allowed.")
class InvalidRequest(Problem):
    """An argument that cannot be used."""


@strawberry.type(description="The day lies before anything was sold.")
class BeforeFirstSale(Problem):
    """Nothing was known on that day."""

    first_sale: date = strawberry.field(description="The first day on which anything was sold.")


@strawberry.type(description="No edge of the relation has the scope that was asked for, for any product.")
class ScopeWithoutData(Problem):
    """A scope without data."""

    scope: str
    scopes: list[str] = strawberry.field(description="The scopes that have data.")


@strawberry.type(description="No such graph version is published, or there is none before it.")
class UnknownVersion(Problem):
    """No such version."""

    versions: list[str] = strawberry.field(description="The published versions, the newest first.")


@strawberry.type(description="The release was made without a back-test of its relations, or it has no past event of that part.")
class QualityNotMeasured(Problem):
    """No back-test."""

    categories: list[str] = strawberry.field(description="The categories with past events.")


@strawberry.type(description="The two products were never sold at the same time, and nothing joins them. Logged like an answer.")
class NeverSoldTogether(Problem):
    """Two products that never met."""

    periods: list[SellingPeriod]
    decision: Decision = strawberry.field(description="Which versions came to this outcome.")


@strawberry.type(description="There is too little to decide from. This is an answer too: it is logged and can be replayed.")
class InsufficientEvidence(Problem):
    """Too little to decide from."""

    decision: Decision = strawberry.field(description="Which versions came to this outcome.")


def refused_answer(made: Made) -> InsufficientEvidence:
    """Return the outcome of a refusal that is an answer of its own, with its decision."""
    answer: Refused = made.answer
    return InsufficientEvidence(message=answer.problem, remedy=answer.remedy, decision=decision_of(made))


TEXTS = ("message", "remedy")


def problem_for(error: ShelfgraphError, allowed: tuple[type[Problem], ...]) -> Problem:
    """Return the outcome that an error stands for. Raises the error again where the field does not have that outcome."""
    outcome = answer_for(error).outcome
    problem = next((one for one in allowed if one.__name__ == outcome), None)
    if problem is None:
        raise error
    # what else an outcome tells has the same name as in the error
    told = {field.name: getattr(error, field.name) for field in fields(problem) if field.name not in TEXTS}
    return problem(message=error.problem, remedy=error.remedy, **told)

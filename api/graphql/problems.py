"""Business outcomes that are no success: types of the schema, so that a client must think of them."""

from collections.abc import Mapping

import strawberry

from api.error_map import answer_for
from api.graphql.envelope_types import Decision
from kit.errors import ShelfgraphError

__all__ = [
    "PROBLEMS",
    "InsufficientEvidence",
    "InvalidRequest",
    "NotAuthorised",
    "Problem",
    "UnknownDecision",
    "UnknownHousehold",
    "UnknownProduct",
    "UnknownStore",
    "problem_for",
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


@strawberry.type(description="The graph version that answers has no such store.")
class UnknownStore(Problem):
    """No such store."""


@strawberry.type(description="The log holds no such decision.")
class UnknownDecision(Problem):
    """No such decision."""


@strawberry.type(description="Your roles do not include this.")
class NotAuthorised(Problem):
    """Refused by the policy."""


@strawberry.type(description="An argument is outside of what is allowed.")
class InvalidRequest(Problem):
    """An argument that cannot be used."""


@strawberry.type(description="There is too little to decide from. This is an answer too: it is logged and can be replayed.")
class InsufficientEvidence(Problem):
    """Too little to decide from."""

    decision: Decision = strawberry.field(description="Which versions came to this outcome.")


PROBLEMS: Mapping[str, type[Problem]] = {
    problem.__name__: problem
    for problem in (UnknownProduct, UnknownHousehold, UnknownStore, UnknownDecision, NotAuthorised, InvalidRequest)
}
"""Outcomes of errors. Too little evidence is not among them: it comes with its decision (`api.decisions_made.Refused`)."""


def problem_for(error: ShelfgraphError, allowed: tuple[type[Problem], ...]) -> Problem:
    """Return the outcome that an error stands for. Raises the error again where the field does not have that outcome."""
    outcome = answer_for(error).outcome
    problem = PROBLEMS.get(outcome or "")
    if problem is None or problem not in allowed:
        raise error
    return problem(message=error.problem, remedy=error.remedy)

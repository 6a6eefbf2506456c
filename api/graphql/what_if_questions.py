"""The questions about what is not yet: products that leave, and which ones could."""

from collections.abc import Sequence
from dataclasses import fields
from datetime import date
from typing import Annotated, Any, TypeAlias, TypeVar, cast

import strawberry

from api.asked import Asked
from api.decisions_made import Made, Refused
from api.errors import ArgumentInvalid
from api.graphql import problems
from api.graphql.envelope_types import decision_of, explanation_of
from api.graphql.node_types import Ask
from api.graphql.questions import question
from api.graphql.what_if_types import AssortmentObjective, AssortmentProposal, DelistWhatIf
from api.identifiers import plain_id
from decisions.substitution.contract import AssortmentAnswer, AssortmentRequest, DelistAnswer, DelistRequest, Objective
from governance.policy import Operation

__all__ = ["WhatIfQuestions"]

MOST_IDS = 600
"""Ids in one argument: more are refused before they are looked at."""
_P = problems
DelistWhatIfResult: TypeAlias = Annotated[
    DelistWhatIf | _P.InsufficientEvidence | _P.UnknownProduct | _P.UnknownStore | _P.UnknownStoreCluster | _P.InvalidRequest
    | _P.NotServed | _P.NotAuthorised,
    strawberry.union("DelistWhatIfResult", description="Where demand goes, or why it cannot be said."),
]  # fmt: skip
AssortmentProposalResult: TypeAlias = Annotated[
    AssortmentProposal | _P.InsufficientEvidence | _P.UnknownCategory | _P.UnknownStore | _P.UnknownStoreCluster
    | _P.InvalidRequest | _P.NotServed | _P.NotAuthorised,
    strawberry.union("AssortmentProposalResult", description="What to drop, or why nothing can be proposed."),
]  # fmt: skip
PLACE_OUTCOMES = (_P.UnknownStore, _P.UnknownStoreCluster, _P.InvalidRequest, _P.NotServed, _P.NotAuthorised)
T = TypeVar("T")


@strawberry.type
class WhatIfQuestions:
    """A part of the root."""

    @question(
        "What happens if products leave stores (or the chain) for some weeks: who picks up the demand, what leaves the shop.",
        Operation.PLAN_ASSORTMENT,
        _P.UnknownProduct,
        *PLACE_OUTCOMES,
    )
    def delist_what_if(
        self, info: Ask, *, product_ids: list[strawberry.ID], store_ids: list[strawberry.ID] | None = None,
        cluster_id: str | None = None, horizon_weeks: int = 4, limit: int = 20, as_of: date | None = None,
    ) -> DelistWhatIfResult:  # fmt: skip
        request = DelistRequest(
            _ids("productIds", "Product", product_ids) or (),
            _ids("storeIds", "Store", store_ids), cluster_id, horizon_weeks, limit, as_of,
        )  # fmt: skip
        return cast("DelistWhatIfResult", _delist(info.context, request))

    @question(
        "Which products of a category to drop so that the least demand, or margin, is lost.",
        Operation.PLAN_ASSORTMENT,
        _P.UnknownCategory,
        *PLACE_OUTCOMES,
    )
    def assortment_proposal(
        self, info: Ask, *, category_id: strawberry.ID, count: int, objective: AssortmentObjective = AssortmentObjective.DEMAND,
        store_ids: list[strawberry.ID] | None = None, cluster_id: str | None = None, horizon_weeks: int = 4,
        as_of: date | None = None,
    ) -> AssortmentProposalResult:  # fmt: skip
        request = AssortmentRequest(
            plain_id("ProductCategory", str(category_id)), count, Objective(objective.value),
            _ids("storeIds", "Store", store_ids), cluster_id, horizon_weeks, as_of,
        )  # fmt: skip
        return cast("AssortmentProposalResult", _propose(info.context, request))


def _ids(argument: str, label: str, given: Sequence[strawberry.ID] | None) -> tuple[str, ...] | None:
    if given is None:
        return None
    if len(given) > MOST_IDS:
        raise ArgumentInvalid(argument, f"at most {MOST_IDS} ids")
    # the order does not matter: the same question is the same decision
    return tuple(sorted({plain_id(label, str(one)) for one in given}))


def _delist(asked: Asked, request: DelistRequest) -> Any:
    made = asked.desk.decide("delist_what_if", request)
    if isinstance(made.answer, Refused):
        return _refused(made)
    answer: DelistAnswer = made.answer
    events = answer.events
    return _shaped(
        DelistWhatIf, made, answer, events=events.events, events_of_same_category=events.same_category,
        events_total=events.total, events_covered=events.covered,
    )  # fmt: skip


def _propose(asked: Asked, request: AssortmentRequest) -> Any:
    made = asked.desk.decide("assortment_proposal", request)
    if isinstance(made.answer, Refused):
        return _refused(made)
    answer: AssortmentAnswer = made.answer
    return _shaped(AssortmentProposal, made, answer, objective=AssortmentObjective(answer.objective.value))


def _shaped(kind: type[T], made: Made, answer: DelistAnswer | AssortmentAnswer, **more: Any) -> T:
    """Return an answer as its type: fields of the same name, and those that are said otherwise."""
    more |= {"explanation": explanation_of(answer.explanation), "decision": decision_of(made)}
    plain = {one.name: getattr(answer, one.name) for one in fields(cast("Any", kind)) if one.name not in more}
    return kind(**plain, **more)


def _refused(made: Made) -> problems.InsufficientEvidence:
    answer: Refused = made.answer
    return problems.InsufficientEvidence(message=answer.problem, remedy=answer.remedy, decision=decision_of(made))

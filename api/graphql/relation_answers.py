"""Answers about relations, made from decisions: why two products are related, what changed, how good the relations are."""

from datetime import date
from typing import cast

import strawberry

from api.asked import Asked
from api.errors import CursorInvalid
from api.graphql.envelope_types import Evidence, ExplanationPath, NodeName, PageInfo, decision_of
from api.graphql.problems import NeverSoldTogether
from api.graphql.product_types import check_first
from api.graphql.relation_types import (
    EventOutcomeEdge,
    GraphDiff,
    GraphDiffEdge,
    PairRelation,
    QualityFigure,
    QualityPicture,
    RelationQuality,
    SellingPeriod,
    SharedCount,
    WhyRelated,
)
from api.loaders import Page
from api.rest.pictures import picture_url
from decisions.relations.compare import DiffAnswer, DiffPlace, DiffRequest, EdgeChange
from decisions.relations.measured import OutcomePlace, QualityAnswer, QualityRequest
from decisions.relations.quality import EventOutcome
from decisions.relations.why import WhyAnswer, WhyRequest, unmet

__all__ = ["graph_diff", "relation_quality", "why_related"]

MAXIMUM_PICTURES = 20


def why_related(asked: Asked, request: WhyRequest) -> WhyRelated | NeverSoldTogether:
    """Return what holds between two products. Raises: the errors of `decisions.relations`."""
    made = asked.desk.decide("why_related", request)
    answer: WhyAnswer = made.answer
    periods = cast("list[SellingPeriod]", answer.periods)
    refusal = unmet(answer)
    if refusal is not None:
        return NeverSoldTogether(
            message=refusal.problem, remedy=refusal.remedy, periods=periods, decision=decision_of(made)
        )  # fmt: skip
    return WhyRelated(
        related=answer.related,
        text=answer.explanation.text,
        relations=cast("list[PairRelation]", answer.relations),
        paths=cast("list[ExplanationPath]", answer.explanation.paths),
        shared=cast("list[SharedCount]", answer.shared),
        periods=periods,
        days_together=answer.days_together,
        missing=list(answer.missing),
        decision=decision_of(made),
    )


def graph_diff(asked: Asked, request: DiffRequest, first: int, after: str | None) -> GraphDiff:
    """Return a page of changes; limit and place of `request` are set here, the limit one further than the page.

    Raises:
        ArgumentInvalid, CursorInvalid and its kin, and the errors of `decisions.relations`.
    """
    check_first(first)
    list_name = f"diff:{request.relation}:{request.from_version}:{request.to_version}"
    place = None if after is None else _diff_place(asked.front.cursors.read(list_name, after))
    wanted = DiffRequest(request.relation, request.from_version, request.to_version, first + 1, place)
    made = asked.desk.decide("graph_diff", wanted)
    answer: DiffAnswer = made.answer
    edges = [_diff_edge(asked, list_name, item) for item in answer.items[:first]]
    return GraphDiff(
        relation=answer.relation,
        from_version=answer.from_version,
        to_version=answer.to_version,
        added=answer.added,
        removed=answer.removed,
        changed=answer.changed,
        unchanged=answer.unchanged,
        edges=edges,
        page_info=PageInfo.of(edges, seen=int(after is not None), more=len(answer.items) > first),
        decision=decision_of(made),
    )


def relation_quality(asked: Asked, request: QualityRequest, first: int, after: str | None) -> RelationQuality:
    """Return a page of past events with the figures; limit and place of `request` are set here.

    Raises:
        ArgumentInvalid, CursorInvalid and its kin, and the errors of `decisions.relations`.
    """
    check_first(first)
    list_name = f"quality:{request.relation}:{request.category}:{asked.services.release.id}"
    place = None if after is None else _outcome_place(asked.front.cursors.read(list_name, after))
    wanted = QualityRequest(request.relation, request.category, request.metric, request.system, first + 1, place)
    made = asked.desk.decide("relation_quality", wanted)
    answer: QualityAnswer = made.answer
    shown = answer.events[:first]
    names = _names(asked, tuple(event.product_id for event in shown))
    edges = [_outcome_edge(asked, list_name, event, names) for event in shown]
    pictures = [QualityPicture(name=name, url=picture_url(name)) for name in answer.pictures[:MAXIMUM_PICTURES]]
    return RelationQuality(
        relation=answer.relation,
        category=answer.category,
        as_of=answer.as_of,
        model_version=answer.model_version,
        protocol=answer.protocol,
        figures=cast("list[QualityFigure]", answer.figures),
        figures_total=answer.figures_total,
        categories=list(answer.categories),
        events_total=answer.events_total,
        covered=answer.covered,
        edges=edges,
        page_info=PageInfo.of(edges, seen=int(after is not None), more=len(answer.events) > first),
        picture_url=pictures[0].url if pictures else None,
        pictures=pictures,
        decision=decision_of(made),
    )


def _diff_place(position: object) -> DiffPlace:
    match position:
        case [int() | float() as size, str() as source, str() as target, str() as scope]:
            return DiffPlace(float(size), source, target, scope)
    raise CursorInvalid


def _outcome_place(position: object) -> OutcomePlace:
    match position:
        case [str() as day, str() as event_id]:
            return OutcomePlace(date.fromisoformat(day), event_id)
    raise CursorInvalid


def _diff_edge(asked: Asked, list_name: str, item: EdgeChange) -> GraphDiffEdge:
    place = [abs(item.change), item.source.id, item.target.id, item.scope]
    return GraphDiffEdge(
        cursor=asked.front.cursors.give(list_name, place),
        kind=item.kind,
        source=cast("NodeName", item.source),
        target=cast("NodeName", item.target),
        scope=item.scope,
        change=item.change,
        old=cast("Evidence | None", item.old),
        new=cast("Evidence | None", item.new),
    )


def _outcome_edge(asked: Asked, list_name: str, event: EventOutcome, names: dict[str, str]) -> EventOutcomeEdge:
    return EventOutcomeEdge(
        cursor=asked.front.cursors.give(list_name, [event.day.isoformat(), event.event_id]),
        event_id=strawberry.ID(event.event_id),
        kind=event.kind,
        product=NodeName(
            label="Product", id=strawberry.ID(event.product_id), display_name=names.get(event.product_id, event.product_id)
        ),
        category=event.category,
        scope=event.scope,
        day=event.day,
        predicted=event.predicted,
        realised=event.realised,
        low=event.low,
        high=event.high,
        covered=event.covered,
        simulated=event.simulated,
    )


def _names(asked: Asked, ids: tuple[str, ...]) -> dict[str, str]:
    found = asked.loaders.nodes_by_id.load(Page("Product", ids)) if ids else ()
    return {node.id: str(node.properties.get("display_name", node.id)) for node in found}

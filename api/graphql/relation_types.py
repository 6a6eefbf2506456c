"""Relations as GraphQL types: their scopes, what holds between two products, what changed, and how good they are."""

from datetime import date
from enum import Enum

import strawberry

from api.errors import ArgumentInvalid
from api.graphql.envelope_types import Decision, Evidence, ExplanationPath, NodeName, PageInfo
from api.identifiers import plain_id
from decisions.relations.contract import ThinScope
from decisions.relations.scopes import scope_name
from kg.ports import CHAIN

__all__ = [
    "EventOutcomeEdge",
    "GraphDiff",
    "GraphDiffEdge",
    "InsufficientScope",
    "PairRelation",
    "QualityFigure",
    "QualityPicture",
    "RelationQuality",
    "RelationScopeInput",
    "Season",
    "SellingPeriod",
    "SharedCount",
    "WhyRelated",
    "insufficient_scope",
    "scope_asked",
]


@strawberry.enum(description="A meteorological season.")
class Season(Enum):
    """Three months of the year."""

    WINTER = "winter"
    SPRING = "spring"
    SUMMER = "summer"
    AUTUMN = "autumn"


@strawberry.input(description="Where a relation is to hold: one of the three parts, or nothing for the whole chain.")
class RelationScopeInput:
    """One part of the chain."""

    store_cluster: strawberry.ID | None = strawberry.field(default=None, description="The id of a cluster of stores.")
    season: Season | None = strawberry.field(default=None, description="A season of the year.")
    segment: strawberry.ID | None = strawberry.field(default=None, description="The id of a segment of households.")
    or_parent: bool = strawberry.field(
        default=True, description="Whether the wider scope may answer, and say so, where this one has too little evidence."
    )


def scope_asked(given: RelationScopeInput | None) -> tuple[str, bool]:
    """Return the scope as edges hold it, and whether its parent may answer. Raises: ArgumentInvalid for more than one part."""
    if given is None:
        return CHAIN, True
    cluster = plain_id("StoreCluster", str(given.store_cluster)) if given.store_cluster is not None else None
    parts = {
        "store_cluster": cluster,
        "season": None if given.season is None else str(given.season.value),
        "segment": None if given.segment is None else str(given.segment),
    }
    named = [scope_name(kind, name) for kind, name in parts.items() if name is not None]
    if len(named) > 1:
        raise ArgumentInvalid("scope", "one of storeCluster, season and segment")
    return (named[0] if named else CHAIN), given.or_parent


@strawberry.type(description="Too little evidence in the scope that was asked for: no edge there. Says what the wider scope has.")
class InsufficientScope:
    """Why a scope did not answer."""

    message: str
    remedy: str
    scope: str = strawberry.field(description="The scope that was asked for.")
    parent_scope: str | None = strawberry.field(description="The wider scope; null for the chain, which has none.")
    parent_edges: int = strawberry.field(description="How many related products the wider scope has.")
    scopes: list[str] = strawberry.field(description="The scopes that have any for this product.")


def insufficient_scope(thin: ThinScope | None) -> InsufficientScope | None:
    """Return what is said of a scope without edges."""
    if thin is None:
        return None
    parent = f"; parent scope {thin.parent_scope} has {thin.parent_edges}" if thin.parent_scope else ""
    remedy = f"Scopes with evidence for this product: {', '.join(thin.scopes)}." if thin.scopes else "No scope has any yet."
    return InsufficientScope(
        message=f"Insufficient evidence in scope {thin.scope}{parent}.", remedy=remedy, scope=thin.scope,
        parent_scope=thin.parent_scope, parent_edges=thin.parent_edges, scopes=list(thin.scopes),
    )  # fmt: skip


@strawberry.type(description="One edge between two products, in its stored direction, in words.")
class PairRelation:
    """One edge between two products."""

    relation: str
    scope: str
    source: NodeName
    target: NodeName
    evidence: Evidence
    text: str


@strawberry.type(description="How much two products share: `baskets`, `households` or `promotion_days`.")
class SharedCount:
    """One count."""

    kind: str
    shared: int | None = strawberry.field(description="Null where fewer than ten households are behind it.")
    first: int | None
    second: int | None
    text: str


@strawberry.type(description="From the first to the last day on which a product was sold; null where it never was.")
class SellingPeriod:
    """When a product was sold."""

    product: NodeName
    first_sold: date | None
    last_sold: date | None


@strawberry.type(description="All that the graph holds between two products, in both directions and all scopes.")
class WhyRelated:
    """Why two products are related, or why not."""

    related: bool = strawberry.field(description="Whether a derived relation holds between them, in any scope.")
    text: str
    relations: list[PairRelation]
    paths: list[ExplanationPath] = strawberry.field(description="Through categories, suppliers, brands, coupons and companions.")
    shared: list[SharedCount]
    periods: list[SellingPeriod]
    days_together: int | None = strawberry.field(description="For how many days both were on sale; null where one never was.")
    missing: list[str] = strawberry.field(description="What stands against a relation, in sentences; empty where one holds.")
    decision: Decision


@strawberry.type(description="One edge that is new, gone or different. `change` is new minus old strength, in its own unit.")
class GraphDiffEdge:
    """One change."""

    cursor: str
    kind: str = strawberry.field(description="`added`, `removed` or `changed`.")
    source: NodeName
    target: NodeName
    scope: str
    change: float
    old: Evidence | None
    new: Evidence | None


@strawberry.type(description="What changed in a relation between two published graph versions, the largest changes first.")
class GraphDiff:
    """A page of changes."""

    relation: str
    from_version: str
    to_version: str
    added: int
    removed: int
    changed: int
    unchanged: int
    edges: list[GraphDiffEdge]
    page_info: PageInfo
    decision: Decision


@strawberry.type(description="One figure of the back-test, with its interval.")
class QualityFigure:
    """One figure."""

    system: str = strawberry.field(description="`shelfgraph`, or the name of a floor beside it.")
    metric: str
    slice: str
    category: str | None = strawberry.field(description="Null: over all categories.")
    value: float
    low: float | None
    high: float | None
    events: int = strawberry.field(description="How many past events it rests on.")


@strawberry.type(description="A past event: what the relation said before it, and what came.")
class EventOutcomeEdge:
    """One past event."""

    cursor: str
    event_id: strawberry.ID
    kind: str
    product: NodeName
    category: str | None
    scope: str
    day: date
    predicted: float
    realised: float
    low: float
    high: float
    covered: bool = strawberry.field(description="Whether what came lies in the interval.")
    simulated: bool


@strawberry.type(description="A picture of the back-test.")
class QualityPicture:
    """A picture."""

    name: str
    url: str = strawberry.field(description="Where this server gives it, as SVG.")


@strawberry.type(
    description="How good a relation of the served release is: its back-test, and past events one by one, latest first."
)
class RelationQuality:
    """The back-test of one relation."""

    relation: str
    category: str | None
    as_of: date
    model_version: str
    protocol: str
    figures: list[QualityFigure] = strawberry.field(description="At most 200, those over all categories first.")
    figures_total: int
    categories: list[str] = strawberry.field(description="Those with figures or events of their own.")
    events_total: int
    covered: int = strawberry.field(description="Of all these events, how many lie in their interval.")
    edges: list[EventOutcomeEdge]
    page_info: PageInfo
    picture_url: str | None = strawberry.field(description="The first of the pictures; null where there is none.")
    pictures: list[QualityPicture]
    decision: Decision

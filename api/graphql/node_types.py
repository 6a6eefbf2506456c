"""Nodes of the graph as GraphQL types, all but the product."""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any, TypeAlias

import strawberry
from strawberry.types import Info

from api.asked import Asked
from api.identifiers import global_id
from kg import ports as kg

__all__ = [
    "NODE_TYPES",
    "Ask",
    "Basket",
    "Brand",
    "Campaign",
    "Coupon",
    "Household",
    "Node",
    "ProductCategory",
    "Promotion",
    "Store",
    "Supplier",
    "node_of",
]

Ask: TypeAlias = Info[Asked, None]


@strawberry.interface(description="Anything in the graph that has an id.")
class Node:
    """What every node has."""

    id: strawberry.ID = strawberry.field(description="Opaque and unique over all types; give it to `node(id:)`.")
    display_name: str


@strawberry.type
class Supplier(Node):
    """Who supplies products."""


@strawberry.type
class Brand(Node):
    """A brand."""


@strawberry.type
class Store(Node):
    """A store."""

    country: str | None = None


@strawberry.type
class Household(Node):
    """A household under its pseudonym."""

    age_band: str | None = None
    income_band: str | None = None
    household_size: str | None = None
    composition: str | None = None


@strawberry.type
class Campaign(Node):
    """A campaign."""

    campaign_type: str | None = None
    valid_from: date | None = None
    valid_to: date | None = None


@strawberry.type
class Coupon(Node):
    """A coupon of a campaign."""


@strawberry.type
class ProductCategory(Node):
    """A category of products."""

    level: str | None = None
    notation: str | None = None


@strawberry.type
class Promotion(Node):
    """A promotion of one product."""

    mechanic: str | None = None
    locations: list[str] = strawberry.field(default_factory=list)
    valid_from: date | None = None
    valid_to: date | None = strawberry.field(default=None, description="The day after the last day.")
    stores: int | None = None
    coverage: float | None = None


@strawberry.type
class Basket(Node):
    """A basket that was bought."""

    sold_at: datetime | None = None
    business_date: date | None = None
    net_sales: float | None = None


def node_of(node: kg.Node) -> Any:
    """Return a node other than a product as its GraphQL type. Raises: KeyError for a label that has none."""
    return NODE_TYPES[node.label](node)


def _text(node: kg.Node) -> str:
    return str(node.properties.get("display_name") or f"{node.label} {node.id}")


def _builder(node_type: Any, *properties: str) -> Callable[[kg.Node], Any]:
    def build(node: kg.Node) -> Any:
        given = {name: node.properties[name] for name in properties if name in node.properties}
        return node_type(id=global_id(node.label, node.id), display_name=_text(node), **given)

    return build


NODE_TYPES: Mapping[str, Callable[[kg.Node], Any]] = {
    "Supplier": _builder(Supplier),
    "Brand": _builder(Brand),
    "Store": _builder(Store, "country"),
    "Household": _builder(Household, "age_band", "income_band", "household_size", "composition"),
    "Campaign": _builder(Campaign, "campaign_type", "valid_from", "valid_to"),
    "Coupon": _builder(Coupon),
    "ProductCategory": _builder(ProductCategory, "level", "notation"),
    "Promotion": _builder(Promotion, "mechanic", "locations", "valid_from", "valid_to", "stores", "coverage"),
    "Basket": _builder(Basket, "sold_at", "business_date", "net_sales"),
}

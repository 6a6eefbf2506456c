"""What a document costs at most, computed before it runs: objects, points, depth, aliases, root fields.

Every list of the schema has a bound: a connection's edges the `first` of its field (with the real value of a variable),
every other list the number in `LIST_BOUNDS`. The objects of a field are its parent's times its own bound, so a document
can never return more objects than its cost says.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
    is_leaf_type,
)

from api.graphql.planning_bounds import PLANNING_BOUNDS, PLANNING_DECISIONS

__all__ = ["LIST_BOUNDS", "POINTS_PER_DECISION", "Cost", "CostModel", "Shape", "shape_of"]

LIST_BOUNDS: Mapping[str, int] = {
    "Explanation.paths": 5,
    "ExplanationPath.hops": 4,
    "Decision.freshness": 16,
    "Product.categoryPath": 6,
    "Product.suppliers": 5,
    "Product.promotions": 10,
    "Forecast.points": 8,
    "Forecast.history": 26,
    "Forecast.drivers": 40,
    "RecommendationItem.checks": 10,
    "RecommendationEdge.checks": 10,
    "RecommendationConnection.withheld": 12,
    "RecommendationConnection.rungs": 4,
    "RecommendationPage.placements": 8,
    "PlacementList.items": 12,
    "PlacementList.rungs": 4,
    "WhyNotRecommended.checks": 12,
    "WhyRelated.relations": 100,
    "WhyRelated.paths": 9,
    "WhyRelated.shared": 3,
    "WhyRelated.periods": 2,
    "NeverSoldTogether.periods": 2,
    "RelationQuality.figures": 200,
    "RelationQuality.pictures": 20,
    **PLANNING_BOUNDS,
    "DelistWhatIf.delisted": 500,
    "DelistWhatIf.replacements": 100,
    "DelistWhatIf.scopes": 12,
    "DelistWhatIf.events": 10,
    "DelistWhatIf.assumptions": 12,
    "AssortmentProposal.dropped": 600,
    "AssortmentProposal.assumptions": 12,
}
DECISIONS = frozenset({
    "Query.substitutes", "Query.complements", "Query.boughtWith", "Query.recommendations",
    "Query.recommendationPage", "Query.whyNotRecommended", "Query.forecast",
    "Query.delistWhatIf", "Query.assortmentProposal", "Query.whyRelated", "Query.graphDiff", "Query.relationQuality",
    "Product.substitutes", "Product.complements", "Product.boughtWith",
})  # fmt: skip
POINTS_PER_DECISION = 10
OBJECTS_PER_POINT = 100
LARGEST_FIRST = 100
"""A `first` beyond is refused by its field; it is priced as asked all the same."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a document costs at most."""

    objects: int
    decisions: int

    @property
    def points(self) -> int:
        """Ten for each decision, one for each hundred objects."""
        return POINTS_PER_DECISION * self.decisions + -(-self.objects // OBJECTS_PER_POINT)


NOTHING = Cost(0, 0)


@dataclass(frozen=True, slots=True)
class Shape:
    """What a document looks like, whatever its variables hold. Introspection is not counted."""

    depth: int
    aliases: int
    fields: int
    """At the top: how many root fields."""
    directives: int
    sizes: frozenset[str]
    """Names of the variables that a page size depends on."""


class CostModel:
    """Prices documents of one schema. Refuses a schema in which a list of objects has no bound."""

    def __init__(self, schema: GraphQLSchema) -> None:
        for name in _unbounded_lists(schema):
            raise ValueError(f"{name} is a list of objects without a bound: add it to LIST_BOUNDS, or make it a connection")
        self._schema = schema

    def cost(self, document: DocumentNode, operation: OperationDefinitionNode, values: Mapping[str, Any]) -> Cost:
        """Return the most that a valid operation can cost with these variable values (coerced, defaults filled in)."""
        root = self._schema.get_root_type(operation.operation)
        if root is None:
            raise ValueError("a schema without such a root")
        return _Pricing(self._schema, _fragments(document), values).selections(operation.selection_set, root, 1)


@dataclass(slots=True)
class _Pricing:
    """Prices one operation. A selection is priced once per type and page size, however often fragments repeat it."""

    schema: GraphQLSchema
    fragments: Mapping[str, FragmentDefinitionNode]
    values: Mapping[str, Any]
    known: dict[tuple[int, str, int], Cost] = field(default_factory=dict)

    def selections(self, selections: SelectionSetNode, parent: GraphQLNamedType, page: int) -> Cost:
        """Return the cost of a selection on one object, whose edges are at most `page`."""
        key = (id(selections), parent.name, page)
        if key not in self.known:
            parts = [self._part(node, parent, page) for node in selections.selections]
            self.known[key] = Cost(sum(p.objects for p in parts), sum(p.decisions for p in parts))
        return self.known[key]

    def _part(self, node: SelectionNode, parent: GraphQLNamedType, page: int) -> Cost:
        if isinstance(node, FieldNode):
            return self._field(node, parent, page)
        fragment = self.fragments[node.name.value] if isinstance(node, FragmentSpreadNode) else node
        if not isinstance(fragment, FragmentDefinitionNode | InlineFragmentNode):
            raise TypeError(f"{node.kind} is no selection")
        condition = fragment.type_condition
        on = self.schema.type_map[condition.name.value] if condition else parent
        return self.selections(fragment.selection_set, on, page)

    def _field(self, node: FieldNode, parent: GraphQLNamedType, page: int) -> Cost:
        definition = parent.fields.get(node.name.value) if isinstance(parent, GraphQLObjectType | GraphQLInterfaceType) else None
        if definition is None or is_leaf_type(get_named_type(definition.type)):
            return NOTHING
        name = f"{parent.name}.{node.name.value}"
        bound = 1
        if _is_list(definition.type):
            bound = page if node.name.value == "edges" else LIST_BOUNDS[name]
        inner = NOTHING
        if node.selection_set is not None:
            size = self._page_size(node) if "first" in definition.args else 1
            inner = self.selections(node.selection_set, get_named_type(definition.type), size)
        return Cost(bound * (1 + inner.objects), _decisions(name) + bound * inner.decisions)

    def _page_size(self, node: FieldNode) -> int:
        given = next((a.value for a in node.arguments or () if a.name.value == "first"), None)
        if isinstance(given, VariableNode):
            value = self.values.get(given.name.value)
            return max(value, 1) if isinstance(value, int) else LARGEST_FIRST
        return max(int(given.value), 1) if isinstance(given, IntValueNode) else LARGEST_FIRST


def _decisions(field_name: str) -> int:
    return PLANNING_DECISIONS.get(field_name, int(field_name in DECISIONS))


def shape_of(document: DocumentNode, operation: OperationDefinitionNode) -> Shape:
    """Return the shape of an operation, its fragments spread out. The document must be valid (no fragment in itself)."""
    shape = _Measuring(_fragments(document)).selections(operation.selection_set)
    return replace(shape, directives=shape.directives + len(operation.directives or ()))


@dataclass(slots=True)
class _Measuring:
    """Measures one operation. A fragment is measured once, however often it is spread."""

    fragments: Mapping[str, FragmentDefinitionNode]
    known: dict[int, Shape] = field(default_factory=dict)

    def selections(self, selections: SelectionSetNode) -> Shape:
        """Return the shape of a selection."""
        key = id(selections)
        if key not in self.known:
            parts = [self._part(node) for node in selections.selections]
            self.known[key] = Shape(
                depth=max((p.depth for p in parts), default=0),
                aliases=sum(p.aliases for p in parts),
                fields=sum(p.fields for p in parts),
                directives=sum(p.directives for p in parts),
                sizes=frozenset().union(*(p.sizes for p in parts)),
            )
        return self.known[key]

    def _part(self, node: SelectionNode) -> Shape:
        directives = len(node.directives or ())
        if isinstance(node, FieldNode):
            return self._field(node, directives)
        fragment = self.fragments[node.name.value] if isinstance(node, FragmentSpreadNode) else node
        if not isinstance(fragment, FragmentDefinitionNode | InlineFragmentNode):
            raise TypeError(f"{node.kind} is no selection")
        inner = self.selections(fragment.selection_set)
        return replace(inner, directives=inner.directives + directives)

    def _field(self, node: FieldNode, directives: int) -> Shape:
        own = (a.value.name.value for a in node.arguments or () if isinstance(a.value, VariableNode) and a.name.value == "first")
        introspects = node.name.value.startswith("__")
        empty = Shape(0, 0, 0, 0, frozenset())
        inner = empty if node.selection_set is None or introspects else self.selections(node.selection_set)
        alias = 0 if node.alias is None else 1
        return Shape(1 + inner.depth, alias + inner.aliases, 1, directives + inner.directives, inner.sizes | frozenset(own))


def _unbounded_lists(schema: GraphQLSchema) -> Iterator[str]:
    for kind in schema.type_map.values():
        if not isinstance(kind, GraphQLObjectType) or kind.name.startswith("__"):
            continue
        for name, definition in kind.fields.items():
            objects = not is_leaf_type(get_named_type(definition.type))
            if objects and _is_list(definition.type) and name != "edges" and f"{kind.name}.{name}" not in LIST_BOUNDS:
                yield f"{kind.name}.{name}"


def _fragments(document: DocumentNode) -> dict[str, FragmentDefinitionNode]:
    return {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}


def _is_list(kind: Any) -> bool:
    while isinstance(kind, GraphQLNonNull):
        kind = kind.of_type
    return isinstance(kind, GraphQLList)

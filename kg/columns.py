"""How the ontology's property kinds look as Arrow columns, the same in every store."""

import pyarrow as pa

from kg.errors import UnknownTerm
from ontology.schema_types import GraphSchema, NodeType, PropertyDefinition, PropertyKind, RelationDefinition

__all__ = ["ARROW_TYPES", "edge_columns", "edge_schema", "find_node_type", "find_relation", "node_columns", "node_schema"]

ARROW_TYPES: dict[PropertyKind, pa.DataType] = {
    PropertyKind.STRING: pa.string(),
    PropertyKind.INTEGER: pa.int64(),
    PropertyKind.FLOAT: pa.float64(),
    PropertyKind.BOOLEAN: pa.bool_(),
    PropertyKind.DATE: pa.date32(),
    PropertyKind.DATETIME: pa.timestamp("us", "UTC"),
    PropertyKind.STRING_LIST: pa.list_(pa.field("item", pa.string())),
}


def find_node_type(schema: GraphSchema, label: str) -> NodeType:
    """Return a label's definition. Raises: UnknownTerm."""
    if label not in schema.nodes:
        raise UnknownTerm("label", label, tuple(schema.nodes))
    return schema.nodes[label]


def find_relation(schema: GraphSchema, relation: str) -> RelationDefinition:
    """Return a relation's definition. Raises: UnknownTerm."""
    if relation not in schema.relations:
        raise UnknownTerm("relation", relation, tuple(schema.relations))
    return schema.relations[relation]


def node_columns(node_type: NodeType) -> tuple[PropertyDefinition, ...]:
    """Return a label's properties besides its key `id`, in the ontology's order."""
    return tuple(p for p in node_type.properties if p.name != "id")


def edge_columns(relation: RelationDefinition) -> tuple[PropertyDefinition, ...]:
    """Return a relation's properties besides its ends, in the ontology's order."""
    return tuple(p for p in relation.properties if p.name not in ("source", "target"))


def node_schema(node_type: NodeType) -> pa.Schema:
    """Return the canonical columns of a label: `id`, then its properties."""
    return pa.schema([pa.field("id", pa.string()), *_fields(node_columns(node_type))])


def edge_schema(relation: RelationDefinition) -> pa.Schema:
    """Return the canonical columns of a relation: `source`, `target`, then its properties."""
    ends = [pa.field("source", pa.string()), pa.field("target", pa.string())]
    return pa.schema([*ends, *_fields(edge_columns(relation))])


def _fields(properties: tuple[PropertyDefinition, ...]) -> list[pa.Field]:
    return [pa.field(p.name, ARROW_TYPES[p.kind]) for p in properties]

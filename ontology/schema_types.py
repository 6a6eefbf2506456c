"""Frozen values that describe the graph's schema, as derived from the ontology."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

__all__ = ["GraphSchema", "NodeType", "PropertyDefinition", "PropertyKind", "RelationDefinition", "RelationKind"]


class PropertyKind(StrEnum):
    """The value types a graph property may have; every store maps each of them."""

    STRING = "string"
    INTEGER = "integer"
    FLOAT = "float"
    BOOLEAN = "boolean"
    DATE = "date"
    DATETIME = "datetime"
    STRING_LIST = "string_list"


class RelationKind(StrEnum):
    """Where the edges of a relation come from."""

    FACT = "fact"
    DERIVED = "derived"
    DECLARED = "declared"


@dataclass(frozen=True, slots=True)
class PropertyDefinition:
    """One property of a node or of a relation. `iri` is the term it is defined by."""

    name: str
    kind: PropertyKind
    required: bool
    indexed: bool
    iri: str
    gloss: str


@dataclass(frozen=True, slots=True)
class NodeType:
    """One label. Its key is always the string property `id`."""

    label: str
    properties: tuple[PropertyDefinition, ...]
    iri: str
    gloss: str


@dataclass(frozen=True, slots=True)
class RelationDefinition:
    """One relation between two labels. `key` names the properties that, with both ends, identify an edge."""

    name: str
    source: str
    target: str
    kind: RelationKind
    key: tuple[str, ...]
    properties: tuple[PropertyDefinition, ...]
    iri: str
    gloss: str


@dataclass(frozen=True, slots=True)
class GraphSchema:
    """The whole schema: by label and by relation name, in the ontology's order."""

    ontology_version: str
    digest: str
    nodes: Mapping[str, NodeType]
    relations: Mapping[str, RelationDefinition]

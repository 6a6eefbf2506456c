"""What the words mean: the vocabulary, the graph schema read from it, and the checks of rows against its shapes."""

from ontology.errors import OntologyError
from ontology.glossary import Glossary, GlossaryEntry, load_glossary
from ontology.schema import load_schema
from ontology.schema_types import GraphSchema, NodeType, PropertyDefinition, PropertyKind, RelationDefinition, RelationKind
from ontology.terms import ONTOLOGY_VERSION, NodeLabel, RelationType
from ontology.validate import Finding, ValidationReport, validate_edges, validate_nodes

__all__ = [
    "ONTOLOGY_VERSION",
    "Finding",
    "Glossary",
    "GlossaryEntry",
    "GraphSchema",
    "NodeLabel",
    "NodeType",
    "OntologyError",
    "PropertyDefinition",
    "PropertyKind",
    "RelationDefinition",
    "RelationKind",
    "RelationType",
    "ValidationReport",
    "load_glossary",
    "load_schema",
    "validate_edges",
    "validate_nodes",
]

"""The graph's schema, read from the vocabulary."""

from functools import cache
from pathlib import Path
from types import MappingProxyType

from rdflib import URIRef
from rdflib.namespace import RDFS, SKOS

from ontology.errors import InvalidVocabulary
from ontology.schema_types import GraphSchema, NodeType, PropertyDefinition, PropertyKind, RelationDefinition, RelationKind
from ontology.vocabulary import SG, Vocabulary, load_vocabulary

__all__ = ["load_schema", "schema_of"]


@cache
def load_schema(folder: Path | None = None) -> GraphSchema:
    """Return the schema of a vocabulary folder, read once per process; None means the one that is shipped.

    Raises: OntologyError when the folder cannot be read, or a term lacks what a store needs.
    """
    return schema_of(load_vocabulary(folder))


def schema_of(vocabulary: Vocabulary) -> GraphSchema:
    """Return the schema that a vocabulary describes: labels and relations in its own order."""
    nodes = [_node(vocabulary, term) for term in vocabulary.terms(SG.nodeLabel)]
    labels = {node.iri: node.label for node in nodes}
    relations = [_relation(vocabulary, term, labels) for term in vocabulary.terms(SG.relationName)]
    _refuse_repeats([node.label for node in nodes] + [relation.name for relation in relations])
    return GraphSchema(
        ontology_version=vocabulary.version,
        digest=vocabulary.digest,
        nodes=MappingProxyType({node.label: node for node in nodes}),
        relations=MappingProxyType({relation.name: relation for relation in relations}),
    )


def _node(vocabulary: Vocabulary, term: URIRef) -> NodeType:
    return NodeType(
        label=vocabulary.text(term, SG.nodeLabel),
        properties=_properties(vocabulary, term),
        iri=str(term),
        gloss=vocabulary.text(term, SKOS.definition),
    )


def _relation(vocabulary: Vocabulary, term: URIRef, labels: dict[str, str]) -> RelationDefinition:
    properties = _properties(vocabulary, term)
    key = tuple(vocabulary.text(part, SG.propertyName) for part in vocabulary.inherited(term, SG.edgeKey))
    required = {definition.name for definition in properties if definition.required}
    if not required.issuperset(key):
        raise InvalidVocabulary(str(term), f"its edge key {', '.join(key)} must be among its required properties.")
    return RelationDefinition(
        name=vocabulary.text(term, SG.relationName),
        source=_end(vocabulary, term, RDFS.domain, labels),
        target=_end(vocabulary, term, RDFS.range, labels),
        kind=_relation_kind(vocabulary, term),
        key=key,
        properties=properties,
        iri=str(term),
        gloss=vocabulary.text(term, SKOS.definition),
    )


def _properties(vocabulary: Vocabulary, term: URIRef) -> tuple[PropertyDefinition, ...]:
    required = set(vocabulary.inherited(term, SG.requires))
    indexed = set(vocabulary.inherited(term, SG.indexes))
    owned = vocabulary.inherited(term, SG.hasProperty)
    foreign = sorted((required | indexed).difference(owned))
    if foreign:
        raise InvalidVocabulary(str(term), f"it requires or indexes {foreign[0]}, which it does not have.")
    return tuple(_property(vocabulary, part, required=part in required, indexed=part in indexed) for part in owned)


def _property(vocabulary: Vocabulary, term: URIRef, *, required: bool, indexed: bool) -> PropertyDefinition:
    return PropertyDefinition(
        name=vocabulary.text(term, SG.propertyName),
        kind=_property_kind(vocabulary, term),
        required=required,
        indexed=indexed,
        iri=str(term),
        gloss=vocabulary.text(term, SKOS.definition),
    )


def _property_kind(vocabulary: Vocabulary, term: URIRef) -> PropertyKind:
    value = vocabulary.text(term, SG.propertyKind)
    try:
        return PropertyKind(value)
    except ValueError as error:
        raise InvalidVocabulary(str(term), f"'{value}' is no property kind; known: {', '.join(PropertyKind)}.") from error


def _relation_kind(vocabulary: Vocabulary, term: URIRef) -> RelationKind:
    value = vocabulary.inherited_text(term, SG.relationKind)
    try:
        return RelationKind(value)
    except ValueError as error:
        raise InvalidVocabulary(str(term), f"'{value}' is no relation kind; known: {', '.join(RelationKind)}.") from error


def _end(vocabulary: Vocabulary, term: URIRef, link: URIRef, labels: dict[str, str]) -> str:
    end = vocabulary.text(term, link)
    if end not in labels:
        raise InvalidVocabulary(str(term), f"its end {end} is no class with a node label.")
    return labels[end]


def _refuse_repeats(names: list[str]) -> None:
    for name in sorted(set(names)):
        if names.count(name) > 1:
            raise InvalidVocabulary(name, "two terms have this name.")

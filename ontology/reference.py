"""The reference for `ontology.validate`: the same report, given by pySHACL over an RDF graph of the rows.

For small batches (thousands of values take seconds): a steward's proposals, single records, and the tests that hold the
compiled checks against the standard.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pyarrow as pa
from pyshacl import validate as run_pyshacl
from pyshacl.errors import ReportableRuntimeError
from rdflib import Graph, Literal, URIRef
from rdflib.namespace import DCTERMS, RDF, SH
from rdflib.term import Node

from ontology.errors import InvalidShape, UnknownVocabularyTerm
from ontology.schema import load_schema
from ontology.schema_types import NodeType, RelationDefinition
from ontology.shape_rules import load_shapes
from ontology.validate import Finding, ValidationReport

__all__ = ["MAXIMUM_ROWS", "validate_by_reference"]

MAXIMUM_ROWS = 10_000
_ROW = "https://shelfgraph.dev/row/"
_NODE = "https://shelfgraph.dev/node/"


def validate_by_reference(
    term: str,
    rows: pa.Table,
    known_ids: Mapping[str, pa.Array] | None = None,
    shapes: Path | None = None,
    *,
    check_shapes: bool = False,
) -> ValidationReport:
    """Return the report of `validate_nodes` or `validate_edges` for a label or a relation, as pySHACL gives it.

    `check_shapes` also validates the shapes against SHACL's own. Messages are pySHACL's.
    Raises: UnknownVocabularyTerm; InvalidShape; ValueError beyond 10,000 rows.
    """
    if rows.num_rows > MAXIMUM_ROWS:
        raise ValueError(f"{rows.num_rows} rows are too many for the reference; use ontology.validate")
    schema = load_schema()
    definition = schema.nodes.get(term) or schema.relations.get(term)
    if definition is None:
        raise UnknownVocabularyTerm("label or relation", term, (*schema.nodes, *schema.relations))
    graph = _graph(definition, rows, known_ids)
    results = _run(graph, load_shapes(shapes), check_shapes=check_shapes)
    return ValidationReport(term, rows.num_rows, tuple(_findings(results, definition, term)))


def _run(graph: Graph, shapes: Graph, *, check_shapes: bool) -> Graph:
    try:
        # nothing is fetched and no script is run, whatever a shape says
        _, results, _ = run_pyshacl(
            graph, shacl_graph=shapes, js=False, do_owl_imports=False, meta_shacl=check_shapes, inference="none"
        )
    except ReportableRuntimeError as error:
        raise InvalidShape("given", " ".join(str(error).split())[:300]) from error
    if not isinstance(results, Graph):
        raise InvalidShape("given", " ".join(str(results).split())[:300])
    return results


def _graph(definition: NodeType | RelationDefinition, rows: pa.Table, known_ids: Mapping[str, pa.Array] | None) -> Graph:
    graph = Graph()
    paths = {item.name: URIRef(item.iri) for item in definition.properties} | {"id": DCTERMS.identifier}
    for name in rows.column_names:
        column = rows.column(name).combine_chunks()
        for row, value in _values(column):
            focus = URIRef(f"{_ROW}{row}")
            if name in ("source", "target") and isinstance(definition, RelationDefinition):
                _add_end(graph, focus, name, value, definition, known_ids)
            else:
                graph.add((focus, paths[name], _literal(value, column.type)))
    for row in range(rows.num_rows):
        graph.add((URIRef(f"{_ROW}{row}"), RDF.type, URIRef(definition.iri)))
    return graph


def _values(column: pa.Array) -> Iterator[tuple[int, Any]]:
    for row, value in enumerate(column.to_pylist()):
        for item in value if isinstance(value, list) else [value]:
            if item is not None:
                yield row, item


def _add_end(
    graph: Graph, focus: URIRef, end: str, value: Any, definition: RelationDefinition, known_ids: Mapping[str, pa.Array] | None
) -> None:
    label = getattr(definition, end)
    link = RDF.subject if end == "source" else RDF.object
    if not isinstance(value, str):
        graph.add((focus, link, Literal(value)))
        return
    node = URIRef(f"{_NODE}{label}/{quote(value, safe='')}")
    graph.add((focus, link, node))
    if known_ids is None or (label in known_ids and value in known_ids[label].to_pylist()):
        graph.add((node, RDF.type, URIRef(load_schema().nodes[label].iri)))


def _literal(value: Any, type_: pa.DataType) -> Literal:
    zoneless = isinstance(value, datetime) and value.tzinfo is None
    if zoneless or (isinstance(value, float) and not pa.types.is_float64(_value_type(type_))):
        # what no property may hold
        return Literal(str(value), datatype=URIRef(f"{_NODE}unmapped"))
    # strings stay plain: rdflib tells them from those typed xsd:string, though RDF does not, and the lists in shapes are plain
    return Literal(value)


def _value_type(type_: pa.DataType) -> pa.DataType:
    return type_.value_type if pa.types.is_list(type_) or pa.types.is_large_list(type_) else type_


def _findings(results: Graph, definition: NodeType | RelationDefinition, term: str) -> Iterator[Finding]:
    columns: dict[Node, str] = {URIRef(item.iri): item.name for item in definition.properties}
    columns |= {DCTERMS.identifier: "id", RDF.subject: "source", RDF.object: "target"}
    rows: dict[str, set[int]] = {}
    messages: dict[str, str] = {}
    for result in results.subjects(RDF.type, SH.ValidationResult):
        focus = str(results.value(result, SH.focusNode))
        if not focus.startswith(_ROW):
            # an end of an edge, which is no part of the batch
            continue
        path = results.value(result, SH.resultPath)
        component = str(results.value(result, SH.sourceConstraintComponent)).removeprefix(str(SH))
        name = component.removesuffix("ConstraintComponent")
        rule = f"{term}.{columns[path] if path is not None else ''}/{name[0].lower()}{name[1:]}"
        rows.setdefault(rule, set()).add(int(focus.removeprefix(_ROW)))
        messages[rule] = str(results.value(result, SH.resultMessage))
    for rule in sorted(rows):
        yield Finding(rule, messages[rule], np.array(sorted(rows[rule]), dtype=np.int64))

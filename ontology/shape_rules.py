"""The SHACL shapes, compiled to rules over columns.

In RDF a node is an instance of its class with its id as dcterms:identifier. An edge is an instance of its relation, with its
ends as rdf:subject and rdf:object. The part of SHACL that compiles: sh:targetClass; sh:property with one IRI as sh:path and
the constraints datatype, minCount, maxCount, minInclusive, maxInclusive, minExclusive, maxExclusive, minLength, maxLength, in,
pattern, lessThan, lessThanOrEquals, disjoint and class; sh:message. Anything else is refused when the shapes are loaded,
so that no constraint is ever written and not checked.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from rdflib import Graph, Literal, URIRef
from rdflib.collection import Collection
from rdflib.namespace import DCTERMS, RDF, SH
from rdflib.term import BNode, Node

from ontology.columns import check_for, pair_check_for
from ontology.errors import InvalidShape
from ontology.intake import read_folder
from ontology.vocabulary import SG, Vocabulary, load_vocabulary

__all__ = ["SHAPES_FOLDER", "Rule", "load_rules", "load_shapes"]

SHAPES_FOLDER = Path(__file__).parent / "shapes"
_COLUMNS = {DCTERMS.identifier: "id", RDF.subject: "source", RDF.object: "target"}
_PAIRED = ("lessThan", "lessThanOrEquals", "disjoint")


@dataclass(frozen=True, slots=True)
class Rule:
    """One constraint on one column of the batches of a term.

    `parameter` is a plain value, a tuple of them (in), the name of the other column (pairs) or a label (class).
    """

    term: str
    column: str
    constraint: str
    parameter: Any
    message: str

    @property
    def path(self) -> str:
        """How a finding names the rule, such as `Promotion.coverage/maxInclusive`."""
        return f"{self.term}.{self.column}/{self.constraint}"


@cache
def load_shapes(folder: Path | None = None) -> Graph:
    """Return the shapes of a folder as one graph, read once per process; None means those that are shipped."""
    return read_folder(folder or SHAPES_FOLDER)


@cache
def load_rules(folder: Path | None = None, vocabulary_folder: Path | None = None) -> Mapping[str, tuple[Rule, ...]]:
    """Return the rules of every label and relation, sorted by path. Raises: InvalidShape, OntologyError."""
    return MappingProxyType(compile_rules(load_shapes(folder), load_vocabulary(vocabulary_folder)))


def compile_rules(shapes: Graph, vocabulary: Vocabulary) -> dict[str, tuple[Rule, ...]]:
    """Compile shapes against the vocabulary that names their terms. Raises: InvalidShape."""
    found: dict[str, list[Rule]] = {}
    for shape in sorted(shapes.subjects(RDF.type, SH.NodeShape), key=str):
        _refuse_others(shapes, shape, {RDF.type, SH.targetClass, SH.property}, str(shape))
        targets = [_target(vocabulary, target, shape) for target in sorted(shapes.objects(shape, SH.targetClass), key=str)]
        if not targets:
            raise InvalidShape(str(shape), "it has no sh:targetClass, so it would check nothing.")
        for property_shape in shapes.objects(shape, SH.property):
            for term in targets:
                found.setdefault(term, []).extend(_rules(shapes, vocabulary, property_shape, term))
    return {term: tuple(sorted(rules, key=lambda rule: (rule.path, str(rule.parameter)))) for term, rules in found.items()}


def _target(vocabulary: Vocabulary, target: Node, shape: Node) -> str:
    term = URIRef(str(target))
    name = vocabulary.find_text(term, SG.nodeLabel) or vocabulary.find_text(term, SG.relationName)
    if name is None:
        raise InvalidShape(str(shape), f"its target {target} is neither a label nor a relation.")
    return name


def _rules(shapes: Graph, vocabulary: Vocabulary, property_shape: Node, term: str) -> list[Rule]:
    column = _column(vocabulary, shapes.value(property_shape, SH.path), term)
    message = shapes.value(property_shape, SH.message)
    rules = []
    for predicate, value in sorted(shapes.predicate_objects(property_shape)):
        if predicate in (SH.path, SH.message):
            continue
        constraint = str(predicate).removeprefix(str(SH))
        parameter = _parameter(shapes, vocabulary, constraint, value, term)
        text = str(message) if message is not None else f"{column}: {_in_words(constraint, parameter)}"
        rules.append(Rule(term, column, constraint, parameter, text))
    return rules


def _column(vocabulary: Vocabulary, path: Node | None, term: str) -> str:
    if not isinstance(path, URIRef):
        raise InvalidShape(term, "a property shape needs one IRI as its path.")
    column = _COLUMNS.get(path) or vocabulary.find_text(path, SG.propertyName)
    if column is None:
        raise InvalidShape(term, f"the path {path} is no property of the vocabulary.")
    return column


def _parameter(shapes: Graph, vocabulary: Vocabulary, constraint: str, value: Node, term: str) -> Any:
    if constraint == "datatype":
        return str(value).rpartition("#")[2]
    if constraint == "in":
        return _listed(shapes, value, term)
    if constraint in _PAIRED and pair_check_for(constraint):
        return _column(vocabulary, value, term)
    if constraint == "class":
        return _target(vocabulary, value, BNode(term))
    if not isinstance(value, Literal) or check_for(constraint, value.toPython()) is None:
        raise InvalidShape(term, f"sh:{constraint} does not run on columns.")
    return value.toPython()


def _listed(shapes: Graph, value: Node, term: str) -> tuple[Any, ...]:
    """The values of a closed list as columns hold them, all of one type."""
    items = list(Collection(shapes, value))
    if not items or not all(isinstance(item, Literal) for item in items):
        raise InvalidShape(term, "sh:in needs a list of literals.")
    values = tuple(item.toPython() for item in items if isinstance(item, Literal))
    kinds = {type(item) for item in values}
    if len(kinds) > 1 or not kinds <= {str, int, float, bool, date}:
        raise InvalidShape(term, "the values of sh:in must all be texts, whole numbers, numbers, truths or days.")
    return values


def _in_words(constraint: str, parameter: Any) -> str:
    shown = ", ".join(map(str, parameter)) if isinstance(parameter, tuple) else str(parameter)
    return _WORDS[constraint].format(shown)


_WORDS = {
    "datatype": "needs values of type {}",
    "minCount": "needs at least {} value",
    "maxCount": "may have at most {} value",
    "minInclusive": "must be at least {}",
    "maxInclusive": "must be at most {}",
    "minExclusive": "must be above {}",
    "maxExclusive": "must be below {}",
    "minLength": "must have at least {} characters",
    "maxLength": "may have at most {} characters",
    "in": "must be one of: {}",
    "pattern": "must match {}",
    "lessThan": "must be before or below {}",
    "lessThanOrEquals": "must not be after or above {}",
    "disjoint": "must differ from {}",
    "class": "must be the id of a known {}",
}


def _refuse_others(shapes: Graph, shape: Node, known: set[URIRef], name: str) -> None:
    others = sorted(str(predicate) for predicate in set(shapes.predicates(shape)) - known)
    if others:
        raise InvalidShape(name, f"{others[0]} on a node shape does not run on columns.")

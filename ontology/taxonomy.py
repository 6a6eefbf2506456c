"""The product hierarchy as a SKOS concept scheme: built from rows of the product master, and read back.

A concept's `skos:notation` is its path from the department down, joined by ` > `: the id of its ProductCategory. A path ends at
the first level that a product does not name. The text is the same, byte for byte, for the same paths.
"""

from dataclasses import dataclass
from urllib.parse import quote

import pyarrow as pa
import pyarrow.compute as pc
from rdflib import Graph, Literal, URIRef
from rdflib.namespace import RDF, SKOS

from ontology.errors import InvalidTaxonomy
from ontology.intake import read_text
from ontology.vocabulary import SG

__all__ = ["LEVELS", "SEPARATOR", "Concept", "build_taxonomy", "category_paths", "read_taxonomy"]

LEVELS = ("department", "category", "type")
SEPARATOR = " > "
_COLUMNS = ("department", "category", "product_type")
_ROOT = "https://shelfgraph.dev/taxonomy/"


@dataclass(frozen=True, slots=True)
class Concept:
    """One concept. `id` is its path, `label` the last part of it, `parent` the path one level up."""

    id: str
    label: str
    level: str
    parent: str | None


def build_taxonomy(rows: pa.Table, name: str, title: str) -> str:
    """Return the Turtle text of the concept scheme `name` for the columns department, category and product_type of `rows`.

    Raises: InvalidTaxonomy when two different paths would have the same notation.
    """
    paths = category_paths(rows)
    _refuse_ambiguity(paths)
    head = (
        f"@base <{_ROOT}{_segment(name)}/> .\n"
        f"@prefix sg: <{SG}> .\n@prefix skos: <{SKOS}> .\n\n"
        f"<.> a skos:ConceptScheme ; skos:prefLabel {_quoted(title)} .\n\n"
    )
    return head + "\n".join(_concept_text(path) for path in paths) + "\n"


def category_paths(rows: pa.Table) -> list[tuple[str, ...]]:
    """Return every path of one to three levels that rows name, parents included, sorted; empty text counts as not named."""
    columns = [pc.utf8_trim_whitespace(rows.column(name).cast(pa.string())) for name in _COLUMNS]
    named = [pc.if_else(pc.equal(column, ""), pa.scalar(None, pa.string()), column) for column in columns]
    distinct = pa.table(named, names=list(_COLUMNS)).group_by(list(_COLUMNS)).aggregate([])
    found: set[tuple[str, ...]] = set()
    # a few thousand distinct paths, however many products there are
    for row in zip(*(distinct.column(name).to_pylist() for name in _COLUMNS), strict=True):
        known = row.index(None) if None in row else len(row)
        found.update(row[:depth] for depth in range(1, known + 1))
    return sorted(found)


def read_taxonomy(text: str | bytes, document: str = "taxonomy.ttl") -> tuple[Concept, ...]:
    """Return the concepts of a scheme written in Turtle, sorted by id.

    Raises: UnsafeDocument, UnreadableDocument, and InvalidTaxonomy when it is no hierarchy of the three levels.
    """
    graph = read_text(text, "turtle", document)
    nodes = [node for node in graph.subjects(RDF.type, SKOS.Concept) if isinstance(node, URIRef)]
    concepts = tuple(sorted((_concept(graph, node) for node in nodes), key=lambda concept: concept.id))
    ids = {concept.id for concept in concepts}
    if len(ids) < len(concepts):
        raise InvalidTaxonomy(document, "two concepts have the same notation.")
    return concepts


def _concept(graph: Graph, node: URIRef) -> Concept:
    notation, label, level = (_one(graph, node, link) for link in (SKOS.notation, SKOS.prefLabel, SG.level))
    if level not in LEVELS:
        raise InvalidTaxonomy(notation, f"'{level}' is no level; known: {', '.join(LEVELS)}.")
    parents = list(graph.objects(node, SKOS.broader))
    parent = _one(graph, parents[0], SKOS.notation) if len(parents) == 1 else None
    if len(parents) != min(LEVELS.index(level), 1):
        raise InvalidTaxonomy(notation, f"a {level} has {len(parents)} broader concepts.")
    if parent is not None and _one(graph, parents[0], SG.level) != LEVELS[LEVELS.index(level) - 1]:
        raise InvalidTaxonomy(notation, f"the broader concept of a {level} must be a {LEVELS[LEVELS.index(level) - 1]}.")
    if notation != (label if parent is None else parent + SEPARATOR + label):
        raise InvalidTaxonomy(notation, "its notation is not its parent's, then its own label.")
    return Concept(notation, label, level, parent)


def _one(graph: Graph, node: object, link: URIRef) -> str:
    values = list(graph.objects(URIRef(str(node)), link))
    if len(values) != 1:
        raise InvalidTaxonomy(str(node), f"it has {len(values)} values of {link}, one is needed.")
    return str(values[0])


def _refuse_ambiguity(paths: list[tuple[str, ...]]) -> None:
    seen: dict[str, tuple[str, ...]] = {}
    for path in paths:
        other = seen.setdefault(SEPARATOR.join(path), path)
        if other != path:
            raise InvalidTaxonomy(SEPARATOR.join(path), f"two paths are written alike: {other} and {path}.")


def _concept_text(path: tuple[str, ...]) -> str:
    broader = f" ; skos:broader {_reference(path[:-1])}" if len(path) > 1 else ""
    return (
        f"{_reference(path)} a skos:Concept ; skos:inScheme <.> ; sg:level {_quoted(LEVELS[len(path) - 1])} ;\n"
        f"    skos:notation {_quoted(SEPARATOR.join(path))} ; skos:prefLabel {_quoted(path[-1])}{broader} ."
    )


def _reference(path: tuple[str, ...]) -> str:
    return f"<{'/'.join(_segment(part) for part in path)}>"


def _segment(part: str) -> str:
    # a segment of dots would be resolved away
    return quote(part, safe="").replace(".", "%2E")


def _quoted(text: str) -> str:
    return Literal(text).n3()

"""The vocabulary as read from Turtle: terms with their annotations, before any schema is made of them."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

from rdflib import Graph, Literal, Namespace, URIRef
from rdflib.namespace import OWL, RDF, RDFS, SKOS
from rdflib.term import BNode

from kit.canonical import digest_of_bytes
from ontology.errors import InvalidVocabulary
from ontology.intake import read_folder

__all__ = ["DEFAULT_FOLDER", "SG", "Vocabulary", "load_vocabulary"]

SG = Namespace("https://shelfgraph.dev/ns#")
ONTOLOGY = URIRef("https://shelfgraph.dev/ns")
DEFAULT_FOLDER = Path(__file__).parent / "vocab"
_INHERITANCE = (RDFS.subClassOf, RDFS.subPropertyOf)


class Vocabulary:
    """Questions to the Turtle of a vocabulary folder. Every answer has a stated order.

    Args:
        graph: all triples of the vocabulary; terms are IRIs, never blank nodes, so that each can be changed by itself.
    """

    def __init__(self, graph: Graph) -> None:
        if any(isinstance(node, BNode) for triple in graph for node in triple):
            raise InvalidVocabulary("a blank node", "every part of a vocabulary needs an IRI.")
        self._graph = graph

    @property
    def version(self) -> str:
        """The ontology's own version (owl:versionInfo)."""
        return self.text(ONTOLOGY, OWL.versionInfo)

    @property
    def digest(self) -> str:
        """SHA-256 over the sorted triples: the same for the same content however its files are laid out."""
        lines = sorted(" ".join(node.n3() for node in triple) for triple in self._graph)
        return digest_of_bytes("\n".join(lines).encode())

    def terms(self, annotation: URIRef) -> list[URIRef]:
        """Return the terms that bear an annotation, by `sg:position`, then by IRI."""
        found = {term for term in self._graph.subjects(annotation, None) if isinstance(term, URIRef)}
        return sorted(found, key=self._place)

    def text(self, term: URIRef, annotation: URIRef) -> str:
        """Return the one value of an annotation. Raises: InvalidVocabulary when it has none, or several."""
        found = self.find_text(term, annotation)
        if found is None:
            raise InvalidVocabulary(str(term), f"it has no {_short(annotation)}.")
        return found

    def find_text(self, term: URIRef, annotation: URIRef) -> str | None:
        """Return the one value of an annotation, or None. Raises: InvalidVocabulary when it has several."""
        values = sorted(str(value) for value in self._graph.objects(term, annotation))
        if len(values) > 1:
            raise InvalidVocabulary(str(term), f"it has {len(values)} values of {_short(annotation)}: {', '.join(values)}.")
        return values[0] if values else None

    def inherited(self, term: URIRef, annotation: URIRef) -> list[URIRef]:
        """Return the terms an annotation names, on `term` or on anything above it, by position."""
        values = {value for place in self.lineage(term) for value in self._graph.objects(place, annotation)}
        return sorted((value for value in values if isinstance(value, URIRef)), key=self._place)

    def inherited_text(self, term: URIRef, annotation: URIRef) -> str:
        """Return the one value of an annotation on `term` or above it. Raises: InvalidVocabulary for none or several."""
        values = sorted({str(value) for place in self.lineage(term) for value in self._graph.objects(place, annotation)})
        if len(values) != 1:
            raise InvalidVocabulary(str(term), f"it needs one {_short(annotation)}, it has {values or 'none'}.")
        return values[0]

    def lineage(self, term: URIRef) -> list[URIRef]:
        """Return a term and all that lies above it by sub-class or sub-property, nearest first."""
        found = [term]
        for place in found:
            above = {value for link in _INHERITANCE for value in self._graph.objects(place, link) if isinstance(value, URIRef)}
            found.extend(sorted(above - set(found)))
        return found

    def concepts(self, scheme: URIRef) -> Iterator[URIRef]:
        """Yield the concepts of a closed list of values, by notation."""
        members = (term for term in self._graph.subjects(SKOS.inScheme, scheme) if isinstance(term, URIRef))
        yield from sorted(members, key=lambda term: self.text(term, SKOS.notation))

    def schemes(self) -> list[URIRef]:
        """Return the closed lists of values, by IRI."""
        found = self._graph.subjects(RDF.type, SKOS.ConceptScheme)
        return sorted(term for term in found if isinstance(term, URIRef))

    def _place(self, term: URIRef) -> tuple[int, str]:
        position = self._graph.value(term, SG.position)
        value = position.toPython() if isinstance(position, Literal) else None
        return (value if isinstance(value, int) else 1_000_000, str(term))


@cache
def load_vocabulary(folder: Path | None = None) -> Vocabulary:
    """Read a vocabulary folder once per process; None means the one that is shipped. Raises: OntologyError."""
    return Vocabulary(read_folder(folder or DEFAULT_FOLDER))


def _short(annotation: URIRef) -> str:
    return str(annotation).rpartition("#")[2] or str(annotation)

"""OntologyError
├── UnsafeDocument      an RDF document that is refused before it is read: its form, its size, its contents
├── UnreadableDocument  an RDF document that is not well formed
├── InvalidVocabulary   a vocabulary from which no graph schema can be read
├── InvalidShape        a shape that goes beyond the part of SHACL that runs on columns
├── InvalidTaxonomy     a concept scheme that is no hierarchy of department, category and type
└── UnknownVocabularyTerm  a label or a relation that the vocabulary or its shapes do not have
"""

from kit.errors import ShelfgraphError

__all__ = [
    "InvalidShape",
    "InvalidTaxonomy",
    "InvalidVocabulary",
    "OntologyError",
    "UnknownVocabularyTerm",
    "UnreadableDocument",
    "UnsafeDocument",
]


class OntologyError(ShelfgraphError):
    """The ontology, or a document for it, cannot be used."""


class UnsafeDocument(OntologyError):
    """An RDF document that is refused before it is read."""

    def __init__(self, document: str, problem: str) -> None:
        self.document = document
        super().__init__(
            f"The document '{document}' is refused: {problem}",
            "Give it as plain Turtle or N-Triples within the stated limits, without imports.",
        )


class UnreadableDocument(OntologyError):
    """An RDF document that is not well formed."""

    def __init__(self, document: str, cause: str) -> None:
        self.document = document
        super().__init__(f"The document '{document}' cannot be read: {cause}", "Mend its syntax at the place named.")


class InvalidVocabulary(OntologyError):
    """A vocabulary from which no graph schema can be read."""

    def __init__(self, term: str, problem: str) -> None:
        self.term = term
        super().__init__(f"The vocabulary is not usable at {term}: {problem}", "Mend the term in `ontology/vocab/`.")


class InvalidShape(OntologyError):
    """A shape that goes beyond the part of SHACL that runs on columns."""

    def __init__(self, shape: str, problem: str) -> None:
        self.shape = shape
        super().__init__(
            f"The shape {shape} cannot be compiled: {problem}",
            "Use the constraints listed at the head of `ontology/validate.py`, or extend them there with a test.",
        )


class InvalidTaxonomy(OntologyError):
    """A concept scheme that is no hierarchy of department, category and type."""

    def __init__(self, concept: str, problem: str) -> None:
        self.concept = concept
        super().__init__(f"The taxonomy is not usable at '{concept}': {problem}", "Mend the concept and read it again.")


class UnknownVocabularyTerm(OntologyError):
    """A label or a relation that the vocabulary or its shapes do not have."""

    def __init__(self, kind: str, name: str, known: tuple[str, ...]) -> None:
        self.kind = kind
        self.name = name
        super().__init__(f"The ontology has no {kind} '{name}'.", f"Known: {', '.join(known)}.")

"""Labels, glosses and sentences for people, by the names that stores and answers use."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

from rdflib import URIRef
from rdflib.namespace import RDFS, SKOS

from ontology.errors import InvalidVocabulary
from ontology.vocabulary import SG, Vocabulary, load_vocabulary

__all__ = ["Glossary", "GlossaryEntry", "load_glossary"]


@dataclass(frozen=True, slots=True)
class GlossaryEntry:
    """A term for people. `sentence` is there for relations: a template with `{source}` and `{target}`."""

    label: str
    gloss: str
    iri: str
    sentence: str | None = None


@dataclass(frozen=True, slots=True)
class Glossary:
    """All terms: `terms` by label, relation or property name; `values` by property name, then by stored value."""

    terms: Mapping[str, GlossaryEntry]
    values: Mapping[str, Mapping[str, GlossaryEntry]]

    def say(self, relation: str, source: str, target: str) -> str:
        """Return the sentence of an edge, such as "X can replace Y".

        Raises: InvalidVocabulary when the name is no relation of the vocabulary.
        """
        entry = self.terms.get(relation)
        if entry is None or entry.sentence is None:
            raise InvalidVocabulary(relation, "it is no relation with a sentence.")
        # one pass over the template, so that braces in a name are never read as places
        head, rest = entry.sentence.split("{", 1)
        first, rest = rest.split("}", 1)
        middle, rest = rest.split("{", 1)
        second, tail = rest.split("}", 1)
        ends = {"source": source, "target": target}
        return f"{head}{ends[first]}{middle}{ends[second]}{tail}"


@cache
def load_glossary(folder: Path | None = None) -> Glossary:
    """Return the glossary of a vocabulary folder, read once per process; None means the one that is shipped."""
    vocabulary = load_vocabulary(folder)
    terms: dict[str, GlossaryEntry] = {}
    for annotation in (SG.nodeLabel, SG.relationName, SG.propertyName):
        for term in vocabulary.terms(annotation):
            name = vocabulary.text(term, annotation)
            if name in terms:
                raise InvalidVocabulary(str(term), f"the name '{name}' is taken by {terms[name].iri}.")
            terms[name] = _entry(vocabulary, term)
    return Glossary(MappingProxyType(terms), MappingProxyType(dict(_closed_lists(vocabulary))))


def _entry(vocabulary: Vocabulary, term: URIRef) -> GlossaryEntry:
    return GlossaryEntry(
        label=vocabulary.text(term, RDFS.label),
        gloss=vocabulary.text(term, SKOS.definition),
        iri=str(term),
        sentence=_sentence(vocabulary, term),
    )


def _sentence(vocabulary: Vocabulary, term: URIRef) -> str | None:
    sentence = vocabulary.find_text(term, SG.sentence)
    if vocabulary.find_text(term, SG.relationName) is None:
        return None
    places = sorted(part.partition("}")[0] for part in (sentence or "").split("{")[1:])
    if sentence is None or places != ["source", "target"]:
        raise InvalidVocabulary(str(term), "its sentence must name {source} and {target} once each.")
    return sentence


def _closed_lists(vocabulary: Vocabulary) -> list[tuple[str, Mapping[str, GlossaryEntry]]]:
    lists: list[tuple[str, Mapping[str, GlossaryEntry]]] = []
    for term in vocabulary.terms(SG.propertyName):
        scheme = vocabulary.find_text(term, SG.valuesFrom)
        if scheme is not None:
            entries = {
                vocabulary.text(concept, SKOS.notation): GlossaryEntry(
                    label=vocabulary.text(concept, SKOS.prefLabel),
                    gloss=vocabulary.text(concept, SKOS.definition),
                    iri=str(concept),
                )
                for concept in vocabulary.concepts(URIRef(scheme))
            }
            lists.append((vocabulary.text(term, SG.propertyName), MappingProxyType(entries)))
    return lists

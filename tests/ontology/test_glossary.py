"""Words for people are read from the vocabulary."""

import shutil

import pytest

from ontology import Glossary, load_glossary, load_schema
from ontology.errors import InvalidVocabulary
from ontology.shape_rules import load_rules
from ontology.vocabulary import DEFAULT_FOLDER


def test_every_term_of_the_schema_has_an_entry():
    schema, glossary = load_schema(), load_glossary()
    names = {*schema.nodes, *schema.relations}
    for term in (*schema.nodes.values(), *schema.relations.values()):
        names |= {item.name for item in term.properties}
    assert names == set(glossary.terms)
    assert all(entry.label and entry.gloss for entry in glossary.terms.values())


def test_every_relation_can_be_said_and_names_are_never_read_as_places():
    glossary = load_glossary()
    for relation in load_schema().relations:
        said = glossary.say(relation, "{target}", "100 % {source}")
        assert said.count("{target}") == 1
        assert said.count("100 % {source}") == 1
    assert glossary.say("isSubstituteFor", "Whole milk", "Skimmed milk") == "Whole milk can replace Skimmed milk"
    assert glossary.say("viewed", "Session 1", "Milk") == "Milk was viewed in Session 1"


@pytest.mark.parametrize("name", ["Product", "strength", "isSubstitutefor", ""])
def test_only_relations_can_be_said(name):
    with pytest.raises(InvalidVocabulary):
        load_glossary().say(name, "a", "b")


def test_closed_lists_are_those_of_the_shapes():
    allowed = {rule.column: set(rule.parameter) for rules in load_rules().values() for rule in rules if rule.constraint == "in"}
    assert {name: set(values) for name, values in load_glossary().values.items()} == allowed
    assert set(allowed) == {"level", "mechanic", "grade", "status"}


@pytest.mark.parametrize(
    "sentence", ["{source} can replace it", "{source} {source} {target}", "no places", "{source} {x} {target}"]
)
def test_a_sentence_must_name_both_ends_once(tmp_path, sentence):
    folder = shutil.copytree(DEFAULT_FOLDER, tmp_path / "vocab")
    path = folder / "relations.ttl"
    path.write_text(path.read_text(encoding="utf-8").replace("{source} can replace {target}", sentence), encoding="utf-8")
    with pytest.raises(InvalidVocabulary, match="once each"):
        load_glossary(folder)


def test_glossary_is_read_once():
    assert load_glossary() is load_glossary()
    assert isinstance(load_glossary(), Glossary)

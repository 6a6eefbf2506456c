"""The schema is read from the Turtle, and nothing that a store needs can be missing from it."""

import dataclasses
import shutil
from pathlib import Path

import pytest
from rdflib import Graph
from rdflib.namespace import PROV

from ontology import PropertyKind, RelationKind, RelationType, load_schema
from ontology.errors import InvalidVocabulary, OntologyError
from ontology.generate_terms import generated_terms, main
from ontology.vocabulary import DEFAULT_FOLDER, SG, load_vocabulary


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(DEFAULT_FOLDER, tmp_path / "vocab"))


def _edit(folder: Path, file: str, old: str, new: str) -> Path:
    path = folder / file
    text = path.read_text(encoding="utf-8")
    assert text.count(old) >= 1
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return folder


def test_counts_and_versions():
    schema = load_schema()
    assert (len(schema.nodes), len(schema.relations), schema.ontology_version) == (13, 26, "1.0")
    kinds = [relation.kind for relation in schema.relations.values()]
    assert [kinds.count(kind) for kind in RelationKind] == [16, 6, 4]


def test_every_node_has_a_display_name_and_every_term_a_gloss():
    schema = load_schema()
    for node in schema.nodes.values():
        assert node.properties[0].name == "display_name"
        assert node.properties[0].required
    for term in (*schema.nodes.values(), *schema.relations.values()):
        assert term.gloss.endswith(".")
        assert all(item.gloss.endswith(".") and item.iri.startswith("https://shelfgraph.dev/ns#") for item in term.properties)


def test_no_class_is_a_thing_and_a_happening_at_once():
    """PROV-O declares prov:Entity and prov:Activity disjoint."""
    vocabulary = load_vocabulary()
    above = {term: set(vocabulary.lineage(term)) for term in vocabulary.terms(SG.nodeLabel)}
    things = {str(term).rpartition("#")[2] for term, found in above.items() if PROV.Entity in found or PROV.Collection in found}
    happenings = {str(term).rpartition("#")[2] for term, found in above.items() if PROV.Activity in found}
    assert happenings == {"Session"}
    assert len(things) == 12
    assert not things & happenings


def test_keys_ends_and_kinds_of_known_terms():
    schema = load_schema()
    redeemed = schema.relations["redeemed"]
    assert (redeemed.source, redeemed.target, redeemed.key) == ("Household", "Coupon", ("redeemed_on",))
    kinds = {item.name: item.kind for item in schema.relations["isSubstituteFor"].properties}
    assert kinds["events"] is PropertyKind.INTEGER
    assert kinds["sources"] is PropertyKind.STRING_LIST
    assert kinds["recorded_from"] is PropertyKind.DATETIME
    assert kinds["low"] is PropertyKind.FLOAT
    promotion = {item.name: item for item in schema.nodes["Promotion"].properties}
    assert promotion["valid_from"].indexed
    assert not promotion["coverage"].indexed
    assert not promotion["locations"].required


def test_the_digest_is_of_the_content_not_of_its_layout(folder):
    before = load_schema(folder)
    merged = Graph()
    for file in sorted(folder.glob("*.ttl")):
        merged.parse(file, format="turtle")
        file.unlink()
    (folder / "all.ttl").write_text("# laid out otherwise\n" + merged.serialize(format="turtle"), encoding="utf-8")
    load_schema.cache_clear()
    load_vocabulary.cache_clear()
    assert load_schema(folder) == before
    assert before.digest == load_schema().digest
    assert len(before.digest) == 64


def test_another_gloss_is_another_digest(folder):
    _edit(folder, "classes.ttl", "An article that the retailer sells", "A thing that the retailer sells")
    assert load_schema(folder).digest != load_schema().digest


def test_a_new_class_relation_and_property_need_no_code(folder):
    (folder / "steward.ttl").write_text(
        """@prefix sg: <https://shelfgraph.dev/ns#> . @prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
        @prefix skos: <http://www.w3.org/2004/02/skos/core#> .
        sg:Recipe rdfs:label "Recipe" ; skos:definition "A dish." ; rdfs:subClassOf sg:Entity ; sg:nodeLabel "Recipe" ;
            sg:position 140 ; sg:hasProperty sg:servings .
        sg:servings rdfs:label "servings" ; skos:definition "For how many." ;
            sg:propertyName "servings" ; sg:propertyKind "integer" .
        sg:uses rdfs:label "uses" ; skos:definition "Calls for." ; rdfs:subPropertyOf sg:factRelation ; rdfs:domain sg:Recipe ;
            rdfs:range sg:Product ; sg:relationName "uses" ; sg:position 300 ; sg:sentence "{source} calls for {target}" .""",
        encoding="utf-8",
    )
    schema = load_schema(folder)
    assert [item.name for item in schema.nodes["Recipe"].properties] == ["display_name", "servings"]
    assert (schema.relations["uses"].source, schema.relations["uses"].target) == ("Recipe", "Product")


FAULTS = {
    "no such kind": ("properties.ttl", 'sg:propertyKind "boolean"', 'sg:propertyKind "bool"', "'bool' is no property kind"),
    "no kind": ("properties.ttl", ' sg:propertyKind "boolean" ;', "", "it has no propertyKind"),
    "two kinds": ("properties.ttl", 'sg:propertyKind "boolean"', 'sg:propertyKind "boolean", "date"', "2 values of propertyKind"),
    "no gloss": (
        "classes.ttl",
        'skos:definition "The organisation that makes or delivers a product."',
        'sg:note "x"',
        "no definition",
    ),
    "requires what it has not": ("classes.ttl", "sg:requires sg:merchandise", "sg:requires sg:scope", "which it does not have"),
    "an end that is no label": ("relations.ttl", "rdfs:range sg:Brand", "rdfs:range sg:Entity", "is no class with a node label"),
    "a key that may be missing": ("relations.ttl", "; sg:requires sg:redeemedOn", "", "must be among its required properties"),
    "no relation kind": (
        "relations.ttl",
        "rdfs:subPropertyOf sg:factRelation, skos:broader",
        "rdfs:subPropertyOf skos:broader",
        "none",
    ),
    "no such relation kind": ("relations.ttl", 'sg:relationKind "fact"', 'sg:relationKind "facts"', "is no relation kind"),
    "a name twice": ("classes.ttl", 'sg:nodeLabel "Need"', 'sg:nodeLabel "Coupon"', "two terms have this name"),
    "a blank node": (
        "classes.ttl",
        "rdfs:subClassOf sg:Entity, prov:Entity, skos:Concept ;",
        "rdfs:subClassOf [ a skos:Concept ] ;",
        "needs an IRI",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_vocabulary_is_refused(folder, fault):
    file, old, new, told = FAULTS[fault]
    with pytest.raises(InvalidVocabulary, match=told):
        load_schema(_edit(folder, file, old, new))


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(OntologyError, match=r"holds no \.ttl file"):
        load_schema(tmp_path)


def test_terms_file_follows_the_vocabulary(capsys):
    assert main(["--check"]) == 0
    assert [str(name) for name in RelationType] == list(load_schema().relations)
    assert capsys.readouterr().err == ""


def test_terms_check_fails_on_drift(tmp_path, capsys):
    target = tmp_path / "terms.py"
    assert main([], target) == 0
    target.write_text(target.read_text(encoding="utf-8").replace('"Need"', '"Needs"'), encoding="utf-8")
    assert main(["--check"], target) == 1
    assert "run `python -m ontology.generate_terms`" in capsys.readouterr().err
    assert '"Needs"' in target.read_text(encoding="utf-8")


def test_generated_names_are_python_constants():
    schema = load_schema()
    text = generated_terms(dataclasses.replace(schema, ontology_version="9.9"))
    assert 'ONTOLOGY_VERSION = "9.9"' in text
    assert 'IS_SUBSTITUTE_FOR = "isSubstituteFor"' in text

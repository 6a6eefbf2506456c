"""Nothing but small, plain Turtle and N-Triples gets in, and nothing is fetched."""

import socket
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ontology.errors import OntologyError, UnreadableDocument, UnsafeDocument
from ontology.intake import IntakeLimits, read_folder, read_rdf, read_text
from ontology.vocabulary import DEFAULT_FOLDER

EXPANSION = """<?xml version="1.0"?><!DOCTYPE rdf:RDF [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="x">&b;</rdf:Description></rdf:RDF>"""
REFUSED = {
    "entity expansion": (EXPANSION, "XML, or holds a DOCTYPE"),
    "xml without a doctype": ("  <rdf:RDF></rdf:RDF>", "XML"),
    "a doctype further down": ('<a:b> <c:d> "<!DocType x>" .', "DOCTYPE"),
    "json-ld": ('{"@context": "https://schema.org/"}', "it is JSON"),
    "imports": ("<a:b> <http://www.w3.org/2002/07/owl#imports> <http://127.0.0.1:9/x> .", "imports other documents"),
    "a long literal": ('<a:b> <c:d> "' + "x" * 70_000 + '" .', "a literal at character 12"),
    "a long literal in three quotes": ('<a:b> <c:d> """' + "x\n" * 35_000 + '""" .', "a literal at character"),
    "a long literal in single quotes": ("<a:b> <c:d> '" + "x" * 70_000 + "' .", "a literal at character"),
    "a long iri": ("<a:" + "b" * 3_000 + '> <c:d> "x" .', "an IRI at character 0"),
    "deep nesting": ("<a:b> <c:d> " + "[ <c:d> " * 200 + "1" + " ]" * 200 + " .", "nests more than 64 deep"),
    "too many bytes": ("# " + "x" * 17 * 1024 * 1024, "larger than 16777216 bytes"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_unsafe_documents_are_refused_at_once(case):
    text, told = REFUSED[case]
    started = time.perf_counter()
    with pytest.raises(UnsafeDocument, match=told):
        read_text(text, "turtle", "given.ttl")
    assert time.perf_counter() - started < 2


UNREADABLE = {
    "an open quote": '<a:b> <c:d> "x .',
    "an open long quote, often": "<a:b> <c:d> '''" + "\\'''" * 100_000,
    "an open iri": "<a:b <c:d> 1 .",
    "not turtle": "this is not Turtle",
    "a cut file": "@prefix sg: <https://shelfgraph.dev/ns#> .\nsg:Product a",
    "an unknown prefix": "nowhere:a a nowhere:b .",
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_damaged_documents_are_named(case):
    started = time.perf_counter()
    with pytest.raises(UnreadableDocument, match=r"given\.ttl"):
        read_text(UNREADABLE[case], "turtle", "given.ttl")
    assert time.perf_counter() - started < 2


def test_other_encodings_are_refused():
    with pytest.raises(UnreadableDocument, match="not UTF-8"):
        read_text('<a:b> <c:d> "é" .'.encode("latin-1"), "turtle", "given.ttl")


@pytest.mark.parametrize("name", ["x.rdf", "x.jsonld", "x.xml", "x.n3", "x.trig", "x"])
def test_other_forms_are_refused_by_their_suffix(tmp_path, name):
    (tmp_path / name).write_text("<a:b> <c:d> 1 .", encoding="utf-8")
    with pytest.raises(UnsafeDocument, match=r"neither \.ttl nor \.nt"):
        read_rdf(tmp_path / name)


@pytest.mark.parametrize("form", ["xml", "json-ld", "n3", "trig"])
def test_other_forms_are_refused_by_name(form):
    with pytest.raises(UnsafeDocument, match="is not taken"):
        read_text("<a:b> <c:d> <e:f> .", form, "given")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UnreadableDocument, match=r"none\.ttl"):
        read_rdf(tmp_path / "none.ttl")


def test_triples_are_counted():
    with pytest.raises(UnsafeDocument, match="3 triples, 2 are allowed"):
        read_text("<a:b> <c:d> 1, 2, 3 .", "turtle", "given", IntakeLimits(triples=2))


def test_plain_documents_are_read_and_nothing_is_fetched(tmp_path, monkeypatch):
    def refuse(*_args, **_kwargs):
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    (tmp_path / "a.nt").write_text('<a:b> <c:d> "x # <y>\\u0041" .\n', encoding="utf-8")
    assert [str(value) for value in read_rdf(tmp_path / "a.nt").objects()] == ["x # <y>A"]
    text = '\ufeff# a "comment\n<a:b> <c:d> "it\'s", """two " quotes""", <#here> .'
    assert sorted(str(value) for value in read_text(text, "turtle", "t").objects()) == [
        "https://shelfgraph.dev/document/#here",
        "it's",
        'two " quotes',
    ]
    assert len(read_folder(DEFAULT_FOLDER)) > 500


VOCABULARY = (DEFAULT_FOLDER / "values.ttl").read_bytes()


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(VOCABULARY)), st.integers(0, 40), st.binary(max_size=12))
def test_damage_anywhere_is_read_or_refused_but_never_crashes(place, removed, put):
    damaged = VOCABULARY[:place] + put + VOCABULARY[place + removed :]
    try:
        read_text(damaged, "turtle", "damaged.ttl")
    except OntologyError as error:
        assert "damaged.ttl" in str(error)

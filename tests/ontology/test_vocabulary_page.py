"""The page of tables and terms says what the Turtle says."""

import re
from pathlib import Path

import pytest

from ontology import RelationKind, load_schema

KINDS = {"datetime", "date", "boolean", "float", "integer", "string list"}


def _table_rows(page: str, header: str) -> list[list[str]]:
    after = page.split(header, 1)[1].split("\n\n", 1)[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in after]


@pytest.fixture(scope="module")
def page(project_root: Path) -> str:
    return (project_root / "docs" / "vocabulary.md").read_text(encoding="utf-8")


def _words(cell: str) -> set[str]:
    return set(re.findall(r"[a-z]+(?:_[a-z]+)*", cell))


def test_the_page_lists_exactly_the_labels_and_their_properties(page):
    rows = _table_rows(page, "| label | properties besides id, display_name |")
    nodes = load_schema().nodes
    assert len(rows) == 13
    assert list(nodes) == [label for label, _ in rows]
    for label, cell in rows:
        own = {item.name for item in nodes[label].properties} - {"display_name"}
        assert own <= _words(cell), label
        names = re.sub(r"\([^)]*\)", "", cell.split("id =")[0].split("id as")[0])
        assert {name for name in _words(names) if name not in KINDS} == own, label


def test_the_page_lists_exactly_the_fact_relations(page):
    rows = _table_rows(page, "| relation | from → to | properties |")
    facts = {name: item for name, item in load_schema().relations.items() if item.kind is RelationKind.FACT}
    assert [row[0] for row in rows] == list(facts)
    for name, ends, cell in rows:
        source, target = re.sub(r"\([^)]*\)", "", ends).split("→")
        assert (facts[name].source, facts[name].target) == (source.strip(), target.strip())
        assert _words(re.sub(r"\([^)]*\)", "", cell)) == {item.name for item in facts[name].properties}, name


def test_the_page_lists_exactly_the_evidence_columns_in_order(page):
    rows = _table_rows(page, "| column | type | meaning |")
    on_page = [name.strip() for cell, *_ in rows for name in cell.split(",")]
    relations = [item for item in load_schema().relations.values() if item.kind is not RelationKind.FACT]
    assert len(relations) == 10
    for relation in relations:
        assert [item.name for item in relation.properties] == on_page, relation.name
        assert relation.key == ("scope",)


def test_the_page_lists_exactly_the_derived_and_declared_relations(page):
    for kind, start in (
        (RelationKind.DERIVED, "Derived (Product → Product; the last one Product → Need):"),
        (RelationKind.DECLARED, "Declared (Product → Product):"),
    ):
        line = page.split(start, 1)[1].splitlines()[0]
        named = re.findall(r"`(\w+)`", line)
        assert named == [name for name, item in load_schema().relations.items() if item.kind is kind]

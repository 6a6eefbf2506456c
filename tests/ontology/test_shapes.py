"""The shape files are whole: they pass SHACL's own check, agree with the schema, and hold nothing that does not run."""

from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from rdflib import Graph

from ontology import PropertyKind, load_schema, validate_edges, validate_nodes
from ontology.errors import InvalidShape, UnknownVocabularyTerm
from ontology.reference import validate_by_reference
from ontology.shape_rules import SHAPES_FOLDER, compile_rules, load_rules, load_shapes
from ontology.vocabulary import load_vocabulary

DATATYPES = {
    PropertyKind.STRING: "string",
    PropertyKind.INTEGER: "integer",
    PropertyKind.FLOAT: "double",
    PropertyKind.BOOLEAN: "boolean",
    PropertyKind.DATE: "date",
    PropertyKind.DATETIME: "dateTime",
    PropertyKind.STRING_LIST: "string",
}


def test_there_is_one_file_per_class_and_one_for_evidence():
    names = sorted(file.stem for file in SHAPES_FOLDER.glob("*.ttl"))
    labels = ["".join(f"_{c.lower()}" if c.isupper() else c for c in label).lstrip("_") for label in load_schema().nodes]
    assert names == sorted([*labels, "evidence"])
    assert len(labels) == 13


def test_shapes_pass_the_check_of_shacl_itself():
    report = validate_by_reference("Brand", pa.table({"id": ["1"], "display_name": ["Private"]}), check_shapes=True)
    assert report.conforms


def test_shapes_that_are_no_shacl_fail_that_check(tmp_path):
    folder = _with_brand(tmp_path, "sh:maxLength 500", 'sh:maxLength "many"')
    for check_shapes in (True, False):
        with pytest.raises(InvalidShape, match=r"SHACL Shapes SHACL|sh:maxLength"):
            validate_by_reference("Brand", pa.table({"id": ["1"]}), shapes=folder, check_shapes=check_shapes)


def test_shapes_and_schema_agree_on_types_and_on_what_is_required():
    schema, rules = load_schema(), load_rules()
    assert set(rules) == {*schema.nodes, *schema.relations}
    for name, term in (*schema.nodes.items(), *schema.relations.items()):
        found = {(rule.column, rule.constraint): rule.parameter for rule in rules[name]}
        for item in term.properties:
            assert found[item.name, "datatype"] == DATATYPES[item.kind], (name, item.name)
            assert (found.get((item.name, "minCount")) == 1) == item.required, (name, item.name)
            assert ((item.name, "maxCount") in found) == (item.kind is not PropertyKind.STRING_LIST), (name, item.name)
        if name in schema.relations:
            relation = schema.relations[name]
            assert (found["source", "class"], found["target", "class"]) == (relation.source, relation.target)


def _with_brand(tmp_path: Path, old: str, new: str) -> Path:
    text = (SHAPES_FOLDER / "brand.ttl").read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "brand.ttl").write_text(text.replace(old, new, 1), encoding="utf-8")
    return tmp_path


NOT_COMPILED = {
    "another constraint": ("sh:maxLength 500", "sh:uniqueLang true", "uniqueLang"),
    "a bound that is no number": ("sh:maxLength 500", 'sh:maxLength "many"', "maxLength"),
    "a severity": ("sh:maxLength 500", "sh:severity sh:Info", "severity"),
    "a logical constraint": ("sh:targetClass sg:Brand ;", "sh:targetClass sg:Brand ; sh:not sg:StoreShape ;", "not"),
    "another target": ("sh:targetClass sg:Brand", "sh:targetSubjectsOf sg:ofBrand", "targetSubjectsOf"),
    "no target": ("sh:targetClass sg:Brand ;", "", "would check nothing"),
    "a target that is no term": ("sh:targetClass sg:Brand", "sh:targetClass sg:Brant", "neither a label nor a relation"),
    "a path that is no property": ("sh:path sg:displayName", "sh:path sg:displayname", "no property of the vocabulary"),
    "a path of two steps": ("sh:path sg:displayName", "sh:path ( sg:ofBrand sg:displayName )", "needs one IRI"),
    "a list of terms": ("sh:maxLength 500", "sh:in ( sg:levels sg:grades )", "needs a list of literals"),
    "an empty list": ("sh:maxLength 500", "sh:in ()", "needs a list of literals"),
    "a list of two kinds": ("sh:maxLength 500", 'sh:in ( 1 "one" )', "must all be"),
    "a pair with no property": ("sh:maxLength 500", "sh:lessThan sg:nothing", "no property of the vocabulary"),
}


@pytest.mark.parametrize("case", NOT_COMPILED)
def test_what_does_not_run_is_refused_when_it_is_loaded(tmp_path, case):
    old, new, told = NOT_COMPILED[case]
    with pytest.raises(InvalidShape, match=told):
        load_rules(_with_brand(tmp_path, old, new))


def test_a_new_constraint_needs_no_code(tmp_path):
    folder = _with_brand(tmp_path, "sh:maxLength 500", 'sh:pattern "^[A-Z]" ; sh:message "brands begin with a capital"')
    rows = pa.table({"id": ["Private", "national"], "display_name": ["Private", "national"]})
    report = validate_nodes("Brand", rows, shapes=folder)
    assert [(finding.rule, finding.message, finding.rows.tolist()) for finding in report.findings] == [
        ("Brand.id/pattern", "brands begin with a capital", [1])
    ]
    assert validate_nodes("Brand", rows).conforms


def test_a_closed_list_may_hold_whole_numbers(tmp_path):
    text = (SHAPES_FOLDER / "promotion.ttl").read_text(encoding="utf-8")
    old = "sh:path sg:promotedStores ; sh:datatype xsd:integer ; sh:minCount 1 ; sh:maxCount 1 ; sh:minInclusive 1"
    assert text.count(old) == 1
    (tmp_path / "promotion.ttl").write_text(text.replace(old, "sh:path sg:promotedStores ; sh:in ( 1 5 )"), encoding="utf-8")
    day = date(2024, 1, 1)
    rows = pa.table(
        {"id": [f"{name}:mailer:2024-01-01" for name in "abc"], "display_name": list("ABC"),
         "mechanic": ["mailer"] * 3, "valid_from": [day] * 3,
         "valid_to": [day + timedelta(days=7)] * 3, "stores": [5, 2, 1], "coverage": [1.0] * 3}
    )  # fmt: skip
    report = validate_nodes("Promotion", rows, shapes=tmp_path)
    found = [(finding.rule, finding.rows.tolist()) for finding in report.findings]
    assert found == [("Promotion.stores/in", [1])]
    by_reference = validate_by_reference("Promotion", rows, shapes=tmp_path)
    assert [(finding.rule, finding.rows.tolist()) for finding in by_reference.findings] == found
    assert "1, 5" in report.findings[0].message
    # a text is not the number that it spells
    texts = rows.set_column(rows.column_names.index("stores"), "stores", pa.array(["5", "2", "1"]))
    assert [finding.rows.tolist() for finding in validate_nodes("Promotion", texts, shapes=tmp_path).findings] == [[0, 1, 2]]


def test_an_empty_shapes_graph_has_no_rules():
    assert compile_rules(Graph(), load_vocabulary()) == {}
    assert len(load_shapes()) > 900


def test_unknown_terms_and_columns_are_refused():
    with pytest.raises(UnknownVocabularyTerm, match="no label 'Shop'"):
        validate_nodes("Shop", pa.table({"id": ["1"]}))
    with pytest.raises(UnknownVocabularyTerm, match="no relation 'sells'"):
        validate_edges("sells", pa.table({"source": ["1"]}))
    with pytest.raises(UnknownVocabularyTerm, match="no property of Brand 'colour'"):
        validate_nodes("Brand", pa.table({"id": ["1"], "display_name": ["x"], "colour": ["red"]}))
    with pytest.raises(UnknownVocabularyTerm, match="no property of atStore 'id'"):
        validate_edges("atStore", pa.table({"id": ["1"]}))


def test_the_report_names_rows_rules_and_how_many():
    rows = pa.table({"id": ["1"] * 4, "display_name": ["a", None, "", "b"], "country": pa.array([1, 2, None, 3])})
    report = validate_nodes("Store", rows)
    assert not report.conforms
    assert report.faulty_rows.tolist() == [0, 1, 2, 3]
    assert {finding.rule: finding.rows.tolist() for finding in report.findings} == {
        "Store.country/datatype": [0, 1, 3],
        "Store.display_name/minCount": [1],
        "Store.display_name/minLength": [2],
    }
    assert report.summary(1) == (
        "3 rows break Store.country/datatype (country: needs values of type string; first at row 0); and 2 more rules"
    )


def test_an_absent_column_is_missing_in_every_row_and_an_empty_batch_conforms():
    report = validate_nodes("Session", pa.table({"id": ["1", "2"], "display_name": ["a", "b"]}))
    assert {finding.rule: finding.rows.tolist() for finding in report.findings} == {
        "Session.simulated/minCount": [0, 1],
        "Session.started_at/minCount": [0, 1],
    }
    assert validate_nodes("Session", pa.table({"id": pa.array([], pa.string())})).conforms


def test_ends_are_looked_up_where_ids_are_given():
    rows = pa.table({"source": ["1", "2", "3"], "target": ["s", "s", "t"]})
    known = {"Product": pa.chunked_array([["1"], ["3"]]), "Supplier": pa.array(["s"])}
    report = validate_edges("suppliedBy", rows, known)
    assert {finding.rule: finding.rows.tolist() for finding in report.findings} == {
        "suppliedBy.source/class": [1],
        "suppliedBy.target/class": [2],
    }
    assert validate_edges("suppliedBy", rows).conforms
    assert validate_edges("suppliedBy", rows, {"Product": known["Product"]}).faulty_rows.tolist() == [0, 1, 2]
    assert validate_edges("suppliedBy", pa.table({"source": [1], "target": ["s"]})).faulty_rows.tolist() == [0]


def test_encodings_of_text_and_lists_make_no_difference():
    plain = pa.table({"id": ["1", ""], "display_name": ["a", "b"], "locations": pa.array([["A", ""], ["B"]])})
    encoded = plain.set_column(0, "id", plain.column("id").dictionary_encode()).set_column(
        2, "locations", plain.column("locations").cast(pa.large_list(pa.dictionary(pa.int32(), pa.string())))
    )
    assert encoded.column("locations").type != plain.column("locations").type
    found = [
        {finding.rule: finding.rows.tolist() for finding in validate_nodes("Promotion", rows).findings}
        for rows in (plain, encoded)
    ]
    assert found[0] == found[1]
    assert found[0]["Promotion.locations/minLength"] == [0]
    assert found[0]["Promotion.id/minLength"] == [1]

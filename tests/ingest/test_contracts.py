"""Contracts are valid in the standard and say what the vocabulary says."""

import json
import re
from pathlib import Path

import jsonschema
import pytest
import yaml
from open_data_contract_standard.model import OpenDataContractStandard
from rdflib import URIRef
from rdflib.namespace import RDFS, SKOS

from ingest.contract import CONTRACT_FOLDER, contract_of, read_contract, shipped_contracts
from ingest.errors import ConfigurationInvalid, FeedUnknown
from ontology.intake import read_folder
from ontology.vocabulary import DEFAULT_FOLDER, SG

FILES = sorted(CONTRACT_FOLDER.glob("*.odcs.yaml"))
VOCABULARY = Path(__file__).parents[2] / "docs" / "vocabulary.md"


def test_every_contract_is_valid_in_the_standard():
    schema = json.loads(OpenDataContractStandard.json_schema())
    for path in FILES:
        document = yaml.safe_load(path.read_text())
        jsonschema.Draft201909Validator(schema).validate(document)
        OpenDataContractStandard.from_file(str(path))
    assert len(FILES) == 19


def test_contracts_have_the_tables_of_the_vocabulary():
    rows = re.findall(r"^\| `(\w+)` \| ([\w, ]+) \|", VOCABULARY.read_text(), re.MULTILINE)
    keys = {table: tuple(key.split(", ")) for table, key in rows}
    assert keys == {contract.feed: contract.key for contract in shipped_contracts()}


def test_every_reference_leads_to_a_column():
    for contract in shipped_contracts():
        for reference in contract.references:
            table, column = reference.split(".")
            assert column in contract_of(table).table_schema.names
    assert sum(len(contract.references) for contract in shipped_contracts()) == 25


RANGES = {
    "string": "string",
    "number": "double",
    "integer": "integer",
    "boolean": "boolean",
    "date": "date",
    "timestamp": "dateTime",
}
WITHOUT_A_TERM = {
    # neither the graph nor a feature reads them: they wait for the decisions that will
    "households": {"home_ownership", "marital_status", "children"},
    "stock_levels": {"stock_on_hand_units", "stock_out_days"},
    "lead_times": {"lead_time_days", "lead_time_deviation_days", "review_period_days"},
    "purchase_costs": {"unit_cost"},
    # a key of its own, and words that are read by nobody yet
    "session_events": {"event_id", "query"},
    # a key of its own
    "calendar_events": {"event_id"},
    # names a term of the ontology instead of meaning one
    "product_declarations": {"relation"},
    # the retailer's own words: compared, never interpreted
    "safety_requirements": {"attribute"},
    "safety_statements": {"attribute", "statement"},
}
CALLED_OTHERWISE = {"display_location": "locations", "mailer_location": "locations"}
"""The graph lists under one name what the feed gives by mechanic."""


def test_every_column_means_a_term_of_the_ontology():
    vocabulary = read_folder(DEFAULT_FOLDER)
    without, resolved = {}, 0
    for contract in shipped_contracts():
        for item in contract.fields:
            if item.term is None:
                without.setdefault(contract.feed, set()).add(item.name)
                continue
            term, resolved = URIRef(item.term), resolved + 1
            assert vocabulary.value(term, SKOS.definition) is not None, (contract.feed, item.name, item.term)
            name = vocabulary.value(term, SG.propertyName) or vocabulary.value(term, SG.columnName)
            if name is not None:
                assert str(name) == CALLED_OTHERWISE.get(item.name, item.name)
                assert str(vocabulary.value(term, RDFS.range)) == f"http://www.w3.org/2001/XMLSchema#{RANGES[item.type.value]}", (
                    contract.feed,
                    item.name,
                )
                continue
            # an id names a thing of a class, a level of the hierarchy is a concept
            label = vocabulary.value(term, SG.nodeLabel) or vocabulary.value(term, SKOS.notation)
            assert item.name.removeprefix("source_").removeprefix("target_") in (str(label).lower(), f"{str(label).lower()}_id")
    assert without == WITHOUT_A_TERM
    assert resolved == sum(len(contract.fields) for contract in shipped_contracts()) - 16 == 91


def test_a_contract_that_is_wrong_is_refused(tmp_path):
    text = (CONTRACT_FOLDER / "sales_lines.odcs.yaml").read_text()
    wrong = [
        text.replace("test: copy", "test: guess"),
        text.replace("  element: sales_lines.business_date\n", ""),
        text.replace("element: sales_lines.business_date", "element: sales_lines.sold_at"),
        text.replace("column: row", "column: colour").replace("test: copy", "test: missing"),
        text + "\n  :\n- x",
    ]
    for number, content in enumerate(wrong):
        (tmp_path / f"{number}.yaml").write_text(content)
        with pytest.raises(ConfigurationInvalid):
            read_contract(tmp_path / f"{number}.yaml")
    with pytest.raises(FeedUnknown):
        contract_of("nothing")

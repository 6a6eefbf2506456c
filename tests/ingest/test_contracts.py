"""Contracts are valid in the standard and say what the vocabulary says."""

import json
import re
from pathlib import Path

import jsonschema
import pytest
import yaml
from open_data_contract_standard.model import OpenDataContractStandard

from ingest.contract import CONTRACT_FOLDER, contract_of, read_contract, shipped_contracts
from ingest.errors import ConfigurationInvalid, FeedUnknown

FILES = sorted(CONTRACT_FOLDER.glob("*.odcs.yaml"))
VOCABULARY = Path(__file__).parents[2] / "docs" / "vocabulary.md"


def test_every_contract_is_valid_in_the_standard():
    schema = json.loads(OpenDataContractStandard.json_schema())
    for path in FILES:
        document = yaml.safe_load(path.read_text())
        jsonschema.Draft201909Validator(schema).validate(document)
        OpenDataContractStandard.from_file(str(path))
    assert len(FILES) == 13


def test_contracts_have_the_tables_of_the_vocabulary():
    rows = re.findall(r"^\| `(\w+)` \| ([\w, ]+) \|", VOCABULARY.read_text(), re.MULTILINE)
    keys = {table: tuple(key.split(", ")) for table, key in rows}
    assert keys == {contract.feed: contract.key for contract in shipped_contracts()}


def test_every_reference_leads_to_a_column():
    for contract in shipped_contracts():
        for reference in contract.references:
            table, column = reference.split(".")
            assert column in contract_of(table).table_schema.names
    assert sum(len(contract.references) for contract in shipped_contracts()) == 19


def test_a_contract_that_is_wrong_is_refused(tmp_path):
    text = FILES[0].read_text()
    wrong = [text.replace("test: copy", "test: guess"), text.replace("slaProperties", "slaproperties"), text + "\n  :\n- x"]
    for number, content in enumerate(wrong):
        (tmp_path / f"{number}.yaml").write_text(content)
        with pytest.raises(ConfigurationInvalid):
            read_contract(tmp_path / f"{number}.yaml")
    with pytest.raises(FeedUnknown):
        contract_of("nothing")

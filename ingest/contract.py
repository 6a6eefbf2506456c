"""Contracts of feeds, read from Open Data Contract Standard YAML into frozen values."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
from open_data_contract_standard.model import OpenDataContractStandard
from pydantic import ValidationError
from yaml import YAMLError

from ingest.conditions import Condition, Rule, Severity, check_rule, rule_from_yaml
from ingest.errors import ConfigurationInvalid, FeedUnknown

__all__ = ["CONTRACT_FOLDER", "Contract", "Field", "LogicalType", "contract_of", "read_contract", "shipped_contracts"]

CONTRACT_FOLDER = Path(__file__).parent / "contracts"
TABLE_MARKS = (pa.field("simulated", pa.bool_()), pa.field("source", pa.string()))
"""Every table ends with these two: whether a generator made the row, and which source fed it."""


class LogicalType(StrEnum):
    """The standard's logical types that tables of facts use."""

    STRING = "string"
    NUMBER = "number"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    DATE = "date"
    TIMESTAMP = "timestamp"

    @property
    def arrow(self) -> pa.DataType:
        """The type in the lake."""
        return _ARROW_TYPES[self]


_ARROW_TYPES = {
    LogicalType.STRING: pa.string(),
    LogicalType.NUMBER: pa.float64(),
    LogicalType.INTEGER: pa.int64(),
    LogicalType.BOOLEAN: pa.bool_(),
    LogicalType.DATE: pa.date32(),
    LogicalType.TIMESTAMP: pa.timestamp("us", "UTC"),
}


@dataclass(frozen=True, slots=True)
class Field:
    """One column of a feed."""

    name: str
    type: LogicalType
    description: str
    required: bool
    key_position: int | None
    reference: str | None
    """`table.column` that must hold the value, None where the column refers to nothing."""
    pseudonym: bool = False
    """Whether the column holds a household's pseudonym, never the number that the retailer uses."""
    term: str | None = None
    """IRI of the ontology's term that the column means; None where the ontology has none."""


@dataclass(frozen=True, slots=True)
class Contract:
    """What one feed promises. `rules` are in the order in which a row is judged: the first broken one names it."""

    feed: str
    version: str
    purpose: str
    owner: str
    fields: tuple[Field, ...]
    rules: tuple[Rule, ...]
    latency_days: float | None
    """How old the newest fact may be before the feed counts as late; None for standing facts (what is sold, where, to whom): they
    bear no day, so nobody could tell from the rows that a delivery is missing, and nothing is promised.
    """
    freshness_column: str | None
    """The column with the day that `latency_days` is counted from."""

    @property
    def key(self) -> tuple[str, ...]:
        """The columns that name a row, in the key's order."""
        parts = [(field.key_position, field.name) for field in self.fields if field.key_position is not None]
        return tuple(name for _, name in sorted(parts))

    @property
    def references(self) -> tuple[str, ...]:
        """All `table.column` that this feed refers to, sorted."""
        return tuple(sorted({field.reference for field in self.fields if field.reference}))

    @property
    def table_schema(self) -> pa.Schema:
        """The schema of the feed's table in the lake."""
        return pa.schema([pa.field(field.name, field.type.arrow) for field in self.fields] + list(TABLE_MARKS))


@cache
def shipped_contracts() -> tuple[Contract, ...]:
    """Return the contracts of all feeds, by name. Raises: ConfigurationInvalid."""
    return tuple(read_contract(path) for path in sorted(CONTRACT_FOLDER.glob("*.odcs.yaml")))


def contract_of(feed: str) -> Contract:
    """Return the contract of one feed. Raises: FeedUnknown."""
    found = {contract.feed: contract for contract in shipped_contracts()}
    if feed not in found:
        raise FeedUnknown(feed, tuple(found))
    return found[feed]


def read_contract(path: Path) -> Contract:
    """Read one contract file. Raises: ConfigurationInvalid."""
    try:
        document = OpenDataContractStandard.from_string(path.read_text(encoding="utf-8"))
        return _contract(document.model_dump(by_alias=True, exclude_none=True))
    except (ValidationError, YAMLError, KeyError, TypeError, ValueError) as error:
        raise ConfigurationInvalid(str(path.name), str(error)) from error


def _contract(document: Mapping[str, Any]) -> Contract:
    (table,) = document["schema"]
    fields = tuple(_field(item) for item in table["properties"])
    rules = _rules(table)
    for rule in rules:
        check_rule(rule, {item.name: item.type.arrow for item in fields})
    latency_days, freshness_column = _latency(document, {item.name: item.type for item in fields})
    return Contract(
        feed=table["name"],
        version=document["version"],
        purpose=document["description"]["purpose"],
        owner=f"{document['team']['name']}: {document['team']['members'][0]['role']}",
        fields=fields,
        rules=rules,
        latency_days=latency_days,
        freshness_column=freshness_column,
    )


def _latency(document: Mapping[str, Any], types: Mapping[str, LogicalType]) -> tuple[float | None, str | None]:
    promised = [item for item in document.get("slaProperties", ()) if item["property"] == "latency"]
    if not promised:
        return None, None
    (latency,) = promised
    column = latency["element"].split(".")[1] if "element" in latency else None
    if column is None or types.get(column) is not LogicalType.DATE or latency["unit"] != "d":
        raise ValueError("a latency needs a date column as its element, and days as its unit: else no feed could ever be late")
    return float(latency["value"]), column


def _field(item: Mapping[str, Any]) -> Field:
    return Field(
        name=item["name"],
        type=LogicalType(item["logicalType"]),
        description=item["description"],
        required=item.get("required", False),
        key_position=item["primaryKeyPosition"] if item.get("primaryKey") else None,
        reference=_reference(item),
        pseudonym=item.get("classification") == "pseudonym",
        term=_term(item),
    )


def _reference(item: Mapping[str, Any]) -> str | None:
    return str(item["relationships"][0]["to"]) if item.get("relationships") else None


def _term(item: Mapping[str, Any]) -> str | None:
    meant = [entry["url"] for entry in item.get("authoritativeDefinitions", ()) if entry["type"] == "businessDefinition"]
    return str(meant[0]) if meant else None


def _rules(table: Mapping[str, Any]) -> tuple[Rule, ...]:
    """Types first, then what each column promises, then what the row promises."""
    readable = [
        _column_rule(item, "type", "unreadable", None, f"cannot be read as a {item['logicalType']}")
        for item in table["properties"]
        if item["logicalType"] != LogicalType.STRING  # any cell can be read as text
    ]
    promised = [rule for item in table["properties"] for rule in _promises(item)]
    custom = [rule_from_yaml(item) for item in table.get("quality", ())]
    return (*readable, *promised, *custom)


def _promises(item: Mapping[str, Any]) -> list[Rule]:
    options = item.get("logicalTypeOptions", {})
    rules = []
    if item.get("required"):
        rules.append(_column_rule(item, "required", "missing", None, "must not be empty"))
    if "pattern" in options:
        rules.append(_column_rule(item, "pattern", "not_matches", options["pattern"], "is not written as agreed"))
    if "minimum" in options:
        rules.append(_column_rule(item, "minimum", "below", options["minimum"], f"must be at least {options['minimum']}"))
    if "maximum" in options:
        rules.append(_column_rule(item, "maximum", "above", options["maximum"], f"must be at most {options['maximum']}"))
    if "enum" in item:
        allowed = tuple(entry["value"] for entry in item["enum"])
        rules.append(_column_rule(item, "allowed", "not_among", allowed, f"must be one of {', '.join(map(str, allowed))}"))
    if target := _reference(item):
        rules.append(_column_rule(item, "reference", "unknown_in", target, f"is not in {target}"))
    return rules


def _column_rule(item: Mapping[str, Any], promise: str, test: str, value: Any, text: str) -> Rule:
    column = item["name"]
    condition = Condition(column=column, test=test, value=value)
    return Rule(id=f"{column}.{promise}", severity=Severity.REJECT, when=(condition,), text=f"{column} {text}")

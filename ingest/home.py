"""Whose facts a lake holds: one retailer's, beside those that a generator made for it."""

import json
from dataclasses import dataclass

import pyarrow as pa

from ingest.age_limits import enter_age_limits
from ingest.books import LEDGER, SCHEMAS, SOURCES, read_book, write_book
from ingest.errors import OtherSourceHeld
from ingest.simulate.assumptions import Assumptions
from ingest.sources.configuration import SIMULATED, SourceConfiguration
from lake.ports import Lake

__all__ = ["Retailer", "enter_source", "held_retailer", "refuse_other_source"]


@dataclass(frozen=True, slots=True)
class Retailer:
    """What the source of the lake's facts said of the retailer, as it was last ingested."""

    source: str
    currency: str
    business_zone: str
    assumptions: Assumptions


def refuse_other_source(lake: Lake, source: SourceConfiguration) -> None:
    """Keep two retailers from being mixed. Raises: OtherSourceHeld."""
    held = {str(line["source"]) for line in read_book(lake, LEDGER).to_pylist()} - {SIMULATED, source.name}
    if held and not source.simulated:
        raise OtherSourceHeld(sorted(held)[0], source.name)


def enter_source(lake: Lake, source: SourceConfiguration) -> None:
    """Remember what the source says of the retailer."""
    if source.simulated:
        return
    row = {
        "name": source.name,
        "title": source.title,
        "currency": source.currency,
        "business_time_zone": source.business_zone,
        "assumptions": json.dumps(source.assumptions.as_yaml(), sort_keys=True),
    }
    write_book(lake, SOURCES, pa.Table.from_pylist([row], schema=SCHEMAS[SOURCES]))
    enter_age_limits(lake, source.age_limits)


def held_retailer(lake: Lake) -> Retailer | None:
    """Return whose facts the lake holds, None where nothing was ingested from files."""
    for row in read_book(lake, SOURCES).to_pylist():
        assumptions = Assumptions.from_yaml(json.loads(row["assumptions"]))
        return Retailer(row["name"], row["currency"], row["business_time_zone"], assumptions)
    return None

"""What judging a feed needs beside its rows: the rules, the values referred to, the tables looked up, the marks of its table."""

import pyarrow as pa
import pyarrow.compute as pc

from ingest.arrays import flat
from ingest.conditions import References, Rule
from ingest.contract import Contract
from ingest.errors import ReferenceMissing
from ingest.mapping import FeedMapping
from ingest.sources.configuration import SourceConfiguration
from ingest.transforms import LookupTable, Pseudonyms, TransformContext
from lake.ports import Lake

__all__ = ["feed_rules", "load_references", "mark_rows", "transform_context"]


def mark_rows(table: pa.Table, contract: Contract, source: SourceConfiguration) -> pa.Table:
    """Return rows of a contract's columns as rows of its table: with the marks of their source."""
    schema = contract.table_schema
    marks = {
        "simulated": pa.repeat(pa.scalar(source.simulated), table.num_rows),
        "source": pa.repeat(pa.scalar(source.name), table.num_rows),
    }
    columns = {name: table.column(name) for name in table.column_names} | marks
    return pa.table({name: columns[name] for name in schema.names}).cast(schema)


def feed_rules(mapping: FeedMapping) -> tuple[Rule, ...]:
    """Return the mapping's own rules and the contract's, in the order in which a row is judged."""
    return (*mapping.rules, *mapping.contract.rules)


def load_references(contract: Contract, lake: Lake) -> References:
    """Return the distinct values of every column that the contract refers to; a missing table holds none."""
    return {name: _distinct(lake, *name.split(".")) for name in contract.references}


def transform_context(source: SourceConfiguration, mapping: FeedMapping, lake: Lake, pseudonyms: Pseudonyms) -> TransformContext:
    """Load what the mapping looks up. Raises: ReferenceMissing."""
    lookups = {(table, key, column): _lookup(lake, table, key, column) for table, key, column in mapping.lookups}
    return TransformContext(business_zone=source.business_zone, pseudonyms=pseudonyms, lookups=lookups)


def _distinct(lake: Lake, table: str, column: str) -> pa.Array:
    if table not in lake.names():
        return pa.array([], pa.string())
    return pc.drop_null(flat(lake.to_arrow(lake.table(table).select(column).distinct()).column(column)))


def _lookup(lake: Lake, table: str, key: str, column: str) -> LookupTable:
    if table not in lake.names():
        raise ReferenceMissing(table)
    rows = lake.arrow(table, (key, column)).combine_chunks()
    return LookupTable(keys=flat(rows.column(key)), values=flat(rows.column(column)))

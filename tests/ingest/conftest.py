"""A lake in memory, and for every contract a source of small, whole CSV files."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import ibis
import pyarrow as pa
import pytest

from ingest.contract import Contract, LogicalType, shipped_contracts
from ingest.mapping import ColumnMapping, FeedMapping, FileFormat
from ingest.sources import SourceConfiguration
from lake.errors import TableMissing
from lake.ports import TableVersion

KEY = b"a key for tests"
HOUSEHOLDS = [f"hh_{number:020x}" for number in range(1, 41)]


class MemoryLake:
    """The lake's promises without files."""

    def __init__(self) -> None:
        self.tables: dict[str, pa.Table] = {}
        self.versions: dict[str, int] = {}

    def names(self):
        return tuple(sorted(self.tables))

    def version(self, name):
        table = self.arrow(name)
        digest = hashlib.sha256(str(table.to_pylist()).encode()).hexdigest()
        return TableVersion(name, self.versions[name], table.num_rows, digest)

    def table(self, name):
        return ibis.memtable(self.arrow(name))

    def arrow(self, name, columns=None):
        if name not in self.tables:
            raise TableMissing(name)
        return self.tables[name].select(list(columns)) if columns else self.tables[name]

    def to_arrow(self, expression):
        return expression.to_pyarrow()

    def replace(self, name, rows, schema=None):
        table = rows if isinstance(rows, pa.Table) else pa.Table.from_batches(list(rows), schema)
        if name not in self.tables or not self.tables[name].equals(table):
            self.tables[name] = table
            self.versions[name] = self.versions.get(name, -1) + 1
        return self.version(name)

    def append(self, name, rows):
        self.tables[name] = pa.concat_tables([self.tables[name], rows])
        self.versions[name] += 1
        return self.version(name)

    def state(self):
        return {name: (self.versions[name], table.to_pylist()) for name, table in self.tables.items()}


def whole_row(contract: Contract, number: int) -> dict[str, str]:
    """Row `number` of a feed that keeps every rule; rows of different numbers have different keys."""
    cells = {item.name: _cell(item.name, item.type, number) for item in contract.fields}
    return cells | SPECIAL.get(contract.feed, lambda _: {})(number)


def _cell(name: str, kind: LogicalType, number: int) -> str:
    if name == "household_id":
        return HOUSEHOLDS[number % 40]
    if kind is LogicalType.BOOLEAN:
        return "true"
    if kind is LogicalType.DATE:
        return f"20{10 + number // 12:02d}-{1 + number % 12:02d}-05"
    if kind is LogicalType.TIMESTAMP:
        return f"20{10 + number // 12:02d}-{1 + number % 12:02d}-05 12:00:00"
    if kind is LogicalType.NUMBER:
        return "3.5"
    return f"{name[:4]}{number}"


def _monday(number: int) -> str:
    return str(pa.scalar(4 + 7 * (2000 + number), pa.int32()).cast(pa.date32()).as_py())


SPECIAL = {
    "sales_lines": lambda n: {"business_date": _monday(n), "week_start": _monday(n), "sold_at": _monday(n) + " 13:00:00"},
    "promotion_weeks": lambda n: {"week_start": _monday(n), "display_location": "A", "mailer_location": "B"},
    "stock_levels": lambda n: {"week_start": _monday(n)},
    "campaigns": lambda n: {"valid_from": "2010-01-05", "valid_to": "2010-02-05"},
    "session_events": lambda n: {"event_type": ("view", "cart", "search")[n % 3]},
}


def identity_mapping(contract: Contract, form: FileFormat | None = None) -> FeedMapping:
    """The mapping of a file whose columns are the contract's."""
    return FeedMapping(
        feed=contract.feed,
        file=f"{contract.feed}.csv",
        format=form or FileFormat(),
        columns=tuple(ColumnMapping(item.name, (item.name,), "cast") for item in contract.fields),
        personal=(),
        rules=(),
        key_column=None,
        sightings=(),
        aggregation=None,
        text=contract.feed,
    )


@dataclass
class World:
    """A source folder with whole files of every feed, and an empty lake."""

    folder: Path
    lake: MemoryLake = field(default_factory=MemoryLake)

    @property
    def source(self) -> SourceConfiguration:
        mappings = tuple(identity_mapping(contract) for contract in shipped_contracts())
        return SourceConfiguration(
            "whole", "whole files", "EUR", "Europe/Berlin", simulated=False, folder=self.folder, feeds=mappings
        )

    def lines(self, feed: str) -> list[str]:
        return (self.folder / f"{feed}.csv").read_text().splitlines()


@pytest.fixture(scope="session")
def whole_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    for contract in shipped_contracts():
        rows = [whole_row(contract, number) for number in range(40)]
        lines = [",".join(rows[0]), *(",".join(row.values()) for row in rows)]
        (folder / f"{contract.feed}.csv").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture
def world(whole_folder):
    return World(whole_folder)


@pytest.fixture
def make_row():
    return whole_row


@pytest.fixture
def make_mapping():
    return identity_mapping

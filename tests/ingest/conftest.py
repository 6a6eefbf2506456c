"""A lake in memory, for every contract a source of small, whole CSV files, and a corner shop with a mapping of its own."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import ibis
import pyarrow as pa
import pytest

from ingest import load_source
from ingest.contract import Contract, LogicalType, shipped_contracts
from ingest.mapping import ColumnMapping, FeedMapping, FileFormat
from ingest.sources import SourceConfiguration
from lake.delta_lake import DeltaLake
from lake.errors import TableMissing
from lake.ports import TableVersion

KEY = b"a key for tests"
PEOPLE = [f"hh_{number:020x}" for number in range(1, 41)]


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
        return PEOPLE[number % 40]
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
    "planned_prices": lambda n: {"week_start": _monday(n), "announced_on": "2008-04-01"},
    "calendar_events": lambda n: {"kind": ("local_event", "closure")[n % 2], "announced_on": "2009-04-01"},
    **dict.fromkeys(
        ("campaigns", "safety_requirements", "safety_statements"),
        lambda _: {"valid_from": "2010-01-05", "valid_to": "2010-02-05"},
    ),
    "product_declarations": lambda n: {
        "source_product_id": f"prod{n}",
        "target_product_id": f"prod{(n + 1) % 40}",
        "relation": "neverSubstituteFor",
        "scope": "chain",
        "grade": "asserted_by_steward",
        "valid_from": "2010-01-05",
        "valid_to": "2010-02-05",
    },
    "household_consents": lambda n: {
        "purpose": ("personalisation", "marketing", "operations")[n % 3],
        "valid_from": "2010-01-05",
        "valid_to": "2010-02-05",
    },
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


SOURCE = """
name: corner_shop
title: A corner shop
currency: EUR
business_time_zone: Europe/Berlin
"""
PRODUCTS = """
feed: products
file: articles.csv
columns:
  product_id: {from: nr}
  name: {from: [label, size], transform: compose, separator: ', '}
  department: {from: aisle, null_when: [none]}
  merchandise: {from: aisle, transform: among, values: [FUEL], negated: true}
"""
STORES = """
feed: stores
entities: {column: shop, seen_in: [{file: till.csv, column: shop}]}
columns: {store_id: {from: shop}}
"""
HOUSEHOLDS = """
feed: households
personal: [card]
entities: {column: card, seen_in: [{file: till.csv, column: card}]}
columns: {household_id: {from: card, transform: pseudonym}}
"""
SALES = """
feed: sales_lines
file: till.csv
columns:
  basket_id: {from: receipt}
  product_id: {from: article}
  household_id: {from: card, transform: pseudonym}
  store_id: {from: shop}
  sold_at: {from: time, transform: instant}
  business_date: {from: time, transform: local_date}
  week_start: {from: time, transform: local_week}
  quantity: {from: units}
  net_sales: {from: [units, price], transform: product}
  retail_discount: {from: rebate, transform: absolute}
  coupon_discount: {transform: constant, value: 0}
  coupon_match_discount: {transform: constant, value: 0}
  merchandise: {from: article, transform: lookup, table: products, key: product_id, column: merchandise}
aggregate:
  sum: [quantity, net_sales, retail_discount, coupon_discount, coupon_match_discount]
  smallest: [sold_at, business_date, week_start]
"""
TILL = [
    "receipt,article,card,shop,time,units,price,rebate",
    "r1,a1,CARD-777001,s1,2024-03-31 23:30:00,2,1.50,-0.25",
    "r1,a1,CARD-777001,s1,2024-03-31 23:30:00,1,1.50,0",
    "r2,a2,CARD-777002,s1,2024-04-01 00:30:00,1,9.00,0",
    "r3,a3,CARD-777002,s1,2024-04-02 09:00:00,1,2.00,0",
    "r4,a1,CARD-777002,s1,2024-04-02 10:00:00,many,2.00,0",
    "r5,a1,CARD-777003,s1,2024-04-02",
]


@pytest.fixture
def shop(tmp_path):
    home, data = tmp_path / "mapping", tmp_path / "data"
    home.mkdir()
    data.mkdir()
    for name, text in {
        "source": SOURCE,
        "products": PRODUCTS,
        "stores": STORES,
        "households": HOUSEHOLDS,
        "sales": SALES,
    }.items():
        (home / f"{name}.yaml").write_text(text)
    (data / "articles.csv").write_text('nr,label,size,aisle\na1,Milk,1 l,DAIRY\na2,"Fuel, ""super""",,FUEL\n')
    (data / "till.csv").write_text("\n".join(TILL) + "\n")
    return load_source(home, data)


@pytest.fixture
def lake(tmp_path):
    return DeltaLake(tmp_path / "lake")

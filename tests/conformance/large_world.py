"""Batches above the size of one transaction, made by column: rows one by one would take longer than writing them."""

import pyarrow as pa

from kg.ports import ATOMIC_ROWS, GraphStore
from kg.tables import TableGraph
from tests.conformance.world import DERIVED, SCHEMA, edge_row, edge_table, node_row, node_table

COUNT = 2 * ATOMIC_ROWS + 5_000
HUBS = 250


def product_ids(prefix: str = "p", count: int = COUNT) -> list[str]:
    return [f"{prefix}{number:06d}" for number in range(count)]


def products(prefix: str = "p", count: int = COUNT) -> pa.Table:
    ids = product_ids(prefix, count)
    return _repeated(node_table("Product", [node_row("Product", "one")]), count, id=ids)


def supplied(prefix: str = "p", count: int = COUNT) -> pa.Table:
    return _repeated(edge_table("suppliedBy", [edge_row("suppliedBy", "one", "hub")]), count, source=product_ids(prefix, count))


def derived(version: str, count: int = COUNT) -> pa.Table:
    """Edges from each of the first products to as many of the others as make up the count."""
    ids, width = product_ids(), count // HUBS
    sources = [ids[number // width] for number in range(count)]
    targets = [ids[HUBS + number % width] for number in range(count)]
    one = edge_table(DERIVED, [edge_row(DERIVED, "one", "other", model_version=version)])
    return _repeated(one, count, source=sources, target=targets)


def hub() -> pa.Table:
    return node_table("Supplier", [node_row("Supplier", "hub")])


def whole() -> TableGraph:
    return TableGraph(SCHEMA, {"Supplier": hub(), "Product": products()}, {"suppliedBy": supplied(), DERIVED: derived("only")})


def write_whole(store: GraphStore, say=lambda step: None) -> None:
    """Write `whole` in four calls, and say after each that it is done."""
    store.upsert_nodes("Supplier", hub())
    say(0)
    store.upsert_nodes("Product", products())
    say(1)
    store.upsert_edges("suppliedBy", supplied())
    say(2)
    store.replace_derived(DERIVED, derived("only"))
    say(3)


def _repeated(one: pa.Table, count: int, **columns: list[str]) -> pa.Table:
    rows = one.take(pa.array([0] * count))
    for name, values in columns.items():
        rows = rows.set_column(
            rows.column_names.index(name), one.schema.field(name), pa.array(values, one.schema.field(name).type)
        )
    return rows

"""A writer in a process of its own, for the tests that kill it. Prints a line after each committed call.

Arguments: `load`, `replace`, `whole` or `share NAME`, then how to open the store: `embedded FOLDER` or `neo4j URI USER PASSWORD`.
"""

import sys
from pathlib import Path

from kg.embedded_store import open_embedded
from kg.neo4j_store import open_neo4j
from kg.ports import GraphStore
from tests.conformance.large_world import write_whole
from tests.conformance.world import DERIVED, SCHEMA, edge_row, edge_table, node_row, node_table

BATCH = 500
PRODUCTS = 40
SHARED_BATCHES = 6


def opened(kind: str, *address: str) -> GraphStore:
    if kind == "embedded":
        return open_embedded(Path(address[0]), SCHEMA)
    return open_neo4j(*address, SCHEMA)


def load(store: GraphStore) -> None:
    """Write batch after batch of new products, each with edges to a hub."""
    store.upsert_nodes("Supplier", node_table("Supplier", [node_row("Supplier", "hub")]))
    for batch in range(1_000):
        ids = [f"{batch}-{number}" for number in range(BATCH)]
        store.upsert_nodes("Product", node_table("Product", [node_row("Product", one) for one in ids]))
        store.upsert_edges("suppliedBy", edge_table("suppliedBy", [edge_row("suppliedBy", one, "hub") for one in ids]))
        say(batch)


def replace(store: GraphStore) -> None:
    """Replace a derived relation over and over, each time by a set of another model and size."""
    ids = [f"p{number}" for number in range(PRODUCTS)]
    store.upsert_nodes("Product", node_table("Product", [node_row("Product", one) for one in ids]))
    for turn in range(1_000):
        store.replace_derived(DERIVED, derived_set(turn))
        say(turn)


def whole(store: GraphStore) -> None:
    """Write batches above the size of one transaction."""
    write_whole(store, say)


def share(store: GraphStore) -> None:
    """Write rows that every other such process writes too, and some of its own; say how many were new."""
    own = sys.argv.pop(2)
    new = 0
    for batch in range(SHARED_BATCHES):
        ids = [f"{owner}-{batch}-{number}" for owner in ("shared", own) for number in range(BATCH)]
        new += store.upsert_nodes("Product", node_table("Product", [node_row("Product", one) for one in ids])).created
        pairs = edge_table("isVariantOf", [edge_row("isVariantOf", one, ids[0]) for one in ids[1:BATCH]])
        new += store.upsert_edges("isVariantOf", pairs).created
    say(new)


def derived_set(turn: int):
    width = 20 + turn % 2 * 10
    rows = [
        edge_row(DERIVED, f"p{one}", f"p{other}", model_version=f"turn-{turn}")
        for one in range(PRODUCTS)
        for other in range(width)
    ]
    return edge_table(DERIVED, rows)


def say(number: int) -> None:
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    task = {"load": load, "replace": replace, "whole": whole, "share": share}[sys.argv[1]]
    task(opened(*sys.argv[3 if task is share else 2 :]))

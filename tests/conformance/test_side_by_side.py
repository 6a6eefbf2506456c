"""Readers beside writers, and writers beside each other."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from kg.errors import InvalidBatch
from kg.ports import Direction, GraphStore, WriteCount
from tests.conformance.world import DERIVED, edge_row, edge_table, node_row, node_table

SIZES = {"even": 20, "odd": 35}


def derived(store_name: str) -> object:
    rows = [
        edge_row(DERIVED, "hub", f"p{number}", model_version=store_name, strength=float(number))
        for number in range(SIZES[store_name])
    ]
    return edge_table(DERIVED, rows)


def stocked(store: GraphStore) -> None:
    ids = ["hub", *(f"p{number}" for number in range(40))]
    store.upsert_nodes("Product", node_table("Product", [node_row("Product", one) for one in ids]))


def test_replacing_removes_what_is_not_given(store: GraphStore) -> None:
    stocked(store)
    assert store.replace_derived(DERIVED, derived("odd")).rows == 35
    assert store.counts()[DERIVED] == 35
    assert store.replace_derived(DERIVED, derived("even")).rows == 20
    assert store.counts()[DERIVED] == 20
    assert store.replace_derived(DERIVED, edge_table(DERIVED, [])) == WriteCount(rows=0, created=0)
    assert store.counts()[DERIVED] == 0


def test_only_derived_relations_are_replaced(store: GraphStore) -> None:
    stocked(store)
    for relation in ("neverSubstituteFor", "suppliedBy"):
        with pytest.raises(InvalidBatch, match="only derived"):
            store.replace_derived(relation, edge_table(relation, []))


def test_merging_into_a_replaced_relation(store: GraphStore) -> None:
    stocked(store)
    store.replace_derived(DERIVED, derived("even"))
    changed = edge_table(DERIVED, [edge_row(DERIVED, "hub", "p0", strength=99.0), edge_row(DERIVED, "hub", "p39")])
    assert store.upsert_edges(DERIVED, changed) == WriteCount(rows=2, created=1)
    [best] = store.related(DERIVED, ["hub"], direction=Direction.OUT, limit=1)["hub"]
    assert (best.target.id, best.properties["strength"]) == ("p0", 99.0)
    assert store.counts()[DERIVED] == 21


def test_readers_see_the_old_set_or_the_new_one(store: GraphStore) -> None:
    stocked(store)
    store.replace_derived(DERIVED, derived("even"))
    done = threading.Event()

    def watch() -> set[tuple[str, int]]:
        seen = set()
        while not done.is_set():
            edges = store.related(DERIVED, ["hub"], direction=Direction.OUT, limit=100)["hub"]
            [version] = {edge.properties["model_version"] for edge in edges}
            seen.add((version, len(edges)))
        return seen

    with ThreadPoolExecutor(2) as pool:
        watchers = [pool.submit(watch) for _ in range(2)]
        try:
            for turn in range(10):
                store.replace_derived(DERIVED, derived("odd" if turn % 2 == 0 else "even"))
        finally:
            done.set()
        seen = set().union(*(watcher.result() for watcher in watchers))
    assert seen <= {("even", 20), ("odd", 35)}
    assert seen


def test_two_writers_of_the_same_rows_make_them_once(store: GraphStore) -> None:
    stocked(store)
    rows = edge_table("isVariantOf", [edge_row("isVariantOf", f"p{n}", f"p{n + 1}") for n in range(30)])
    with ThreadPoolExecutor(4) as pool:
        counts = list(pool.map(lambda _: store.upsert_edges("isVariantOf", rows), range(4)))
    assert sum(count.created for count in counts) == 30
    assert store.counts()["isVariantOf"] == 30


def test_two_writers_of_different_rows_lose_nothing(store: GraphStore) -> None:
    def write(writer: int) -> int:
        batches = [[f"w{writer}-{batch}-{number}" for number in range(50)] for batch in range(4)]
        return sum(
            store.upsert_nodes("Product", node_table("Product", [node_row("Product", one) for one in ids])).created
            for ids in batches
        )

    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(write, range(3))) == [200, 200, 200]
    assert store.counts()["Product"] == 600

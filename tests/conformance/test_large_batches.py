"""Batches above the size of one transaction: what readers see of them, and what a killed writer leaves to be completed."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import pytest

from kg.ports import ATOMIC_ROWS, GraphStore
from tests.conformance import large_world
from tests.conformance.large_world import COUNT, derived, product_ids, products, whole, write_whole
from tests.conformance.world import DERIVED
from tests.conformance.writer_process import opened

T = TypeVar("T")


def seen_while(read: Callable[[], T], write: Callable[[], object]) -> list[T]:
    """Run a write, and return what a reader beside it saw before, meanwhile and after."""
    done = threading.Event()
    before = read()

    def watch() -> list[T]:
        found = [before]
        while not done.is_set():
            found.append(read())
        return [*found, read()]

    with ThreadPoolExecutor(1) as pool:
        watcher = pool.submit(watch)
        try:
            write()
        finally:
            done.set()
        return watcher.result()


def test_a_batch_of_the_atomic_size_is_seen_whole_or_grows(store: GraphStore) -> None:
    ids = product_ids(count=ATOMIC_ROWS)
    names: set[frozenset[str]] = set()

    def read() -> int:
        found = store.nodes("Product", ids)
        names.update(frozenset(found[one].properties) for one in found)
        return len(found)

    seen = seen_while(read, lambda: store.upsert_nodes("Product", products(count=ATOMIC_ROWS)))
    assert (seen[0], seen[-1]) == (0, ATOMIC_ROWS)
    assert seen == sorted(seen)
    assert len(names) == 1, "a row was seen in part"
    assert not store.reads_snapshots or set(seen) == {0, ATOMIC_ROWS}


def test_a_larger_batch_is_seen_in_whole_portions_or_grows(store: GraphStore) -> None:
    ids = product_ids()
    portions = [(ids[start], ids[min(start + ATOMIC_ROWS, COUNT) - 1]) for start in range(0, COUNT, ATOMIC_ROWS)]
    ends = [one for portion in portions for one in portion]

    def read() -> tuple[int, ...]:
        found = store.nodes("Product", ends)
        return tuple(sum(one in found for one in portion) for portion in portions)

    seen = seen_while(read, lambda: store.upsert_nodes("Product", products()))
    assert (seen[0], seen[-1]) == ((0, 0, 0), (2, 2, 2))
    assert all(one <= other for before, after in pairwise(seen) for one, other in zip(before, after, strict=True))
    assert not store.reads_snapshots or {number for one in seen for number in one} == {0, 2}


def test_a_derived_relation_of_any_size_is_replaced_at_once(store: GraphStore) -> None:
    store.upsert_nodes("Product", products())
    store.replace_derived(DERIVED, derived("old", COUNT))
    seen = seen_while(
        lambda: store.counts()[DERIVED], lambda: store.replace_derived(DERIVED, derived("new", COUNT - large_world.HUBS))
    )
    assert set(seen) == {COUNT, COUNT - large_world.HUBS}
    assert seen == sorted(seen, reverse=True)


@pytest.mark.parametrize("step", [1, 2, 3])
def test_a_load_that_was_killed_half_way_is_completed_by_the_same_load(
    store_address: list[str], step: int, project_root: Path
) -> None:
    command = [sys.executable, "-m", "tests.conformance.writer_process", "whole", *store_address]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=project_root) as writer:
        try:
            for _ in range(step):
                writer.stdout.readline()
            # into the call that writes 25,000 rows after the one that was told last
            time.sleep(0.2)
        finally:
            writer.kill()
    assert writer.returncode == -9
    with closing(opened(*store_address)) as store:
        write_whole(store)
        assert store.digest() == whole().digest()

"""Two processes write at once: a server merges what both give, a file has one writer and tells the other so."""

import subprocess
import sys
from contextlib import closing
from pathlib import Path

from kg.errors import GraphUnavailable
from tests.conformance.world import node_row, node_table
from tests.conformance.writer_process import BATCH, SHARED_BATCHES, opened

WRITERS = ("one", "two")


def writer(name: str, address: list[str], root: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.conformance.writer_process", "share", name, *address]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=root)


def test_two_processes_write_to_one_store(store_address: list[str], project_root: Path) -> None:
    if store_address[0] == "embedded":
        one_is_refused_while_the_other_writes(store_address, project_root)
    else:
        both_are_merged(store_address, project_root)


def both_are_merged(address: list[str], root: Path) -> None:
    processes = [writer(name, address, root) for name in WRITERS]
    told = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], told
    nodes, edges = 3 * SHARED_BATCHES * BATCH, SHARED_BATCHES * (BATCH - 1)
    # each row is new to one of them, whoever came first
    assert sum(int(output) for output, _ in told) == nodes + edges
    with closing(opened(*address)) as store:
        counts = store.counts()
        assert (counts["Product"], counts["isVariantOf"]) == (nodes, edges)


def one_is_refused_while_the_other_writes(address: list[str], root: Path) -> None:
    with closing(opened(*address)) as first:
        first.upsert_nodes("Product", node_table("Product", [node_row("Product", "mine")]))
        before = first.digest()
        second = writer("two", address, root)
        _, said = second.communicate(timeout=120)
        assert second.returncode == 1
        assert GraphUnavailable.__name__ in said
        assert "another process or store object has" in said
        assert first.digest() == before
    again = writer("two", address, root)
    assert again.communicate(timeout=120)[0] == f"{SHARED_BATCHES * (3 * BATCH - 1)}\n"

"""Writers that are killed: what they committed is there, what they had begun is not, and the store goes on."""

import subprocess
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from tests.conformance.world import DERIVED, edge_row, edge_table
from tests.conformance.writer_process import BATCH, PRODUCTS, opened


def killed_after(lines: int, task: str, address: list[str], root: Path) -> int:
    """Run a writer, kill it in the middle of the work after that many lines, and return the last number it printed."""
    command = [sys.executable, "-m", "tests.conformance.writer_process", task, *address]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) as process:
        try:
            for _ in range(lines):
                last = process.stdout.readline()
        finally:
            process.kill()
    assert process.returncode == -9
    return int(last)


@pytest.mark.parametrize("lines", [1, 4])
def test_killed_while_loading(store_address: list[str], lines: int, project_root: Path) -> None:
    last = killed_after(lines, "load", store_address, project_root)
    with closing(opened(*store_address)) as store:
        products = Counter(one.split("-")[0] for one in store.export_nodes("Product").column("id").to_pylist())
        edges = Counter(one.split("-")[0] for one in store.export_edges("suppliedBy").column("source").to_pylist())
        assert set(products.values()) == set(edges.values()) == {BATCH}
        assert len(products) - 1 <= len(edges) <= len(products)
        assert len(edges) >= last + 1
        again = edge_table("suppliedBy", [edge_row("suppliedBy", "0-0", "hub")])
        assert store.upsert_edges("suppliedBy", again).created == 0


@pytest.mark.parametrize("lines", [1, 2, 5])
def test_killed_while_replacing(store_address: list[str], lines: int, project_root: Path) -> None:
    last = killed_after(lines, "replace", store_address, project_root)
    with closing(opened(*store_address)) as store:
        edges = store.export_edges(DERIVED)
        [version] = set(edges.column("model_version").to_pylist())
        turn = int(version.removeprefix("turn-"))
        assert last <= turn <= last + 2
        assert edges.num_rows == PRODUCTS * (20 + turn % 2 * 10)
        fresh = edge_table(DERIVED, [edge_row(DERIVED, "p1", "p2", model_version="after")])
        store.replace_derived(DERIVED, fresh)
        assert store.export_edges(DERIVED).column("model_version").to_pylist() == ["after"]

"""What only the embedded store has: one process at a time, a limit on time, one file."""

import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pytest

from kg.embedded_store import EmbeddedSettings, cypher, open_embedded
from kg.embedded_store.values import differs
from kg.errors import GraphTimeout, GraphUnavailable
from tests.conformance.world import SCHEMA, node_row, node_table, shop


def test_a_second_opening_is_refused_until_the_first_is_closed(tmp_path: Path, project_root: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from kg.embedded_store import open_embedded\n"
        "from ontology.schema import load_schema\n"
        "open_embedded(Path(sys.argv[1]), load_schema()).close()"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    with closing(open_embedded(tmp_path, SCHEMA)) as first:
        first.upsert_nodes("Product", node_table("Product", [node_row("Product", "p1")]))
        with pytest.raises(GraphUnavailable, match=r"has .* open"):
            open_embedded(tmp_path, SCHEMA)
        other = subprocess.run(command, cwd=project_root, capture_output=True, text=True, check=False)
        assert "GraphUnavailable" in other.stderr
        assert first.counts()["Product"] == 1
    assert subprocess.run(command, cwd=project_root, check=False).returncode == 0


def test_waiting_for_the_other_process_has_an_end(tmp_path: Path) -> None:
    with closing(open_embedded(tmp_path, SCHEMA)):
        start = time.monotonic()
        with pytest.raises(GraphUnavailable):
            open_embedded(tmp_path, SCHEMA, settings=EmbeddedSettings(open_timeout_seconds=0.3))
        assert time.monotonic() - start >= 0.3


def test_content_survives_closing(tmp_path: Path) -> None:
    with closing(open_embedded(tmp_path, SCHEMA)) as store:
        shop().write(store)
    with closing(open_embedded(tmp_path, SCHEMA)) as store:
        assert store.digest() == shop().tables().digest()


def test_a_closed_store_says_so(tmp_path: Path) -> None:
    store = open_embedded(tmp_path, SCHEMA)
    store.close()
    store.close()
    with pytest.raises(GraphUnavailable, match="closed"):
        store.counts()


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "graph.lbug").write_bytes(b"not a graph" * 1_000)
    with pytest.raises(GraphUnavailable, match="cannot be reached"):
        open_embedded(tmp_path, SCHEMA)
    (tmp_path / "graph.lbug").unlink()
    open_embedded(tmp_path, SCHEMA).close()


def test_a_call_that_takes_too_long_ends_and_changes_nothing(tmp_path: Path) -> None:
    with closing(open_embedded(tmp_path, SCHEMA)) as store:
        shop().write(store)
        before = store.digest()
    with closing(open_embedded(tmp_path, SCHEMA)) as store:
        store._engine.settings = EmbeddedSettings(read_timeout_seconds=1e-9, write_timeout_seconds=1e-9)
        with pytest.raises(GraphTimeout):
            store.counts()
        with pytest.raises(GraphTimeout):
            store.upsert_nodes("Product", node_table("Product", [node_row("Product", "p-late")]))
        store._engine.settings = EmbeddedSettings()
        assert store.digest() == before


def test_names_that_are_no_identifiers_never_reach_a_statement() -> None:
    with pytest.raises(ValueError, match="no name"):
        cypher.drop_table("Product`; DROP TABLE `Basket")


def test_only_rows_that_say_something_else_are_set_again() -> None:
    texts = [("a", "a", False), ("a", "b", True), (None, None, False), (None, "", True), ("", None, True)]
    lists = [
        ([], [], False),
        ([], [""], True),
        (["a"], ["a"], False),
        (["a", ""], ["a"], True),
        (None, [], True),
        (None, None, False),
    ]
    times = [(0, 0, False), (0, 1, True), (None, 0, True)]
    kinds = ((texts, pa.string()), (lists, pa.list_(pa.string())), (times, pa.timestamp("us", "UTC")))
    for cases, kind in kinds:
        one, other = (pa.chunked_array([pa.array([case[side] for case in cases], kind)]) for side in (0, 1))
        assert differs(one, other).tolist() == [case[2] for case in cases]

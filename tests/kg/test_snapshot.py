"""Publishing and opening: atomic, idempotent, and damage is seen."""

import shutil
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from kg.errors import SnapshotError, UnknownEndpoint, UnknownTerm
from kg.ports import Direction, GraphVersion
from kg.snapshot import (
    current_folder,
    open_current_snapshot,
    open_snapshot,
    publish_snapshot,
    published_versions,
)
from kit.clock import FixedClock, SystemClock
from ontology.schema_types import PropertyKind
from tests.conformance.world import AS_OF, DEFAULTS, DERIVED, SCHEMA, World, shop

CLOCK = FixedClock(DEFAULTS[PropertyKind.DATETIME])


def published(root: Path, world: World, as_of: date = AS_OF) -> GraphVersion:
    return publish_snapshot(world.tables(), root, schema=SCHEMA, as_of=as_of, clock=SystemClock())


def test_a_version_says_what_it_is(tmp_path: Path) -> None:
    version = publish_snapshot(shop().tables(), tmp_path, schema=SCHEMA, as_of=AS_OF, clock=CLOCK)
    assert version.digest == shop().tables().digest()
    assert (version.as_of, version.built_at, version.ontology_version) == (AS_OF, CLOCK.now(), SCHEMA.ontology_version)
    snapshot = open_current_snapshot(tmp_path)
    assert snapshot.version == version
    assert snapshot.schema == SCHEMA
    snapshot.verify()


def test_publishing_the_same_content_again_is_the_same_version(tmp_path: Path) -> None:
    first = published(tmp_path, shop())
    assert published(tmp_path, shop()) == first
    assert published_versions(tmp_path) == (first,)
    assert published(tmp_path, shop(), date(2017, 6, 16)).id != first.id


def test_current_follows_the_last_publication_and_old_versions_stay(tmp_path: Path) -> None:
    first = published(tmp_path, shop())
    old = open_current_snapshot(tmp_path)
    second = published(tmp_path, World())
    assert current_folder(tmp_path).name == second.id
    assert set(open_current_snapshot(tmp_path).counts().values()) == {0}
    assert old.nodes("Product", ["p1"]).keys() == {"p1"}
    assert {version.id for version in published_versions(tmp_path)} == {first.id, second.id}


def test_a_publication_that_fails_changes_nothing(tmp_path: Path) -> None:
    first = published(tmp_path, shop())
    broken = shop()
    broken.edge("suppliedBy", "p1", "nobody")
    with pytest.raises(UnknownEndpoint, match="nobody"):
        published(tmp_path, broken)
    assert current_folder(tmp_path).name == first.id
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == [first.id]


def test_what_a_dead_publisher_left_is_removed(tmp_path: Path) -> None:
    (tmp_path / ".draft-dead" / "nodes").mkdir(parents=True)
    published(tmp_path, shop())
    assert not (tmp_path / ".draft-dead").exists()


def test_nothing_published(tmp_path: Path) -> None:
    with pytest.raises(SnapshotError, match="graph build"):
        open_current_snapshot(tmp_path)
    with pytest.raises(SnapshotError, match="manifest"):
        open_snapshot(tmp_path / "none")


@pytest.mark.parametrize("name", ["manifest.json", "manifest.sha256", "nodes/Product.arrow", "adjacency/contains.in.edges.npy"])
def test_a_missing_or_cut_file_is_seen_on_opening(tmp_path: Path, name: str) -> None:
    version = published(tmp_path, shop())
    file = tmp_path / version.id / name
    whole = file.read_bytes()
    file.write_bytes(whole[:-1])
    with pytest.raises(SnapshotError):
        open_current_snapshot(tmp_path)
    file.unlink()
    with pytest.raises(SnapshotError):
        open_current_snapshot(tmp_path)
    file.write_bytes(whole)
    open_current_snapshot(tmp_path).verify()


def test_a_changed_byte_is_seen_on_verifying_and_mended_by_publishing(tmp_path: Path) -> None:
    version = published(tmp_path, shop())
    file = tmp_path / version.id / "edges" / "contains.arrow"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(SnapshotError, match=r"contains\.arrow"):
        open_current_snapshot(tmp_path).verify()
    assert published(tmp_path, shop()).id == version.id
    open_current_snapshot(tmp_path).verify()


def test_a_version_under_another_name_is_refused(tmp_path: Path) -> None:
    version = published(tmp_path, shop())
    shutil.copytree(tmp_path / version.id, tmp_path / "other")
    with pytest.raises(SnapshotError, match=version.id):
        open_snapshot(tmp_path / "other")


def test_adjacency_orders_by_strength_then_neighbour_and_leaves_retracted_out(tmp_path: Path) -> None:
    published(tmp_path, shop())
    snapshot = open_current_snapshot(tmp_path)
    ids, rows = snapshot.ids("Product"), snapshot.export_edges(DERIVED).to_pylist()
    assert list(ids) == sorted(ids)
    for direction, here, there in ((Direction.OUT, "source", "target"), (Direction.IN, "target", "source")):
        adjacency = snapshot.adjacency(DERIVED, direction)
        assert len(adjacency.indptr) == len(ids) + 1
        for position, product in enumerate(ids):
            window = slice(adjacency.indptr[position], adjacency.indptr[position + 1])
            own = [row for row in rows if row[here] == product and row["status"] != "retracted"]
            own.sort(key=lambda row: (-row["strength"], row[there], row["scope"]))
            assert [rows[edge] for edge in adjacency.edges[window]] == own
            assert [ids[n] for n in adjacency.neighbours[window]] == [row[there] for row in own]
    assert adjacency.neighbours.dtype == np.int32


def test_columns_and_positions(tmp_path: Path) -> None:
    published(tmp_path, shop())
    snapshot = open_current_snapshot(tmp_path)
    nodes, edges = snapshot.export_nodes("Product"), snapshot.export_edges("contains")
    assert snapshot.column("Product", "name").equals(nodes.column("name"))
    assert snapshot.edge_column("contains", "quantity").equals(edges.column("quantity"))
    assert [snapshot.position("Product", one) for one in snapshot.ids("Product")] == list(range(nodes.num_rows))
    assert snapshot.position("Product", "nobody") is None
    with pytest.raises(UnknownTerm, match="colour"):
        snapshot.column("Product", "colour")
    with pytest.raises(UnknownTerm, match="colour"):
        snapshot.edge_column("contains", "colour")

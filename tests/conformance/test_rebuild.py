"""A graph that is exported and rebuilt, in the same store or in another one, is the same graph."""

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa

from kg.order import canonical_edges, canonical_nodes
from kg.ports import GraphExporter, GraphReader, GraphStore, GraphWriter
from tests.conformance.conftest import publish
from tests.conformance.world import SCHEMA, shop

EXPECTED = shop().tables()


def exported(graph: GraphExporter) -> tuple[dict[str, pa.Table], dict[str, pa.Table]]:
    nodes = {label: graph.export_nodes(label) for label in SCHEMA.nodes}
    return nodes, {relation: graph.export_edges(relation) for relation in SCHEMA.relations}


def rebuild(target: GraphWriter, tables: tuple[dict[str, pa.Table], dict[str, pa.Table]]) -> None:
    for label, rows in tables[0].items():
        target.upsert_nodes(label, rows)
    for relation, rows in tables[1].items():
        target.upsert_edges(relation, rows)


def test_exports_are_canonical_and_hold_every_value(filled: GraphReader) -> None:
    nodes, edges = exported(filled)
    for label, rows in nodes.items():
        assert rows.equals(EXPECTED.export_nodes(label))
        assert rows.equals(canonical_nodes(SCHEMA, label, rows))
    for relation, rows in edges.items():
        assert rows.equals(EXPECTED.export_edges(relation))
        assert rows.equals(canonical_edges(SCHEMA, relation, rows))


def test_the_digest_is_the_digest_of_the_rows(filled: GraphReader) -> None:
    assert filled.digest() == EXPECTED.digest()


def test_a_rebuilt_store_has_the_same_digest(store: GraphStore, other_store: Callable) -> None:
    shop().write(store)
    tables = exported(store)
    before = store.digest()
    with other_store() as other:
        rebuild(other, tables)
        assert other.digest() == before == EXPECTED.digest()


def test_a_published_snapshot_has_the_digest_of_its_store(store: GraphStore, tmp_path: Path) -> None:
    shop().write(store)
    snapshot = publish(store, tmp_path / "published")
    snapshot.verify()
    assert snapshot.version.digest == snapshot.digest() == store.digest()


def test_a_store_rebuilt_from_a_snapshot_has_its_digest(store: GraphStore, tmp_path: Path) -> None:
    snapshot = publish(EXPECTED, tmp_path / "published")
    rebuild(store, exported(snapshot))
    assert store.digest() == snapshot.digest()

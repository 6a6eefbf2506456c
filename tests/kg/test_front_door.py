"""What the room offers, and that it offers no way to run a query text."""

import kg
from kg import embedded_store, snapshot
from kg.embedded_store import EmbeddedStore
from kg.ports import GraphStore
from kg.snapshot import Snapshot


def test_all_names_are_there_and_sorted() -> None:
    for door in (kg, embedded_store, snapshot):
        assert all(hasattr(door, name) for name in door.__all__)
        assert door.__all__ == sorted(door.__all__)


def test_stores_offer_the_port_and_no_query_text() -> None:
    words = {name for name in dir(GraphStore) if not name.startswith("_")}
    assert {name for name in dir(EmbeddedStore) if not name.startswith("_")} == words
    assert not {"execute", "query", "cypher", "run"} & set(dir(Snapshot))

"""Path searches that would take too long are refused rather than answered in part."""

from contextlib import closing
from pathlib import Path

import pytest

from kg import trails
from kg.embedded_store import open_embedded, path_search
from kg.errors import QueryTooLarge
from kg.ports import NodeRef
from kg.snapshot import open_current_snapshot, publish_snapshot, searching
from kit.clock import SystemClock
from tests.conformance.world import AS_OF, DERIVED, SCHEMA, shop

HERE, THERE = NodeRef("Product", "p1"), NodeRef("Product", "p2")


def test_the_snapshot_refuses_too_many_edges_and_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publish_snapshot(shop().tables(), tmp_path, schema=SCHEMA, as_of=AS_OF, clock=SystemClock())
    snapshot = open_current_snapshot(tmp_path)
    whole = snapshot.paths(HERE, THERE, relations=[DERIVED], maximum_hops=4, limit=10_000)
    with monkeypatch.context() as patch:
        patch.setattr(searching, "MAXIMUM_TOUCHED_EDGES", 20)
        with pytest.raises(QueryTooLarge, match="edges of a path search"):
            snapshot.paths(HERE, THERE, relations=[DERIVED], maximum_hops=4, limit=1)
    with monkeypatch.context() as patch:
        patch.setattr(trails, "MAXIMUM_STEPS", 20)
        with pytest.raises(QueryTooLarge, match="steps of a path search"):
            snapshot.paths(HERE, THERE, relations=[DERIVED], maximum_hops=4, limit=10_000)
    assert snapshot.paths(HERE, THERE, relations=[DERIVED], maximum_hops=4, limit=10_000) == whole


def test_the_embedded_store_refuses_too_many_edges(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(open_embedded(tmp_path, SCHEMA)) as store:
        shop().write(store)
        monkeypatch.setattr(path_search, "MAXIMUM_FETCHED_EDGES", 5)
        with pytest.raises(QueryTooLarge, match="edges around the ends"):
            store.paths(HERE, THERE, relations=[DERIVED], maximum_hops=2, limit=1)

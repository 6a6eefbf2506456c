"""The parts of the chain are listed with what they are."""

from datetime import timedelta

import pytest

from decisions.relations import BeforeFirstSale
from pipeline.relation_scopes import list_scopes
from tests.features_relations.event_world import AS_OF, FIRST_DAY, line_rows, write_chain


def test_scopes_say_which_stores_and_how_many_households(tmp_path):
    lake = write_chain(tmp_path, line_rows())
    rows = {row["scope"]: row for row in list_scopes(lake, AS_OF).rows.to_pylist()}
    clusters = [row for scope, row in rows.items() if scope.startswith("store_cluster:")]
    assert sorted(store for row in clusters for store in row["stores"]) == [f"s{number}" for number in range(8)]
    assert all(row["members"] == len(row["stores"]) and row["meaning"].startswith("Store cluster of") for row in clusters)
    assert rows["season:winter"] == {"scope": "season:winter", "members": None, "meaning": "December to February", "stores": []}
    segments = [row for scope, row in rows.items() if scope.startswith("segment:")]
    assert (len(segments), sum(row["members"] for row in segments)) == (4, 30)
    assert "fewer products" in rows["segment:small-trips-premium"]["meaning"]
    with pytest.raises(BeforeFirstSale):
        list_scopes(lake, FIRST_DAY - timedelta(days=1))

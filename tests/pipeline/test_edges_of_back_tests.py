"""Which edges training reads: the published ones for its own day, and for back-tests those of what was known on their eve."""

from datetime import timedelta
from functools import partial

import pytest

from decisions.relations import EDGE_SCHEMA
from decisions.relations.backtest import BackTest
from decisions.relations.fitting import unfitted_model
from kit.clock import FixedClock
from kit.progress import SilentProgress
from lake.delta_lake import DeltaLake
from pipeline import train as train_module
from tests.tiny_retailer import AS_OF, FIRST_MONDAY, append_lines, build_tiny_lake, future_lines

EVE = AS_OF - timedelta(days=28)
PUBLISHED = {"isBoughtWith": EDGE_SCHEMA.empty_table()}


@pytest.fixture
def lake(tmp_path):
    return build_tiny_lake(tmp_path / "lake")


def edges_of(lake: DeltaLake, clock: FixedClock):
    tried = BackTest(None, unfitted_model(), EVE, None)
    derived_on = partial(train_module._derived_on, lake, tried, run_id="run_1", recorded_at=clock.now())
    return train_module._edges_as_of(derived_on, PUBLISHED, AS_OF, progress=SilentProgress())


def test_the_release_day_has_the_published_edges_and_earlier_days_are_derived_once(lake, clock, monkeypatch):
    derived, derive = [], train_module.derive

    def counted(*arguments, **named):
        derived.append(named["as_of"])
        return derive(*arguments, **named)

    monkeypatch.setattr(train_module, "derive", counted)
    edges_as_of = edges_of(lake, clock)
    assert edges_as_of(AS_OF) == PUBLISHED
    first, again = edges_as_of(EVE), edges_as_of(EVE)
    assert first is again
    assert derived == [EVE]
    assert first["isBoughtWith"].num_rows > 0
    assert set(first["isBoughtWith"]["valid_from"].to_pylist()) == {EVE}
    assert max(first["isBoughtWith"]["last_observed"].to_pylist()) <= EVE


def test_edges_of_an_eve_do_not_change_with_what_came_later(lake, clock, tmp_path):
    later = build_tiny_lake(tmp_path / "later")
    append_lines(later, future_lines(-27))
    for relation, rows in edges_of(lake, clock)(EVE).items():
        assert rows.equals(edges_of(later, clock)(EVE)[relation]), relation


def test_before_the_first_sale_there_are_no_edges(lake, clock):
    assert {name: rows.num_rows for name, rows in edges_of(lake, clock)(FIRST_MONDAY - timedelta(days=1)).items()} == {
        "isBoughtWith": 0,
        "isSubstituteFor": 0,
        "isComplementTo": 0,
    }

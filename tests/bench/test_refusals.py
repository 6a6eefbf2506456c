"""A benchmark measures what it is asked to, or refuses; it never measures something else."""

from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bench.catalogue import BENCHES
from bench.errors import DataSetUnknown, DayFixed, PathNotUsed
from cli.main import app


@pytest.mark.parametrize("name", BENCHES)
def test_what_would_not_be_heeded_is_refused(name: str) -> None:
    bench = BENCHES[name]
    bench.check(data="", path=None, as_of=None)
    with pytest.raises(DataSetUnknown, match="no_such_shop"):
        bench.check(data="no_such_shop", path=None, as_of=None)
    with pytest.raises(PathNotUsed):
        bench.check(data="", path=Path(), as_of=None)
    if not bench.takes_as_of:
        with pytest.raises(DayFixed):
            bench.check(data="", path=None, as_of=date(2017, 10, 1))


def test_some_can_look_at_an_earlier_day() -> None:
    assert {name for name, bench in BENCHES.items() if bench.takes_as_of} == {"load", "next_basket", "forecast"}


def test_data_outside_the_project_need_no_retailer_in_the_lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHELFGRAPH_HOME", str(tmp_path / "empty"))
    outside = CliRunner().invoke(app, ["bench", "next_item", "--data", "beauty", "--path", str(tmp_path)])
    inside = CliRunner().invoke(app, ["bench", "next_basket"])
    assert (outside.exit_code, inside.exit_code) == (1, 1)
    assert "Beauty.txt" in outside.output
    assert "no sales lines" in inside.output

"""Neighbours are used where the back-test is better with them, left out where it is not, and the answer says so."""

from datetime import timedelta

import pytest

from decisions.forecast import ForecastRequest, ForecastService, fit
from decisions.forecast.artefact import read_metadata
from decisions.forecast.backtest import MODEL_SYSTEM, TWIN_SYSTEM
from decisions.forecast.segments import SEGMENTS
from features import publish_features
from kit.progress import SilentProgress

from .conftest import PLAN_DAY, PLANNED, pair_edges

pytestmark = pytest.mark.training

LEFT_OUT = "Neighbours did not lower its error in the back-test and are left out."


def fitted(lake, edges):
    return fit(lake, as_of=PLAN_DAY, edges_as_of=lambda day: edges, seed=7, progress=SilentProgress())


def test_neighbours_that_tell_something_are_used(pairs_lake):
    artefact, _, figures = fitted(pairs_lake, pair_edges())
    assert figures["chain_wape_shelfgraph"] < 0.95 * figures["chain_wape_shelfgraph-without-neighbours"]
    served = read_metadata(artefact).levels["chain"]
    news = [system for segment, system in zip(SEGMENTS, served.systems, strict=True) if "news" in segment]
    assert MODEL_SYSTEM in news
    assert MODEL_SYSTEM in served.models


def test_neighbours_that_tell_nothing_are_left_out(forecast_lake):
    artefact, _, figures = fitted(forecast_lake, {})
    assert figures["chain_wape_shelfgraph"] > 0.98 * figures["chain_wape_shelfgraph-without-neighbours"]
    for level in ("chain", "store"):
        served = read_metadata(artefact).levels[level]
        assert MODEL_SYSTEM not in served.systems
        assert set(served.models) == {TWIN_SYSTEM} & set(served.systems)


def test_an_answer_says_that_neighbours_were_left_out(forecast_lake, forecast_graph, forecaster, tmp_path):
    artefact, tables, _ = fit(
        forecast_lake, as_of=PLAN_DAY, edges_as_of=lambda day: {}, seed=7, progress=SilentProgress(), with_neighbours=False
    )
    without = ForecastService(forecast_graph, publish_features(tmp_path, PLAN_DAY, tables), artefact)
    for request in (ForecastRequest("p00", None, PLANNED), ForecastRequest("p00", "st0", PLANNED)):
        answer = without.forecast(request)
        assert LEFT_OUT in answer.explanation.text
        assert {hop.relation for path in answer.explanation.paths for hop in path.hops} <= {"promotes"}
        expected = sum(point.units - point.baseline_units for point in answer.points)
        assert sum(path.contribution for path in answer.explanation.paths) == pytest.approx(expected, abs=1e-6)
        assert LEFT_OUT not in forecaster.forecast(request).explanation.text
    assert answer.points[0].week_start == PLAN_DAY + timedelta(days=1)

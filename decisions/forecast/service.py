"""Forecasts from what was published: graph version, feature snapshot and artefact. No lake, no training."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from decisions.forecast.artefact import LevelMetadata, model_file, read_metadata
from decisions.forecast.backtest import MODEL_SYSTEM
from decisions.forecast.baseline import SEASONAL, baseline_forecasts
from decisions.forecast.contract import ForecastAnswer, ForecastPoint, ForecastRequest
from decisions.forecast.contributions import OWN_HISTORY, DriverAttribution
from decisions.forecast.errors import (
    ForecastArtefactError,
    HorizonOutOfRange,
    NoHistory,
    OtherDay,
    UnknownProduct,
    UnknownStore,
)
from decisions.forecast.explain import ForecastExplainer
from decisions.forecast.intervals import IntervalCalibration
from decisions.forecast.model import DemandModel
from decisions.forecast.serving import Series, ServingTables
from decisions.forecast.tables import HISTORY_WEEKS
from features import FeatureSnapshot
from features.demand import FEATURE_GROUPS
from features.demand_panel import MAXIMUM_HORIZON_WEEKS
from kg.ports import ArrayGraph

__all__ = ["ForecastService"]

WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class _Level:
    metadata: LevelMetadata
    tables: ServingTables
    attribution: DriverAttribution | None


@dataclass(frozen=True, slots=True)
class _Outcome:
    """Weeks x 1 each; `drivers` are units over the whole horizon."""

    system: str
    baseline: str
    units: np.ndarray
    reference: np.ndarray
    intervals: IntervalCalibration
    drivers: Mapping[str, float]
    uses_neighbours: bool = True


class ForecastService:
    """Answers forecasts of one release. Safe to call from several threads.

    Args:
        graph: the release's graph version.
        features: the release's feature snapshot.
        artefact: the files that `fit` returned, read back through the artefact store.

    Raises:
        ForecastArtefactError: the artefact is incomplete, changed, or made for another day than the features.
    """

    def __init__(self, graph: ArrayGraph, features: FeatureSnapshot, artefact: Mapping[str, bytes]) -> None:
        self._graph = graph
        self._metadata = read_metadata(artefact)
        if self._metadata.as_of != features.as_of:
            problem = f"it was fitted as of {self._metadata.as_of}, the features are of {features.as_of}"
            raise ForecastArtefactError("forecast.json", problem)
        self._levels = {name: _open_level(name, level, features, artefact) for name, level in self._metadata.levels.items()}
        self._explainer = ForecastExplainer(graph)

    def forecast(self, request: ForecastRequest) -> ForecastAnswer:
        """Return weekly units with 80 % intervals, the baseline beside them, and the drivers of the difference.

        The first week is the one after the last complete week at `as_of`.

        Raises:
            HorizonOutOfRange, OtherDay, UnknownProduct, UnknownStore: the request does not fit this release.
            NoHistory: the product was not sold (there) in the last 26 weeks, or in too few weeks of the year.
        """
        self._check(request)
        level = self._levels["chain" if request.store_id is None else "store"]
        series = level.tables.find(request.product_id, request.store_id)
        if series is None:
            raise NoHistory(request.product_id, request.store_id, HISTORY_WEEKS)
        outcome = _outcome(level, series, request.horizon_weeks)
        points = self._points(outcome, series)
        return ForecastAnswer(
            product_id=request.product_id,
            store_id=request.store_id,
            as_of=self._metadata.as_of,
            system=outcome.system,
            baseline=outcome.baseline,
            points=points,
            history=self._history(series),
            explanation=self._explainer.explain(
                request.product_id,
                outcome.drivers,
                weeks=(points[0].week_start, points[-1].week_start + WEEK),
                as_of=self._metadata.as_of,
                summary=self._summary(outcome, points, series),
            ),
        )

    def _check(self, request: ForecastRequest) -> None:
        if not 1 <= request.horizon_weeks <= MAXIMUM_HORIZON_WEEKS:
            raise HorizonOutOfRange(request.horizon_weeks, MAXIMUM_HORIZON_WEEKS)
        if request.as_of is not None and request.as_of != self._metadata.as_of:
            raise OtherDay(request.as_of, self._metadata.as_of)
        if self._graph.position("Product", request.product_id) is None:
            raise UnknownProduct(request.product_id)
        if request.store_id is not None and self._graph.position("Store", request.store_id) is None:
            raise UnknownStore(request.store_id)

    def _points(self, outcome: _Outcome, series: Series) -> tuple[ForecastPoint, ...]:
        low, high = outcome.intervals.interval(outcome.units)
        promoted = np.zeros(len(outcome.units), dtype=bool) if series.promoted is None else series.promoted
        return tuple(
            ForecastPoint(
                week_start=self._metadata.history_end + (step + 1) * WEEK,
                units=float(outcome.units[step]),
                low=float(low[step]),
                high=float(high[step]),
                baseline_units=float(outcome.reference[step]),
                promoted=bool(promoted[step]),
            )
            for step in range(len(outcome.units))
        )

    def _history(self, series: Series) -> tuple[tuple[date, float], ...]:
        count = len(series.units)
        first = self._metadata.history_end - (count - 1) * WEEK
        return tuple((first + step * WEEK, float(units)) for step, units in enumerate(series.units))

    def _summary(self, outcome: _Outcome, points: tuple[ForecastPoint, ...], series: Series) -> str:
        total, reference = sum(point.units for point in points), sum(point.baseline_units for point in points)
        text = f"{total:.1f} units in {len(points)} weeks by {outcome.system}; {outcome.baseline} says {reference:.1f}."
        fallen_back = int(np.isnan(series.same_week_last_year[: len(points)]).sum())
        if fallen_back and SEASONAL in {outcome.system, outcome.baseline}:
            text += f" For {fallen_back} of these weeks {SEASONAL} is mean_8: the year before is not known."
        if outcome.system == MODEL_SYSTEM and not outcome.uses_neighbours:
            text += " Neighbours did not lower its error in the back-test and are left out."
        if self._metadata.planned_weeks < len(points):
            text += f" A promotion plan is known for {self._metadata.planned_weeks} of these weeks."
        return text


def _open_level(name: str, level: LevelMetadata, features: FeatureSnapshot, artefact: Mapping[str, bytes]) -> _Level:
    attribution = None
    if level.model_digest is not None:
        file = model_file(name)
        if file not in artefact:
            raise ForecastArtefactError(file, "it is missing")
        model = DemandModel.from_bytes(artefact[file], level.model_digest, level.feature_names, file)
        attribution = DriverAttribution(model, np.asarray(level.neutral, dtype=np.float64))
    return _Level(level, ServingTables(features, name, len(level.feature_names)), attribution)


def _outcome(level: _Level, series: Series, weeks: int) -> _Outcome:
    metadata = level.metadata
    baselines = baseline_forecasts(series.units[None, :], series.same_week_last_year[:weeks])
    if series.features is None:
        reference = baselines[metadata.thin_baseline][:, 0]
        return _plain(metadata.thin_baseline, metadata.thin_baseline, reference, reference, metadata.thin_intervals)
    reference = baselines[metadata.baseline][:, 0]
    if metadata.system != MODEL_SYSTEM or level.attribution is None:
        return _plain(metadata.system, metadata.baseline, reference, reference, metadata.intervals)
    return _modelled(level.attribution, metadata, series.features[:weeks], reference)


def _plain(system: str, baseline: str, units: np.ndarray, reference: np.ndarray, intervals: IntervalCalibration) -> _Outcome:
    return _Outcome(system, baseline, units, reference, intervals, {OWN_HISTORY: float((units - reference).sum())})


def _modelled(attribution: DriverAttribution, metadata: LevelMetadata, features: np.ndarray, reference: np.ndarray) -> _Outcome:
    units, drivers = attribution.attribute(features, reference)
    uses_neighbours = any(FEATURE_GROUPS.get(name) == "neighbours" for name in metadata.feature_names)
    return _Outcome(metadata.system, metadata.baseline, units, reference, metadata.intervals, drivers, uses_neighbours)

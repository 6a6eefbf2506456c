"""Answers forecasts from the published feature tables: no lake, no clock, no torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from decisions.forecast.artefact import CATEGORY, CHAIN, STORE, TOTAL, ForecastMetadata, LevelMetadata, read_metadata
from decisions.forecast.backtest import TWIN_SYSTEM
from decisions.forecast.baseline import SEASONAL
from decisions.forecast.contract import Driver, ForecastAnswer, ForecastPoint, ForecastRequest
from decisions.forecast.contributions import COHERENCE, OWN_HISTORY, DriverAttribution
from decisions.forecast.errors import (
    CategoryWithoutProducts,
    ForecastArtefactError,
    ForecastSubjectUnclear,
    HasHistory,
    HorizonOutOfRange,
    NoHistory,
    NoLaunchKnown,
    NotSupposable,
    OtherDay,
    UnknownCategory,
    UnknownProduct,
    UnknownStore,
)
from decisions.forecast.explain import ForecastExplainer, Shares, words_of
from decisions.forecast.intervals import interval_groups
from decisions.forecast.launch_serving import LaunchForecaster, Release, check_launch
from decisions.forecast.model import DemandModel
from decisions.forecast.news import Asked, pulled_apart, shared_out
from decisions.forecast.serving import Series, ServingTables
from decisions.forecast.supposing import READ_NEIGHBOURS, Supposer
from decisions.forecast.tables import HISTORY_WEEKS
from decisions.overlay import NO_OVERLAY, ForecastOverlay, IgnoredNeighbour, Mechanic, SwitchedOffPromotion
from features import FeatureSnapshot
from features.demand_neighbours import NEIGHBOUR_RELATIONS
from features.demand_panel import MAXIMUM_HORIZON_WEEKS
from kg.ports import ArrayGraph

__all__ = ["ForecastService"]

WEEK = timedelta(days=7)
MONDAY = 0
LEAST_REST = 1e-9
"""Units that are left by rounding."""
WON = "It had the lowest error in the back-test for series of this kind."
THIN = "The series is too thin for a model; this had the lowest error for such series."


@dataclass(frozen=True, slots=True)
class _Level:
    metadata: LevelMetadata
    tables: ServingTables
    attributions: Mapping[str, DriverAttribution]
    models: Mapping[str, DemandModel]
    columns: Mapping[str, np.ndarray]
    """Positions of each system's features among those of the level."""


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
        self._metadata: ForecastMetadata = read_metadata(artefact)
        if self._metadata.as_of != features.as_of:
            problem = f"it was fitted as of {self._metadata.as_of}, the features are of {features.as_of}"
            raise ForecastArtefactError("forecast.json", problem)
        self._levels = {name: _open_level(name, level, features, artefact) for name, level in self._metadata.levels.items()}
        self._explainer = ForecastExplainer(graph)
        self._launches = _open_launches(self._metadata, graph, features, artefact, self._explainer)
        self._supposer = Supposer(graph, features, self._metadata)
        serving = self._levels[CHAIN].models.keys() | self._levels[STORE].models.keys()
        # whoever asks first must not wait for the neighbours to be read
        if serving & {*READ_NEIGHBOURS}:
            _ = self._supposer.pull

    def forecast(self, request: ForecastRequest, *, overlay: ForecastOverlay = NO_OVERLAY) -> ForecastAnswer:
        """Return weekly units with 80 and 95 % intervals, the baseline beside them, and the drivers of the difference.

        The first week is the one after the last complete week at `as_of`. Forecasts of all levels add up: a category's is the sum
        of its products'. Under an overlay (`decisions.overlay`) the forecast is what it would be if that were so.

        Raises:
            ForecastSubjectUnclear, HorizonOutOfRange, OtherDay, UnknownProduct, UnknownStore, UnknownCategory: the request does
                not fit this release.
            NotSupposable: the overlay concerns the product, and what serves it cannot take it into account.
            NoHistory: the product was not sold (there) in the last 26 weeks, or in too few weeks of the year.
            HasHistory, LaunchOutsideHorizon, UnknownDonor, DonorWithoutLaunch, NoLaunchKnown: of a launch.
        """
        self._check(request)
        if request.launch_week is not None:
            return self._launch(request, overlay)
        level, series = self._find(request)
        overlay = _with_switches(request, overlay)
        if not overlay.is_empty:
            model, names = level.models.get(series.system), level.metadata.feature_names
            series = self._supposer.series(request, series, model, names, overlay)
        weeks = request.horizon_weeks
        units = _units(level, series, weeks)
        shares = self._shares(request, series, units, overlay)
        points = self._points(level, series, weeks)
        return ForecastAnswer(
            product_id=request.product_id,
            store_id=request.store_id,
            category_id=request.category_id,
            as_of=self._metadata.as_of,
            system=series.system,
            baseline=series.baseline_system,
            points=points,
            history=self._history(series),
            drivers=_drivers(units, shares),
            why=THIN if series.features is None and request.product_id is not None else WON,
            explanation=self._explainer.explain(
                request.product_id,
                request.category_id,
                units,
                shares,
                weeks=(points[0].week_start, points[-1].week_start + WEEK),
                as_of=self._metadata.as_of,
                summary=self._summary(series, points),
            ),
        )

    def _launch(self, request: ForecastRequest, overlay: ForecastOverlay) -> ForecastAnswer:
        product = str(request.product_id)
        if self._levels[CHAIN].tables.find(product) is not None:
            raise HasHistory(product)
        if self._launches is None:
            raise NoLaunchKnown(product)
        if not overlay.is_empty:
            raise NotSupposable("a launch is forecast as it is planned")
        return self._launches.forecast(request)

    def _find(self, request: ForecastRequest) -> tuple[_Level, Series]:
        if request.product_id is not None:
            level = self._levels[CHAIN if request.store_id is None else STORE]
            series = level.tables.find(request.product_id, request.store_id)
            if series is None:
                raise NoHistory(request.product_id, request.store_id, HISTORY_WEEKS)
            return level, series
        level = self._levels[TOTAL if request.category_id is None else CATEGORY]
        series = level.tables.find(request.category_id or "")
        if series is None and request.category_id is not None:
            raise CategoryWithoutProducts(request.category_id)
        if series is None:
            raise NoHistory("", None, HISTORY_WEEKS)
        return level, series

    def _shares(self, request: ForecastRequest, series: Series, units: Mapping[str, float], overlay: ForecastOverlay) -> Shares:
        """Return who of the neighbours brought which part of their driver, where neighbours are read."""
        row = None if request.product_id is None else self._supposer.row_of(request.product_id)
        if row is None or series.system not in READ_NEIGHBOURS:
            return {}
        supposed = self._supposer.supposed(request, overlay)
        asked = Asked(supposed.chain, supposed.relations, row, request.horizon_weeks)
        told = pulled_apart(asked, self._supposer.pull_of(supposed), series.base)
        taken = {name: value for name, value in units.items() if name in NEIGHBOUR_RELATIONS and name not in told}
        told = {**told, **{name: shared_out(asked, name, value) for name, value in taken.items()}}
        return {name: parts for name, parts in told.items() if parts}

    def _check(self, request: ForecastRequest) -> None:
        if not 1 <= request.horizon_weeks <= MAXIMUM_HORIZON_WEEKS:
            raise HorizonOutOfRange(request.horizon_weeks, MAXIMUM_HORIZON_WEEKS)
        if request.as_of is not None and request.as_of != self._metadata.as_of:
            raise OtherDay(request.as_of, self._metadata.as_of)
        check_launch(request)
        if request.product_id is None and request.store_id is not None:
            raise ForecastSubjectUnclear("a store is named without a product")
        if request.product_id is None and (request.without_promotions or request.without_neighbours):
            raise ForecastSubjectUnclear("something is to be left out, and no product is named")
        if any(week.weekday() != MONDAY for week in request.without_promotions):
            raise ForecastSubjectUnclear("a week without promotions is named by its Monday", "Name the Monday of that week.")
        if request.product_id is not None and request.category_id is not None:
            raise ForecastSubjectUnclear("both a product and a category are named")
        self._check_named(request)

    def _check_named(self, request: ForecastRequest) -> None:
        named = () if request.product_id is None else (request.product_id,)
        for product in (*named, *request.without_neighbours):
            if self._graph.position("Product", product) is None:
                raise UnknownProduct(product)
        if request.store_id is not None and self._graph.position("Store", request.store_id) is None:
            raise UnknownStore(request.store_id)
        if request.category_id is not None and self._graph.position("ProductCategory", request.category_id) is None:
            raise UnknownCategory(request.category_id)

    def _points(self, level: _Level, series: Series, weeks: int) -> tuple[ForecastPoint, ...]:
        metadata = level.metadata
        supported = series.features is not None
        # a level of sums has no features, and one kind of series
        calibration = metadata.intervals if supported else metadata.thin_intervals
        units, promoted = series.ahead[:weeks], series.promoted[:weeks]
        band = calibration.band(units, interval_groups(promoted, series.kind))
        there = np.asarray([step not in series.gone for step in range(weeks)])
        return tuple(
            ForecastPoint(
                week_start=self._metadata.history_end + (step + 1) * WEEK,
                units=float(units[step]),
                low=float(band.low_80[step] * there[step]),
                high=float(band.high_80[step] * there[step]),
                baseline_units=float(series.baseline[step]),
                promoted=bool(promoted[step]),
                low_95=float(band.low_95[step] * there[step]),
                high_95=float(band.high_95[step] * there[step]),
            )
            for step in range(weeks)
        )

    def _history(self, series: Series) -> tuple[tuple[date, float], ...]:
        count = len(series.units)
        first = self._metadata.history_end - (count - 1) * WEEK
        return tuple((first + step * WEEK, float(units)) for step, units in enumerate(series.units))

    def _summary(self, series: Series, points: tuple[ForecastPoint, ...]) -> str:
        total, reference = sum(point.units for point in points), sum(point.baseline_units for point in points)
        text = f"{total:.1f} units in {len(points)} weeks by {series.system}; {series.baseline_system} says {reference:.1f}."
        fallen_back = int(np.isnan(series.same_week_last_year[: len(points)]).sum())
        if fallen_back and SEASONAL in {series.system, series.baseline_system}:
            text += f" For {fallen_back} of these weeks {SEASONAL} is mean_8: the year before is not known."
        if series.system == TWIN_SYSTEM:
            text += " Neighbours did not lower its error in the back-test and are left out."
        if self._metadata.planned_weeks < len(points):
            text += f" A promotion plan is known for {self._metadata.planned_weeks} of these weeks."
        return text


def _open_level(name: str, level: LevelMetadata, features: FeatureSnapshot, artefact: Mapping[str, bytes]) -> _Level:
    attributions, models, columns = {}, {}, {}
    for system, kept in level.models.items():
        model = models[system] = DemandModel.from_files(artefact, kept.digests, kept.feature_names)
        columns[system] = np.asarray([level.feature_names.index(one) for one in kept.feature_names])
        attributions[system] = DriverAttribution(model, np.asarray(level.neutral, dtype=np.float64)[columns[system]])
    return _Level(level, ServingTables(features, name, len(level.feature_names)), attributions, models, columns)


def _open_launches(
    metadata: ForecastMetadata,
    graph: ArrayGraph,
    features: FeatureSnapshot,
    artefact: Mapping[str, bytes],
    explainer: ForecastExplainer,
) -> LaunchForecaster | None:
    if metadata.launches is None:
        return None
    release = Release(graph, features, metadata.as_of, metadata.history_end, metadata.planned_weeks)
    return LaunchForecaster(release, metadata.launches, artefact, explainer)


def _with_switches(request: ForecastRequest, overlay: ForecastOverlay) -> ForecastOverlay:
    """Return the overlay with what the request itself switches off."""
    product = request.product_id
    if product is None or not (request.without_promotions or request.without_neighbours):
        return overlay
    off = [SwitchedOffPromotion(product, week, mechanic) for week in request.without_promotions for mechanic in Mechanic]
    told = {(one.product_id, one.week_start, one.mechanic) for one in off}
    kept = [one for one in overlay.promotions_on if (one.product_id, one.week_start, one.mechanic) not in told]
    ignored = [IgnoredNeighbour(neighbour, product) for neighbour in request.without_neighbours]
    return ForecastOverlay.of(
        promotions_on=kept,
        promotions_off=[*overlay.promotions_off, *off],
        neighbours_ignored=[*overlay.neighbours_ignored, *ignored],
        products_gone=overlay.products_gone,
        prices=overlay.prices,
    )


def _drivers(units: Mapping[str, float], shares: Shares) -> tuple[Driver, ...]:
    """Return the drivers, those of neighbours one by one, and what no single one of them brought."""
    found = []
    for name, value in units.items():
        parts = shares.get(name)
        if parts is None:
            found.append(Driver(name, words_of(name), value))
            continue
        found += [Driver(name, words_of(name), one.units, one.source_id, one.past_weeks, one.low, one.high) for one in parts]
        rest = value - sum(one.units for one in parts)
        if abs(rest) > LEAST_REST:
            found.append(Driver(name, words_of(name), rest))
    return tuple(found)


def _units(level: _Level, series: Series, weeks: int) -> dict[str, float]:
    """Return the units of each driver over the weeks: they sum to the forecast minus the baseline."""
    baseline, final = series.baseline[:weeks], series.ahead[:weeks]
    if series.features is None or series.system not in {TWIN_SYSTEM, *READ_NEIGHBOURS}:
        brought = {OWN_HISTORY: float((series.base[:weeks] - baseline).sum())}
    else:
        features = series.features[:weeks][:, level.columns[series.system]]
        _, found = level.attributions[series.system].attribute(features, baseline)
        brought = dict(found)
    # the rest, so that the sum is exact
    brought[COHERENCE] = float((final - baseline).sum()) - sum(brought.values())
    return brought

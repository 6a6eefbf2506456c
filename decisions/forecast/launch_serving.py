"""Forecasts of launches: of a product that was not sold, from the week on in which it is to be sold first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa

from decisions.forecast.contract import Driver, ForecastAnswer, ForecastPoint, ForecastRequest
from decisions.forecast.errors import (
    DonorWithoutLaunch,
    ForecastSubjectUnclear,
    HorizonOutOfRange,
    LaunchOutsideHorizon,
    UnknownDonor,
)
from decisions.forecast.explain import ForecastExplainer, words_of
from decisions.forecast.intervals import Band, interval_groups
from decisions.forecast.launch_backtest import ATTRIBUTES_SYSTEM, HIGHEST, WEEKLY
from decisions.forecast.launch_contributions import launch_drivers
from decisions.forecast.launch_curves import CURVES_TABLE, DONORS_SYSTEM, KINDS, LaunchCurves, kind_codes
from decisions.forecast.launch_explain import LaunchExplainer, ProductPlace
from decisions.forecast.launch_metadata import LaunchMetadata
from decisions.forecast.launch_model import LaunchModel
from decisions.forecast.launch_tables import PromotionsTable, SiblingsTable
from features import FeatureSnapshot
from features.demand_history import PROMOTED_COVERAGE
from features.demand_launch_features import DONOR_GROUPING, DONORS, SIBLING_LAUNCHES, Told, launch_rows
from features.demand_launches import LAUNCH_WEEKS
from features.demand_panel import MAXIMUM_HORIZON_WEEKS, WEEK
from kg.ports import ArrayGraph

__all__ = ["LaunchForecaster", "Release", "check_launch"]

MAXIMUM_DONORS = 10
SHOWN_DONORS = 3
TOLD_UNITS = 0.05
"""Of donors that nobody named: less than this is not told."""
MONDAY = 0


def check_launch(request: ForecastRequest) -> None:
    """Refuse what a launch cannot be asked with. Raises: ForecastSubjectUnclear, HorizonOutOfRange."""
    week = request.launch_week
    if week is None:
        if request.donors:
            raise ForecastSubjectUnclear("donors are named, and no week of a launch")
        return
    if week.weekday() != MONDAY:
        raise ForecastSubjectUnclear("a launch is named by the Monday of its week", "Name the Monday of that week.")
    if request.product_id is None or request.store_id is not None:
        raise ForecastSubjectUnclear(
            "a launch is that of a product in the whole chain", "Name the product, and leave the store out."
        )
    if request.without_promotions or request.without_neighbours:
        raise ForecastSubjectUnclear("a launch has nothing that could be left out")
    if len(request.donors) > MAXIMUM_DONORS:
        raise ForecastSubjectUnclear(f"more than {MAXIMUM_DONORS} donors are named")
    if len({*request.donors, request.product_id}) != len(request.donors) + 1:
        raise ForecastSubjectUnclear("donors are other products, each named once")
    if request.horizon_weeks > LAUNCH_WEEKS:
        raise HorizonOutOfRange(request.horizon_weeks, LAUNCH_WEEKS)


@dataclass(frozen=True, slots=True)
class Release:
    """What a launch is forecast from: the graph, its features, and what the artefact says of days."""

    graph: ArrayGraph
    features: FeatureSnapshot
    as_of: date
    history_end: date
    planned_weeks: int


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    """One launch as it is told: features (4 x F), what the simple systems say (4 each), its kind, and which weeks are promoted.
    `donors` are products, those named or else the latest of its type and brand.
    """

    features: np.ndarray
    simple: Mapping[str, np.ndarray]
    kind: int
    promoted: np.ndarray
    donors: tuple[str, ...]


class LaunchForecaster:
    """Answers forecasts of launches of one release. Safe to call from several threads.

    Args:
        release: its graph and features.
        metadata: how launches are served.
        artefact: the files of the model.
        explainer: of the release.
    """

    def __init__(
        self, release: Release, metadata: LaunchMetadata, artefact: Mapping[str, bytes], explainer: ForecastExplainer
    ) -> None:
        self._release = release
        self._metadata = metadata
        unknown, neutral = (
            [np.nan if one is None else one for one in told] for told in (metadata.unknown_siblings, metadata.neutral)
        )
        self._neutral = np.asarray(neutral, dtype=np.float64)
        self._model: LaunchModel | None = None
        if metadata.scale is not None:
            self._model = LaunchModel.from_files(artefact, metadata.digests, metadata.scale)
        self._curves = LaunchCurves.of(release.features.table(CURVES_TABLE))
        self._siblings = SiblingsTable(release.features, np.asarray(unknown, dtype=np.float32))
        self._promotions = PromotionsTable(release.features, release.planned_weeks)
        self._place = ProductPlace(release.graph)
        self._explainer = LaunchExplainer(release.graph, self._place, explainer)

    def forecast(self, request: ForecastRequest) -> ForecastAnswer:
        """Return the first weeks of a launch. The request was checked (`check_launch`), and its product has no history.

        Raises:
            LaunchOutsideHorizon: its weeks are not all among those that the release forecasts.
            UnknownDonor, DonorWithoutLaunch: of donors.
        """
        product, lead, weeks = str(request.product_id), self._lead(request), request.horizon_weeks
        asked = self._asked(product, lead, self._checked_donors(product, request.donors))
        system, baseline = (names[asked.kind] for names in (self._metadata.systems, self._metadata.baselines))
        units = self._units(system, asked)
        points = self._points(lead, units, asked, asked.simple[baseline], weeks)
        drivers = self._drivers(system, asked, units[:weeks], asked.simple[baseline][:weeks])
        # named donors are shown also where they move nothing
        used = asked.donors if request.donors or abs(drivers.get(DONORS, 0.0)) >= TOLD_UNITS else ()
        used = used if DONORS in drivers else ()
        return ForecastAnswer(
            product_id=product,
            store_id=None,
            as_of=self._release.as_of,
            system=system,
            baseline=baseline,
            points=points,
            history=(),
            drivers=_told_drivers(drivers, request.donors),
            why=_why(system, KINDS[asked.kind], request.donors),
            explanation=self._explainer.explain(
                product,
                drivers,
                used,
                weeks=(points[0].week_start, points[-1].week_start + WEEK),
                as_of=self._release.as_of,
                summary=self._summary(system, baseline, points, lead),
            ),
        )

    def _lead(self, request: ForecastRequest) -> int:
        """Return how many weeks after the first one ahead the launch is."""
        first = self._release.history_end + WEEK
        week = request.launch_week or first
        lead = (week - first) // WEEK
        if not 0 <= lead <= MAXIMUM_HORIZON_WEEKS - request.horizon_weeks:
            last = first + (MAXIMUM_HORIZON_WEEKS - 1) * WEEK
            raise LaunchOutsideHorizon(week, request.horizon_weeks, first, last)
        return lead

    def _checked_donors(self, product_id: str, donors: Sequence[str]) -> tuple[str, ...]:
        for donor in donors:
            if self._release.graph.position("Product", donor) is None:
                raise UnknownDonor(donor)
            if donor not in self._curves.positions:
                raise DonorWithoutLaunch(product_id, donor)
        return tuple(donors)

    def _asked(self, product_id: str, lead: int, named: tuple[str, ...]) -> _Asked:
        groups = self._place.groups(product_id)
        group = groups[DONOR_GROUPING]
        rows = np.asarray([self._curves.positions[one] for one in named], dtype=np.int64)
        if not named:
            rows = self._curves.donors_of(group)
            rows = rows[rows != self._curves.positions.get(product_id, -1)]
        past, display, mailer = self._promotions.of(product_id)
        told = Told(
            self._siblings.block(groups), _donor_values(self._curves.units[rows]), past, display, mailer, np.asarray([lead])
        )
        features = launch_rows(told, self._release.history_end + WEEK)
        kind = kind_codes(features[0, :, HIGHEST])
        simple = self._curves.simple(kind, pa.array([groups["category"]]), pa.array([group]))
        if named:
            simple[DONORS_SYSTEM] = self._curves.units[rows].mean(axis=0)[:, None]
        promoted = np.nan_to_num(features[:, 0, WEEKLY]).max(axis=1) >= PROMOTED_COVERAGE
        shown = named or tuple(self._curves.product_ids[row] for row in rows[:SHOWN_DONORS])
        return _Asked(features[:, 0], {name: one[:, 0] for name, one in simple.items()}, int(kind[0]), promoted, shown)

    def _units(self, system: str, asked: _Asked) -> np.ndarray:
        if system != ATTRIBUTES_SYSTEM or self._model is None:
            return asked.simple[system]
        return np.asarray(self._model.predict(asked.features[:, None])[:, 0])

    def _drivers(self, system: str, asked: _Asked, units: np.ndarray, baseline: np.ndarray) -> dict[str, float]:
        if system == ATTRIBUTES_SYSTEM and self._model is not None:
            return launch_drivers(self._model, asked.features, self._neutral, baseline)
        return {DONORS if system == DONORS_SYSTEM else SIBLING_LAUNCHES: float((units - baseline).sum())}

    def _points(self, lead: int, units: np.ndarray, asked: _Asked, baseline: np.ndarray, weeks: int) -> tuple[ForecastPoint, ...]:
        band: Band = self._metadata.intervals.band(units, interval_groups(asked.promoted))
        return tuple(
            ForecastPoint(
                week_start=self._release.history_end + (1 + lead + step) * WEEK,
                units=float(units[step]),
                low=float(band.low_80[step]),
                high=float(band.high_80[step]),
                baseline_units=float(baseline[step]),
                promoted=bool(asked.promoted[step]),
                low_95=float(band.low_95[step]),
                high_95=float(band.high_95[step]),
            )
            for step in range(weeks)
        )

    def _summary(self, system: str, baseline: str, points: Sequence[ForecastPoint], lead: int) -> str:
        total, reference = sum(point.units for point in points), sum(point.baseline_units for point in points)
        text = (
            f"{total:.1f} units in the first {len(points)} weeks of a launch on {points[0].week_start.isoformat()} by {system}; "
            f"{baseline} says {reference:.1f}."
        )
        known = max(0, min(self._release.planned_weeks - lead, len(points)))
        return text if known == len(points) else f"{text} A promotion plan is known for {known} of these weeks."


def _donor_values(curves: np.ndarray) -> np.ndarray:
    """Return the features of donors (1 x 3) from their launches (n x 4)."""
    if not len(curves):
        return np.asarray([[0.0, np.nan, np.nan]], dtype=np.float32)
    return np.asarray([[len(curves), curves[:, 0].mean(), curves[:, 1:].mean()]], dtype=np.float32)


def _told_drivers(units: Mapping[str, float], donors: Sequence[str]) -> tuple[Driver, ...]:
    """Return the drivers, that of named donors one by one."""
    told = []
    for name, value in units.items():
        parts = donors if name == DONORS and donors else (None,)
        told += [Driver(name, words_of(name), value / len(parts), product_id=one) for one in parts]
    return tuple(told)


def _why(system: str, kind: str, donors: Sequence[str]) -> str:
    text = f"It had the lowest error in the back-test for launches of this kind: {kind}."
    if donors and system not in (ATTRIBUTES_SYSTEM, DONORS_SYSTEM):
        return f"{text} What donors sold did worse there, so the named ones are not used."
    return text

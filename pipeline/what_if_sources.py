"""What what-ifs ask of other decisions, from the services that answer those: the forecast, and the relations' back-test."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Protocol

import numpy as np

from decisions.forecast.contract import ForecastAnswer, ForecastRequest
from decisions.forecast.errors import InsufficientEvidence
from decisions.relations.errors import QualityNotMeasured
from decisions.relations.measured import QualityAnswer, QualityRequest
from decisions.relations.quality import EventOutcome
from decisions.substitution import (
    Amount,
    Comparables,
    ExpectedUnits,
    PastDelisting,
    Shop,
    SubstitutionService,
    read_figures,
)
from decisions.substitution.shop import Shares
from features import Tables
from kg.ports import ArrayGraph

__all__ = ["BackTestedEvents", "ForecastDemand", "open_what_ifs"]

KEPT_FORECASTS = 20_000
Z_80, Z_90 = 1.2816, 1.6449
WIDER = Z_90 / Z_80
"""From the 80 % interval of a forecast to one of 90 %."""
RELATION = "isSubstituteFor"
MOST_EVENTS = 100


def open_what_ifs(
    graph: ArrayGraph, tables: Tables, artefact: Mapping[str, bytes], forecaster: "Forecaster", relations: "Measured"
) -> SubstitutionService:
    """Return what answers the what-ifs of a release. Raises: SubstitutionArtefactError, and what `tables` raises."""
    shop, figures = Shop(graph, tables), read_figures(artefact)
    demand = ForecastDemand(forecaster, shop.shares, graph.version.as_of)
    return SubstitutionService(shop, figures, demand=demand, past=BackTestedEvents(relations, graph))


class Forecaster(Protocol):
    """What answers how much of a product will be sold."""

    def forecast(self, request: ForecastRequest) -> ForecastAnswer:
        """Return weekly units with 80 % intervals. Raises: the errors of `decisions.forecast`."""
        ...


class Measured(Protocol):
    """What answers how well the relations foresaw what came."""

    def quality(self, request: QualityRequest) -> QualityAnswer:
        """Return what the release's back-test measured. Raises: QualityNotMeasured."""
        ...


@dataclass(frozen=True, slots=True)
class _Told:
    first_week: date
    units: float
    below: float
    above: float


class ForecastDemand:
    """Expected units from the release's forecasts of the chain; of stores by their share of recent sales.

    Weeks' errors are taken to go together, so that ends of weeks add up: a forecast that is too high one week is so the next.

    Args:
        forecaster: of the release.
        shares: what part of products' recent units some stores sold.
        history_end: the day that the release knows up to; the first week begins after it where no product is forecast.
    """

    def __init__(
        self, forecaster: Forecaster, shares: Callable[[Sequence[str], Sequence[str]], Shares], history_end: date
    ) -> None:
        self._forecaster = forecaster
        self._shares = shares
        self._history_end = history_end
        # one by one, as the service answers; the same release gives the same answer
        self._of_product = lru_cache(KEPT_FORECASTS)(self._ask)

    def expected_units(self, product_ids: Sequence[str], store_ids: Sequence[str] | None, horizon_weeks: int) -> ExpectedUnits:
        """Return the units of each product over the horizon; None for those without history."""
        told = [self._of_product(product, horizon_weeks) for product in product_ids]
        first = next((one.first_week for one in told if one is not None), self._history_end)
        if store_ids is None:
            return ExpectedUnits(first, tuple(None if one is None else _amount(one) for one in told))
        shares = self._shares(product_ids, store_ids)
        rows = zip(told, shares.share.tolist(), shares.variance.tolist(), strict=True)
        return ExpectedUnits(first, tuple(None if one is None else _part(one, share, chance) for one, share, chance in rows))

    def _ask(self, product_id: str, horizon_weeks: int) -> _Told | None:
        try:
            answer = self._forecaster.forecast(ForecastRequest(product_id, None, horizon_weeks))
        except InsufficientEvidence:
            return None
        return _told(answer)


def _told(answer: ForecastAnswer) -> _Told:
    units = sum(point.units for point in answer.points)
    below = sum(point.units - point.low for point in answer.points)
    above = sum(point.high - point.units for point in answer.points)
    return _Told(answer.points[0].week_start, units, WIDER * below, WIDER * above)


def _amount(told: _Told) -> Amount:
    return Amount(told.units, max(told.units - told.below, 0.0), told.units + told.above)


def _part(told: _Told, share: float, chance: float) -> Amount:
    """Return the part of some stores: the chance in the share joins in."""
    units = share * told.units
    of_share = Z_90 * units * float(np.sqrt(chance))
    below, above = (float(np.hypot(share * end, of_share)) for end in (told.below, told.above))
    return Amount(units, max(units - below, 0.0), units + above)


@dataclass(frozen=True, slots=True)
class BackTestedEvents:
    """Past delistings from the back-test of the release's relations."""

    relations: Measured
    graph: ArrayGraph

    def comparable(self, category_ids: Sequence[str], limit: int) -> Comparables:
        """Return the latest events of these categories; of all where these have none; none without a back-test."""
        try:
            everything = self.relations.quality(QualityRequest(RELATION, limit=MOST_EVENTS))
        except QualityNotMeasured:
            return Comparables()
        found: list[EventOutcome] = []
        total = covered = 0
        for category in category_ids:
            if category in everything.categories:
                part = self.relations.quality(QualityRequest(RELATION, category=category, limit=MOST_EVENTS))
                found += part.events
                total, covered = total + part.events_total, covered + part.covered
        if total:
            latest = sorted(found, key=lambda one: (-one.day.toordinal(), one.event_id))[:limit]
            return Comparables(self._named(latest), same_category=True, total=total, covered=covered)
        return Comparables(
            self._named(everything.events[:limit]),
            same_category=False,
            total=everything.events_total,
            covered=everything.covered,
        )

    def _named(self, events: Sequence[EventOutcome]) -> tuple[PastDelisting, ...]:
        ids = [one.product_id for one in events]
        nodes = self.graph.nodes("Product", ids) if ids else {}
        names = {one: str(node.properties.get("display_name") or one) for one, node in nodes.items()}
        return tuple(
            PastDelisting(
                one.event_id, one.kind, one.product_id, names.get(one.product_id, one.product_id), one.category, one.day,
                one.predicted, one.realised, one.low, one.high, one.simulated,
            )
            for one in events
        )  # fmt: skip

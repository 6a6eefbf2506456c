"""What each neighbour has to tell of a product's weeks ahead, and how much of its driver it brought.

A substitute or a complement brought what the forecast is with its promotions, or its absence, less what it would be without
them, by how far it pulls (`features.demand_pull`). Such parts need not sum to the driver: the rest is what no single neighbour
brought. A model that has learned from neighbours taken together knows no single ones: pulls are told of it all the same, since
shares of its driver by strength and news were far from what neighbours truly move (`bench forecast_planted`). Products bought
with it have no pull. Their driver is shared out by their strength times their news: how much of the weeks ahead they are
promoted, whether their sales have stopped, and how far they sell off what was expected. Beside it stands what the product
itself did in past weeks when that neighbour was promoted: its own residuals, so that the model's word can be checked against
counts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from features.demand_history import PROMOTED_COVERAGE
from features.demand_neighbours import Neighbours
from features.demand_panel import DemandPanel
from features.demand_pull import PULLING, Pull
from features.demand_relations import TREND_WEEKS, has_stopped

__all__ = ["Asked", "NeighbourShare", "pulled_apart", "shared_out"]

LEAST_NEWS = 1e-3
LEAST_PAST_WEEKS = 4
NORMAL_95 = 1.96


@dataclass(frozen=True, slots=True)
class NeighbourShare:
    """One neighbour's part of a driver, in units over the horizon.

    `promoted` are the Mondays ahead in which it is promoted. `past_weeks` counts past weeks in which it was, `low` and `high`
    bound (95 %) what as many such weeks as lie ahead brought the product, by its own sales beyond expectation; None with too few.
    """

    source_id: str
    units: float
    promoted: tuple[date, ...]
    stopped: bool
    trend: float
    past_weeks: int = 0
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """Whose neighbours are asked about: a row of the chain's panel, over so many weeks ahead."""

    panel: DemandPanel
    relations: Neighbours
    row: int
    weeks: int


def pulled_apart(asked: Asked, pull: Pull, base: np.ndarray) -> Mapping[str, tuple[NeighbourShare, ...]]:
    """Return, by relation, the neighbours that pull in the weeks ahead, with what the forecast is for them less what it would be
    without; the largest first.

    Args:
        asked: the product.
        pull: as known on the release's day.
        base: the forecast of each week.
    """
    panel, horizons = asked.panel, range(1, asked.weeks + 1)
    lifts = [
        (pull.lift_of(panel, horizon, planned=panel.is_planned(horizon)), pull.lift_without(panel, horizon))
        for horizon in horizons
    ]
    found = {}
    for relation in (name for name in PULLING if name in pull.theta):
        theta = pull.theta[relation][[asked.row]]
        told, without = (np.stack([pull.factors(theta.data, lift[at][theta.indices]) for lift in lifts]) for at in range(2))
        parts = (base[: asked.weeks, None] * (1.0 - without / told)).sum(axis=0)
        moved = np.flatnonzero(parts)
        found[relation] = _all_told(asked, theta.indices[moved], parts[moved])
    return found


def shared_out(asked: Asked, relation: str, units: float) -> tuple[NeighbourShare, ...]:
    """Return the neighbours of a relation with their parts of its driver, the largest first; they sum to `units`.

    Empty where the graph has no edge of the relation into the product: then the driver rests on nothing that can be shown.
    """
    weights = asked.relations.weights.get(relation)
    near = None if weights is None else weights[[asked.row]]
    if near is None or not near.nnz:
        return ()
    order = np.argsort(near.indices)
    sources, strength = near.indices[order], near.data[order]
    ahead = _coverage_ahead(asked.panel, sources, asked.weeks)
    stopped, trend = has_stopped(asked.panel, asked.panel.week_count)[sources], _trend(asked.panel, sources)
    news = strength * (ahead.mean(axis=1) + stopped + np.abs(np.log(trend)) + LEAST_NEWS)
    return _all_told(asked, sources, units * news / news.sum())


def _all_told(asked: Asked, sources: np.ndarray, parts: np.ndarray) -> tuple[NeighbourShare, ...]:
    ahead = _coverage_ahead(asked.panel, sources, asked.weeks)
    stopped, trend = has_stopped(asked.panel, asked.panel.week_count)[sources], _trend(asked.panel, sources)
    told = [
        _told(
            asked.panel,
            (asked.row, int(source)),
            float(parts[place]),
            ahead[place],
            stopped=bool(stopped[place]),
            trend=float(trend[place]),
        )
        for place, source in enumerate(sources)
    ]
    return tuple(sorted(told, key=lambda one: (-abs(one.units), one.source_id)))


def _coverage_ahead(panel: DemandPanel, rows: np.ndarray, weeks: int) -> np.ndarray:
    columns = slice(panel.week_count, panel.week_count + weeks)
    covered = np.nan_to_num(np.fmax(panel.display[rows, columns], panel.mailer[rows, columns])).astype(np.float64)
    known = np.asarray([panel.is_planned(horizon) for horizon in range(1, weeks + 1)])
    return np.asarray(covered * known)


def _trend(panel: DemandPanel, rows: np.ndarray) -> np.ndarray:
    units, expected = (part[rows, -TREND_WEEKS:].mean(axis=1, dtype=np.float64) for part in (panel.units, panel.expected))
    return np.asarray((units + 1.0) / (expected + 1.0))


def _told(
    panel: DemandPanel, pair: tuple[int, int], units: float, ahead: np.ndarray, *, stopped: bool, trend: float
) -> NeighbourShare:
    promoted = [step for step, covered in enumerate(ahead) if covered >= PROMOTED_COVERAGE]
    weeks = tuple(panel.target_week(panel.week_count + step) for step in promoted)
    count, low, high = _past(panel, *pair, len(promoted))
    return NeighbourShare(panel.product_ids[pair[1]], units, weeks, stopped, trend, count, low, high)


def _past(panel: DemandPanel, row: int, source: int, weeks_ahead: int) -> tuple[int, float | None, float | None]:
    """Return how many past weeks the neighbour was promoted in, and bounds of what as many as lie ahead brought the product."""
    known = slice(1, panel.week_count)
    covered = np.nan_to_num(np.fmax(panel.display[source, known], panel.mailer[source, known])) >= PROMOTED_COVERAGE
    beyond: Sequence[float] = (panel.units[row, known] - panel.expected[row, known])[covered].astype(np.float64)
    count = len(beyond)
    if count < LEAST_PAST_WEEKS or not weeks_ahead:
        return count, None, None
    mean, error = float(np.mean(beyond)), float(np.std(beyond, ddof=1) / np.sqrt(count))
    return count, weeks_ahead * (mean - NORMAL_95 * error), weeks_ahead * (mean + NORMAL_95 * error)

"""What each neighbour has to tell of a product's weeks ahead, and how much of its driver it brought.

A driver's units are shared out over the neighbours by their strength times their news: how much of the weeks ahead they are
promoted, whether their sales have stopped, and how far they sell off what was expected. Beside it stands what the product itself
did in past weeks when that neighbour was promoted: its own residuals, so that the model's word can be checked against counts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from decisions.forecast.supposing import Supposer
from features.demand_history import PROMOTED_COVERAGE
from features.demand_panel import DemandPanel
from features.demand_relations import STEADY_UNITS, STOPPED_WEEKS, TREND_WEEKS

__all__ = ["NeighbourShare", "shared_out"]

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


def shared_out(supposer: Supposer, product_id: str, relation: str, units: float, weeks: int) -> tuple[NeighbourShare, ...]:
    """Return the neighbours of a relation with their parts of its driver, the largest first; they sum to `units`.

    Empty where the graph has no edge of the relation into the product: then the driver rests on nothing that can be shown.
    """
    panel, row = supposer.chain, supposer.row_of(product_id)
    weights = supposer.relations.weights.get(relation)
    if row is None or weights is None:
        return ()
    near = weights[[row]]
    if not near.nnz:
        return ()
    order = np.argsort(near.indices)
    sources, strength = near.indices[order], near.data[order]
    ahead = _coverage_ahead(panel, sources, weeks)
    stopped, trend = _stopped(panel, sources), _trend(panel, sources)
    news = strength * (ahead.mean(axis=1) + stopped + np.abs(np.log(trend)) + LEAST_NEWS)
    parts = units * news / news.sum()
    told = [
        _told(
            panel, (row, int(source)), float(parts[place]), ahead[place], stopped=bool(stopped[place]), trend=float(trend[place])
        )
        for place, source in enumerate(sources)
    ]
    return tuple(sorted(told, key=lambda one: (-abs(one.units), one.source_id)))


def _coverage_ahead(panel: DemandPanel, rows: np.ndarray, weeks: int) -> np.ndarray:
    columns = slice(panel.week_count, panel.week_count + weeks)
    covered = np.nan_to_num(np.fmax(panel.display[rows, columns], panel.mailer[rows, columns])).astype(np.float64)
    known = np.asarray([panel.is_planned(horizon) for horizon in range(1, weeks + 1)])
    return np.asarray(covered * known)


def _stopped(panel: DemandPanel, rows: np.ndarray) -> np.ndarray:
    units = panel.units[rows]
    return np.asarray((units[:, -STOPPED_WEEKS:].sum(axis=1) == 0) & (units[:, -13:].mean(axis=1) >= STEADY_UNITS))


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

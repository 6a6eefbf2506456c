"""How a product's neighbours do: what they sell beyond what their promotions account for, their sudden stops, what is planned
for them, and what such plans did to the product before.

*Pressure* is the part of a product's neighbours, by their strength, that is promoted in a week. The *response* to it is the
product's own: what it sold beyond expectation in past weeks under like pressure, over what it sold beyond expectation in general,
drawn to 1 by five units. It is told from the product's own weeks, so that a graph that is wrong says nothing.
"""

from collections.abc import Sequence

import numpy as np

from features.demand_neighbours import NEIGHBOUR_RELATIONS, Neighbours
from features.demand_panel import DemandPanel

__all__ = ["PLAN_SIGNALS", "RELATION_FEATURES", "SIBLINGS", "has_stopped", "pressure", "relation_block"]

SIBLINGS = ("category", "type")
PAST_SIGNALS = ("trend", "surprise")
PLAN_SIGNALS = ("mailer", "display", "change", "response")
"""Of the weeks ahead: unknown without a plan."""
EDGE_SIGNALS = (*PAST_SIGNALS, "stopped", *PLAN_SIGNALS)
RELATION_FEATURES: dict[str, str] = {
    **{f"{relation}_{signal}": "neighbours" for relation in NEIGHBOUR_RELATIONS for signal in EDGE_SIGNALS},
    **{f"{grouping}_{signal}": "neighbours" for grouping in SIBLINGS for signal in (*PAST_SIGNALS, *PLAN_SIGNALS)},
}
TREND_WEEKS = 4
STOPPED_WEEKS = 2
STEADY_UNITS = 1.0
"""A neighbour has stopped when it sold nothing for two weeks after at least one unit a week in the 11 before."""
PRESSURE_WIDTH = 0.15
HALF_LIFE_WEEKS = 26.0
DRAWN_UNITS = 5.0
WEIGHT_LAG_WEEKS = 8
"""What siblings weigh in a week is what they sold before it by the longest horizon: known at every origin that asks for it."""


def pressure(panel: DemandPanel, neighbours: Neighbours) -> dict[str, np.ndarray]:
    """Return the pressure on each product in each week, past and planned, by relation and grouping (N x (T + 8) float32).

    A column says nothing of what was sold in its week or in the 7 before. Without neighbours it is 0.
    """
    promoted = np.nan_to_num(np.fmax(panel.display, panel.mailer)).astype(np.float32)
    found = {name: np.asarray(weights @ promoted, dtype=np.float32) for name, weights in neighbours.weights.items()}
    usual = _lagged_usual(panel.units, promoted.shape[1])
    for grouping in SIBLINGS:
        whole = _others(neighbours, grouping, usual)
        found[grouping] = np.where(whole > 0, _others(neighbours, grouping, usual * promoted) / np.maximum(whole, 1e-6), 0.0)
    return found


def relation_block(
    panel: DemandPanel,
    neighbours: Neighbours,
    pressures: dict[str, np.ndarray],
    origin: int,
    horizon: int,
    rows: np.ndarray,
    *,
    planned: bool,
) -> np.ndarray:
    """Return len(rows) x len(RELATION_FEATURES) as float32; NaN where a product has no such neighbours.

    Args:
        panel: the chain's.
        neighbours: over its products.
        pressures: as `pressure` gives them.
        origin: known weeks.
        horizon: 1 is the first week after them.
        rows: products.
        planned: whether the plan of the week is known.
    """
    units, expected = panel.units[:, :origin], panel.expected[:, :origin]
    usual = units[:, -13:].mean(axis=1)
    stopped = _stopped(panel, origin, horizon)
    display, mailer = _planned(panel, origin, horizon, planned=planned)
    recent = [part[:, -TREND_WEEKS:].mean(axis=1) for part in (units, expected)]
    amounts = np.stack([*recent, units[:, -1], expected[:, -1], stopped, mailer, display], axis=1).astype(np.float32)
    parts = [_over_edges(neighbours, relation, amounts)[rows] for relation in NEIGHBOUR_RELATIONS]
    weighted = amounts.astype(np.float64)
    weighted[:, 4:] *= usual[:, None]
    parts += [_over_siblings(neighbours, grouping, weighted, usual)[rows] for grouping in SIBLINGS]
    names = (*NEIGHBOUR_RELATIONS, *SIBLINGS)
    for place, name in enumerate(names):
        told = _told_by_pressure(panel, pressures.get(name), origin, horizon, rows) if planned else None
        parts[place] = _with_plan(parts[place], told)
    return np.concatenate(parts, axis=1).astype(np.float32)


def has_stopped(panel: DemandPanel, origin: int) -> np.ndarray:
    """Return which products sold nothing lately, though they did before (N, bool): `STEADY_UNITS` says how long and how much."""
    sold, usual = panel.sold[:, :origin], panel.units[:, max(0, origin - 13) : origin].mean(axis=1)
    return np.asarray((sold[:, -STOPPED_WEEKS:].sum(axis=1) == 0) & (usual >= STEADY_UNITS))


def _stopped(panel: DemandPanel, origin: int, horizon: int) -> np.ndarray:
    """Return how far each product cannot be bought (0 to 1): stopped, out of stock last week, or supposed to be gone."""
    stopped = has_stopped(panel, origin).astype(np.float32)
    if panel.lost is not None:
        last = panel.units[:, origin - 1]
        stopped = np.maximum(stopped, np.where(last > 0, panel.lost[:, origin - 1] / np.where(last > 0, last, 1.0), 0.0))
    gone = np.zeros_like(stopped) if panel.gone is None else panel.gone[:, horizon - 1]
    return np.asarray(np.maximum(stopped, gone))


def _planned(panel: DemandPanel, origin: int, horizon: int, *, planned: bool) -> tuple[np.ndarray, np.ndarray]:
    if not planned:
        nothing = np.zeros(len(panel.product_ids), dtype=np.float32)
        return nothing, nothing
    target = origin + horizon - 1
    return np.nan_to_num(panel.display[:, target]), np.nan_to_num(panel.mailer[:, target])


def _ratio(units: np.ndarray, expected: np.ndarray) -> np.ndarray:
    # one unit on either side keeps slow sellers from swinging
    return (units + 1.0) / (expected + 1.0)


def _over_edges(neighbours: Neighbours, relation: str, amounts: np.ndarray) -> np.ndarray:
    """Return trend, surprise, stopped, mailer, display of the neighbours by strength (N x 5, NaN without any)."""
    recent, expected, last, expected_last, *others = neighbours.mean(relation, amounts).T
    return np.stack([_ratio(recent, expected), _ratio(last, expected_last), *others], axis=1)


def _over_siblings(neighbours: Neighbours, grouping: str, amounts: np.ndarray, usual: np.ndarray) -> np.ndarray:
    """Return trend, surprise, mailer, display of the siblings by what they sell (N x 4, NaN where they sell nothing)."""
    recent, expected, last, expected_last, _, mailer, display = neighbours.sibling_sum(grouping, amounts).T
    whole = neighbours.sibling_sum(grouping, usual[:, None].astype(np.float64))[:, 0]
    some, safe = whole > 1e-6, np.maximum(whole, 1e-6)
    columns = [_ratio(recent, expected), _ratio(last, expected_last), mailer / safe, display / safe]
    return np.stack([np.where(some, column, np.nan) for column in columns], axis=1)


def _with_plan(block: np.ndarray, told: np.ndarray | None) -> np.ndarray:
    """Return the block with what pressure tells beside it; without a plan what tells of it is unknown."""
    if told is None:
        unknown = np.full((len(block), 2), np.nan, dtype=np.float32)
        block = block.copy()
        block[:, -2:] = np.nan
        return np.concatenate([block, unknown], axis=1)
    lonely = np.isnan(block[:, :1])
    return np.concatenate([block, np.where(lonely, np.nan, told)], axis=1)


def _told_by_pressure(panel: DemandPanel, pressed: np.ndarray | None, origin: int, horizon: int, rows: np.ndarray) -> np.ndarray:
    """Return how far the pressure of the target week is from the usual one, and the logarithm of the response to it."""
    if pressed is None:
        return np.full((len(rows), 2), np.nan, dtype=np.float32)
    past, target = pressed[rows, :origin], pressed[rows, origin + horizon - 1]
    units, expected = panel.units[rows, :origin], panel.expected[rows, :origin]
    age = np.arange(origin - 1, -1, -1, dtype=np.float32)
    fading = np.float32(0.5) ** (age / np.float32(HALF_LIFE_WEEKS))
    change = target - past @ (fading / fading.sum())
    alike = fading * np.exp(-((past - target[:, None]) ** 2) / np.float32(2 * PRESSURE_WIDTH**2))
    base = (units @ fading + 1.0) / (expected @ fading + 1.0)
    drawn = ((alike * units).sum(axis=1) + DRAWN_UNITS * base) / ((alike * expected).sum(axis=1) + DRAWN_UNITS)
    return np.stack([change, np.log(drawn / base)], axis=1).astype(np.float32)


def _lagged_usual(units: np.ndarray, columns: int) -> np.ndarray:
    """Return mean units of the 13 weeks that end 8 weeks before each column (N x columns); of the first week before that."""
    summed = np.concatenate([np.zeros((len(units), 1)), np.cumsum(units, axis=1, dtype=np.float64)], axis=1)
    ends: Sequence[int] = [min(max(1, column - WEIGHT_LAG_WEEKS + 1), units.shape[1]) for column in range(columns)]
    means = [(summed[:, end] - summed[:, max(0, end - 13)]) / (end - max(0, end - 13)) for end in ends]
    return np.stack(means, axis=1).astype(np.float32)


def _others(neighbours: Neighbours, grouping: str, values: np.ndarray) -> np.ndarray:
    return neighbours.sibling_sum(grouping, values.astype(np.float64)).astype(np.float32)

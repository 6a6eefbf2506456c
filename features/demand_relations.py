"""How a product's neighbours do: their trend, their sudden stops, and what is planned for them."""

import numpy as np

from features.demand_neighbours import NEIGHBOUR_RELATIONS, Neighbours
from features.demand_panel import DemandPanel

__all__ = ["RELATION_FEATURES", "relation_block"]

SIBLINGS = ("category", "type")
PLAN_SIGNALS = ("mailer", "display")
EDGE_SIGNALS = ("trend", "surprise", "stopped", *PLAN_SIGNALS)
SIBLING_SIGNALS = ("trend", "surprise", *PLAN_SIGNALS)
"""The signals of the plan stand last."""
RELATION_FEATURES: dict[str, str] = {
    **{f"{relation}_{signal}": "neighbours" for relation in NEIGHBOUR_RELATIONS for signal in EDGE_SIGNALS},
    **{f"{grouping}_{signal}": "neighbours" for grouping in SIBLINGS for signal in SIBLING_SIGNALS},
}
STOPPED_WEEKS = 2
STEADY_UNITS = 1.0
"""A neighbour has stopped when it sold nothing for two weeks after at least one unit a week in the 11 before."""


def relation_block(panel: DemandPanel, neighbours: Neighbours, origin: int, horizon: int) -> np.ndarray:
    """Return N x len(RELATION_FEATURES) as float32; NaN where a product has no such neighbours."""
    units = panel.units[:, :origin]
    last, recent, usual = units[:, -1], units[:, -4:].mean(axis=1), units[:, -13:].mean(axis=1)
    display, mailer = _planned(panel, origin, horizon)
    stopped = (units[:, -STOPPED_WEEKS:].sum(axis=1) == 0) & (usual >= STEADY_UNITS)
    signals = np.stack([_ratio(recent, usual), _ratio(last, usual), stopped, mailer, display], axis=1).astype(np.float32)
    parts = [_over_edges(neighbours, relation, signals, horizon <= panel.planned_weeks) for relation in NEIGHBOUR_RELATIONS]
    amounts = np.stack([recent, last, usual, mailer * usual, display * usual], axis=1)
    parts += [_over_siblings(neighbours, grouping, amounts, horizon <= panel.planned_weeks) for grouping in SIBLINGS]
    return np.concatenate(parts, axis=1).astype(np.float32)


def _planned(panel: DemandPanel, origin: int, horizon: int) -> tuple[np.ndarray, np.ndarray]:
    if horizon > panel.planned_weeks:
        nothing = np.zeros(len(panel.product_ids), dtype=np.float32)
        return nothing, nothing
    target = origin + horizon - 1
    return np.nan_to_num(panel.display[:, target]), np.nan_to_num(panel.mailer[:, target])


def _ratio(value: np.ndarray, usual: np.ndarray) -> np.ndarray:
    # one unit on either side keeps slow sellers from swinging
    return (value + 1.0) / (usual + 1.0)


def _over_edges(neighbours: Neighbours, relation: str, signals: np.ndarray, planned: bool) -> np.ndarray:
    averaged = neighbours.mean(relation, signals)
    if not planned:
        averaged[:, -len(PLAN_SIGNALS) :] = np.nan
    return averaged


def _over_siblings(neighbours: Neighbours, grouping: str, amounts: np.ndarray, planned: bool) -> np.ndarray:
    recent, last, usual, mailer, display = neighbours.sibling_sum(grouping, amounts).T
    some = usual > 1e-6
    safe = np.where(some, usual, 1.0)
    columns = [_ratio(recent, usual), _ratio(last, usual), mailer / safe, display / safe]
    block = np.stack([np.where(some, column, np.nan) for column in columns], axis=1)
    if not planned:
        block[:, -len(PLAN_SIGNALS) :] = np.nan
    return block

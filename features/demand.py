"""Features of weekly demand: one transform, the same for training at past origins and for serving today.

An origin is a number of known weeks: at origin `t` the transform reads sales of the columns `[0, t)` alone, and
forecasts column `t + horizon - 1`. Promotion columns from `t` on are read for as many weeks as the panel's plan
covers (`planned_weeks`), prices and events as they were announced by the origin: training sees as much of the future plan as
serving will (`training_rows` of the model shows it half of the rows of other weeks with their plan, so that a supposed plan
can be answered, too).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from features.demand_ahead import AHEAD_FEATURES, NEIGHBOUR_PRICES, ahead_block, neighbour_price_block
from features.demand_history import HISTORY_FEATURES, history_block
from features.demand_neighbours import NeighbourVintages
from features.demand_panel import DemandPanel
from features.demand_plan import PLAN_FEATURES, plan_block
from features.demand_pull import PULL_FEATURES, Pull, pull_at, pull_block
from features.demand_relations import RELATION_FEATURES, pressure, relation_block
from features.demand_residuals import RESIDUAL_FEATURES, residual_block

__all__ = ["CATEGORICAL_FEATURES", "FEATURE_GROUPS", "PARENT_PREFIX", "DemandTransform"]

CALENDAR_FEATURES = ("horizon", "day_of_month", "chain_trend")
CATEGORICAL_FEATURES = ("display_code_target", "mailer_code_target")
PARENT_PREFIX = "chain_of_product_"
SUPPORT_WEEKS = 26
MINIMUM_SUPPORT = 8
RECENT_WEEKS = 13

FEATURE_GROUPS: dict[str, str] = {
    **HISTORY_FEATURES,
    **PLAN_FEATURES,
    **RESIDUAL_FEATURES,
    **RELATION_FEATURES,
    **AHEAD_FEATURES,
    **dict.fromkeys(PULL_FEATURES, "neighbours"),
    **dict.fromkeys(CALENDAR_FEATURES, "calendar"),
}
"""The driver that each feature belongs to: own_history, price, promotion, neighbours or calendar."""


@dataclass(frozen=True)  # no slots: the pressure of neighbours is computed once
class DemandTransform:
    """Feature rows of a panel.

    Args:
        panel: the series to describe.
        chain: the chain panel; the same object for a chain transform.
        relations: neighbours over the chain panel as known by and by, or None to leave every neighbour feature out. Before the
            first vintage they are unknown.
    """

    panel: DemandPanel
    chain: DemandPanel
    relations: NeighbourVintages | None
    pulls: bool = True
    """Whether neighbours' pulls are told: no trees learn from them, and their training rows need none."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the feature columns, in order."""
        own = (*HISTORY_FEATURES, *RESIDUAL_FEATURES, *PLAN_FEATURES)
        parent = () if self.panel is self.chain else tuple(PARENT_PREFIX + name for name in own)
        relation = () if self.relations is None else (*RELATION_FEATURES, *(PULL_FEATURES if self.pulls else ()))
        if self.relations is not None and self._knows_prices:
            relation = (*relation, *NEIGHBOUR_PRICES)
        ahead = () if self.panel.ahead is None else self.panel.ahead.features
        return (*own, *parent, *relation, *ahead, *CALENDAR_FEATURES)

    @property
    def _knows_prices(self) -> bool:
        return self.chain.ahead is not None and self.chain.ahead.prices is not None

    def supported(self, origin: int) -> np.ndarray:
        """Return the rows (int64) with enough evidence at `origin`: sold in 8 of the last 26 weeks, and in one of the last 13."""
        sold = self.panel.units[:, max(0, origin - SUPPORT_WEEKS) : origin] > 0
        enough = (sold.sum(axis=1) >= MINIMUM_SUPPORT) & sold[:, -RECENT_WEEKS:].any(axis=1)
        return np.flatnonzero(enough)

    def features(self, origin: int, rows: np.ndarray, horizons: Sequence[int], *, planned: bool | None = None) -> np.ndarray:
        """Return float32 features, len(horizons) x len(rows) x F.

        Args:
            origin: known weeks.
            rows: series.
            horizons: weeks ahead, 1 being the first.
            planned: whether plans of these weeks are known; None: as the panel says.

        Raises:
            ValueError: the origin lies outside the panel.
        """
        if not 1 <= origin <= self.panel.week_count:
            raise ValueError(f"origin {origin} lies outside the panel's {self.panel.week_count} weeks")
        history = _own_block(self.panel, origin, rows)
        parents = self.panel.parent[rows]
        whole_chain = self.panel is self.chain
        parent_history = None if whole_chain else _own_block(self.chain, origin, parents)
        asked, place = np.unique(parents, return_inverse=True)
        blocks = []
        for horizon in horizons:
            known = self.panel.is_planned(horizon) if planned is None else planned
            parts = [history, plan_block(self.panel, origin, horizon, rows, planned=known)]
            if parent_history is not None:
                parts += [parent_history, plan_block(self.chain, origin, horizon, parents, planned=known)]
            if self.relations is not None:
                parts.append(self._of_neighbours(origin, horizon, asked, planned=known)[place])
            parts.append(ahead_block(self.panel, origin, horizon, rows))
            parts.append(self._calendar(origin, horizon, len(rows)))
            blocks.append(np.concatenate(parts, axis=1))
        return np.stack(blocks)

    def targets(self, origin: int, rows: np.ndarray, horizons: Sequence[int]) -> np.ndarray:
        """Return the units that were sold, len(horizons) x len(rows); the weeks must lie inside the panel."""
        return np.stack([self.panel.units[rows, origin + horizon - 1] for horizon in horizons])

    def pull_at(self, origin: int) -> Pull | None:
        """Return what tells the pull of neighbours at an origin; None where none are known."""
        vintage = None if self.relations is None else self.relations.known_at(origin)
        if vintage is None:
            return None
        if origin not in self._pulls:
            # one origin is asked for many times in a row
            self._pulls.clear()
            self._pulls[origin] = pull_at(self.chain, vintage[1], origin)
        return self._pulls[origin]

    @cached_property
    def _pulls(self) -> dict[int, Pull]:
        return {}

    def _of_neighbours(self, origin: int, horizon: int, rows: np.ndarray, *, planned: bool) -> np.ndarray:
        vintage = None if self.relations is None else self.relations.known_at(origin)
        if vintage is None:
            count = len(RELATION_FEATURES) + self.pulls * len(PULL_FEATURES) + self._knows_prices * len(NEIGHBOUR_PRICES)
            return np.full((len(rows), count), np.nan, dtype=np.float32)
        week, known = vintage
        if week not in self._pressures:
            self._pressures[week] = pressure(self.chain, known)
        parts = [relation_block(self.chain, known, self._pressures[week], origin, horizon, rows, planned=planned)]
        pull = self.pull_at(origin) if self.pulls else None
        if pull is not None:
            parts.append(pull_block(self.chain, pull, horizon, rows, planned=planned))
        if self._knows_prices:
            parts.append(neighbour_price_block(self.chain, known, origin, horizon, rows))
        return np.concatenate(parts, axis=1)

    @cached_property
    def _pressures(self) -> dict[int, dict[str, np.ndarray]]:
        """By the week of their vintage, filled when they are first asked for."""
        return {}

    def _calendar(self, origin: int, horizon: int, count: int) -> np.ndarray:
        total = self.chain.units[:, :origin].sum(axis=0)
        trend = total[-4:].mean() / max(float(total[-13:].mean()), 1e-9)
        day = self.panel.target_week(origin + horizon - 1).day
        return np.tile(np.asarray([horizon, day, trend], dtype=np.float32), (count, 1))


def _own_block(panel: DemandPanel, origin: int, rows: np.ndarray) -> np.ndarray:
    return np.concatenate([history_block(panel, origin, rows), residual_block(panel, origin, rows)], axis=1)

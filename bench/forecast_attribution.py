"""What systems attribute to each neighbour over the weeks ahead: promoted x responding products of a panel, in units.

`shelfgraph` is what the service answers, driver by driver, whichever system its back-test chose. Beside it: `pulls`, the same
estimate for every product, whoever serves it; `permuted-graph`, pulls along the same edges with the products' places shuffled;
`market-share`, which takes from all of a category in proportion to what they sell, as far as the promoted product's own past
promotions lifted it, without any edge; `own-history`, the mean of the product's weeks with the other promoted less that of its
other weeks; `zero`, which is all that a forecast without neighbours can say.
"""

from collections.abc import Mapping

import numpy as np
from scipy import sparse

from bench.forecast_systems import permuted
from decisions.forecast import ForecastRequest, ForecastService, NoHistory
from features.demand_history import PROMOTED_COVERAGE
from features.demand_neighbours import Neighbours
from features.demand_panel import DemandPanel
from features.demand_pull import Pull, pull_at

__all__ = ["SERVED", "answered", "estimates"]

SERVED = "shelfgraph"
STAYS = 0.8
"""Of what a promoted product gains, the part that market-share takes from others: the rest is bought for its sake."""


def answered(service: ForecastService, product_ids: tuple[str, ...], weeks: int) -> tuple[np.ndarray, Mapping[str, int]]:
    """Return what the service attributes to each product's neighbours, and how many products each system served."""
    place = {product: row for row, product in enumerate(product_ids)}
    found, systems = np.zeros((len(place), len(place))), dict[str, int]()
    for product, row in place.items():
        try:
            answer = service.forecast(ForecastRequest(product, horizon_weeks=weeks))
        except NoHistory:
            continue
        systems[answer.system] = systems.get(answer.system, 0) + 1
        for driver in answer.drivers:
            if driver.product_id is not None:
                found[place[driver.product_id], row] += driver.units
    return found, systems


def estimates(panel: DemandPanel, neighbours: Neighbours, base: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """Return what the other systems attribute.

    Args:
        panel: the chain's.
        neighbours: as the served model has them.
        base: the served forecasts, weeks x products; 0 where none is served.
        seed: for the placebo.
    """
    pull, weeks = pull_at(panel, neighbours, panel.week_count), len(base)
    shuffled = pull_at(panel, permuted(neighbours, len(panel.product_ids), seed), panel.week_count)
    lifts = [np.maximum(pull.lift_of(panel, horizon, planned=True), 0.0) for horizon in range(1, weeks + 1)]
    return {
        "pulls": _pulled(pull, lifts, base),
        "permuted-graph": _pulled(shuffled, lifts, base),
        "market-share": _by_share(panel, pull.lift.regular, lifts, base),
        "own-history": _own_history(panel, weeks),
        "zero": np.zeros((len(panel.product_ids),) * 2),
    }


def _pulled(pull: Pull, lifts: list[np.ndarray], base: np.ndarray) -> np.ndarray:
    found = np.zeros((base.shape[1],) * 2)
    for lift, units in zip(lifts, base, strict=True):
        for relation in pull.theta:
            edges = pull.of_edges(relation, lift)
            moved = sparse.csr_array((-np.expm1(-edges.data), edges.indices, edges.indptr), shape=edges.shape)
            found += (moved.toarray() * units[:, None]).T
    return found


def _by_share(panel: DemandPanel, regular: np.ndarray, lifts: list[np.ndarray], base: np.ndarray) -> np.ndarray:
    of_category = np.bincount(panel.category, regular)[panel.category]
    share = STAYS * regular[:, None] / np.maximum(of_category - regular, regular)[:, None]
    same = np.equal.outer(panel.category, panel.category)
    np.fill_diagonal(same, val=False)
    found = np.zeros(same.shape)
    for lift, units in zip(lifts, base, strict=True):
        found -= same * np.minimum(share * lift[:, None], 1.0) * units
    return found


def _own_history(panel: DemandPanel, weeks: int) -> np.ndarray:
    """Return the difference of the means, for as many weeks as the other is promoted ahead."""
    covered = np.nan_to_num(np.fmax(panel.display, panel.mailer)) >= PROMOTED_COVERAGE
    past, ahead = (
        part.astype(np.float64) for part in np.split(covered[:, : panel.week_count + weeks], [panel.week_count], axis=1)
    )
    units, seen = panel.units.astype(np.float64), past.sum(axis=1)
    other = panel.week_count - seen
    known = (seen > 0) & (other > 0)
    means = [(one @ units.T) / np.maximum(count, 1.0)[:, None] for one, count in ((past, seen), (1.0 - past, other))]
    found = np.where(known[:, None], means[0] - means[1], 0.0) * ahead.sum(axis=1)[:, None]
    np.fill_diagonal(found, 0.0)
    return np.asarray(found)

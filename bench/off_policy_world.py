"""A shop whose clicks are known: households of the demo, products they never bought, and a made-up chance that each is clicked.

All clicks here are simulated. What a household may like is told by factors of its purchases, as a recommender would; what it does
click depends on that, on how well a product sells, and on a taste that no policy and no model sees.
"""

from dataclasses import dataclass
from datetime import date

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.linalg import svds

from decisions.recommend.exploration import DrawKey, ExplorationSettings, chances_along, draw_order
from decisions.recommend.logged_places import Alternatives, LoggedPlaces
from features.repertoire import FloatArray, IntArray, Purchases

__all__ = ["CANDIDATES", "PLACES", "ClickWorld", "Log", "Policy", "click_world", "drawn", "logged", "true_value"]

CANDIDATES = 30
PLACES = 3
FACTORS = 32
LEAST_BASKETS = 10
AT_ONCE = 100
"""Households whose likes for all products are held at once."""
EXAMINED = np.array([1.0, 0.75, 0.55])
"""The chance that a place is looked at (position-based click model; Craswell et al. 2008)."""
DAY = date(2018, 1, 1)
AT_MEAN, BY_SCORE, BY_SALES, BY_HIDDEN_TASTE = -2.2, 0.8, 0.3, 0.7


@dataclass(frozen=True, slots=True, eq=False)
class ClickWorld:
    """By household and candidate: `scores` of the recommender, `sales` (both standardised), and `clicked` (with place)."""

    scores: FloatArray
    sales: FloatArray
    clicked: FloatArray

    @property
    def households(self) -> int:
        """How many there are."""
        return len(self.scores)


@dataclass(frozen=True, slots=True)
class Policy:
    """Draws by the recommender's scores or by sales."""

    name: str
    settings: ExplorationSettings
    by_sales: bool = False

    def scores(self, world: ClickWorld) -> FloatArray:
        """Return what it draws by."""
        return world.sales if self.by_sales else world.scores


def click_world(purchases: Purchases, seed: int, most: int | None = None) -> ClickWorld:
    """Return the world of the households that have at least ten baskets, of the first `most` where that is given."""
    bought = _bought(purchases)
    known = np.flatnonzero(np.diff(purchases.household_start) >= LEAST_BASKETS)[:most]
    best, likes = _liked_most(bought, known, seed)
    scores = _standardised(likes)
    sales = _standardised(np.log1p(np.asarray(bought.sum(axis=0)).ravel())[best])
    hidden = np.random.default_rng(seed).normal(size=scores.shape)
    taste = AT_MEAN + BY_SCORE * scores + BY_SALES * sales + BY_HIDDEN_TASTE * hidden
    return ClickWorld(scores, sales, EXAMINED[:, None] / (1.0 + np.exp(-taste))[:, None, :])


@dataclass(frozen=True, slots=True, eq=False)
class Log:
    """One list for each of some households, drawn from all with replacement: what was shown, and what of it was clicked."""

    household: IntArray
    orders: IntArray
    clicks: FloatArray


def drawn(world: ClickWorld, served: Policy, lists: int, number: int) -> Log:
    """Return the log of that number, drawn by the very function that serves."""
    random = np.random.default_rng(number)
    household = random.integers(world.households, size=lists)
    scores = served.scores(world)
    keys = [DrawKey("bench", str(at), DAY, number) for at in range(lists)]
    shown = zip(household, keys, strict=True)
    orders = np.stack([draw_order(scores[one], PLACES, served.settings, key).positions for one, key in shown])
    chance = world.clicked[household[:, None], np.arange(PLACES), orders]
    return Log(household, orders, (random.random(orders.shape) < chance).astype(np.float64))


def logged(world: ClickWorld, log: Log, served: Policy, target: Policy) -> LoggedPlaces:
    """Return a log as evaluation reads it, with what the target would have shown."""
    own, other = (chances_along(one.scores(world)[log.household], log.orders, one.settings) for one in (served, target))
    lists, place = (one.ravel() for one in np.indices(log.orders.shape))
    shown = log.orders.ravel()
    row, candidate = np.nonzero(other.reshape(len(shown), -1))
    may = (lists[row], place[row], candidate)
    return LoggedPlaces(
        lists,
        place,
        own[lists, place, shown],
        other[lists, place, shown],
        log.clicks.ravel(),
        _features(world, log.household[lists], place, shown),
        Alternatives(row, other[may], own[may], _features(world, log.household[lists[row]], place[row], candidate)),
        np.arange(len(log.household)),
    )


def true_value(world: ClickWorld, policy: Policy) -> float:
    """Return the clicks per list that a policy truly earns: no draw is made for it."""
    scores = policy.scores(world)
    if not policy.settings.temperature:
        order = np.argsort(-scores, axis=1, kind="stable")[:, :PLACES]
        return float(np.take_along_axis(world.clicked, order[:, :, None], axis=2).sum() / world.households)
    return float(np.mean([_value(one, clicked, policy.settings) for one, clicked in zip(scores, world.clicked, strict=True)]))


def _value(scores: FloatArray, clicked: FloatArray, settings: ExplorationSettings) -> float:
    """Sum over what may stand in the first two places; the chances of the third do not depend on who gets it."""
    first, second = np.nonzero(~np.eye(len(scores), dtype=bool))
    third = np.where((first != 0) & (second != 0), 0, np.where((first != 1) & (second != 1), 1, 2))
    orders = np.c_[first, second, third]
    chances = chances_along(np.broadcast_to(scores, (len(orders), len(scores))), orders, settings)
    row = np.arange(len(orders))
    reached = chances[row, 0, first] * chances[row, 1, second]
    return float(chances[0, 0] @ clicked[0] + reached @ clicked[1, second] + reached @ (chances[:, 2] @ clicked[2]))


def _features(world: ClickWorld, household: IntArray, place: IntArray, candidate: IntArray) -> FloatArray:
    """Return what the model of rewards may see: the score, how well it sells, and the place."""
    told = (world.scores[household, candidate], world.sales[household, candidate], place == 1, place == 2)
    return np.stack([np.asarray(one, dtype=np.float64) for one in told], axis=1)


def _bought(purchases: Purchases) -> csr_array:
    """Return in how many baskets each household had each product."""
    trips, shape = purchases.products, (len(purchases.household_ids), len(purchases.product_ids))
    household = purchases.basket_household[np.repeat(np.arange(len(trips.start) - 1), np.diff(trips.start))]
    return csr_array((np.ones(len(trips.item)), (household, trips.item)), shape=shape)


def _liked_most(bought: csr_array, households: IntArray, seed: int) -> tuple[IntArray, FloatArray]:
    """Return the candidates of each household, best first, and how much it likes them, as 32 factors of all purchases tell."""
    start = np.random.default_rng(seed).normal(size=min(bought.shape))
    left, size, right = svds(bought.log1p(), k=FACTORS, v0=start)
    best, likes = [], []
    for first in range(0, len(households), AT_ONCE):
        some = households[first : first + AT_ONCE]
        told = np.asarray((left[some] * size) @ right)
        told[bought[some].toarray() > 0] = -np.inf
        best.append(np.argsort(-told, axis=1, kind="stable")[:, :CANDIDATES])
        likes.append(np.take_along_axis(told, best[-1], axis=1))
    return np.concatenate(best), np.concatenate(likes)


def _standardised(values: FloatArray) -> FloatArray:
    spread = values.std(axis=1, keepdims=True)
    return np.asarray((values - values.mean(axis=1, keepdims=True)) / np.where(spread > 0, spread, 1.0))

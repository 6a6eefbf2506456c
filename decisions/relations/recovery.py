"""How much of the demand for a product that went away came back in its category: differences from a counterfactual.

For former buyers of a product, baskets with other products of the category in the weeks after a day are foreseen from their
baskets before, the growth of each product among everybody else, and the weight of the product itself in their purchases. That
counterfactual is fitted where nothing happened (*placebos*: products that sold steadily and went on selling, on any day); what is
bought beyond it after a product went away is its *excess*. Since the placebos' buyers are chosen by the same rule as an event's,
what such a choice brings about by itself (a habit that fades, a busier household) is in the counterfactual.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import nnls

from features.category_lines import Shelf
from features.choice_occasions import LATER_DAYS, Missing, former_buyers
from features.choice_state import ShelfState

__all__ = ["HALF_RECOVERED", "Counterfactual", "Outcome", "Recovery", "fit_counterfactual", "measure_outcome", "recovery"]

BEFORE_DAYS = 91
RECENT_DAYS = 28
GROWTH_PRIOR = 5.0
LEAST_VARIANCE = 0.25
LEAST_ERROR = 0.02
LEAST_BOTH_SIDES = 20
RESAMPLES = 400
NEW_PRODUCTS = -1
HALF_RECOVERED = 0.5
"""What is thought of recovery where no event has told it."""
LEAST_TOLD = 0.5
"""Counts foreseen below say little of their variance."""


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What the former buyers of one product took of its category, by product (numbers in `products`;
    the last, -1, stands for all that were new or hardly sold before: demand goes there too).

    `after` counts baskets of the window (event day, event day + days]; `expected` are regressors of it (products x 4): baskets
    of 91 days and of 28 days, scaled to the window and by growth among all others, and the buyers' baskets with other products
    and with the missing one, both handed out by the product's popularity among others, with the same growth: who took the
    missing product by chance takes others later, but not as many as who took others. `own_before` and `own_after` are the
    missing product's own baskets, scaled likewise and counted; `own_recent` those of 28 days before, `own_later` those of 28 days
    after the window, scaled to it (None: it was not back). `growth` is what each product of the state sold among all others in
    the window over what it sold before, by day, and `newcomers` by what share more that would have been, had those among them
    who came to the missing product in the window taken others instead: while it is gone they do, so that without it the growth
    of events and of placebos is not the same (both without the row of new ones).
    """

    missing: Missing
    products: np.ndarray
    place: int
    buyers: int
    after: np.ndarray
    expected: np.ndarray
    own_before: float
    own_after: float
    own_recent: float = 0.0
    own_later: float | None = None
    growth: np.ndarray = field(default_factory=lambda: np.zeros(0))
    newcomers: np.ndarray = field(default_factory=lambda: np.zeros(0))

    def expected_if(self, recovered: float) -> np.ndarray:
        """Return `expected` where newcomers had taken others with this probability."""
        return self.expected * np.append(1 + recovered * self.newcomers, 1.0)[:, None] if self.newcomers.size else self.expected

    @property
    def both_sides(self) -> np.ndarray:
        """The missing product's baskets of 91 and 28 days before and of 28 days after, as days of the window; NaN: not back."""
        return np.array([self.own_before, self.own_recent, self.own_later], dtype=np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Counterfactual:
    """`weights` of the regressors; the variance of a sum with mean m is `spread` x m + `drift` x m²; `kept` is the part of its
    earlier baskets that a product which stays still has among its former buyers; `between` are weights of
    `Outcome.both_sides` (None: too few placebos have both); `noise` is the variance of one product's baskets over their mean;
    `recovered` is with what probability newcomers took others (`Outcome.newcomers`).
    """

    weights: np.ndarray
    spread: float
    drift: float
    kept: float
    between: np.ndarray | None = None
    noise: float = 1.0
    recovered: float = HALF_RECOVERED

    def foreseen(self, outcome: Outcome) -> np.ndarray:
        """Return the baskets of each product had nothing happened."""
        return np.asarray(outcome.expected_if(self.recovered) @ self.weights)

    def growth(self, outcome: Outcome) -> np.ndarray:
        """Return what each product sold among all others over what it sold before, without what newcomers added."""
        return outcome.growth * (1 + self.recovered * outcome.newcomers) if outcome.newcomers.size else outcome.growth

    def excess(self, outcome: Outcome) -> np.ndarray:
        """Return baskets beyond the counterfactual, by product."""
        return np.asarray(outcome.after - self.foreseen(outcome))

    def without_growth(self, outcome: Outcome) -> float:
        """Return the baskets of the category had nothing happened and nothing grown among all others."""
        growth = np.append(outcome.growth, 1.0)[:, None] if outcome.growth.size else 1.0
        return float((outcome.expected / growth @ self.weights).sum())

    def variance(self, outcome: Outcome) -> float:
        """Return the variance of the excess of the category."""
        return self.variance_of(float(self.foreseen(outcome).sum()))

    def variance_of(self, mean: float) -> float:
        """Return the variance of baskets of a category of which so many are foreseen."""
        return max(self.spread * mean + self.drift * mean**2, LEAST_VARIANCE)

    def z(self, outcome: Outcome) -> float:
        """Return the excess of the category in its standard deviations."""
        return float(self.excess(outcome).sum() / np.sqrt(self.variance(outcome)))

    def lost(self, outcome: Outcome) -> float:
        """Return the baskets that the missing product would have had, less those it had all the same (in other stores).

        What came back is measured from both sides: a season that ends, or a promotion just before, would count as lost demand.
        """
        if self.between is None or outcome.own_later is None:
            return max(self.kept * outcome.own_before - outcome.own_after, 0.0)
        return max(float(self.between @ outcome.both_sides) - outcome.own_after, 0.0)


@dataclass(frozen=True, slots=True)
class Recovery:
    """The share of lost demand that stayed in the category, with its standard error, from `events` events."""

    share: float
    error: float
    events: int


def fit_counterfactual(placebos: Sequence[Outcome], recovered: float = HALF_RECOVERED) -> Counterfactual:
    """Fit on outcomes of products that stayed; `recovered` as `Counterfactual` has it.

    Weights by least squares, none below 0, each row scaled by the root of its rough mean; `spread` and `drift` by regressing
    squared errors of whole categories; both at least 0. Raises: ValueError without placebos.
    """
    if not placebos:
        raise ValueError("a counterfactual needs placebos")
    expected = [one.expected_if(recovered) for one in placebos]
    rows = np.concatenate(expected)
    actual = np.concatenate([one.after for one in placebos])
    weights = _weights(rows, actual)
    totals = np.array([rows_of_one.sum(axis=0) for rows_of_one in expected])
    whole = np.array([one.after.sum() for one in placebos])
    # the sum over a category is what recovery rests on: no bias there
    weights = _unbiased(weights, totals, whole)
    mean = np.maximum(totals @ weights, 0.5)
    spread, drift = _variance(mean, (whole - totals @ weights) ** 2)
    before, after = (sum(getattr(one, name) for one in placebos) for name in ("own_before", "own_after"))
    noise = _noise(rows @ weights, actual)
    return Counterfactual(weights, spread, drift, after / max(before, 1e-9), _between(placebos), noise, recovered)


def recovery(counterfactual: Counterfactual, events: Sequence[Outcome], *, prior: Recovery, seed: int) -> Recovery:
    """Return the pooled recovery of events: excess of the category over lost baskets, drawn to `prior`, resampled by category.

    Each event counts by what it was to lose over the variance of what its buyers took before: a product that was little among
    much says little. The weight knows nothing of the window, growth in it included: where chance makes that large, the excess is
    small, and must not count less. The error is that of resampling, or of the counterfactual where events are few.
    """
    weight = np.array([one.own_before / counterfactual.variance_of(counterfactual.without_growth(one)) for one in events])
    excess = weight * np.array([counterfactual.excess(one).sum() for one in events])
    lost = weight * np.array([counterfactual.lost(one) for one in events])
    if lost.sum() <= 0:
        return prior
    _, group = np.unique([one.missing.category for one in events], return_inverse=True)
    groups = int(group.max()) + 1
    draws = np.random.default_rng(seed).integers(0, groups, (RESAMPLES, groups))
    gained, gone = np.bincount(group, excess, groups), np.bincount(group, lost, groups)
    resampled = gained[draws].sum(axis=1) / np.maximum(gone[draws].sum(axis=1), 1e-9)
    by_chance = np.sqrt(np.sum(weight**2 * np.array([counterfactual.variance(one) for one in events]))) / lost.sum()
    share, error = excess.sum() / lost.sum(), max(float(resampled.std()), float(by_chance), LEAST_ERROR)
    precision, pull = 1.0 / error**2, 1.0 / prior.error**2
    pooled = (share * precision + prior.share * pull) / (precision + pull)
    return Recovery(float(np.clip(pooled, 0.02, 1.0)), float((precision + pull) ** -0.5), len(events))


def measure_outcome(shelf: Shelf, state: ShelfState, missing: Missing) -> Outcome | None:
    """Return what former buyers took after a product went missing; None when the state leaves it out."""
    place = int(state.places(np.array([missing.product]))[0])
    if place < 0:
        return None
    buyers = former_buyers(state, missing, place)
    days = missing.until - missing.day
    theirs = np.isin(shelf.household, state.households[buyers])
    # whoever took the product even once before may have gone over to another: no control
    ever = np.isin(shelf.household, shelf.household[(shelf.product == missing.product) & (shelf.day <= missing.day)])
    near = state.places(shelf.product)
    age = missing.day - shelf.day
    known = near >= 0

    def counted(rows: np.ndarray) -> np.ndarray:
        return np.bincount(near[rows & known], minlength=state.products.size).astype(np.float64)

    after_rows = (shelf.day > missing.day) & (shelf.day <= missing.until)
    before_rows, recent_rows = (age >= 0) & (age < BEFORE_DAYS), (age >= 0) & (age < RECENT_DAYS)
    others_before, others_after = counted(before_rows & ~ever), counted(after_rows & ~ever)
    popularity = others_before / max(others_before.sum(), 1.0)
    usual = others_before * days / BEFORE_DAYS
    growth = (others_after + GROWTH_PRIOR) / (usual + GROWTH_PRIOR)
    newcomers = popularity * others_after[place] / (others_after + GROWTH_PRIOR)
    before, recent = counted(before_rows & theirs), counted(recent_rows & theirs)
    own = before[place] * days / BEFORE_DAYS
    total = max(before.sum(), 1.0) * days / BEFORE_DAYS
    anyway = popularity * growth
    expected = np.stack(
        [before * days / BEFORE_DAYS * growth, recent * days / RECENT_DAYS * growth, anyway * (total - own), anyway * own], axis=1
    )
    after = counted(after_rows & theirs)
    own_after = float(after[place])
    expected[place] = 0.0
    after[place] = 0.0
    fresh = after_rows & ~known & (shelf.product != missing.product)
    among_others = np.count_nonzero(fresh & ~ever) / max(others_before.sum(), 1.0)
    later = (shelf.day > missing.until) & (shelf.day <= missing.until + LATER_DAYS)
    return Outcome(
        missing,
        np.append(state.products, NEW_PRODUCTS),
        place,
        buyers.size,
        np.append(after, float(np.count_nonzero(fresh & theirs))),
        np.vstack([expected, [0.0, 0.0, *(among_others * np.array([total - own, own]))]]),
        float(own),
        own_after,
        float(recent[place] * days / RECENT_DAYS),
        float(counted(later & theirs)[place]) * days / LATER_DAYS if missing.back else None,
        growth,
        newcomers,
    )


def _between(placebos: Sequence[Outcome]) -> np.ndarray | None:
    both = [one for one in placebos if one.own_later is not None]
    if len(both) < LEAST_BOTH_SIDES:
        return None
    rows = np.array([one.both_sides for one in both])
    actual = np.array([one.own_after for one in both])
    return _unbiased(_weights(rows, actual), rows, actual)


def _weights(rows: np.ndarray, actual: np.ndarray) -> np.ndarray:
    """Return weights, none below 0, that foresee counts from columns that each speak of them."""
    size = 1.0 / np.sqrt(rows.mean(axis=1) + 0.1)
    return np.asarray(nnls(rows * size[:, None], actual * size)[0])


def _unbiased(weights: np.ndarray, rows: np.ndarray, actual: np.ndarray) -> np.ndarray:
    """Return the weights times what makes the sum that they foresee the actual one."""
    return np.asarray(weights * (actual.sum() / max(float((rows @ weights).sum()), 1e-9)))


def _noise(mean: np.ndarray, actual: np.ndarray) -> float:
    """Return the variance of counts over their mean (Pearson's statistic by count), at least 1."""
    telling = mean >= LEAST_TOLD
    if not telling.any():
        return 1.0
    return max(float(np.mean((actual[telling] - mean[telling]) ** 2 / mean[telling])), 1.0)


def _variance(mean: np.ndarray, squares: np.ndarray) -> tuple[float, float]:
    """Fit squares = spread x mean + drift x mean², weighted by 1 / mean², neither below 0."""
    columns = np.stack([np.ones(mean.size), mean], axis=1)
    spread, drift = np.linalg.lstsq(columns, squares / mean, rcond=None)[0]
    if drift < 0:
        return float((squares / mean).mean()), 0.0
    if spread < 0:
        return 0.0, float((squares / mean**2).mean())
    return float(spread), float(drift)

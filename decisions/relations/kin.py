"""By how much a lost purchase goes to products of the same type rather than to others, as events show it.

Former buyers' first choices do not tell it: most of them would have been made had the product been there. What tells it is the
excess over the counterfactual (`recovery`): of a product that went away, replacement B is bought

    mean = foreseen(B) + lost x recovery x share(B) x growth(B) x exp(kin x alike(B)) / sum of the same over replacements

more than `foreseen`, with `share` the listed share of first choices and `growth` what B sold among all others while the event
lasted, over what it sold before: what had gone as well gains nothing. `kin` is the one weight of it, found by quasi-likelihood.
Sources: McFadden, Modelling the choice of residential location, 1978 (alternatives of one nest share what is lost); Wedderburn,
Quasi-likelihood functions, generalized linear models, and the Gauss-Newton method, 1974.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from decisions.relations.doubt import Gained, known_of
from decisions.relations.recovery import Counterfactual, Outcome

__all__ = ["Gains", "GainsOfAll", "fit_kin", "gains_of_all", "towards_kin"]

PRIOR_SPREAD = 1.0
"""Standard deviation of what was thought of kin before any event was seen, around 0."""
FEWEST_EVENTS = 20
FIRST_GUESS = (0.0, 0.5)
BOUNDS = ((-3.0, 3.0), (0.01, 3.0))
LEAST_FORESEEN = 0.02
LEAST_SHARE = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Gains:
    """One event: its outcome, and by product of its state the listed share of first choices (by a model that has not seen the
    category) and how much alike the missing product each is (0 to 1). `choosers` counts the former buyers behind the shares.
    """

    outcome: Outcome
    share: np.ndarray
    alike: np.ndarray
    choosers: int


@dataclass(frozen=True, slots=True, eq=False)
class GainsOfAll:
    """Replacements in all events, a row each, event by event: `base` is share x growth, `foreseen` the baskets that would have
    been bought anyway, `counts` those that were, `lost` those of the missing product, `choosers` the former buyers behind the
    shares. `size` counts the rows of each event, `noise` is `Counterfactual.noise`.
    """

    base: np.ndarray
    alike: np.ndarray
    foreseen: np.ndarray
    counts: np.ndarray
    lost: np.ndarray
    choosers: np.ndarray
    size: np.ndarray
    noise: float

    def sums(self, values: np.ndarray) -> np.ndarray:
        """Return the sum over each row's event."""
        if not self.size.size:
            return values
        return np.repeat(np.add.reduceat(values, np.cumsum(self.size) - self.size), self.size)

    def share(self, kin: float) -> np.ndarray:
        """Return the share of what was lost that each row was to gain."""
        turned = self.base * np.exp(kin * self.alike)
        return np.asarray(turned / self.sums(turned))

    def told(self, kin: float, recovery: float) -> Gained:
        """Return what was to be gained, and what was."""
        share = self.share(kin)
        return Gained(share, self.lost * recovery * share, self.foreseen, self.counts, known_of(self.choosers), self.noise)


def towards_kin(share: np.ndarray, alike: np.ndarray, kin: float) -> np.ndarray:
    """Return shares (of products, summing to 1) with the odds of what is alike multiplied by exp(kin)."""
    turned = share * np.exp(kin * alike)
    return np.asarray(turned / max(float(turned.sum()), np.finfo(np.float64).tiny))


def gains_of_all(events: Sequence[Gains], counterfactual: Counterfactual) -> GainsOfAll:
    """Return the rows of those events in which something was lost.

    Args:
        events: products that went away.
        counterfactual: what would have been.
    """
    parts = [part for one in events if (part := _part(one, counterfactual)) is not None]
    base, alike, foreseen, counts, lost, choosers = np.concatenate([np.zeros((6, 0)), *parts], axis=1)
    size = np.array([part.shape[1] for part in parts], dtype=np.int64)
    return GainsOfAll(base, alike, foreseen, counts, lost, choosers, size, counterfactual.noise)


def fit_kin(gains: GainsOfAll) -> float:
    """Return the weight that foresees best what was gained; 0 where there are few events."""
    if gains.size.size < FEWEST_EVENTS:
        return 0.0

    def loss(guess: np.ndarray) -> tuple[float, np.ndarray]:
        kin, recovery = guess
        share = gains.share(kin)
        gain = gains.lost * recovery * share
        mean = gains.foreseen + gain
        slope = (1 - gains.counts / mean) * gain / gains.noise
        value = float(np.sum(mean - gains.counts * np.log(mean))) / gains.noise + (kin / PRIOR_SPREAD) ** 2 / 2
        by_kin = float(np.sum(slope * (gains.alike - gains.sums(share * gains.alike)))) + kin / PRIOR_SPREAD**2
        return value, np.array([by_kin, float(slope.sum()) / recovery])

    found = minimize(loss, FIRST_GUESS, jac=True, method="L-BFGS-B", bounds=BOUNDS)
    return float(np.round(found.x[0], 6))


def _part(event: Gains, counterfactual: Counterfactual) -> np.ndarray | None:
    """Return base, alike, foreseen, counts, lost and choosers (rows) of an event's replacements; None where nothing was lost."""
    outcome = event.outcome
    lost = counterfactual.lost(outcome)
    # the last row of an outcome stands for all that is new
    base = event.share * counterfactual.growth(outcome)
    kept = base > LEAST_SHARE
    if lost <= 0 or not kept.any():
        return None
    foreseen = np.maximum(counterfactual.foreseen(outcome)[:-1][kept], LEAST_FORESEEN)
    of_event = (np.full(foreseen.size, float(figure)) for figure in (lost, event.choosers))
    return np.stack([base[kept], event.alike[kept], foreseen, outcome.after[:-1][kept], *of_event])

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

from decisions.relations.recovery import Counterfactual, Outcome

__all__ = ["Gains", "fit_kin", "gained", "towards_kin"]

PRIOR_SPREAD = 1.0
"""Standard deviation of what was thought of kin before any event, around 0: alike or not, it is the shares that tell."""
FEWEST_EVENTS = 20
FIRST_GUESS = (0.0, 0.5)
BOUNDS = ((-3.0, 3.0), (0.01, 3.0))
LEAST_FORESEEN = 0.02
LEAST_SHARE = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Gains:
    """One event: its outcome, and by product of its state the listed share of first choices (by a model that has not seen the
    category) and how much alike the missing product each is (0 to 1).
    """

    outcome: Outcome
    share: np.ndarray
    alike: np.ndarray


def towards_kin(share: np.ndarray, alike: np.ndarray, kin: float) -> np.ndarray:
    """Return shares (of products, summing to 1) with the odds of what is alike multiplied by exp(kin)."""
    turned = share * np.exp(kin * alike)
    return np.asarray(turned / max(float(turned.sum()), np.finfo(np.float64).tiny))


def fit_kin(events: Sequence[Gains], counterfactual: Counterfactual) -> float:
    """Return the weight that foresees best what was gained; 0 where there are few events.

    Args:
        events: products that went away.
        counterfactual: what would have been.
    """
    parts = [part for one in events if (part := _part(one, counterfactual)) is not None]
    if len(parts) < FEWEST_EVENTS:
        return 0.0
    base, alike, foreseen, counts, lost = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    size = np.array([part[0].size for part in parts])
    start = np.cumsum(size) - size
    noise = counterfactual.noise

    def sums(values: np.ndarray) -> np.ndarray:
        return np.repeat(np.add.reduceat(values, start), size)

    def loss(guess: np.ndarray) -> tuple[float, np.ndarray]:
        kin, recovery = guess
        share = base * np.exp(kin * alike)
        share /= sums(share)
        gain = lost * recovery * share
        mean = foreseen + gain
        slope = (1 - counts / mean) * gain / noise
        value = float(np.sum(mean - counts * np.log(mean))) / noise + (kin / PRIOR_SPREAD) ** 2 / 2
        by_kin = float(np.sum(slope * (alike - sums(share * alike)))) + kin / PRIOR_SPREAD**2
        return value, np.array([by_kin, float(slope.sum()) / recovery])

    found = minimize(loss, FIRST_GUESS, jac=True, method="L-BFGS-B", bounds=BOUNDS)
    return float(np.round(found.x[0], 6))


def gained(
    events: Sequence[Gains], counterfactual: Counterfactual, kin: float, recovery: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return, of all replacements in all events: the share of what was lost, the baskets that it was to gain by it, those that it
    would have had anyway, and those that it had.
    """
    found = [np.zeros((4, 0))]
    for one in events:
        part = _part(one, counterfactual)
        if part is not None:
            base, alike, foreseen, counts, lost = part
            share = towards_kin(base, alike, kin)
            found.append(np.stack([share, lost * recovery * share, foreseen, counts]))
    share, told, foreseen, counts = np.concatenate(found, axis=1)
    return share, told, foreseen, counts


def _part(event: Gains, counterfactual: Counterfactual) -> tuple[np.ndarray, ...] | None:
    """Return the rows of an event: base, alike, foreseen, counts and lost of each replacement; None where nothing was lost."""
    outcome = event.outcome
    lost = counterfactual.lost(outcome)
    # the last row of an outcome stands for all that is new
    base = event.share * outcome.growth
    kept = base > LEAST_SHARE
    if lost <= 0 or not kept.any():
        return None
    foreseen = np.maximum(counterfactual.foreseen(outcome)[:-1][kept], LEAST_FORESEEN)
    return base[kept], event.alike[kept], foreseen, outcome.after[:-1][kept], np.full(int(kept.sum()), lost)

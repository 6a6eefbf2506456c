"""How far predicted shares of first choices are from the true ones: a gamma law, learned on choices the model was not fitted on.

The number of former buyers that took a product is Poisson with mean n x share x error, the error gamma distributed with mean 1
and shape `precision(share)`; so counts are negative binomial, and the shape is found by maximum likelihood. An interval is then
the gamma's, after the product's own events were heard (gamma and Poisson are conjugate). Sources: Greenwood and Yule, An inquiry
into the nature of frequency distributions, 1920; DuMouchel, Bayesian data mining in large frequency tables, 1999.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy import special
from scipy.optimize import bisect, minimize, minimize_scalar

from decisions.relations.intervals import Estimate, rounded
from decisions.relations.recovery import Recovery

__all__ = ["Gained", "ShareDoubt", "fit_doubt", "known_of", "widened_by_gains"]

TAIL = 0.05
FIRST_GUESS = np.array([1.0, 0.3, 0.0, 1.0])
PRIOR_SPREAD = np.array([1.0, 1.0, 0.3, 0.3])
TELLING_COUNT = 1.0
"""Counts foreseen below say nothing of an error in the share."""
FEWEST_TELLING = 100
SHIFT_SPREAD = 0.3
"""Standard deviation of what was thought, before any gain was seen, of how far first choices mislead about the precision."""
WIDEST_SHIFT = 2.0
COIN_SEED = 11
PRIOR_BUYERS = 6.0
LEAST_LOG_PRECISION, MOST_LOG_PRECISION = -1.5, 6.0


@dataclass(frozen=True, slots=True)
class ShareDoubt:
    """log precision = `level` + `slope` x log(100 x share), held between -1.5 and 6.

    What is told is exp(`scale`) x share ** `power`: a power below 1 takes back what the largest of many predictions owe to
    chance.
    """

    level: float
    slope: float
    scale: float = 0.0
    power: float = 1.0

    def told(self, share: np.ndarray) -> np.ndarray:
        """Return predicted shares put right (0 to 1)."""
        return np.asarray(np.minimum(np.exp(self.scale) * np.maximum(share, 1e-12) ** self.power, 1.0))

    def precision(self, share: np.ndarray) -> np.ndarray:
        """Return the gamma's shape for predicted shares (0 to 1)."""
        log = self.level + self.slope * np.log(np.maximum(100 * share, 1e-6))
        return np.asarray(np.exp(np.clip(log, LEAST_LOG_PRECISION, MOST_LOG_PRECISION)))

    def estimate(
        self, share: np.ndarray, recovery: Recovery, seen: np.ndarray, expected: np.ndarray, known: np.ndarray | float
    ) -> Estimate:
        """Return share x recovery with its 90 % interval.

        Args:
            share: predicted shares of first choices.
            recovery: the part of the demand that stays in the category.
            seen: first choices in the missing product's own events (0 without).
            expected: as many as the shares foresaw there.
            known: what the precision is multiplied with where there are few former buyers (`known_of`).
        """
        shape, right = self.precision(share) * known, self.told(share)
        expected = expected * right / np.maximum(share, 1e-12)
        mean = (shape + seen) / (shape + expected)
        # the doubt about recovery joins in: relative variances add
        joint = 1.0 / (1.0 / (shape + seen) + (recovery.error / max(recovery.share, 1e-9)) ** 2)
        low, high = (special.gammaincinv(joint, tail) / joint for tail in (TAIL, 1 - TAIL))
        value = np.minimum(right * recovery.share * mean, 1.0)
        return Estimate(
            rounded(value), rounded(value * np.minimum(low, 1.0)), rounded(np.minimum(value * np.maximum(high, 1.0), 1.0))
        )


@dataclass(frozen=True, slots=True, eq=False)
class Gained:
    """What products gained in events, a row each: the `share` of what was lost that it was to gain, as baskets (`told`), baskets
    that it would have had anyway (`without`), baskets that it had (`counts`), and how well the event's buyers are `known`
    (`known_of`). `noise` is `Counterfactual.noise`.
    """

    share: np.ndarray
    told: np.ndarray
    without: np.ndarray
    counts: np.ndarray
    known: np.ndarray
    noise: float


def known_of(buyers: np.ndarray) -> np.ndarray:
    """Return how well so many former buyers stand for all that there could be: n / (n + 6), as where their share is drawn."""
    return np.asarray(buyers / (buyers + PRIOR_BUYERS))


def fit_doubt(counts: np.ndarray, expected: np.ndarray, share: np.ndarray, known: np.ndarray | float = 1.0) -> ShareDoubt:
    """Fit on products of many events: how often each was taken first, how often it was foreseen, its predicted share, and how
    well its event's buyers are known (`known_of`).

    After the likelihood, the level is moved until 90 % of the counts lie within their central 90 % (randomised at the ends, since
    counts are whole): conformal, where the law's tails are not the data's. Sources: Vovk, Gammerman and Shafer, Algorithmic
    learning in a random world, 2005; of the randomised probabilities: Dunn and Smyth, Randomized quantile residuals, 1996.
    """
    people, known = expected / np.maximum(share, 1e-12), np.broadcast_to(known, share.shape)

    def loss(guess: np.ndarray) -> float:
        doubt = ShareDoubt(*guess)
        shape, mean = doubt.precision(share) * known, people * doubt.told(share)
        likelihood = (
            special.gammaln(counts + shape)
            - special.gammaln(shape)
            + shape * np.log(shape / (shape + mean))
            + counts * np.log(np.maximum(mean / (shape + mean), 1e-12))
        )
        return -float(likelihood.sum()) + float(np.sum(((guess - FIRST_GUESS) / PRIOR_SPREAD) ** 2)) / 2

    found = minimize(loss, FIRST_GUESS, method="Nelder-Mead", options={"xatol": 1e-4, "fatol": 1e-4, "maxiter": 800})
    likely = ShareDoubt(*(float(one) for one in found.x))
    mean = people * likely.told(share)
    telling = mean >= TELLING_COUNT
    if telling.sum() < FEWEST_TELLING:
        return _rounded(likely, 0.0)
    return _rounded(likely, _shift(np.round(counts[telling]), mean[telling], (share[telling], known[telling]), likely))


def widened_by_gains(doubt: ShareDoubt, gained: Gained) -> ShareDoubt:
    """Return the doubt with its level lowered where what products gained in events was further off than it says.

    First choices are mostly those that would have been made anyway, and these are foreseen better than what is gained. Counts
    have the variance noise x mean + told² / precision; the level is found by normal quasi-likelihood, drawn to where it was. Of
    two witnesses the more doubtful is believed: gains alone are too few to raise the level.
    """
    if gained.share.size < FEWEST_TELLING:
        return doubt
    mean = gained.without + gained.told
    squares = (gained.counts - mean) ** 2
    own = gained.told**2 / (doubt.precision(gained.share) * gained.known)

    def loss(shift: float) -> float:
        variance = gained.noise * mean + own * np.exp(-shift)
        return float(np.sum(np.log(variance) + squares / variance)) / 2 + (shift / SHIFT_SPREAD) ** 2 / 2

    found = minimize_scalar(loss, bounds=(-WIDEST_SHIFT, WIDEST_SHIFT), method="bounded", options={"xatol": 1e-4})
    return _rounded(doubt, min(float(found.x), 0.0))


def _shift(counts: np.ndarray, expected: np.ndarray, of: tuple[np.ndarray, np.ndarray], likely: ShareDoubt) -> float:
    """Return what the level must be moved by for 90 % of the counts to be covered; `of`: shares, and how well known."""
    share, known = of
    uniform = np.random.default_rng(COIN_SEED).random(counts.size)

    def missed(shift: float) -> float:
        shape = replace(likely, level=likely.level + shift).precision(share) * known
        success = shape / (shape + expected)
        below = special.betainc(shape, np.maximum(counts, 1), success) * (counts > 0)
        at = special.betainc(shape, counts + 1, success) - below
        place = below + uniform * at
        return float(np.mean((place < TAIL) | (place > 1 - TAIL))) - 2 * TAIL

    if missed(-WIDEST_SHIFT) > 0:
        return -WIDEST_SHIFT
    return float(bisect(missed, -WIDEST_SHIFT, WIDEST_SHIFT, xtol=1e-3)) if missed(WIDEST_SHIFT) > 0 else WIDEST_SHIFT


def _rounded(doubt: ShareDoubt, shift: float) -> ShareDoubt:
    figures = (doubt.level + shift, doubt.slope, doubt.scale, doubt.power)
    return ShareDoubt(*(float(np.round(one, 6)) for one in figures))

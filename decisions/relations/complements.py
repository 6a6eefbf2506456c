"""`isComplementTo`: products of another category that a household takes on the same trip, beyond its own habits."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from scipy import sparse, special

from decisions.relations.edges import Candidates, best_of_target
from decisions.relations.intervals import common_departure, count_beyond
from decisions.relations.observed import Observed
from features.basket_pairs import expected_together
from features.name_likeness import LEAST_LIKENESS

__all__ = ["UNIT", "complements"]

UNIT = "attach_rate_gain"
"""Baskets with both products beyond those expected, per basket with the target."""

FALSE_DISCOVERIES = 0.1
LEAST_BASKETS = 20

CLOSENESS_BASKETS = 1.0
"""A pair at closeness 1 is credited with one more basket."""

LEAST_LIFT = 1.05
"""Who meets less than a twentieth more often than foreseen is no complement, however sure that much is."""

ENOUGH_EXPECTED = 20.0
"""Pairs expected in fewer baskets tell nothing of how far expectations are off: they are here because they met often."""

FEWEST_TELLING = 200
"""Of fewer pairs, those that are complements would be taken for what is usual."""

MEETINGS_AT_ONCE = 500
"""Pairs whose single baskets are looked into together: bounds the memory where best sellers meet."""


def complements(observed: Observed, pairs: pa.Table, closeness: np.ndarray, *, per_product: int) -> Candidates:
    """Return the strongest complements of each product (the target), by gain in attach rate.

    Expected is how often the two would meet if, within each household's trips of like size, they fell independently: what
    a household likes anyway, and large trips, are taken off. Only pairs of two known, different categories take part (of
    products without any: pairs of unlike names), and of these the discoveries (`_discoveries`) with a gain above 0 with 95 %
    probability. A gain is the baskets beyond those that other trips of the same household foresee (`_foreseen`), per basket
    with the target. It is not drawn to 0: a discovery is no chance, and what is rare would lose most of its gain, as where
    16 baskets are met and 2 expected. Its interval holds the doubt of counts, and how far such gains usually move within the
    time observed (`_departure`).

    An association: it does not say that selling one sells the other.

    Args:
        observed: the facts.
        pairs: as `features.basket_pairs.basket_pairs` gives them.
        closeness: of each pair, from 0 to 1 (`closeness.Closeness`).
        per_product: how many complements a product keeps.
    """
    across = _across_categories(observed, pairs)
    pairs, closeness = pairs.filter(pa.array(across)), closeness[across]
    ends, together = (pairs["first"].to_numpy(), pairs["second"].to_numpy()), pairs["baskets"].to_numpy()
    sure = _sure(observed, ends, together, _expected(observed, *ends))
    return _strongest(observed, pairs.filter(pa.array(sure)), CLOSENESS_BASKETS * closeness[sure], per_product)


def _strongest(observed: Observed, pairs: pa.Table, credited: np.ndarray, per_product: int) -> Candidates:
    """Return the gains of the discoveries in both directions, the strongest of each target."""
    first, second, together = (pairs[name].to_numpy() for name in ("first", "second", "baskets"))
    themselves, late = _other_trips(observed, first, second)
    foreseen = _foreseen(observed, (first, second), themselves)
    days = (pairs[name].cast(pa.int32()).to_numpy() for name in ("first_day", "last_day"))
    beyond = count_beyond(together, foreseen, credited)
    both = Candidates(first, second, beyond, together, pairs["households"].to_numpy(), *days).with_reverse()
    gains = both.with_estimate(both.estimate.times(1 / observed.baskets_of()[both.target]))
    departure = _departure(observed, both.target, (np.tile(late, 2), both.events), both.estimate.value)
    likely = gains.take(gains.estimate.low > 0.0)
    likely = likely.with_estimate(likely.estimate.moved(departure))
    return likely.take(best_of_target(likely.source, likely.target, likely.estimate.value, per_product))


def _expected(observed: Observed, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the baskets expected to hold both: by household and size of trip, times what a season in common adds."""
    taste = expected_together(observed.by_household_stratum, observed.household_stratum_trips, first, second)
    return np.asarray(taste * _season_in_common(observed, first, second))


def _season_in_common(observed: Observed, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    sized = expected_together(observed.by_stratum, observed.stratum_trips, first, second)
    in_season = expected_together(observed.by_period_stratum, observed.period_stratum_trips, first, second)
    return np.asarray(in_season / np.maximum(sized, 1e-12))


def _foreseen(observed: Observed, pair: tuple[np.ndarray, np.ndarray], themselves: np.ndarray) -> np.ndarray:
    """Return the baskets with both that the household's other trips foresee.

    Of a household's N trips n_a hold one product, n_b the other and n_ab both: (n_a * n_b - n_ab) / (N - 1) are expected. With
    n_a * n_b / N each meeting is also counted among the reasons for itself, and 1/N of every gain is lost; that is right
    where chance alone is asked about (`_sure`), and too little where a gain is told. A household's only trip tells nothing,
    so that what it holds is expected.

    Args:
        observed: the facts.
        pair: both ends.
        themselves: the sum of n_ab / (N - 1).
    """
    apart = expected_together(observed.by_household_stratum, observed.household_stratum_trips - 1, *pair)
    return np.asarray((apart - themselves) * _season_in_common(observed, *pair))


def _other_trips(observed: Observed, first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return of each pair, over its baskets, the sum of 1 / (N - 1) (`_foreseen`), and how many are of the later half."""
    others = observed.household_stratum_trips[observed.cell] - 1
    share = np.where(others > 0, 1.0 / np.maximum(others, 1), 0.0)
    later = _later_half(observed)
    found = [np.zeros((2, 0)), *(np.stack([met @ share, met @ later]) for met in _meetings(observed.bought, first, second))]
    themselves, late = np.concatenate(found, axis=1)
    return themselves, late


def _meetings(bought: sparse.csr_array, first: np.ndarray, second: np.ndarray) -> Iterator[sparse.csr_array]:
    """Yield the baskets with both products (ones, by pair and basket), some pairs at a time."""
    for at in range(0, first.size, MEETINGS_AT_ONCE):
        part = slice(at, at + MEETINGS_AT_ONCE)
        yield bought[first[part]].multiply(bought[second[part]]).tocsr()


def _departure(observed: Observed, target: np.ndarray, baskets: tuple[np.ndarray, np.ndarray], beyond: np.ndarray) -> float:
    """Return how far the gain of the last day departs from that of all the time, beyond chance, as a share of it.

    An edge is told as of a day and measured over months: assortment, prices and promotions move what it says. What moves
    steadily, or by a random walk, ends as far off its mean (in variance) as its two halves are apart; so halves are compared,
    by the share of the target's baskets that hold the source. One figure for all discoveries: a single pair has too few
    baskets.

    Args:
        observed: the facts.
        target: of each edge.
        baskets: with both, of the later half and of all the time.
        beyond: those beyond the foreseen ones.
    """
    late, together = baskets
    with_target = observed.baskets_of()[target]
    late_target = (observed.bought @ _later_half(observed))[target]
    told = (late_target > 0) & (late_target < with_target) & (beyond > 0)
    late, together, beyond, late_target, with_target = (
        column[told] for column in (late, together, beyond, late_target, with_target)
    )
    share = late_target / with_target
    difference = (late / share - (together - late) / (1 - share)) / beyond
    chance = together / (share * (1 - share)) / beyond**2
    return common_departure(difference, chance)


def _later_half(observed: Observed) -> np.ndarray:
    """Mark the baskets of the later half of the days (ones and zeros)."""
    day = observed.day
    return np.asarray(2 * day > int(day.min()) + int(day.max()) if day.size else day, dtype=np.float64)


def _unexplained(together: np.ndarray, expected: np.ndarray) -> float:
    """Return by what share pairs depart from what is expected of them, beyond chance: the standard deviation of their ratios.

    Households, trip sizes and seasons do not explain all that brings products together: what is listed in the same weeks
    and stores, or promoted together, meets more often. The more baskets, the surer chance alone would be ruled out for any such
    pair, as small as its departure may be. Nearly all pairs are no complements, so what they depart by is what chance must be
    compared with; of too few pairs, nothing is said (0). Source: Efron, Large-scale simultaneous hypothesis testing: the choice
    of a null hypothesis, 2004.
    """
    told = expected >= ENOUGH_EXPECTED
    if np.count_nonzero(told) < FEWEST_TELLING:
        return 0.0
    return common_departure(together[told] / expected[told] - 1.0, 1.0 / expected[told])


def _sure(observed: Observed, pairs: tuple[np.ndarray, np.ndarray], together: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Return the discoveries among pairs that popularity brings together anyway, and among the others: most of the millions of
    pairs could never meet often, and must not hide those that could. Source: Efron, Simultaneous inference: when should
    hypothesis testing problems be combined?, 2008.
    """
    frequent, of_frequent, of_rare = _frequent_enough(observed, *pairs)
    unexplained = _unexplained(together, expected)
    found = np.zeros(together.size, dtype=bool)
    for chosen, compared in ((frequent, of_frequent), (~frequent, of_rare)):
        found[chosen] = _discoveries(together[chosen], LEAST_LIFT * expected[chosen], compared, unexplained)
    return found


def _discoveries(together: np.ndarray, expected: np.ndarray, pairs: int, unexplained: float) -> np.ndarray:
    """Return which pairs meet too often for chance, so that of those named a tenth at most are expected to be chance's.

    Of so many pairs compared, thousands pass any test of one pair alone. Source: Benjamini and Hochberg, Controlling the false
    discovery rate, 1995.

    Args:
        together: baskets with both.
        expected: the most that is no discovery.
        pairs: how many were compared, those that met in too few baskets to be here included.
        unexplained: by what share expectations are off (`_unexplained`).
    """
    chance = _chance(np.maximum(together, 1), np.maximum(expected, 1e-12), unexplained)
    order = np.argsort(chance, kind="stable")
    passed = np.flatnonzero(chance[order] <= FALSE_DISCOVERIES * np.arange(1, order.size + 1) / max(pairs, 1))
    found = np.zeros(together.size, dtype=bool)
    if passed.size:
        found[order[: passed[-1] + 1]] = True
    return found


def _chance(together: np.ndarray, expected: np.ndarray, unexplained: float) -> np.ndarray:
    """Return the probability of so many meetings or more: Poisson, with a mean that is itself gamma distributed about
    `expected` with the standard deviation `unexplained` times that (together negative binomial).
    """
    if unexplained == 0.0:
        return np.asarray(special.gammainc(together, expected))
    shape = unexplained**-2.0
    return np.asarray(special.betainc(together, shape, expected / (expected + shape)))


def _frequent_enough(observed: Observed, first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, int, int]:
    """Return which pairs popularity alone would bring together once or more, and how many there are of these and of the others.

    Only products with as many baskets as a pair needs are counted.
    """
    baskets, trips = observed.baskets_of(), max(observed.day.size, 1)
    often = np.sort(baskets[baskets >= LEAST_BASKETS])
    partners = often.size - np.maximum(np.searchsorted(often, trips / often, side="left"), np.arange(1, often.size + 1))
    likely, pairs = int(np.maximum(partners, 0).sum()), often.size * (often.size - 1) // 2
    return baskets[first] * baskets[second] >= trips, likely, pairs - likely


def _across_categories(observed: Observed, pairs: pa.Table) -> np.ndarray:
    first, second = pairs["first"].to_numpy(), pairs["second"].to_numpy()
    codes, names = observed.category_codes, observed.names
    across = (codes[first] != codes[second]) & (codes[first] >= 0) & (codes[second] >= 0)
    by_name = names.named()[first] & names.named()[second]
    across[by_name] = names.of(first[by_name], second[by_name]) < LEAST_LIKENESS
    return np.asarray(across)

"""Where demand goes when products leave together: an absorbing Markov chain over products.

What would have bought a product that leaves goes on to another with the diversion ratio between the two; where that one leaves
too, on to its replacements, and so on, until it meets a product that stays, or leaves the shop. For a multinomial logit this is
exact, for other choices a close approximation. Source: Blanchet, Gallego and Goyal, A Markov chain approximation to choice
modeling, 2016. The limit is solved for, not iterated: the same figures always, never more than was lost.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse

__all__ = ["Doubts", "Flow", "Leaving", "Wanted", "demand_variance"]

DEMAND_TOGETHER = 0.25
"""How far errors of products' forecasts go together: between the error of a category and of its products it is .1 in the demo's
back-test; taken larger, since a sum that is too sure misleads more than one that is too wide."""


SOURCE_TOGETHER = 0.3
"""How far errors of one replacement go together for all that it replaces: so that intervals of simulated worlds hold where
several products leave together. Nothing changes for one alone.
"""
LEAST_LEFT = 0.01
"""A share that is nearly all of it is taken to leave a tenth to others: its square."""


@dataclass(frozen=True, slots=True, eq=False)
class Leaving:
    """n products that leave one group of stores together, with their e edges.

    Args:
        units, deviation: what each would have sold, and the standard deviation of that (n).
        missing: by edge the place (0 to n) of the product that leaves; ascending.
        source: by edge the position of what replaces it, in the graph.
        inner: by edge the place of the source among those that leave, -1 where it stays.
        ratio: by edge the diversion ratio.
        variance: by edge the relative variance of that ratio, everything counted.
        rest: the share that stays in the category with products that no edge of the product names (n).
        inside: of that rest, what part goes to the others that leave (n x n).
        named: the positions of what edges of any of them name and that stays (m), ascending.
        beside: of that rest, what part goes to each of those (n x m); with `inside`, rows sum to 1 at most.
    """

    units: np.ndarray
    deviation: np.ndarray
    missing: np.ndarray
    source: np.ndarray
    inner: np.ndarray
    ratio: np.ndarray
    variance: np.ndarray
    rest: np.ndarray
    inside: np.ndarray
    named: np.ndarray
    beside: np.ndarray


@dataclass(frozen=True, slots=True)
class Doubts:
    """Relative standard deviations: of the recovery of all products, and of a product's own about it."""

    shared: float
    own: float


@dataclass(frozen=True, slots=True, eq=False)
class Wanted:
    """Sums whose doubt is asked for (K): weights of the sources (m x K), of the rest and of leaving (K each), and of the
    units that are lost themselves (n x K; None: nothing).
    """

    of_sources: np.ndarray
    of_rest: np.ndarray
    of_leaving: np.ndarray
    of_lost: np.ndarray | None = None


class Flow:
    """What one group of stores loses, and where it ends. Values are in units."""

    def __init__(self, leaving: Leaving, doubts: Doubts) -> None:
        self._of = leaving
        self._doubts = doubts
        self.sources = leaving.named
        self._at = np.searchsorted(leaving.named, leaving.source[leaving.inner < 0])

    @cached_property
    def _outer(self) -> np.ndarray:
        return np.asarray(self._of.inner < 0)

    @cached_property
    def stay(self) -> np.ndarray:
        """The share of each product's demand that stays in the category at the first step (n)."""
        return np.asarray(_by_missing(self._of, self._of.ratio) + self._of.rest)

    @cached_property
    def _passes(self) -> np.ndarray:
        """What part of each goes on to others that leave (n x n)."""
        of, size = self._of, self._of.units.size
        inner = ~self._outer
        listed = np.zeros((size, size))
        np.add.at(listed, (of.missing[inner], of.inner[inner]), of.ratio[inner])
        return np.asarray(listed + of.rest[:, None] * of.inside)

    @cached_property
    def visits(self) -> np.ndarray:
        """Units that come to each product and do not find it: its own, and what others that leave pass on (n)."""
        return np.asarray(np.linalg.solve(np.eye(self._of.units.size) - self._passes.T, self._of.units))

    @cached_property
    def _rest_out(self) -> np.ndarray:
        return np.asarray(self._of.rest * (1 - self._of.inside.sum(axis=1) - self._of.beside.sum(axis=1)))

    @cached_property
    def gained(self) -> np.ndarray:
        """What each of `sources` picks up."""
        return self._summed(self.visits)

    @cached_property
    def passed_on(self) -> np.ndarray:
        """The part of it that went to another that leaves first."""
        return self._summed(self.visits - self._of.units)

    @property
    def elsewhere(self) -> float:
        """What stays in the category with products that no edge names."""
        return float(self.visits @ self._rest_out)

    @property
    def leaves(self) -> float:
        """What leaves the shop."""
        return float(self.visits @ (1 - self.stay))

    @cached_property
    def leaving_share(self) -> np.ndarray:
        """The share of each product's own demand that leaves the shop in the end (n)."""
        return np.asarray(np.linalg.solve(np.eye(self._of.units.size) - self._passes, 1 - self.stay))

    def deviations(self, wanted: Wanted) -> np.ndarray:
        """Return the standard deviations of sums by part of doubt (4 x K): each edge's own, each product's recovery, the recovery
        of all, and demand.

        First order in each error (a chain's own derivative: visits times the change of a step times what follows). A larger
        share of one replacement is a smaller one of the others: within a product only differences from its mean count. Errors of
        one replacement go together in part for all that it replaces: what makes it a favourite for one does so for others.
        """
        of, sums = self._of, wanted.of_rest.size
        outer = self._outer
        one_step = np.zeros((of.units.size, sums))
        np.add.at(one_step, of.missing[outer], of.ratio[outer, None] * wanted.of_sources[self._at])
        one_step += self._rest_out[:, None] * wanted.of_rest + (1 - self.stay)[:, None] * wanted.of_leaving
        one_step += of.rest[:, None] * (of.beside @ wanted.of_sources)
        to_go = np.linalg.solve(np.eye(of.units.size) - self._passes, one_step)
        along = np.zeros((of.ratio.size, sums))
        along[outer] = wanted.of_sources[self._at]
        along[~outer] = to_go[of.inner[~outer]]
        outside = 1 - of.inside.sum(axis=1) - of.beside.sum(axis=1)
        of_rest = outside[:, None] * wanted.of_rest + of.inside @ to_go + of.beside @ wanted.of_sources
        kept = _by_missing(of, of.ratio[:, None] * along) + of.rest[:, None] * of_rest
        mean = kept / np.maximum(self.stay, 1e-12)[:, None]
        turned = self.visits[:, None] * self.stay[:, None] * (mean - wanted.of_leaving)
        moved = (self.visits[of.missing] * of.ratio)[:, None] * (along - mean[of.missing])
        moved_rest = (self.visits * of.rest)[:, None] * (of_rest - mean)
        edge, rest = self._own_variances
        together = ((self._by_source @ (np.sqrt(edge)[:, None] * moved)) ** 2).sum(axis=0)
        own = SOURCE_TOGETHER * together + (1 - SOURCE_TOGETHER) * (edge @ moved**2) + self._of_rest(rest, moved_rest)
        product = self._doubts.own**2 * (turned**2).sum(axis=0)
        shared = self._doubts.shared**2 * turned.sum(axis=0) ** 2
        of_demand = of.deviation[:, None] * (to_go if wanted.of_lost is None else to_go + wanted.of_lost)
        return np.asarray(np.sqrt(np.stack([own, product, shared, demand_variance(of_demand)])))

    def _of_rest(self, variance: np.ndarray, moved: np.ndarray) -> np.ndarray:
        """Return the variance of sums by what is left over: for what counts it, as large as it is at least."""
        held = np.where(moved > 0, np.maximum(variance, 1.0)[:, None], variance[:, None])
        return np.asarray((held * moved**2).sum(axis=0))

    @cached_property
    def _by_source(self) -> sparse.csr_array:
        """Ones where an edge is of a source (sources x e)."""
        _, at = np.unique(self._of.source, return_inverse=True)
        return sparse.csr_array((np.ones(at.size), (at, np.arange(at.size))), shape=(int(at.max(initial=-1)) + 1, at.size))

    @cached_property
    def _own_variances(self) -> tuple[np.ndarray, np.ndarray]:
        """Relative variances of edges' shares, and of the rest's, beyond what doubt about recovery explains.

        An edge's variance is that of a share among others that are as doubtful as it. The rest is as doubtful as the most
        doubtful edge.
        """
        of = self._of
        stay = np.maximum(self.stay, 1e-12)
        share, rest = of.ratio / stay[of.missing], of.rest / stay
        beyond = np.maximum(of.variance - self._doubts.shared**2 - self._doubts.own**2, 0.0)
        squares = (_by_missing(of, share**2) + rest**2)[of.missing]
        alone = beyond / np.maximum(1 - 2 * share + squares, LEAST_LEFT)
        widest = np.zeros(of.units.size)
        np.maximum.at(widest, of.missing, alone)
        return alone, widest

    def _summed(self, units: np.ndarray) -> np.ndarray:
        of = self._of
        picked = (units[of.missing] * of.ratio)[self._outer]
        named = np.bincount(self._at, picked, self.sources.size) if picked.size else np.zeros(self.sources.size)
        return np.asarray(named + (units * of.rest) @ of.beside)


def demand_variance(deviations: np.ndarray) -> np.ndarray:
    """Return the variance of sums over products (the first axis) from the standard deviations of what each would have sold."""
    together, apart = deviations.sum(axis=0) ** 2, (deviations**2).sum(axis=0)
    return np.asarray(DEMAND_TOGETHER * together + (1 - DEMAND_TOGETHER) * apart)


def _by_missing(of: Leaving, values: np.ndarray) -> np.ndarray:
    """Return sums over the edges of each product that leaves."""
    gather = sparse.csr_matrix(
        (np.ones(of.missing.size), (of.missing, np.arange(of.missing.size))), shape=(of.units.size, of.missing.size)
    )
    return np.asarray(gather @ values)

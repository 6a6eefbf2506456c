"""One answer from the flows of all groups of stores: who picks up how much, and sums with their intervals."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from decisions.substitution.amounts import amount, amounts
from decisions.substitution.contract import Amount
from decisions.substitution.flows import Wanted, demand_variance
from decisions.substitution.groups import Part

__all__ = ["Picked", "Totals"]


@dataclass(frozen=True, slots=True, eq=False)
class Picked:
    """What one product picks up: position, units, those passed on, and the row of the edge that brings most of it."""

    source: int
    units: float
    passed_on: float
    row: int


class Totals:
    """Sums over groups of stores. Doubts of one kind are taken to go together from group to group: the widest case."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self._parts = parts

    @cached_property
    def picked(self) -> tuple[Picked, ...]:
        """Who picks up anything, the most units first, then by position."""
        sources = np.unique(np.concatenate([part.flow.sources for part in self._parts]))
        units, passed = np.zeros(sources.size), np.zeros(sources.size)
        for part in self._parts:
            at = np.searchsorted(sources, part.flow.sources)
            units[at] += part.flow.gained
            passed[at] += part.flow.passed_on
        row = self._strongest(sources)
        order = np.lexsort((sources, -units))
        return tuple(
            Picked(int(sources[at]), float(units[at]), float(passed[at]), int(row[at])) for at in order.tolist() if units[at] > 0
        )

    @cached_property
    def units(self) -> np.ndarray:
        """What each product would have sold in all groups (n)."""
        return np.asarray(sum(part.leaving.units for part in self._parts))

    @cached_property
    def deviation(self) -> np.ndarray:
        """The standard deviation of that (n)."""
        return np.asarray(sum(part.leaving.deviation for part in self._parts))

    @cached_property
    def leaves_by_product(self) -> np.ndarray:
        """What of each product's own demand leaves the shop (n)."""
        return np.asarray(sum(part.leaving.units * part.flow.leaving_share for part in self._parts))

    @cached_property
    def lost(self) -> Amount:
        """What would have been sold."""
        return amount(float(self.units.sum()), float(np.sqrt(demand_variance(self.deviation))))

    def lost_of_products(self) -> list[Amount]:
        """Return what each product would have sold."""
        return amounts(self.units, self.deviation)

    def of(self, named: Sequence[int]) -> tuple[list[Amount], Amount, Amount, Amount, Amount]:
        """Return what each named source (position) picks up, and together; what stays elsewhere; what stays; what leaves."""
        count = len(named)
        deviations, values = np.zeros((4, count + 4)), np.zeros(count + 4)
        for part in self._parts:
            wanted = _wanted(part, named)
            deviations += part.flow.deviations(wanted)
            values += part.flow.gained @ wanted.of_sources
            values += part.flow.elsewhere * wanted.of_rest + part.flow.leaves * wanted.of_leaving
        deviation = np.sqrt((deviations**2).sum(axis=0))
        stays, leaves = amounts(values[count + 2 :], deviation[count + 2 :], self.lost.high)
        # nobody picks up more than stays at most
        found = amounts(values[: count + 2], deviation[: count + 2], stays.high)
        return found[:count], found[count], found[count + 1], stays, leaves

    def _strongest(self, sources: np.ndarray) -> np.ndarray:
        """Return the row of the edge that brings most to each source."""
        best, row = np.full(sources.size, -1.0), np.full(sources.size, -1)
        for part in self._parts:
            outer = part.leaving.inner < 0
            at = np.searchsorted(sources, part.leaving.source[outer])
            brought = (part.flow.visits[part.leaving.missing] * part.leaving.ratio)[outer]
            order = np.lexsort((part.edges.row[outer], -brought))
            _, first = np.unique(at[order], return_index=True)
            chosen = order[first]
            better = brought[chosen] > best[at[chosen]]
            row[at[chosen[better]]] = part.edges.row[outer][chosen[better]]
            best[at[chosen[better]]] = brought[chosen[better]]
        return row


def _wanted(part: Part, named: Sequence[int]) -> Wanted:
    """Return each named source, all of them, what else stays, what stays, and what leaves, as weights."""
    count, sources = len(named), part.flow.sources
    place = np.searchsorted(sources, np.asarray(named, dtype=np.int64)) if count else np.zeros(0, dtype=np.int64)
    of_sources = np.zeros((sources.size, count + 4))
    for column, (position, at) in enumerate(zip(named, place.tolist(), strict=True)):
        if at < sources.size and sources[at] == position:
            of_sources[at, column] = 1.0
    of_sources[:, count] = of_sources[:, :count].sum(axis=1)
    of_sources[:, count + 1] = 1 - of_sources[:, count]
    of_sources[:, count + 2] = 1.0
    rest, leaving = np.zeros(count + 4), np.zeros(count + 4)
    rest[count + 1 : count + 3] = 1.0
    leaving[count + 3] = 1.0
    return Wanted(of_sources, rest, leaving)

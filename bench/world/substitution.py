"""The true diversion ratios of a world, and the true effect of a promotion on the other products of its category.

Both follow from the probabilities of the nested logit, summed over households; nothing is simulated again.
The diversion ratio from a target to a source is the gain in expected purchases of the source when the target is
taken off the shelf, per expected purchase of the target (Conlon and Mortimer, "Empirical properties of diversion ratios", 2021).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from bench.world.chances import CategoryChances, Chunk, category_chances, occasions
from bench.world.shelf import DISPLAY_VALUE, MAILER_VALUE, PRICE_SENSITIVITY
from bench.world.tables import Names

__all__ = ["GONE", "USUAL_DEAL", "Diverted", "diverted", "outside_table", "promotion_table", "substitutes_table", "sum_up"]

GONE = 0.0
USUAL_DISCOUNT = 0.25
USUAL_DEAL = float(np.exp(-PRICE_SENSITIVITY * np.log1p(-USUAL_DISCOUNT) + 0.5 * MAILER_VALUE + 0.4 * DISPLAY_VALUE))
"""By what a promotion at a quarter off, with the usual chances of mailer and display, multiplies exp(value)."""
SMALLEST_DIVERSION = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Diverted:
    """Of one category and scope, in purchases a year, when each product in turn is changed all year.

    `base` is what each sells by choice and `joined` what more because a planted target is in the basket; `outside` is how
    often more nothing is bought, and `gained` (changed x gaining) what the others sell more.
    """

    scope: str
    products: slice
    base: np.ndarray
    joined: np.ndarray
    outside: np.ndarray
    gained: np.ndarray

    def plus(self, other: "Diverted") -> "Diverted":
        """Return the sum over two chunks of households."""
        sums = (getattr(self, name) + getattr(other, name) for name in ("base", "joined", "outside", "gained"))
        return Diverted(self.scope, self.products, *sums)


def diverted(
    chunk: Chunk, trips: Mapping[str, np.ndarray], joined: Mapping[int, np.ndarray], factor: float = GONE
) -> Iterator[Diverted]:
    """Yield what is diverted among a chunk of households, by category and scope.

    Args:
        chunk: the households.
        trips: their trips by scope (`chances.Chunk.trips`).
        joined: what planted sources sell for the sake of their targets (`joining.joined_by_product`): lost when they are gone.
        factor: by what exp(value) of the changed product is multiplied.
    """
    for category in chunk.categories:
        products = chunk.assortment.products_of(category)
        changed = _Changed.of(category_chances(chunk, category), factor)
        rate = occasions(chunk, category)
        for scope, visits in trips.items():
            yield changed.under(visits * rate, scope, products, _joined(joined, products, visits))


def sum_up(parts: Iterable[Diverted]) -> list[Diverted]:
    """Return the sums over the chunks."""
    found: dict[tuple[str, int], Diverted] = {}
    for part in parts:
        key = part.scope, part.products.start
        found[key] = found[key].plus(part) if key in found else part
    return list(found.values())


@dataclass(frozen=True, slots=True, eq=False)
class _Changed:
    """Probabilities by kind of occasion (season, store, household; the seasons may be one) and product, and their changes."""

    seasons: int
    bought: np.ndarray
    nothing: np.ndarray
    near: np.ndarray
    far: np.ndarray
    nest_mates: np.ndarray

    @classmethod
    def of(cls, chances: CategoryChances, factor: float) -> "_Changed":
        near, far = (array.reshape(-1, array.shape[-1]) - 1 for array in chances.after(factor))
        seasons, nest_mates = chances.total.shape[0], (chances.member @ chances.member.T).astype(bool)
        bought = chances.bought.reshape(-1, chances.bought.shape[-1])
        return cls(seasons, bought, (chances.nothing / chances.total).reshape(-1, 1), near, far, nest_mates)

    def under(self, visits: np.ndarray, scope: str, products: slice, joined: np.ndarray) -> Diverted:
        """Return the sums over the occasions of a scope: seasons x 2 x households."""
        weight = (visits if self.seasons > 1 else visits.sum(axis=0)).reshape(-1, 1)
        used = np.flatnonzero(weight)
        weight, bought, far = weight[used], self.bought[used], self.far[used]
        gained = np.where(self.nest_mates, (self.near[used] * weight).T @ bought, (far * weight).T @ bought)
        np.fill_diagonal(gained, 0.0)
        return Diverted(
            scope=scope,
            products=products,
            base=(weight.T @ bought)[0],
            joined=joined,
            outside=((weight * self.nothing[used]).T @ far)[0],
            gained=gained,
        )


def _joined(joined: Mapping[int, np.ndarray], products: slice, trips: np.ndarray) -> np.ndarray:
    return np.array([(joined[place] * trips).sum() if place in joined else 0.0 for place in range(products.start, products.stop)])


def substitutes_table(names: Names, parts: Sequence[Diverted]) -> pa.Table:
    """Return source, target, scope, diversion, and lost (purchases of the target a year); no ratios below a millionth."""
    return pa.concat_tables([_pairs(names, part) for part in parts])


def outside_table(names: Names, parts: Sequence[Diverted]) -> pa.Table:
    """Return target, scope, and outside: the share of its lost purchases that no other product gets."""
    return pa.concat_tables([_outside(names, part) for part in parts])


def promotion_table(names: Names, parts: Sequence[Diverted]) -> pa.Table:
    """Return promoted, responding, scope, and log_response: the change of the logarithm of the purchases of the second."""
    return pa.concat_tables([_responses(names, part) for part in parts])


def _pairs(names: Names, part: Diverted) -> pa.Table:
    lost = part.base + part.joined
    ratio = np.where((lost > 0)[:, None], part.gained / np.maximum(lost, 1e-300)[:, None], 0.0)
    target, source = np.nonzero(ratio >= SMALLEST_DIVERSION)
    return pa.table(
        {
            "source": _named(names, part, source),
            "target": _named(names, part, target),
            "scope": np.full(source.size, part.scope),
            "diversion": ratio[target, source],
            "lost": lost[target],
        }
    )


def _outside(names: Names, part: Diverted) -> pa.Table:
    lost = part.base + part.joined
    target = np.flatnonzero(lost > 0)
    share = (part.outside + part.joined)[target] / lost[target]
    return pa.table({"target": _named(names, part, target), "scope": np.full(target.size, part.scope), "outside": share})


def _responses(names: Names, part: Diverted) -> pa.Table:
    sold = part.base > 0
    promoted, responding = np.nonzero(sold[:, None] & sold[None] & ~np.eye(sold.size, dtype=bool))
    change = part.gained[promoted, responding] / part.base[responding]
    return pa.table(
        {
            "promoted": _named(names, part, promoted),
            "responding": _named(names, part, responding),
            "scope": np.full(change.size, part.scope),
            "log_response": np.log1p(change),
        }
    )


def _named(names: Names, part: Diverted, place: np.ndarray) -> pa.Array:
    return names.products.take(pa.array(part.products.start + place))

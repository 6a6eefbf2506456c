"""The true diversion ratios of a world, and the true effect of a promotion on the other products of its category.

Both follow from the probabilities of the nested logit, summed over households; nothing is simulated again.
The diversion ratio from a target to a source is the gain in expected purchases of the source when the target is
taken off the shelf, per expected purchase of the target (Conlon and Mortimer, "Empirical properties of diversion ratios", 2021).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from bench.world.assortment import Assortment
from bench.world.chances import CategoryChances, category_chances, occasions, season_share
from bench.world.scopes import Scope
from bench.world.shelf import DISPLAY_VALUE, MAILER_VALUE, PRICE_SENSITIVITY, Shelf
from bench.world.shoppers import Shoppers
from bench.world.tables import Names

__all__ = ["Diverted", "diverted", "outside_table", "promotion_table", "substitutes_table", "sum_up"]

USUAL_DISCOUNT = 0.25
USUAL_DEAL = float(-PRICE_SENSITIVITY * np.log1p(-USUAL_DISCOUNT) + 0.5 * MAILER_VALUE + 0.4 * DISPLAY_VALUE)
"""Utility of a promotion at a quarter off, with the usual chances of mailer and display."""
SMALLEST_DIVERSION = 0.001


@dataclass(frozen=True, slots=True, eq=False)
class Diverted:
    """Of one category and scope, in purchases a year: `lost` by product when it is gone, of these to nothing `outside`, `gained`
    (gone x gaining), `promoted` (promoted x responding) under a usual promotion all year, and the `base` that it changes.
    """

    scope: str
    products: slice
    lost: np.ndarray
    outside: np.ndarray
    gained: np.ndarray
    promoted: np.ndarray
    base: np.ndarray

    def plus(self, other: "Diverted") -> "Diverted":
        """Return the sum over two chunks of households."""
        sums = (getattr(self, name) + getattr(other, name) for name in ("lost", "outside", "gained", "promoted", "base"))
        return Diverted(self.scope, self.products, *sums)


def diverted(
    assortment: Assortment, shelf: Shelf, people: Shoppers, scopes: Sequence[Scope], joined: Mapping[int, np.ndarray], seed: int
) -> Iterator[Diverted]:
    """Yield what is diverted among a chunk of households, by category and scope.

    `joined` (`joining.joined_by_product`) is what planted sources sell for the sake of their targets: lost when they are gone.
    """
    for category in range(assortment.incidence.size):
        chances = category_chances(assortment, shelf, people, category, seed)
        products = assortment.products_of(category)
        own = _joined(joined, products, chances.bought.shape)
        rate = occasions(assortment, people, category)
        trips = {scope.name: scope.trips(people, shelf.cluster_of_store, season_share()) for scope in scopes}
        yield from _of_category(products, chances, rate, own, trips)


def _joined(joined: Mapping[int, np.ndarray], products: slice, shape: tuple[int, ...]) -> np.ndarray:
    found = np.zeros(shape)
    for place in range(products.start, products.stop):
        if place in joined:
            found[..., place - products.start] = joined[place]
    return found


def sum_up(parts: Iterable[Diverted]) -> list[Diverted]:
    """Return the sums over the chunks."""
    found: dict[tuple[str, int], Diverted] = {}
    for part in parts:
        key = part.scope, part.products.start
        found[key] = found[key].plus(part) if key in found else part
    return list(found.values())


def _of_category(
    products: slice, chances: CategoryChances, rate: np.ndarray, joined: np.ndarray, by_scope: Mapping[str, np.ndarray]
) -> Iterator[Diverted]:
    gone, promoted = chances.after(0.0), chances.after(np.exp(USUAL_DEAL))
    nest_mates = (chances.member @ chances.member.T).astype(bool)
    for scope, trips in by_scope.items():
        weight = (trips * rate)[..., None]
        base = (weight * chances.bought).sum(axis=(0, 1, 2))
        lost_too = (trips[..., None] * joined).sum(axis=(0, 1, 2))
        nothing = chances.nothing / chances.total
        yield Diverted(
            scope=scope,
            products=products,
            lost=base + lost_too,
            outside=(weight * nothing * (gone[1] - 1)).sum(axis=(0, 1, 2)) + lost_too,
            gained=_gained(weight, chances.bought, gone, nest_mates),
            promoted=_gained(weight, chances.bought, promoted, nest_mates),
            base=base,
        )


def _gained(weight: np.ndarray, bought: np.ndarray, factors: tuple[np.ndarray, np.ndarray], mates: np.ndarray) -> np.ndarray:
    """Return the change of each product (column) when another (row) is changed."""
    flat = bought.reshape(-1, bought.shape[-1])
    used = weight.reshape(-1) > 0
    near, far = (((factor - 1) * weight).reshape(flat.shape)[used].T @ flat[used] for factor in factors)
    changed = np.where(mates, near, far)
    np.fill_diagonal(changed, 0.0)
    return np.asarray(changed)


def substitutes_table(names: Names, parts: Sequence[Diverted]) -> pa.Table:
    """Return source, target, scope, diversion, and lost (purchases of the target a year); ratios below 0.001 are left out."""
    return pa.concat_tables([_pairs(names, part) for part in parts])


def outside_table(names: Names, parts: Sequence[Diverted]) -> pa.Table:
    """Return target, scope, and outside: the share of its lost purchases that no other product gets."""
    return pa.concat_tables([_outside(names, part) for part in parts])


def promotion_table(names: Names, parts: Sequence[Diverted]) -> pa.Table:
    """Return promoted, responding, scope, and log_response: the change of the logarithm of the purchases of the second."""
    return pa.concat_tables([_responses(names, part) for part in parts])


def _pairs(names: Names, part: Diverted) -> pa.Table:
    sold = part.lost > 0
    ratio = np.where(sold[:, None], part.gained / np.maximum(part.lost, 1e-300)[:, None], 0.0)
    target, source = np.nonzero(ratio >= SMALLEST_DIVERSION)
    return pa.table(
        {
            "source": _named(names, part, source),
            "target": _named(names, part, target),
            "scope": np.full(source.size, part.scope),
            "diversion": ratio[target, source],
            "lost": part.lost[target],
        }
    )


def _outside(names: Names, part: Diverted) -> pa.Table:
    target = np.flatnonzero(part.lost > 0)
    share = part.outside[target] / part.lost[target]
    return pa.table({"target": _named(names, part, target), "scope": np.full(target.size, part.scope), "outside": share})


def _responses(names: Names, part: Diverted) -> pa.Table:
    sold = part.base > 0
    promoted, responding = np.nonzero(sold[:, None] & sold[None] & ~np.eye(sold.size, dtype=bool))
    change = part.promoted[promoted, responding] / part.base[responding]
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

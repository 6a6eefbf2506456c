"""What chance alone would bring together: pairs of products that fall independently, given each household's own habits.

A cell is a set of occasions that are alike: one household's trips of like size, or its purchases of one category. Of the n
occasions of a cell a part a / n held the first product and b / n the second; a * b / n are expected to hold both. In a scope
the cell has fewer occasions, and products sell more or less there than over the chain (a season, a range): the expectation is

    popularity(first, scope) * popularity(second, scope) * sum over cells of occasions in the scope * a / n * b / n

where popularity is what a product sold in the scope over what its cells' rates would have sold there (1 over the chain).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir

from features.relation_evidence_sums import from_whole, whole
from features.relation_evidence_trips import Shopping, meeting, unnested

__all__ = ["Side", "expected_together"]


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """One end of the pairs.

    `taken`: cell keys, product, amount (occasions, or weights that sum to one an occasion). `sold`: product, scope, amount.
    """

    taken: ir.Table
    sold: ir.Table


def expected_together(
    first: Side, second: Side, cells: ir.Table, pairs: ir.Table, keys: Sequence[str], shop: Shopping
) -> ir.Table:
    """Return what chance would bring together: first, second, scope, expected, first_sold, second_sold.

    Args:
        first: the amounts of the first product.
        second: of the second.
        cells: keys, occasions, and occasions by scope as n0, n1 …
        pairs: first, second; no other pair is looked at.
        keys: the names of the columns that make a cell.
        shop: its scopes are in the order of n0, n1 …; `scope` is a place among them.
    """
    one, other = _rates(first.taken, cells, keys).cache(), _rates(second.taken, cells, keys).cache()
    left = one.rename(first="product", first_rate="rate")
    right = other.select(*keys, second="product", second_rate="rate")
    met = meeting(left, right, keys, shop).semi_join(pairs, ["first", "second"])
    scopes = shop.scopes
    both = whole(met.first_rate * met.second_rate)
    sums = {f"n{at}": (both * met[f"n{at}"]).sum() for at in range(len(scopes))}
    base = unnested(met.group_by("first", "second").aggregate(**sums).cache(), scopes, "n", "base")
    of_first = _popularity(first, one, scopes).cache().rename(first="product", first_factor="factor", first_sold="amount")
    of_second = _popularity(second, other, scopes).cache().rename(second="product", second_factor="factor", second_sold="amount")
    known = base.cache().inner_join(of_first, ["first", "scope"]).inner_join(of_second, ["second", "scope"])
    chance = from_whole(known.base) * known.first_factor * known.second_factor
    return known.select("first", "second", "scope", "first_sold", "second_sold", expected=chance).cache()


def _rates(taken: ir.Table, cells: ir.Table, keys: Sequence[str]) -> ir.Table:
    joined = taken.inner_join(cells, list(keys))
    return joined.mutate(rate=joined.amount / joined.occasions).drop("amount", "occasions")


def _popularity(side: Side, rates: ir.Table, scopes: Sequence[str]) -> ir.Table:
    """Return product, scope, amount, factor: what was sold over what the rates of the cells would have sold."""
    sums = {f"n{at}": (whole(rates.rate) * rates[f"n{at}"]).sum() for at in range(len(scopes))}
    usual = unnested(rates.group_by("product").aggregate(**sums), scopes, "n", "usual")
    joined = side.sold.inner_join(usual, ["product", "scope"])
    return joined.select("product", "scope", "amount", factor=joined.amount / ibis.greatest(from_whole(joined.usual), 1e-12))

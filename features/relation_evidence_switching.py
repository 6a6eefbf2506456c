"""What a household takes after what, from one purchase of a category to its next: what substitutes are read from.

A purchase of a category is a trip with any product of it; a transition leads from one to the household's next. Where a trip holds
several products of the category each has an equal part, so that every transition weighs one in all. Chance: the household's
transitions in random order (`relation_evidence_chance`; a cell is a household and a category), so that a mere taste for both
products is no switching.
"""

from dataclasses import dataclass

import ibis
import ibis.expr.types as ir

from features.relation_evidence_chance import Side, expected_together
from features.relation_evidence_sums import from_whole, whole
from features.relation_evidence_trips import SORTS, Shopping, by_scope, counts_by_scope, households_by_scope, meeting

__all__ = ["SwitchingNeed", "switching"]

CELL = ("household", "category")


@dataclass(frozen=True, slots=True)
class SwitchingNeed:
    """A product needs `product_baskets`, a pair `pair_transitions` (chain), a scope `scope_transitions`, seen or expected."""

    product_baskets: int = 50
    pair_transitions: float = 2.0
    scope_transitions: float = 2.0


def switching(shop: Shopping, need: SwitchingNeed) -> ir.Table:
    """Return the ordered pairs of a category by scope: a transition from `first` to `second`, never to itself.

    Columns: first, second (products), scope (its place); observed, expected (transitions), households, first_day, last_day
    (int64, of the later purchase), first_sold (transitions that began with it), second_sold (that ended with it).
    """
    moves = _transitions(shop).cache()
    before, after = (_ends(shop, moves, need, at).cache() for at in ("from", "to"))
    left = before.drop("category", *SORTS, "household", "day", "part").rename(first="product", first_parts="parts")
    met = meeting(left, after.drop("part").rename(second="product", second_parts="parts"), ["move"], shop)
    moved = met.filter(met.first != met.second).mutate(weight=whole(1 / (met.first_parts * met.second_parts).cast("float64")))
    pairs = _frequent(moved, need).cache()
    seen = _observed(moved.semi_join(pairs, ["first", "second"]).cache(), shop).cache()
    cells = moves.group_by(*CELL).aggregate(occasions=moves.count(), **counts_by_scope(moves, shop.scopes, "n")).cache()
    chance = expected_together(_side(before), _side(after), cells, pairs, CELL, shop)
    joined = chance.left_join(seen, ["first", "second", "scope"])
    told = joined.select(
        "scope", "first", "second", "expected", "first_sold", "second_sold", "first_day", "last_day",
        observed=joined.observed.fill_null(0.0), households=joined.households.fill_null(0),
    )  # fmt: skip
    return told.filter(told.observed + told.expected >= need.scope_transitions)


def _transitions(shop: Shopping) -> ir.Table:
    """Return move, household, category, basket, parts (products in it), to_basket, to_parts; day and scopes of the later."""
    known = shop.products.filter(shop.products.category.notnull()).select("product", "category")
    placed = shop.lines.inner_join(known, "product").inner_join(shop.trips.select("basket", "household"), "basket")
    purchases = placed.group_by("household", "category", "basket").aggregate(parts=placed.count())
    in_order = ibis.window(group_by=[purchases.household, purchases.category], order_by=purchases.basket)
    led = purchases.mutate(to_basket=purchases.basket.lead().over(in_order), to_parts=purchases.parts.lead().over(in_order))
    later = shop.trips.select("day", *SORTS, to_basket="basket")
    moves = led.filter(led.to_basket.notnull()).inner_join(later, "to_basket")
    return moves.mutate(move=ibis.row_number().over(order_by=[moves.basket, moves.category]))


def _ends(shop: Shopping, moves: ir.Table, need: SwitchingNeed, end: str) -> ir.Table:
    """Return the products at one end of the transitions: move, household, category, product, part, day and scopes."""
    known = shop.products.filter(shop.products.category.notnull() & (shop.products.baskets >= need.product_baskets))
    lines = shop.lines.inner_join(known.select("product", "category"), "product")
    named = moves.drop("to_basket", "to_parts") if end == "from" else moves.drop("basket", "parts").rename(
        basket="to_basket", parts="to_parts"
    )  # fmt: skip
    joined = named.inner_join(lines, ["basket", "category"])
    return joined.mutate(part=whole(1 / joined.parts.cast("float64"))).drop("basket")


def _frequent(moved: ir.Table, need: SwitchingNeed) -> ir.Table:
    counted = moved.group_by("first", "second").aggregate(transitions=from_whole(moved.weight.sum()))
    return counted.filter(counted.transitions >= need.pair_transitions).select("first", "second")


def _observed(moved: ir.Table, shop: Shopping) -> ir.Table:
    pair = ["first", "second"]
    long = by_scope(moved.select(*pair, "day", "weight", *SORTS))
    counted = long.group_by(*pair, "scope").aggregate(
        observed=from_whole(long.weight.sum()), first_day=long.day.min(), last_day=long.day.max()
    )
    return counted.cache().inner_join(households_by_scope(moved, pair, shop.scopes), [*pair, "scope"])


def _side(end: ir.Table) -> Side:
    long = by_scope(end)
    return Side(
        taken=end.group_by(*CELL, "product").aggregate(amount=from_whole(end.part.sum())).cache(),
        sold=long.group_by("product", "scope").aggregate(amount=from_whole(long.part.sum())).cache(),
    )

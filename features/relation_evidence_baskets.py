"""Products in one basket, net of popularity, trip size and household taste: what complements are read from."""

from dataclasses import dataclass

import ibis.expr.types as ir

from features.relation_evidence_chance import Side, expected_together
from features.relation_evidence_trips import SORTS, Shopping, by_scope, counts_by_scope, households_by_scope, meeting

__all__ = ["BasketNeed", "same_basket"]

CELL = ("household", "stratum")


@dataclass(frozen=True, slots=True)
class BasketNeed:
    """A product needs `product_baskets` and a pair `pair_baskets` so far; a scope needs `scope_baskets`, seen or expected."""

    product_baskets: int = 100
    pair_baskets: int = 5
    scope_baskets: float = 3.0


def same_basket(shop: Shopping, need: BasketNeed) -> ir.Table:
    """Return the pairs that met in baskets, each once (first < second), by scope.

    Columns: first, second (products), scope (its place); observed (baskets with both), expected (by chance, of which
    `relation_evidence_chance` speaks; cells are the trips of one household and one size), households, first_day, last_day
    (int64), first_sold, second_sold (baskets).
    """
    placed = _supported(shop, need).cache()
    pairs = _frequent(placed, shop, need).cache()
    # not kept: the join is quickly made again, and its rows are many times those of the sales
    met = _met(placed, shop).semi_join(pairs, ["first", "second"]).inner_join(shop.trips, "basket")
    cells = shop.trips.group_by(*CELL).aggregate(occasions=shop.trips.count(), **counts_by_scope(shop.trips, shop.scopes, "n"))
    side = _side(placed, shop)
    seen = _observed(met, shop).cache()
    chance = expected_together(side, side, cells.cache(), pairs, CELL, shop)
    joined = chance.left_join(seen, ["first", "second", "scope"])
    told = joined.select(
        "scope", "first", "second", "expected", observed=joined.observed.fill_null(0).cast("float64"),
        households=joined.households.fill_null(0), first_day="first_day", last_day="last_day",
        first_sold=joined.first_sold.cast("float64"), second_sold=joined.second_sold.cast("float64"),
    )  # fmt: skip
    return told.filter(told.observed + told.expected >= need.scope_baskets)


def _supported(shop: Shopping, need: BasketNeed) -> ir.Table:
    enough = shop.products.filter(shop.products.baskets >= need.product_baskets)
    return shop.lines.semi_join(enough, "product")


def _met(placed: ir.Table, shop: Shopping) -> ir.Table:
    one, other = (placed.rename(**{name: "product"}) for name in ("first", "second"))
    joined = meeting(one, other, ["basket"], shop)
    return joined.filter(joined.first < joined.second).select("basket", "first", "second")


def _frequent(placed: ir.Table, shop: Shopping, need: BasketNeed) -> ir.Table:
    met = _met(placed, shop)
    counted = met.group_by("first", "second").aggregate(baskets=met.count())
    return counted.filter(counted.baskets >= need.pair_baskets).select("first", "second")


def _observed(met: ir.Table, shop: Shopping) -> ir.Table:
    pair = ["first", "second"]
    long = by_scope(met.select(*pair, "day", *SORTS))
    counted = long.group_by(*pair, "scope").aggregate(observed=long.count(), first_day=long.day.min(), last_day=long.day.max())
    return counted.cache().inner_join(households_by_scope(met, pair, shop.scopes), [*pair, "scope"])


def _side(placed: ir.Table, shop: Shopping) -> Side:
    trips = placed.inner_join(shop.trips, "basket")
    long = by_scope(trips)
    return Side(
        taken=trips.group_by(*CELL, "product").aggregate(amount=trips.count()).cache(),
        sold=long.group_by("product", "scope").aggregate(amount=long.count()).cache(),
    )

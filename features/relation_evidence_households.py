"""Products of a category that the same households take, but on other trips: co-consumption across time without co-presence.

Substitutes are taken by the same people, one at a time. Two chances are told: how many households would take both if the two
fell independently among households that buy the category equally often (strata of log2 of their trips with it), and how many of
those that take both would never have them in one basket if the two fell independently among their trips: exp(-a b / n) for a
household with a baskets of one, b of the other and n trips (Poisson).
"""

from dataclasses import dataclass

import ibis
import ibis.expr.types as ir

from features.relation_evidence_sums import from_whole, whole
from features.relation_evidence_trips import SORTS, Shopping, by_scope, households_by_scope, meeting

__all__ = ["HouseholdNeed", "co_consumption"]


@dataclass(frozen=True, slots=True)
class HouseholdNeed:
    """A product needs `product_baskets`; a pair needs `pair_households` that take both, in every scope that is told."""

    product_baskets: int = 50
    pair_households: int = 5


def co_consumption(shop: Shopping, need: HouseholdNeed) -> ir.Table:
    """Return the pairs of a category, each once (first < second), by scope.

    Columns: first, second (products), scope (its place); households (that take both), households_expected, observed (of those
    that take both: never in one basket), expected (the same by chance), first_day, last_day (int64), first_sold, second_sold
    (households that take each).
    """
    lines = _lines(shop, need).cache()
    taken = _taken(lines, by_scope(shop.trips)).cache()
    both = _both(taken, shop)
    seen = both.group_by("first", "second", "scope").aggregate(
        households=both.count(), first_day=both.first_day.min(), last_day=both.last_day.max(),
        expected=from_whole(whole((-(both.first_baskets * both.second_baskets) / both.trips).exp()).sum()),
    )  # fmt: skip
    frequent = seen.filter(seen.households >= need.pair_households).cache()
    joined = frequent.left_join(_together(lines, shop).cache(), ["first", "second", "scope"])
    apart = (joined.households - joined.together.fill_null(0)).cast("float64")
    enough = joined.select(*frequent.columns, observed=apart)
    told = enough.inner_join(_expected(taken, shop).cache(), ["first", "second", "scope"])
    sold = taken.group_by("product", "scope").aggregate(sold=taken.count().cast("float64")).cache()
    with_first = told.inner_join(sold.rename(first="product", first_sold="sold"), ["first", "scope"])
    return with_first.inner_join(sold.rename(second="product", second_sold="sold"), ["second", "scope"])


def _lines(shop: Shopping, need: HouseholdNeed) -> ir.Table:
    """Return household, category, product, basket, day and scopes."""
    known = shop.products.filter(shop.products.category.notnull() & (shop.products.baskets >= need.product_baskets))
    lines = shop.lines.inner_join(known.select("product", "category"), "product")
    return lines.inner_join(shop.trips.drop("stratum"), "basket")


def _taken(lines: ir.Table, trips: ir.Table) -> ir.Table:
    """Return scope, household, category, product, baskets, trips (of the household), stratum (of its trips with the category)."""
    long = by_scope(lines)
    keys = ["scope", "household", "category"]
    counted = long.group_by(*keys, "product").aggregate(baskets=long.count(), first_day=long.day.min(), last_day=long.day.max())
    visits = by_scope(lines.select("basket", "household", "category", *SORTS).distinct())
    activity = visits.group_by(*keys).aggregate(purchases=visits.count())
    all_trips = trips.group_by("scope", "household").aggregate(trips=trips.count())
    joined = counted.inner_join(activity, keys).inner_join(all_trips, ["scope", "household"])
    return joined.mutate(stratum=joined.purchases.log2().floor().cast("int64")).drop("purchases")


def _both(taken: ir.Table, shop: Shopping) -> ir.Table:
    one = taken.select(
        "scope", "household", "category", "trips", "first_day", "last_day", first="product", first_baskets="baskets"
    )
    other = taken.select(
        "scope",
        "household",
        "category",
        second="product",
        second_baskets="baskets",
        other_first="first_day",
        other_last="last_day",
    )
    joined = meeting(one, other, ["scope", "household", "category"], shop)
    pairs = joined.filter(joined.first < joined.second)
    # both are taken from the later first day on
    return pairs.mutate(
        first_day=ibis.greatest(pairs.first_day, pairs.other_first), last_day=ibis.greatest(pairs.last_day, pairs.other_last)
    ).drop("other_first", "other_last")


def _together(lines: ir.Table, shop: Shopping) -> ir.Table:
    """Return first, second, scope, together: how many households had both in one basket."""
    one = lines.select("basket", "category", "household", *SORTS, first="product")
    joined = meeting(one, lines.select("basket", "category", second="product"), ["basket", "category"], shop)
    met = joined.filter(joined.first < joined.second)
    return households_by_scope(met, ["first", "second"], shop.scopes).rename(together="households")


def _expected(taken: ir.Table, shop: Shopping) -> ir.Table:
    """Return first, second, scope, households_expected."""
    cell = ["scope", "category", "stratum"]
    buyers = taken.group_by(*cell, "product").aggregate(buyers=taken.count())
    people = taken.group_by(*cell).aggregate(people=taken.household.nunique())
    one = buyers.inner_join(people, cell).rename(first="product", first_buyers="buyers")
    joined = meeting(one, buyers.rename(second="product", second_buyers="buyers"), cell, shop)
    pairs = joined.filter(joined.first < joined.second)
    chance = pairs.first_buyers * pairs.second_buyers / pairs.people
    return pairs.group_by("first", "second", "scope").aggregate(households_expected=from_whole(whole(chance).sum()))

"""Trips, what was in them, and the scopes they belong to: what all evidence on relations is counted from.

A scope is a part of the trade: "chain"; "store_cluster:<id>", by the store of the trip; "season:<name>", by its day;
"segment:<id>", by its household. Each trip is in one scope of each sort at most. All tables are lazy Ibis ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from features.co_purchase import LARGEST_TRIP_STRATUM
from features.relation_events_sales import day_number, known_category
from features.seasons import SEASONS, season_of_days
from kg.ports import CHAIN
from lake.ports import Lake

__all__ = [
    "SORTS",
    "EvidenceScopes",
    "Shopping",
    "by_scope",
    "counts_by_scope",
    "households_by_scope",
    "meeting",
    "scope_name",
    "shopping",
    "unnested",
]

SORTS = ("cluster", "season", "segment")
SORT_OF = {"store_cluster": "cluster", "season": "season", "segment": "segment"}
NO = ibis.literal(value=False)
NONE = ibis.null("int64")


@dataclass(frozen=True, slots=True, eq=False)
class EvidenceScopes:
    """The scopes that are counted beside the chain.

    `clusters` has store_id and cluster_id, `segments` household_id and segment_id; None leaves these scopes out.
    """

    clusters: pa.Table | None = None
    segments: pa.Table | None = None
    seasons: bool = True

    @property
    def names(self) -> tuple[str, ...]:
        """The scopes, the chain first."""
        clusters = _names("store_cluster:", self.clusters, "cluster_id")
        segments = _names("segment:", self.segments, "segment_id")
        return (CHAIN, *clusters, *(f"season:{name}" for name in SEASONS if self.seasons), *segments)


@dataclass(frozen=True, slots=True, eq=False)
class Shopping:
    """What is counted.

    `trips`: basket (int64 from 0, in the order of time), household (int64), day (int64 since 1970), stratum (as the trip_stratum
    of `features.co_purchase`) and cluster, season, segment: the place in `scopes` of
    the scope of each sort, null for none. `lines`: basket, product
    (int64, its place among the products by id), each product of a basket once. `products`: product, product_id, category (int64,
    null where unknown), baskets. `about`: the product whose pairs alone are counted (-1: never sold); None for all pairs.
    """

    trips: ir.Table
    lines: ir.Table
    products: ir.Table
    scopes: tuple[str, ...]
    about: int | None = None


def shopping(lake: Lake, as_of: date, scopes: EvidenceScopes, about: str | None = None) -> Shopping:
    """Return the trips with merchandise up to `as_of` and their products. Raises: TableMissing."""
    sales = lake.table("sales_lines")
    counted = sales.filter((sales.business_date <= as_of) & sales.merchandise & (sales.quantity > 0))
    baskets = counted.group_by("basket_id").aggregate(
        household_id=counted.household_id.min(),
        store_id=counted.store_id.min(),
        date=counted.business_date.min(),
        sold_at=counted.sold_at.min(),
        products=counted.product_id.nunique(),
    )
    named = _placed(baskets, scopes)
    people = _numbered(counted, "household_id", "household")
    known = named.inner_join(people, "household_id").select(*named.columns, "household")
    trips = known.mutate(
        basket=ibis.row_number().over(order_by=[known.date, known.sold_at, known.basket_id]),
        day=day_number(known.date),
        stratum=ibis.least(known.products.log2().floor().cast("int64"), LARGEST_TRIP_STRATUM),
    )
    kept = trips.select("basket_id", "basket", "household", "day", "stratum", *SORTS).cache()
    once = counted.select("basket_id", "product_id").distinct().inner_join(kept.select("basket_id", "basket"), "basket_id")
    numbered = once.inner_join(_numbered(counted, "product_id", "product"), "product_id")
    lines = numbered.select("basket", "product", "product_id").cache()
    products = _products(lake, lines)
    number = None if about is None else _number_of(lake, products, about)
    return Shopping(kept.drop("basket_id"), lines.drop("product_id"), products, scopes.names, number)


def meeting(first: ir.Table, second: ir.Table, keys: Sequence[str], shop: Shopping) -> ir.Table:
    """Join the two ends of pairs (columns `first` and `second`): all that share the keys, or those of the product asked about."""
    if shop.about is None:
        return first.inner_join(second, list(keys))
    mine, its = first.filter(first["first"] == shop.about), second.filter(second["second"] == shop.about)
    others = first.filter(first["first"] != shop.about)
    return mine.inner_join(second, list(keys)).union(others.inner_join(its, list(keys)))


def _number_of(lake: Lake, products: ir.Table, product_id: str) -> int:
    found = lake.to_arrow(products.filter(products.product_id == product_id).select("product"))["product"]
    return int(found[0].as_py()) if len(found) else -1


def _products(lake: Lake, lines: ir.Table) -> ir.Table:
    categories = known_category(lake)
    numbers = _numbered(categories, "category", "number")
    coded = categories.inner_join(numbers, "category").select("product_id", category="number")
    counted = lines.group_by("product", "product_id").aggregate(baskets=lines.count())
    return counted.left_join(coded, "product_id").select("product", "product_id", "category", "baskets").cache()


def _numbered(rows: ir.Table, key: str, name: str) -> ir.Table:
    """Return the values of a column, each with its place in ascending order."""
    values = rows.select(key).distinct()
    return values.mutate(**{name: ibis.row_number().over(order_by=values[key])})


def by_scope(rows: ir.Table) -> ir.Table:
    """Return the rows (with cluster, season and segment) once for every scope they belong to; `scope` is its place (int64)."""
    every = ibis.array([ibis.literal(0, "int64"), *(rows[sort] for sort in SORTS)])
    long = rows.mutate(scope=every.unnest()).drop(*SORTS)
    return long.filter(long.scope.notnull())


def counts_by_scope(rows: ir.Table, scopes: Sequence[str], prefix: str) -> dict[str, ir.IntegerScalar]:
    """Return how many rows (with cluster, season and segment) belong to each scope: `prefix`0, `prefix`1 …"""
    inside = [(place, SORT_OF[scope.split(":")[0]]) for place, scope in enumerate(scopes) if scope != CHAIN]
    counts = {f"{prefix}{place}": rows.count(where=(rows[sort] == place).fill_null(NO)) for place, sort in inside}
    return {f"{prefix}0": rows.count(), **counts}


def households_by_scope(rows: ir.Table, keys: Sequence[str], scopes: Sequence[str]) -> ir.Table:
    """Return keys, scope (its place) and households: how many have rows (with household, cluster, season, segment) there.

    The scopes of a household are the bits of one number: a row for each of them would be most of what has to be held at once.
    """
    inside = sum(
        (rows[sort].cases(*((at, ibis.literal(2**at, "int64")) for at in range(len(scopes))), else_=0) for sort in SORTS),
        start=ibis.literal(1, "int64"),
    )
    bits = rows.select(*keys, "household", inside=inside)
    people = bits.group_by(*keys, "household").aggregate(inside=bits.inside.bit_or())
    counts = {f"n{at}": people.count(where=(people.inside & 2**at) != 0) for at in range(len(scopes))}
    return unnested(people.group_by(*keys).aggregate(**counts).cache(), scopes, "n", "households")


def unnested(rows: ir.Table, scopes: Sequence[str], prefix: str, value: str) -> ir.Table:
    """Turn the columns `prefix`0, `prefix`1 … into rows with `scope` (its place) and `value`."""
    names = [f"{prefix}{place}" for place in range(len(scopes))]
    pairs = [ibis.struct({"scope": ibis.literal(at, "int64"), "value": rows[name]}) for at, name in enumerate(names)]
    kept = [name for name in rows.columns if name not in names]
    long = rows.select(*kept, entry=ibis.array(pairs).unnest())
    return long.select(*kept, scope=long.entry["scope"], **{value: long.entry["value"]})


def scope_name(place: ir.IntegerValue, scopes: Sequence[str]) -> ir.StringValue:
    """Return the scope that stands at a place."""
    return ibis.cases(*((place == at, name) for at, name in enumerate(scopes)), else_=ibis.null("string"))


def _placed(baskets: ir.Table, scopes: EvidenceScopes) -> ir.Table:
    place = {name: at for at, name in enumerate(scopes.names)}
    season = season_of_days(baskets.date)
    seasons = [(season == name, ibis.literal(place[f"season:{name}"], "int64")) for name in SEASONS if scopes.seasons]
    placed = baskets.mutate(season=ibis.cases(*seasons, else_=NONE) if seasons else NONE)
    clusters, segments = scopes.clusters, scopes.segments
    placed = _joined(placed, "store_id", "cluster", _coded(clusters, "store_id", "cluster_id", "store_cluster:", place))
    return _joined(placed, "household_id", "segment", _coded(segments, "household_id", "segment_id", "segment:", place))


def _coded(members: pa.Table | None, key: str, group: str, prefix: str, place: dict[str, int]) -> pa.Table | None:
    if members is None:
        return None
    places = [place[prefix + name] for name in members[group].to_pylist()]
    return pa.table({key: members[key], "place": pa.array(places, pa.int64())})


def _joined(rows: ir.Table, key: str, name: str, members: pa.Table | None) -> ir.Table:
    if members is None:
        return rows.mutate(**{name: NONE})
    return rows.left_join(ibis.memtable(members), key).select(*rows.columns, **{name: "place"})


def _names(prefix: str, members: pa.Table | None, column: str) -> list[str]:
    return sorted(prefix + str(name) for name in set(members[column].to_pylist())) if members is not None else []

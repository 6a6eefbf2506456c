"""The one transform of the recommender: knowledge about households and products in, one row of figures per candidate out.

Training builds `Knowledge` for many moments in the past, serving reads it from the feature snapshot; `assemble` is the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from features.recommend_own import DETAIL_COLUMNS, DETAIL_COUNTS, VISIT_COLUMNS, own_details, own_in_stores, visit_columns
from features.recommend_population import PRODUCT_COLUMNS, PROMOTION_COLUMNS, SAVED_COLUMNS, STORE_COLUMNS, Population
from features.recommend_rebuying import GAP_COLUMNS
from features.recommend_relations import RELATION_COLUMNS, RELATIONS, Items, Neighbours, RelationEvidence, relation_evidence
from features.repertoire import IntArray, Levels, Origins, Purchases, history

__all__ = [
    "FEATURES",
    "GROUPS",
    "GROUP_OF_FEATURE",
    "HANDS",
    "HOUSEHOLD_COLUMNS",
    "MISSING_OWN",
    "MISSING_RHYTHM",
    "OWN_COLUMNS",
    "RHYTHM_COLUMNS",
    "HouseholdKnowledge",
    "InHand",
    "Keyed",
    "assemble",
    "household_columns",
    "household_knowledge",
    "in_hand",
    "recent_items",
]

Matrix = npt.NDArray[np.float32]

RHYTHM_COLUMNS = (
    "baskets", "baskets_since", "days_since", "known_days", "mean_gap_days", "gap_deviation_days", "last_gap_days",
    "recent_baskets", "recent_days", "decay_95", "decay_98", "decay_days",
)  # fmt: skip
COUNTS = {"baskets", "recent_baskets", "recent_days", "decay_95", "decay_98", "decay_days"}
OWN_COLUMNS = (*RHYTHM_COLUMNS, *DETAIL_COLUMNS)
"""What is kept of a household's own products; of types and categories it is the rhythm alone."""
HOUSEHOLD_COLUMNS = (
    "baskets", "mean_basket_size", "mean_gap_days", "days_since_last", "recent_days", "distinct_products", *VISIT_COLUMNS,
)  # fmt: skip
HANDS = tuple(f"{hand}_{relation}" for hand in ("basket", "recent") for relation in RELATIONS)
RECENT_BASKETS = 2
RECENT_ITEMS = 40
LEVELS = ("own", "type", "category")
DERIVED = (
    ("own_overdue", "habit"), ("own_gap_excess", "habit"), ("own_rate", "habit"), ("own_share_of_type", "habit"),
    ("own_days_over_last_gap", "habit"), ("own_days_over_population_gap", "habit"),
    ("type_overdue", "rhythm"), ("category_overdue", "rhythm"), ("type_days_after_own", "rhythm"),
    ("product_trend_7", "popularity"), ("product_trend_28", "popularity"), ("product_repeats", "popularity"),
    ("product_share_of_type", "popularity"), ("store_share", "popularity"),
    ("own_share_of_baskets", "habit"), ("own_share_lately", "habit"), ("own_a_day", "habit"), ("own_overdue_by_units", "habit"),
    ("own_in_store", "habit"), ("own_share_in_store", "habit"),
    ("type_trend_7", "popularity"), ("product_trend_3", "popularity"), ("saved_more", "promotion"),
)  # fmt: skip
GROUPS = ("habit", "rhythm", "popularity", "promotion", "relations")
"""What moved a score: the household's own purchases, its category and type rhythm, the population, promotions, relations."""

_NAMED = (
    *((f"own_{name}", "habit") for name in OWN_COLUMNS),
    *((f"{level}_{name}", "rhythm") for level in LEVELS[1:] for name in RHYTHM_COLUMNS),
    *((f"household_{name}", "habit") for name in HOUSEHOLD_COLUMNS),
    *((f"product_{name}", "popularity") for name in PRODUCT_COLUMNS),
    *((name, "popularity") for name in STORE_COLUMNS),
    *((name, "promotion") for name in (*PROMOTION_COLUMNS, *SAVED_COLUMNS)),
    *((name, "rhythm" if name.startswith("type") else "habit") for name in GAP_COLUMNS),
    *(
        (f"{hand}_{relation}_{name}", "relations")
        for hand in ("basket", "recent")
        for relation in RELATIONS
        for name in RELATION_COLUMNS
    ),
    ("basket_size", "relations"),
    *DERIVED,
)
FEATURES = tuple(name for name, _ in _NAMED)
GROUP_OF_FEATURE = np.array([GROUPS.index(group) for _, group in _NAMED])
_BASKETS, _DAYS, _GAP, _DEVIATION, _LAST_GAP = (
    RHYTHM_COLUMNS.index(n) for n in ("baskets", "days_since", "mean_gap_days", "gap_deviation_days", "last_gap_days")
)


class Keyed:
    """Rows of figures by (origin, item), sorted by both. What has no row reads the `missing` values."""

    def __init__(self, origin: IntArray, item: IntArray, values: Matrix, items: int, missing: Matrix) -> None:
        self.key = origin * items + item
        self.values = np.vstack([values, missing[None, :]]).astype(np.float32)
        self.items = items

    def rows(self, origin: IntArray | int, item: IntArray) -> IntArray:
        """Return the row of each (origin, item), or the number of rows for one that is not there."""
        wanted = origin * self.items + item
        if not len(self.key):
            return np.zeros(len(item), np.int64)
        place = np.searchsorted(self.key, wanted)
        inside = np.minimum(place, len(self.key) - 1)
        return np.where(self.key[inside] == wanted, inside, len(self.key))

    def between(self, first: int, last: int) -> "Keyed":
        """Return the rows of the origins `[first, last)`, counted from 0."""
        low, high = np.searchsorted(self.key, [first * self.items, last * self.items]).tolist()
        key = self.key[low:high] - first * self.items
        return Keyed(key // self.items, key % self.items, self.values[low:high], self.items, self.values[-1])

    def gather(self, origin: IntArray | int, item: IntArray) -> Matrix:
        """Return the figures of each (origin, item)."""
        return np.asarray(self.values[self.rows(origin, item)])


@dataclass(frozen=True, slots=True)
class HouseholdKnowledge:
    """What is known about the household of each origin: its products, types and categories, and its shopping."""

    own: Keyed
    types: Keyed
    categories: Keyed
    in_stores: Keyed
    """How often each own product was bought in each store: an item is product position * stores + store."""
    last_basket: IntArray
    """The latest basket with the product, one per row of `own`."""
    household: Matrix
    day: IntArray
    """Facts about the population count strictly before it."""
    store: IntArray

    @property
    def stores(self) -> int:
        """How many stores there are."""
        return self.in_stores.items // self.own.items

    def between(self, first: int, last: int) -> "HouseholdKnowledge":
        """Return what is known at the origins `[first, last)`, counted from 0."""
        low, high = np.searchsorted(self.own.key, [first * self.own.items, last * self.own.items]).tolist()
        return HouseholdKnowledge(
            self.own.between(first, last),
            self.types.between(first, last),
            self.categories.between(first, last),
            self.in_stores.between(first, last),
            self.last_basket[low:high],
            self.household[first:last],
            self.day[first:last],
            self.store[first:last],
        )

    def of(self, origin: int, store: int) -> "HouseholdKnowledge":
        """Return what is known at one origin, as origin 0, about a basket in `store`."""
        return replace(self.between(origin, origin + 1), store=np.array([store]))


@dataclass(frozen=True, slots=True)
class InHand:
    """What the basket in hand and the latest baskets say about other products, by the keys `HANDS`."""

    evidence: Mapping[str, RelationEvidence]
    basket_size: IntArray

    def figures(self, key: str, origin: IntArray, product: IntArray, products: int) -> Matrix:
        """Return `RELATION_COLUMNS` of one kind of evidence for each (origin, product); zeros where there is none."""
        found = self.evidence[key]
        nothing = np.zeros(len(RELATION_COLUMNS), np.float32)
        return Keyed(found.origin, found.candidate, found.values, products, nothing).gather(origin, product)


def in_hand(
    neighbours: Mapping[str, Neighbours], basket: Items, recent: Items, origins: int, products: int, hidden: Items | None = None
) -> InHand:
    """Collect the evidence of the basket in hand and of the recent items of each origin (`hidden`: see `relation_evidence`)."""
    hands = {"basket": basket, "recent": recent}
    evidence = {
        f"{hand}_{relation}": relation_evidence(neighbours[relation], items, products, hidden=hidden)
        for hand, items in hands.items()
        for relation in RELATIONS
    }
    return InHand(evidence, np.bincount(basket.origin, minlength=origins))


def recent_items(knowledge: HouseholdKnowledge) -> Items:
    """Return what each origin's household bought in its last two baskets, at most 40 products, the most regular first."""
    own = knowledge.own
    since, decay = own.values[:-1, RHYTHM_COLUMNS.index("baskets_since")], own.values[:-1, RHYTHM_COLUMNS.index("decay_95")]
    rows = np.flatnonzero(since < RECENT_BASKETS)
    origin, product = own.key[rows] // own.items, own.key[rows] % own.items
    order = np.lexsort((-decay[rows], origin))
    first = np.searchsorted(origin[order], origin[order])
    kept = order[np.arange(len(order)) - first < RECENT_ITEMS]
    return Items(origin[kept], product[kept])


def household_knowledge(purchases: Purchases, origins: Origins) -> HouseholdKnowledge:
    """Return what is known at each origin, from the baskets before it alone."""
    own = history(purchases, purchases.products, origins)
    types = history(purchases, purchases.types, origins)
    categories = history(purchases, purchases.categories, origins)
    values = np.concatenate([_values(own), own_details(purchases, origins, own)], axis=1)
    kept = (own["origin"].astype(np.int64), own["item"].astype(np.int64))
    return HouseholdKnowledge(
        Keyed(*kept, values, purchases.products.items, MISSING_OWN),
        _keyed(types, purchases.types.items),
        _keyed(categories, purchases.categories.items),
        _in_stores(purchases, origins),
        own["last_basket"].astype(np.int64),
        household_columns(purchases, origins, own),
        origins.facts_day,
        origins.store,
    )


def household_columns(purchases: Purchases, origins: Origins, own: Mapping[str, npt.NDArray[np.generic]]) -> Matrix:
    """Return `HOUSEHOLD_COLUMNS` for each origin; gaps are NaN for households with fewer than two baskets."""
    first = purchases.household_start[origins.household]
    baskets = (origins.until - first).astype(np.float64)
    lines = purchases.products.start[origins.until] - purchases.products.start[first]
    seen = baskets > 0
    last = purchases.basket_day[np.maximum(origins.until - 1, 0)]
    began = purchases.basket_day[np.minimum(first, len(purchases.basket_day) - 1)]
    recent = _baskets_since(purchases, origins, 28)
    distinct = np.bincount(own["origin"].astype(np.int64), minlength=len(origins))
    columns = (
        baskets,
        np.divide(lines, baskets, out=np.full(len(origins), np.nan), where=seen),
        np.divide(last - began, baskets - 1, out=np.full(len(origins), np.nan), where=baskets > 1),
        np.where(seen, origins.day - last, np.nan),
        recent,
        distinct,
    )
    return np.concatenate([np.column_stack(columns), visit_columns(purchases, origins)], axis=1).astype(np.float32)


def assemble(
    knowledge: HouseholdKnowledge, population: Population, levels: Levels, hand: InHand, origin: IntArray, product: IntArray
) -> Matrix:
    """Return the figures of each (origin, product), in the order of `FEATURES`."""
    own = knowledge.own.gather(origin, product)
    types = knowledge.types.gather(origin, levels.product_type[product])
    categories = knowledge.categories.gather(origin, levels.category[product])
    household = knowledge.household[origin]
    day, store = knowledge.day[origin], knowledge.store[origin]
    facts = population.products(product, day)
    here = population.stores(store, product, day)
    promoted = [population.promotions(product, day), population.saved(product, day)]
    gaps = population.gaps(product, day, own[:, _DAYS], types[:, _DAYS])
    spoken = [hand.figures(key, origin, product, knowledge.own.items) for key in HANDS]
    size = hand.basket_size[origin].astype(np.float32)[:, None]
    in_store = knowledge.in_stores.gather(origin, product * knowledge.stores + store)[:, 0]
    derived = [
        _derived(own, types, categories, household, facts, here),
        _more_derived(own, household, facts, promoted[1], in_store),
    ]
    return np.concatenate([own, types, categories, household, facts, here, *promoted, gaps, *spoken, size, *derived], axis=1)


def _derived(own: Matrix, types: Matrix, categories: Matrix, household: Matrix, facts: Matrix, here: Matrix) -> Matrix:
    one = np.float32(1.0)
    days, baskets = own[:, _DAYS], own[:, _BASKETS]
    fact = dict(zip(PRODUCT_COLUMNS, facts.T, strict=True))
    columns = (
        days / (own[:, _GAP] + one),
        (days - own[:, _GAP]) / (own[:, _DEVIATION] + one),
        baskets / (household[:, HOUSEHOLD_COLUMNS.index("baskets")] + one),
        baskets / (types[:, _BASKETS] + one),
        days / (own[:, _LAST_GAP] + one),
        days / (fact["repeat_gap"] + one),
        types[:, _DAYS] / (types[:, _GAP] + one),
        categories[:, _DAYS] / (categories[:, _GAP] + one),
        days - types[:, _DAYS],
        fact["sold_7"] / (fact["sold_28"] + one),
        fact["sold_28"] / (fact["sold_91"] + one),
        fact["sold_ever"] / (fact["buyers_ever"] + one),
        fact["sold_28"] / (fact["type_sold_28"] + one),
        here[:, STORE_COLUMNS.index("store_sold_28")] / (fact["sold_28"] + one),
    )
    return np.stack(columns, axis=1)


def _more_derived(own: Matrix, household: Matrix, facts: Matrix, saved: Matrix, in_store: Matrix) -> Matrix:
    one, least = np.float32(1.0), np.float32(0.1)
    mine = {name: own[:, OWN_COLUMNS.index(name)] for name in OWN_COLUMNS}
    fact = dict(zip(PRODUCT_COLUMNS, facts.T, strict=True))
    share = mine["decay_95"] / np.maximum(household[:, HOUSEHOLD_COLUMNS.index("faded_baskets")], least)
    stocked = np.maximum(mine["last_units"] / np.maximum(mine["mean_units"], least), 2 * least)
    columns = (
        share,
        share * fact["rebuy_4_weeks"],
        mine["baskets"] / np.maximum(mine["known_days"], one),
        mine["days_since"] / np.maximum(mine["mean_gap_days"], one / 2) / stocked,
        in_store,
        in_store / np.maximum(mine["decay_98"], least),
        (fact["type_sold_7"] + one) / (fact["type_sold_28"] + 4 * one),
        (fact["sold_3"] + one / 2) / (fact["sold_91"] + 15 * one),
        saved[:, SAVED_COLUMNS.index("saved_7")] - saved[:, SAVED_COLUMNS.index("saved_91")],
    )
    return np.stack(columns, axis=1)


def _in_stores(purchases: Purchases, origins: Origins) -> Keyed:
    origin, place, faded = own_in_stores(purchases, origins)
    items = purchases.products.items * max(len(purchases.store_ids), 1)
    return Keyed(origin, place, faded[:, None].astype(np.float32), items, np.zeros(1, np.float32))


def _values(table: Mapping[str, npt.NDArray[np.generic]]) -> Matrix:
    return np.column_stack([table[name] for name in RHYTHM_COLUMNS]).astype(np.float32)


def _keyed(table: Mapping[str, npt.NDArray[np.generic]], items: int) -> Keyed:
    return Keyed(table["origin"].astype(np.int64), table["item"].astype(np.int64), _values(table), items, MISSING_RHYTHM)


def _baskets_since(purchases: Purchases, origins: Origins, days: int) -> npt.NDArray[np.float64]:
    """Count each household's known baskets of the last `days` days, by one search in (household, day) order."""
    span = 1 << 20
    key = purchases.basket_household * span + purchases.basket_day
    low = np.searchsorted(key, origins.household * span + origins.day - days)
    return np.asarray(np.maximum(origins.until - low, 0), dtype=np.float64)


MISSING_RHYTHM = np.array([0.0 if name in COUNTS else np.nan for name in RHYTHM_COLUMNS], np.float32)
"""What was never bought: counts of zero, and no times."""
MISSING_OWN = np.r_[
    MISSING_RHYTHM, np.array([0.0 if name in DETAIL_COUNTS else np.nan for name in DETAIL_COLUMNS], np.float32)
].astype(np.float32)

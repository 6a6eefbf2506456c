"""What a score would be without the edges that an explanation cites: whether they moved it is measured, not claimed.

A deletion changes what the ranker reads, as a history without that purchase, or a graph without that edge, would give it. The
store keeps sums over purchases, not the purchases. Without the latest of three or more, the last gap is thus taken to be the
mean of those left, and the deviation to be unchanged; with one or two purchases the sums say all but how many baskets lay
between, which the household's mean gap between baskets gives.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from decisions.recommend.ranking import Ranking
from features.recommend_relations import RELATION_COLUMNS, RELATIONS, Items, RelationEvidence
from features.recommend_tables import StoredPopulation
from features.recommend_transform import (
    HOUSEHOLD_COLUMNS,
    MISSING_RHYTHM,
    RHYTHM_COLUMNS,
    HouseholdKnowledge,
    InHand,
    Keyed,
    assemble,
    recent_items,
)
from features.repertoire import FloatArray, IntArray

__all__ = ["NOTHING", "Deletion", "scores_without"]

NOTHING = -1
Matrix = npt.NDArray[np.float32]
_AT = {name: place for place, name in enumerate(RHYTHM_COLUMNS)}
_GAP_OF_BASKETS = HOUSEHOLD_COLUMNS.index("mean_gap_days")
_DISTINCT = HOUSEHOLD_COLUMNS.index("distinct_products")


@dataclass(frozen=True, slots=True)
class Deletion:
    """What is no longer read about one product, all by position.

    Args:
        product: whose score is asked for.
        own: the household's latest purchase of it is taken away.
        alike: the product whose latest purchase is taken away, or -1; the purchase of a type is one of its products.
        relation, entry: the edge taken out: a position in `RELATIONS` and in its neighbours, or -1.
        promotion: its promotion is taken away.
    """

    product: int
    own: bool = False
    alike: int = NOTHING
    relation: int = NOTHING
    entry: int = NOTHING
    promotion: bool = False

    def joined(self, other: "Deletion") -> "Deletion":
        """Return the deletion of what either takes away. At most one of the two names an edge, or a product alike."""
        return Deletion(
            self.product,
            self.own or other.own,
            max(self.alike, other.alike),
            max(self.relation, other.relation),
            max(self.entry, other.entry),
            self.promotion or other.promotion,
        )


class _WithoutPromotions(StoredPopulation):
    """The same population; rows of `gone` are asked as if nothing promoted their product."""

    def __init__(self, population: StoredPopulation, gone: npt.NDArray[np.bool_]) -> None:
        self._all = population
        self._gone = gone[:, None]

    def products(self, product: IntArray, day: IntArray) -> Matrix:
        return self._all.products(product, day)

    def stores(self, store: IntArray, product: IntArray, day: IntArray) -> Matrix:
        return self._all.stores(store, product, day)

    def promotions(self, product: IntArray, day: IntArray) -> Matrix:
        shares = self._all.promotions(product, day)
        return np.asarray(np.where(self._gone & ~np.isnan(shares), np.float32(0.0), shares))


def scores_without(
    ranking: Ranking, knowledge: HouseholdKnowledge, basket: IntArray, deletions: Sequence[Deletion]
) -> FloatArray:
    """Return the score of each deletion's product after it; one that takes nothing away gives the score as it is.

    Args:
        ranking: what orders, over which facts.
        knowledge: one household, as origin 0.
        basket: the products in hand.
        deletions: any number, scored at once.
    """
    if not deletions:
        return np.empty(0)
    product = np.array([one.product for one in deletions], dtype=np.int64)
    gone = np.array([one.promotion for one in deletions])
    less = _knowledge_without(knowledge, ranking, deletions, product)
    hand = _hand_without(ranking, knowledge, basket, deletions, product)
    population = _WithoutPromotions(ranking.features.population, gone)
    figures = assemble(less, population, ranking.features.levels, hand, np.arange(len(product)), product)
    return ranking.system.scores(figures)


def _knowledge_without(
    knowledge: HouseholdKnowledge, ranking: Ranking, deletions: Sequence[Deletion], product: IntArray
) -> HouseholdKnowledge:
    """Return the household once per deletion, as an origin of its own that knows the one product alone."""
    levels, rows, own = ranking.features.levels, np.arange(len(product)), knowledge.own
    kind, category = levels.product_type[product], levels.category[product]
    values = [
        own.gather(0, product).copy(),
        knowledge.types.gather(0, kind).copy(),
        knowledge.categories.gather(0, category).copy(),
    ]
    household = np.repeat(knowledge.household, len(product), axis=0)
    for row, one in enumerate(deletions):
        lines = {one.product} if one.own else set()
        for bought in sorted(lines | ({one.alike} if one.alike >= 0 else set())):
            groups = (levels.product_type, levels.category)
            _take_line(knowledge, groups, values, household, row=row, product=one.product, bought=bought)
    return replace(
        knowledge,
        own=Keyed(rows, product, values[0], own.items, MISSING_RHYTHM),
        types=Keyed(rows, kind, values[1], knowledge.types.items, MISSING_RHYTHM),
        categories=Keyed(rows, category, values[2], knowledge.categories.items, MISSING_RHYTHM),
        last_basket=np.empty(0, np.int64),
        household=household,
        day=np.repeat(knowledge.day, len(product)),
        store=np.repeat(knowledge.store, len(product)),
    )


def _take_line(
    knowledge: HouseholdKnowledge,
    groups: tuple[IntArray, IntArray],
    values: list[Matrix],
    household: Matrix,
    *,
    row: int,
    product: int,
    bought: int,
) -> None:
    """Take the latest line of `bought` out of what is known about `product`, its type and its category."""
    own = knowledge.own
    line = own.gather(0, np.array([bought]))[0]
    if not line[_AT["baskets"]]:
        return
    between = float(household[row, _GAP_OF_BASKETS])
    household[row, _DISTINCT] -= line[_AT["baskets"]] == 1
    if bought == product:
        values[0][row] = _rhythm_without(values[0][row], line, between)
    same_basket = own.values[:-1, _AT["baskets_since"]] == line[_AT["baskets_since"]]
    item = own.key % own.items
    for place, group in enumerate(groups, start=1):
        others = same_basket & (group[item] == group[bought]) & (item != bought)
        # a basket that holds another product of the group still is a purchase of the group
        if group[bought] == group[product] and not others.any():
            values[place][row] = _rhythm_without(values[place][row], line, between)


def _rhythm_without(values: Matrix, line: Matrix, between: float) -> Matrix:
    """Return `RHYTHM_COLUMNS` without one purchase, which `line` dates. `between`: days from basket to basket, or NaN."""
    count = float(values[_AT["baskets"]])
    if count <= 1:
        return MISSING_RHYTHM
    left, since, days = values.copy(), float(line[_AT["baskets_since"]]), float(line[_AT["days_since"]])
    if since == values[_AT["baskets_since"]]:
        gap = float(values[_AT["last_gap_days"]])
        left[_AT["days_since"]] += gap
        left[_AT["baskets_since"]] += max(1.0, round(gap / between)) if between > 0 else 1.0
    span = left[_AT["known_days"]] - left[_AT["days_since"]]
    left[_AT["mean_gap_days"]] = span / (count - 2) if count > 2 else np.nan
    if since == values[_AT["baskets_since"]] or count == 2:
        left[_AT["last_gap_days"]] = left[_AT["mean_gap_days"]]
    if count <= 3:
        left[_AT["gap_deviation_days"]] = np.nan
    counted = {
        "baskets": 1.0,
        "recent_baskets": float(since < 5),
        "recent_days": float(days <= 28),
        "decay_95": 0.95**since,
        "decay_98": 0.98**since,
        "decay_days": 0.5 ** (days / 90),
    }
    for name, value in counted.items():
        left[_AT[name]] = max(0.0, float(left[_AT[name]]) - value)
    return left


def _hand_without(
    ranking: Ranking, knowledge: HouseholdKnowledge, basket: IntArray, deletions: Sequence[Deletion], product: IntArray
) -> InHand:
    recent = recent_items(knowledge)
    hands = {"basket": Items(np.zeros(len(basket), np.int64), basket), "recent": recent}
    named = np.array([(one.relation, one.entry) for one in deletions], dtype=np.int64)
    evidence = {}
    for hand, items in hands.items():
        for place, relation in enumerate(RELATIONS):
            neighbours = ranking.neighbours[relation]
            entry, _ = neighbours.entries(items.product)
            entry = entry[np.isin(neighbours.candidate[entry], product)]
            gone = np.where(named[:, 0] == place, named[:, 1], NOTHING)
            speaks = (neighbours.candidate[entry][None, :] == product[:, None]) & (entry[None, :] != gone[:, None])
            evidence[f"{hand}_{relation}"] = _summed(speaks, neighbours.strength[entry], product)
    return InHand(evidence, np.full(len(product), len(basket)))


def _summed(speaks: npt.NDArray[np.bool_], strength: FloatArray, product: IntArray) -> RelationEvidence:
    """Sum up, for each row, the edges that speak, in their given order as `relation_evidence` does."""
    rows = np.flatnonzero(speaks.any(axis=1))
    values = np.empty((len(rows), len(RELATION_COLUMNS)))
    for place, row in enumerate(rows.tolist()):
        found = strength[speaks[row]]
        values[place] = found.max(), np.add.reduceat(found, [0])[0], len(found)
    return RelationEvidence(rows, product[rows], values.astype(np.float32))

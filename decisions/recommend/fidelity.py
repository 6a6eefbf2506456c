"""A score without the facts that an explanation may cite: whether they moved it is measured, not claimed.

A deletion changes what the ranker reads, as a history without that purchase or a graph without that edge would give it
(`features.recommend_less`), and the same ranker scores the product again through the same transform. What the population
bought stays as it is: one line of one household moves none of its figures.
"""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from decisions.recommend.ranking import NOTHING, Ranked, Ranking
from features.recommend_evidence import evidence_without
from features.recommend_less import Latest
from features.recommend_population import Population
from features.recommend_relations import RELATIONS, Items
from features.recommend_transform import (
    GROUP_OF_FEATURE,
    GROUPS,
    OWN_COLUMNS,
    HouseholdKnowledge,
    InHand,
    assemble,
    recent_items,
)
from features.repertoire import FloatArray, IntArray

__all__ = ["LEAST_FALL", "REASONS", "Deletions", "Falls", "Without"]

Matrix = npt.NDArray[np.float32]
REASONS = ("habit", "rhythm", "relations", "promotion")
"""The groups of features that rest on edges: a purchase, the latest of the type, a relation, a promotion."""
GROUP_OF_REASON = np.array([GROUPS.index(reason) for reason in REASONS])
LEAST_FALL = 1e-9
"""A score that falls by less has not moved: sums of floats differ by as much."""
ASKED_AT_ONCE = 20_000
"""Bounds the memory at some 100 MB."""
_RECENTLY = OWN_COLUMNS.index("recent_baskets")


@dataclass(frozen=True, slots=True)
class Deletions:
    """Questions: the score of each (origin, product) without some facts. Columns hold -1 where there is nothing to take.

    Args:
        origin, product: whose score of what, one per row.
        bought: columns of products whose latest purchase is taken away; distinct within a row.
        edges: columns of (relation, entry): positions in `RELATIONS` and in that relation's neighbours.
        unpromoted: whether the product's promotions are taken away.
    """

    origin: IntArray
    product: IntArray
    unpromoted: npt.NDArray[np.bool_]
    bought: tuple[IntArray, ...] = ()
    edges: tuple[tuple[IntArray, IntArray], ...] = field(default_factory=tuple)

    def __len__(self) -> int:
        return len(self.product)

    def take(self, rows: IntArray | slice) -> "Deletions":
        """Return the named rows."""
        return Deletions(
            self.origin[rows],
            self.product[rows],
            self.unpromoted[rows],
            tuple(column[rows] for column in self.bought),
            tuple((relation[rows], entry[rows]) for relation, entry in self.edges),
        )


@dataclass(frozen=True, slots=True)
class Falls:
    """By how much each row's score falls.

    `alone` (rows, `REASONS`) without the facts of one reason, NaN where there are none, or where the group speaks against the
    product or does not read them; `together` without those of all reasons that are cited, NaN where none is.
    """

    alone: FloatArray
    together: FloatArray

    @property
    def cited(self) -> npt.NDArray[np.bool_]:
        """Which reasons are cited: their group speaks for the product, and the score falls without their facts."""
        return self.alone > LEAST_FALL


class _Unpromoted:
    """The same population; rows of `gone` are asked as if nothing promoted their product."""

    def __init__(self, population: Population, gone: npt.NDArray[np.bool_]) -> None:
        self._all = population
        self._gone = gone[:, None]
        self.products, self.stores = population.products, population.stores
        self.saved, self.gaps = population.saved, population.gaps

    def promotions(self, product: IntArray, day: IntArray) -> Matrix:
        shares = self._all.promotions(product, day)
        return np.asarray(np.where(self._gone & ~np.isnan(shares), np.float32(0.0), shares))


class Without:
    """Scores of some households' products without some facts.

    Args:
        ranking: what orders, over which facts.
        knowledge: of the households, one origin each.
        basket: what is in hand.
    """

    def __init__(self, ranking: Ranking, knowledge: HouseholdKnowledge, basket: Items) -> None:
        self._ranking = ranking
        self._knowledge = knowledge
        self._hands = {"basket": basket, "recent": recent_items(knowledge)}
        self._basket_size = np.bincount(basket.origin, minlength=len(knowledge.household))
        self._latest = Latest(knowledge, ranking.features.levels)

    def scores(self, deletions: Deletions) -> FloatArray:
        """Return the score of each row after its deletion; one that takes nothing away gives the score as it is."""
        parts = [self._ranking.system.scores(self._figures(deletions.take(rows))) for rows in _slices(len(deletions))]
        return np.concatenate([np.empty(0), *parts])

    def falls(self, ranked: Ranked) -> Falls:
        """Measure what each row of these households' ranking may cite.

        A reason counts where its group speaks for the product and the score falls twice: without its facts, and when its
        group's figures alone are as they would be without them. Else it is another group that reads them.
        """
        facts = _facts(self._ranking, self._knowledge, ranked)
        alone = np.full((len(ranked), len(REASONS)), np.nan)
        row, reason = np.nonzero(_there(facts) & (ranked.moved.brought[:, GROUP_OF_REASON] > 0))
        for part in _slices(len(row)):
            alone[row[part], reason[part]] = self._alone(facts.take(row[part]), ranked.score[row[part]], reason[part])
        together, cited = np.full(len(ranked), np.nan), alone > LEAST_FALL
        rows = np.flatnonzero(cited.any(axis=1))
        together[rows] = ranked.score[rows] - self.scores(_limited(facts.take(rows), cited[rows]))
        return _whole(Falls(alone, together))

    def _alone(self, facts: Deletions, score: FloatArray, reason: IntArray) -> FloatArray:
        """Return the fall of each row without the facts of one reason, NaN where its group does not read them."""
        only = np.eye(len(REASONS), dtype=bool)[reason]
        less = self._figures(_limited(facts, only))
        plain = self._figures(Deletions(facts.origin, facts.product, np.zeros(len(facts), bool)))
        read = GROUP_OF_REASON[reason][:, None] == GROUP_OF_FEATURE
        through, whole = np.split(self._ranking.system.scores(np.concatenate([np.where(read, less, plain), less])), 2)
        return np.where(score - through > LEAST_FALL, score - whole, np.nan)

    def _figures(self, deletions: Deletions) -> Matrix:
        features, rows = self._ranking.features, np.arange(len(deletions))
        less = self._latest.without(deletions.origin, deletions.product, deletions.bought)
        population = _Unpromoted(features.population, deletions.unpromoted)
        return assemble(less, population, features.levels, self._in_hand(deletions), rows, deletions.product)

    def _in_hand(self, deletions: Deletions) -> InHand:
        left = tuple(_no_longer_recent(self._knowledge, deletions.origin, column) for column in deletions.bought)
        evidence = {}
        for hand, items in self._hands.items():
            for place, name in enumerate(RELATIONS):
                gone = tuple(np.where(relation == place, entry, NOTHING) for relation, entry in deletions.edges)
                evidence[f"{hand}_{name}"] = evidence_without(
                    self._ranking.neighbours[name],
                    items,
                    deletions.origin,
                    deletions.product,
                    gone,
                    left if hand == "recent" else (),
                )
        return InHand(evidence, self._basket_size[deletions.origin])


def _whole(falls: Falls) -> Falls:
    """Where the score does not fall without all that would be cited, only what it falls deepest without is."""
    rows = np.flatnonzero(falls.together <= LEAST_FALL)
    deepest = np.nanargmax(falls.alone[rows], axis=1) if len(rows) else rows
    alone, together = falls.alone.copy(), falls.together.copy()
    alone[rows] = np.nan
    alone[rows, deepest] = together[rows] = falls.alone[rows, deepest]
    return Falls(alone, together)


def _slices(rows: int) -> list[slice]:
    return [slice(first, first + ASKED_AT_ONCE) for first in range(0, rows, ASKED_AT_ONCE)]


def _facts(ranking: Ranking, knowledge: HouseholdKnowledge, ranked: Ranked) -> Deletions:
    """Return, per row, all that could be cited: purchases of the product, of one of its type and of what an edge leads from, the
    edge, and whether the product is promoted.
    """
    key, products = ranking.features.knowledge.own.key, knowledge.own.items
    alike = np.where(ranked.alike >= 0, key[np.maximum(ranked.alike, 0)] % products, NOTHING) if len(key) else ranked.alike
    shares = ranking.features.population.promotions(ranked.product, knowledge.day[ranked.origin])
    promoted = np.asarray((np.nan_to_num(shares) > 0).any(axis=1))
    own, item = np.where(ranked.own >= 0, ranked.product, NOTHING), np.where(ranked.recent, ranked.item, NOTHING)
    return Deletions(ranked.origin, ranked.product, promoted, (own, alike, item), ((ranked.relation, ranked.entry),))


def _there(facts: Deletions) -> npt.NDArray[np.bool_]:
    own, alike, _ = facts.bought
    return np.column_stack([own >= 0, alike >= 0, facts.edges[0][0] >= 0, facts.unpromoted])


def _limited(facts: Deletions, reasons: npt.NDArray[np.bool_]) -> Deletions:
    """Return the deletion of the facts of some reasons alone. One purchase may be of two of them."""
    (own, alike, item), (relation, entry) = facts.bought, facts.edges[0]
    habit, rhythm, edge, promotion = reasons.T
    own = np.where(habit, own, NOTHING)
    alike = np.where(rhythm & (alike != own), alike, NOTHING)
    item = np.where(edge & (item != alike), item, NOTHING)
    edges = (np.where(edge, relation, NOTHING), np.where(edge, entry, NOTHING))
    return Deletions(facts.origin, facts.product, facts.unpromoted & promotion, (own, alike, item), (edges,))


def _no_longer_recent(knowledge: HouseholdKnowledge, origin: IntArray, bought: IntArray) -> IntArray:
    """Return the products that leave the latest baskets with their latest purchase: those not bought twice of late."""
    lately = knowledge.own.gather(origin, np.maximum(bought, 0))[:, _RECENTLY]
    return np.where((bought >= 0) & (lately < 2), bought, NOTHING)

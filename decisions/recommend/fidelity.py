"""A score without the facts that an explanation may cite: whether they moved it is measured, not claimed.

A deletion changes what the ranker reads, as a history without that purchase or a graph without that edge would give it
(`features.recommend_less`), and the same ranker scores the product again through the same transform. What the population
bought stays as it is: one line of one household moves none of its figures.
"""

from collections.abc import Sequence
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
ROWS_AT_ONCE = ASKED_AT_ONCE >> len(REASONS)
"""Each row asks once for every set of reasons at most, the empty one included."""
_BITS = 1 << np.arange(len(REASONS))
_SETS = (np.arange(1, 1 << len(REASONS))[:, None] & _BITS).astype(bool)
"""Every set of reasons but the empty one, by its number less one."""
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
        parts = [
            self._ranking.system.scores(self._figures(deletions.take(rows))) for rows in _slices(len(deletions), ASKED_AT_ONCE)
        ]
        return np.concatenate([np.empty(0), *parts])

    def falls(self, ranked: Ranked) -> Falls:
        """Measure what each row of these households' ranking may cite.

        A reason counts where its group speaks for the product and the score falls twice: without its facts, and when its
        group's figures alone are as they would be without them. Else it is another group that reads them.
        """
        facts = _facts(self._ranking, self._knowledge, ranked)
        may = _there(facts) & (ranked.moved.brought[:, GROUP_OF_REASON] > 0)
        alone, together = np.full((len(ranked), len(REASONS)), np.nan), np.full(len(ranked), np.nan)
        for rows in _slices(len(ranked), ROWS_AT_ONCE):
            alone[rows], together[rows] = self._measured(facts.take(rows), ranked.score[rows], may[rows])
        return _whole(Falls(alone, together))

    def _measured(self, facts: Deletions, score: FloatArray, may: npt.NDArray[np.bool_]) -> tuple[FloatArray, FloatArray]:
        """Return `alone` and `together` of `Falls`. `may`: the reasons that could be cited.

        A household's few rows cost as much as one, so all that may turn out to be cited together is asked at once.
        """
        row, which = np.nonzero(~(_SETS & ~may[:, None]).any(axis=2))
        asked = _stacked([_limited(facts.take(row), _SETS[which]), _limited(facts, np.zeros_like(may))])
        less, plain = np.split(self._figures(asked), [len(row)])
        single = np.flatnonzero(_SETS[which].sum(axis=1) == 1)
        at, reason = row[single], np.nonzero(_SETS[which[single]])[1]
        read = GROUP_OF_REASON[reason][:, None] == GROUP_OF_FEATURE
        scores = self._ranking.system.scores(np.concatenate([np.where(read, less[single], plain[at]), less]))
        through, whole = np.split(scores, [len(single)])
        alone = np.full(may.shape, np.nan)
        alone[at, reason] = np.where(score[at] - through > LEAST_FALL, score[at] - whole[single], np.nan)
        without = np.full((len(score), len(_SETS) + 1), np.nan)
        without[row, which + 1] = whole
        return alone, score - without[np.arange(len(score)), (alone > LEAST_FALL) @ _BITS]

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


def _slices(rows: int, at_once: int) -> list[slice]:
    return [slice(first, first + at_once) for first in range(0, rows, at_once)]


def _stacked(parts: Sequence[Deletions]) -> Deletions:
    """Return deletions with equally many columns as one."""
    first = parts[0]
    return Deletions(
        np.concatenate([one.origin for one in parts]),
        np.concatenate([one.product for one in parts]),
        np.concatenate([one.unpromoted for one in parts]),
        tuple(np.concatenate([one.bought[place] for one in parts]) for place in range(len(first.bought))),
        tuple(
            (np.concatenate([one.edges[place][0] for one in parts]), np.concatenate([one.edges[place][1] for one in parts]))
            for place in range(len(first.edges))
        ),
    )


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

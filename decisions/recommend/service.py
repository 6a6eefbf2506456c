"""Answers recommendation requests from the published graph, the feature snapshot and the ranker."""

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from decisions.envelope import Degradation
from decisions.recommend.candidates import SOURCES
from decisions.recommend.contract import RecommendationAnswer, RecommendationRequest, RecommendedProduct
from decisions.recommend.errors import (
    BasketTooLarge,
    LimitOutOfRange,
    OtherDay,
    RecommendationArtefactError,
    UnknownHousehold,
    UnknownProducts,
    UnknownStore,
)
from decisions.recommend.explain import Explainer, RelationExplainer
from decisions.recommend.graph_view import GraphView
from decisions.recommend.lists import LISTED, read_lists
from decisions.recommend.model import MODEL_SYSTEM, Ranker, open_ranker
from decisions.recommend.ranking import Ranked, Ranking, RankingSystem
from decisions.recommend.told import explain_list
from features.recommend_population import STORE_COLUMNS
from features.recommend_relations import Items
from features.recommend_tables import read_serving_features
from features.repertoire import FloatArray, IntArray
from features.snapshot import FeatureSnapshot
from kg.ports import ArrayGraph

__all__ = ["RecommendService"]

LARGEST_LIMIT = 100
LARGEST_BASKET = 200
KEPT_ANSWERS = 4096
_STORE_SOLD_28 = STORE_COLUMNS.index("store_sold_28")


class RecommendService:
    """Recommendations of one release. Deterministic and safe to share between threads.

    Args:
        graph: the published version that explanations lead through.
        features: the snapshot that `fit` filled.
        artefact: the files that `fit` gave.

    Raises:
        RecommendationArtefactError: the files are missing, changed or of another format.
    """

    def __init__(self, graph: ArrayGraph, features: FeatureSnapshot, artefact: Mapping[str, bytes]) -> None:
        self._graph = graph
        self._as_of = features.as_of
        about = _about(artefact)
        self._system = RankingSystem(about["system"], _ranker(artefact, about))
        self._features = read_serving_features(features)
        self._view = GraphView(graph, self._features)
        self._ranking = Ranking(self._features, self._view.neighbours, self._system)
        self._lists = read_lists(features, self._ranking)
        if not self._view.present.all():
            # the lists may name products that this graph does not have
            self._lists = None
        self._product = {product: place for place, product in enumerate(self._features.product_ids.to_pylist())}
        self._household = {household: place for place, household in enumerate(self._features.household_ids)}
        self._store = {store: place for place, store in enumerate(self._features.store_ids)}
        self._share = _shares(self._features.population.baskets_in_28_days)
        # a release never changes, so neither does its answer to a request
        self._answer = lru_cache(KEPT_ANSWERS)(self._compute)

    @property
    def base_score(self) -> float:
        """What every score of the ranker starts from: the contributions of an item sum to its score less this."""
        return 0.0 if self._system.ranker is None else self._system.ranker.base

    def recommend(self, request: RecommendationRequest) -> RecommendationAnswer:
        """Return at most `limit` merchandise products, best first, none of them in the basket.

        A household with purchases is ranked by the system that won the back-test; otherwise relations of the basket speak,
        and what sells fills up.

        Raises:
            LimitOutOfRange, BasketTooLarge, UnknownProducts, UnknownHousehold, UnknownStore: the request cannot be answered.
            OtherDay: `as_of` is another day than the release's.
        """
        self._check(request)
        return self._answer(replace(request, as_of=None, basket=tuple(sorted(set(request.basket)))))

    def _compute(self, request: RecommendationRequest) -> RecommendationAnswer:
        basket = np.array([self._product[p] for p in request.basket if p in self._product], dtype=np.int64)
        household = self._household.get(request.household_id) if request.household_id is not None else None
        if household is None:
            return self._without_history(request, basket)
        return RecommendationAnswer(self._as_of, self._system.name, self._ranked(request, household, np.sort(basket)))

    def _check(self, request: RecommendationRequest) -> None:
        if not 1 <= request.limit <= LARGEST_LIMIT:
            raise LimitOutOfRange(request.limit, LARGEST_LIMIT)
        if len(request.basket) > LARGEST_BASKET:
            raise BasketTooLarge(len(request.basket), LARGEST_BASKET)
        unknown = tuple(p for p in dict.fromkeys(request.basket) if self._graph.position("Product", p) is None)
        if unknown:
            raise UnknownProducts(unknown)
        if request.household_id is not None and self._graph.position("Household", request.household_id) is None:
            raise UnknownHousehold(request.household_id)
        if request.store_id is not None and self._graph.position("Store", request.store_id) is None:
            raise UnknownStore(request.store_id)
        if request.as_of is not None and request.as_of != self._as_of:
            raise OtherDay(request.as_of, self._as_of)

    def _ranked(self, request: RecommendationRequest, household: int, basket: IntArray) -> tuple[RecommendedProduct, ...]:
        """Read the household's list where one was kept for such a request; rank now where not: the answer is the same."""
        store = self._store_of(request, household)
        if self._lists is not None and not len(basket) and request.store_id is None and request.limit <= LISTED:
            first, last = self._lists.of(household, request.limit)
            return self._items(self._lists.ranked, (first, last), household, (basket, store))
        ranked = self._rank_now(household, basket, store, request.limit)
        return self._items(ranked, (0, len(ranked)), household, (basket, store))

    def _rank_now(self, household: int, basket: IntArray, store: int, limit: int) -> Ranked:
        knowledge = self._features.knowledge.of(household, store)
        in_basket = Items(np.zeros(len(basket), np.int64), basket)
        return self._ranking.rank(knowledge, in_basket, self._view.present, limit)

    def _items(
        self, ranked: Ranked, rows: tuple[int, int], household: int, hand: tuple[IntArray, int]
    ) -> tuple[RecommendedProduct, ...]:
        """Explain the rows `[first, last)`; `hand` is the basket and the store."""
        explainer = Explainer(self._view, self._features, household)
        asked = self._features.knowledge.of(household, hand[1]), hand[0]
        told = explain_list(explainer, self._ranking, ranked, asked, rows=rows, base=self.base_score)
        return tuple(
            RecommendedProduct(
                self._view.product(int(ranked.product[row])).id,
                rank,
                float(ranked.score[row]),
                SOURCE_NAMES[ranked.sources[row]],
                explanation,
            )
            for rank, (row, explanation) in enumerate(zip(range(*rows), told, strict=True), start=1)
        )

    def _without_history(self, request: RecommendationRequest, basket: IntArray) -> RecommendationAnswer:
        """Rank by the sum of the basket's edges; below one unit of strength, what sells orders the list and fills it."""
        neighbours = self._view.neighbours
        spoken = np.zeros(len(self._product))
        for relation in neighbours.values():
            entry, _ = relation.entries(basket)
            np.add.at(spoken, relation.candidate[entry], relation.strength[entry])
        share = self._share if request.store_id is None else self._share_in(self._store.get(request.store_id, -1))
        scores = spoken + share
        open_rows = self._view.present.copy()
        open_rows[basket] = False
        rows = np.flatnonzero(open_rows & (scores > 0))
        best = rows[np.lexsort((rows, -scores[rows]))][: request.limit]
        explainer = RelationExplainer(self._view, self._features, basket)
        items = tuple(self._related(int(row), rank, scores, share, explainer) for rank, row in enumerate(best, start=1))
        rung = "basket_relations" if bool((spoken[best] > 0).any()) else "popularity"
        return RecommendationAnswer(self._as_of, rung, items, _degradation(request, rung))

    def _related(
        self, product: int, rank: int, scores: FloatArray, share: FloatArray, explainer: RelationExplainer
    ) -> RecommendedProduct:
        edges = explainer.edges_to(product)
        explanation = explainer.explain(product, edges, float(share[product]))
        sources = (("basket_relations",) if edges else ()) + (("popularity",) if share[product] else ())
        return RecommendedProduct(self._view.product(product).id, rank, float(scores[product]), sources, explanation)

    def _store_of(self, request: RecommendationRequest, household: int) -> int:
        if request.store_id is None:
            return int(self._features.knowledge.store[household])
        return self._store.get(request.store_id, -1)

    def _share_in(self, store: int) -> FloatArray:
        """Return each product's share of the best seller's baskets in 28 days in the store, below 1."""
        products = np.arange(len(self._product))
        in_store = self._features.population.stores(np.full(len(products), store), products, products)
        return _shares(in_store[:, _STORE_SOLD_28])


def _shares(sold: npt.NDArray[np.float32]) -> FloatArray:
    return np.asarray(sold.astype(np.float64) / (float(sold.max(initial=0.0)) + 1.0))


def _about(artefact: Mapping[str, bytes]) -> dict[str, Any]:
    try:
        about: dict[str, Any] = json.loads(artefact["recommend.json"])
    except (KeyError, ValueError) as error:
        raise RecommendationArtefactError("its description cannot be read.") from error
    if about.get("format") != "recommend-1":
        raise RecommendationArtefactError(f"its format is {about.get('format')!r}, not 'recommend-1'.")
    return about


def _ranker(artefact: Mapping[str, bytes], about: Mapping[str, Any]) -> Ranker | None:
    if about["system"] != MODEL_SYSTEM:
        return None
    if "ranker.txt" not in artefact:
        raise RecommendationArtefactError("the model's text is missing.")
    return open_ranker(artefact["ranker.txt"], about["model"])


def _degradation(request: RecommendationRequest, rung: str) -> Degradation | None:
    if request.household_id is not None:
        return Degradation("the household has no purchases to learn from", rung)
    if request.basket and rung == "popularity":
        return Degradation("no published relation speaks for a product beside this basket", rung)
    return None


SOURCE_NAMES = tuple(tuple(name for place, name in enumerate(SOURCES) if bits >> place & 1) for bits in range(1 << len(SOURCES)))
"""The sources of a candidate by its bits."""

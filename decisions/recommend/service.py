"""Answers recommendation requests from the published graph, the feature snapshot and the ranker.

Each surface has a ladder: the first rung is the system that won its back-test, the ones below fill the places that it leaves
open, and the answer says which rung it came down to and why.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from decisions.envelope import Degradation, ExplanationPath
from decisions.recommend.asking import Asked
from decisions.recommend.beside import BesideLists
from decisions.recommend.beside_scores import BASKET_RELATIONS, COMPANIONS, POPULARITY
from decisions.recommend.bounds import Bounds, exposure_shares, levels_of
from decisions.recommend.calibration import read_calibration
from decisions.recommend.checking import check_page, check_request
from decisions.recommend.contract import (
    PageAnswer,
    PageRequest,
    PlacementAnswer,
    RecommendationAnswer,
    RecommendationExplanation,
    RecommendationRequest,
    RecommendedProduct,
    RuleCheck,
    RungUsed,
    Surface,
    WhyNotAnswer,
    WhyNotOutcome,
    WhyNotRequest,
)
from decisions.recommend.deletion import Rescored, Rescoring
from decisions.recommend.discover import DiscoverLists
from decisions.recommend.discovery import DISCOVERY_SYSTEM, Discovery
from decisions.recommend.discovery_lists import PLACES, read_discoveries
from decisions.recommend.eligibility import Eligibility, EligibilityAsk
from decisions.recommend.errors import EmptyBasket, OtherDay, RecommendationArtefactError, SurfaceIncomplete, UnknownProducts
from decisions.recommend.graph_view import GraphView
from decisions.recommend.habit import HabitLists
from decisions.recommend.items import COMPLEMENTS, ITEM_RELATIONS, SUBSTITUTES, ItemLists
from decisions.recommend.lists import read_lists
from decisions.recommend.live import LiveFacts, NoEvents, OnlineFacts
from decisions.recommend.live_households import LiveHouseholds
from decisions.recommend.model import ARTEFACT_FORMAT, MODEL_SYSTEM, Ranker, open_ranker
from decisions.recommend.quality import PathMeasures
from decisions.recommend.ranking import Ranking, RankingSystem
from decisions.recommend.rules import USUAL_SETTINGS, EligibilitySettings
from decisions.recommend.shelf import Shelf
from decisions.recommend.suggestions import Suggestion, first_of_each, mixed
from decisions.recommend.trending import TRENDING, TrendLists
from decisions.recommend.why_not import Change, standing_of, told
from features.collaborative import read_tastes
from features.companions import read_companions
from features.recommend_live import read_household_baskets
from features.recommend_tables import read_serving_features
from features.repertoire import IntArray
from features.snapshot import FeatureSnapshot
from kg.ports import ArrayGraph
from kit.bounded import BoundedMemory

__all__ = ["RecommendService"]

KEPT_PARTS = 800_000
"""Suggestions, factors, figures and hops in the answers that are kept, some 200 MB: a list of a hundred weighs as ten lists of
ten, and one that says little of each product less than one that says much.
"""
KEPT_PAGE_PARTS = 250_000
SILENT = {
    COMPANIONS: "nothing lies in the same baskets as what is in hand",
    BASKET_RELATIONS: "no published relation speaks for a product beside this basket",
}
"""What is said of a basket beside which a system names nothing."""
LONGEST_ORDER = 1_000
"""Places of the order that `why_not` looks at: more than there are candidates."""
CHANGES_TRIED = 3


@dataclass(frozen=True, slots=True)
class _Rung:
    """One step of a surface's ladder: its name, what it suggests (asked for where places are left), and what is said where
    that is nothing.
    """

    name: str
    suggest: Callable[[], Iterable[Suggestion]]
    nothing: str = "nothing that may be suggested is left"


@dataclass(frozen=True, slots=True)
class _Ladder:
    """The steps from the best to the last. `cause`: why the surface's own first step is missing."""

    rungs: tuple[_Rung, ...]
    cause: str = ""


class RecommendService:
    """Recommendations of one release. Deterministic and safe to share between threads.

    Args:
        graph: the published version that explanations lead through.
        features: the snapshot that `fit` filled.
        artefact: the files that `fit` gave.
        online: what happened since the release.
        settings: the retailer's bounds of eligibility.

    Raises:
        RecommendationArtefactError: the files are missing, changed or of another format.
    """

    def __init__(
        self,
        graph: ArrayGraph,
        features: FeatureSnapshot,
        artefact: Mapping[str, bytes],
        online: OnlineFacts | None = None,
        settings: EligibilitySettings = USUAL_SETTINGS,
    ) -> None:
        self._graph = graph
        self._as_of = features.as_of
        self._behind = _behind(graph, features)
        self._online = online or NoEvents()
        about = _about(artefact)
        wins = {surface: str(tried["system"]) for surface, tried in about["surfaces"].items()}
        self._system, again = _systems(artefact, about, (about["system"], wins["buy_again"]))
        facts = read_serving_features(features)
        self._view = GraphView(graph, facts)
        ranking = Ranking(facts, self._view.neighbours, self._system)
        # the stored lists may name products that this graph does not have: those are not open
        self._shelf = Shelf(graph, facts, self._view)
        self._rules = Eligibility(graph, features, features.as_of, settings)
        baskets = read_household_baskets(features, len(facts.household_ids), facts.levels)
        self._live = LiveHouseholds(self._shelf, baskets)
        self._habit = HabitLists(self._shelf, ranking, self._live, read_lists(features, ranking), read_calibration(about))
        self._again_name, self._again = again.name, self._habit
        if again.name != self._system.name:
            self._again = HabitLists(self._shelf, Ranking(facts, self._view.neighbours, again), self._live, None)
        kept = read_discoveries(features, len(facts.household_ids))
        exposure = exposure_shares(kept.first(PLACES), self._shelf.products, len(facts.household_ids))
        bounds = Bounds(levels_of(graph, self._view.place), exposure)
        served = about["discovery"]
        tastes = read_tastes(features)
        discovery = Discovery(facts, tastes)
        self._discover = DiscoverLists(self._shelf, discovery, bounds, kept, served["system"], served["base"])
        self._completes = about["basket"]["system"]
        self._goes_with, self._grows = wins["item"], wins["trending"]
        self._beside = BesideLists(self._shelf, read_companions(features, self._shelf.products))
        self._items = ItemLists(self._shelf)
        self._trends = TrendLists(self._shelf)
        self._paths = PathMeasures(self._shelf, features.as_of)
        self.rescoring = Rescoring(self._shelf, self._habit, tastes, self._again)
        """Scores again without some facts, for those who measure explanations."""
        self._ladders = {
            Surface.HOUSEHOLD: self._for_household,
            Surface.BASKET: self._for_household,
            Surface.ITEM: self._for_item,
            Surface.BUY_AGAIN: self._to_buy_again,
            Surface.DISCOVER: self._to_discover,
            Surface.TRENDING: self._trending,
            Surface.RERANK: self._reordered,
        }
        self._answers: BoundedMemory[RecommendationRequest, RecommendationAnswer] = BoundedMemory(KEPT_PARTS)
        self._pages: BoundedMemory[PageRequest, PageAnswer] = BoundedMemory(KEPT_PAGE_PARTS)

    @property
    def base_score(self) -> float:
        """What every score of the ranker starts from: the contributions of an item sum to its score less this."""
        return self._habit.base_score

    def recommend(self, request: RecommendationRequest) -> RecommendationAnswer:
        """Return at most `limit` merchandise products, best first, none of them in the basket.

        Raises:
            LimitOutOfRange, BasketTooLarge, ListTooLong, DetailOutOfRange, EmptyBasket, SurfaceIncomplete, UnknownProducts,
            UnknownHousehold, UnknownStore: the request cannot be answered.
            OtherDay: `as_of` is another day than the release's.
        """
        check_request(self._graph, request, partial(self._told_of, request.events_until))
        if request.as_of is not None and request.as_of != self._as_of:
            raise OtherDay(request.as_of, self._as_of)
        return self._answer(_as_sets(request))

    def _answer(self, request: RecommendationRequest) -> RecommendationAnswer:
        """Return the answer, the same object while it is kept: a release never changes, so neither does its answer to a request.

        What changes meanwhile is in the request: `events_until` says how much of it counts.
        """
        answer = self._answers.get(request)
        if answer is None:
            answer = self._compute(request)
            self._answers.put(request, answer, _weight(answer))
        return answer

    def page(self, request: PageRequest) -> PageAnswer:
        """Fill the placements from the first to the last; no product comes twice. Raises: PageInvalid, and as `recommend`.

        A placement that asks for what the visit does not have, such as a household, is empty and says so.
        """
        check_page(request)
        page = self._pages.get(request)
        if page is None:
            page = self._fill(request)
            self._pages.put(request, page, sum(_weight(one.answer) for one in page.placements))
        return page

    def _fill(self, request: PageRequest) -> PageAnswer:
        shown: tuple[str, ...] = ()
        filled: list[PlacementAnswer] = []
        for placement in request.placements:
            asked = replace(
                request.shared,
                surface=placement.surface,
                limit=placement.limit,
                product_id=placement.product_id or request.shared.product_id,
                exclude=(*request.shared.exclude, *shown),
            )
            answer = self._placed(asked)
            shown = (*shown, *(item.product_id for item in answer.items))
            filled.append(PlacementAnswer(placement.name, answer))
        return PageAnswer(self._as_of, tuple(filled))

    def why_not(self, request: WhyNotRequest) -> WhyNotAnswer:
        """Say which rule forbids a product, or where it stands and the smallest change that would list it.

        Raises: UnknownProducts, and as `recommend`.
        """
        if self._graph.position("Product", request.product_id) is None:
            raise UnknownProducts((request.product_id,))
        answer = self.recommend(request.asked)
        asked = self._asked(_as_sets(request.asked))
        plain = WhyNotAnswer(self._as_of, request.product_id, WhyNotOutcome.LISTED, "", degraded=answer.degraded)
        listed = next((item for item in answer.items if item.product_id == request.product_id), None)
        if listed is not None:
            text = f"It is in the list, in place {listed.rank}."
            return replace(plain, text=text, rank=listed.rank, score=listed.score)
        plain = replace(plain, checks=self._checks(asked, request.product_id))
        place = self._shelf.product.get(request.product_id)
        if place is None:
            return told(plain, request.product_id, None, ())
        standing = standing_of(place, self._whole_order(asked), request.asked.limit)
        return told(plain, self._view.product(place).display_name, standing, self._changes(asked, place))

    def deletion(
        self, request: RecommendationRequest, paths: Mapping[str, Sequence[ExplanationPath]] | None = None
    ) -> tuple[Rescored, ...]:
        """Score each suggestion of an answer again without the facts that it cites: how true its explanation is.

        Args:
            request: whose answer.
            paths: by product id, what is deleted instead of what is cited.

        Raises: as `recommend`.
        """
        answer = self.recommend(request)
        return self.rescoring.without(self._asked(_as_sets(request)), answer.items, paths)

    def _checks(self, asked: Asked, product_id: str) -> tuple[RuleCheck, ...]:
        place = self._shelf.product.get(product_id)
        if place is None:
            return (RuleCheck("in_range", passed=False, proof="it was never sold"),)
        return self._rules.checks(asked.openness.ask, place)

    def _changes(self, asked: Asked, product: int) -> Iterator[Change]:
        """Yield one product more in the basket, those that speak most for the product first."""
        accompanied = self._completes == COMPANIONS and not asked.has_history
        near = self._beside.leading_to(product, CHANGES_TRIED) if accompanied else []
        for item in near or self._items.leading_to(product, CHANGES_TRIED):
            name = self._view.product(item).display_name
            with_it = replace(asked, hand=np.union1d(asked.hand, [item]))
            yield Change(f"{name} in the basket", partial(self._score, with_it, product))

    def _score(self, asked: Asked, product: int) -> float | None:
        return next((one.score for one in self._whole_order(asked) if one.product == product), None)

    def _whole_order(self, asked: Asked) -> Iterable[Suggestion]:
        """Return all that the surface's first step would suggest, best first."""
        whole = replace(asked, request=replace(asked.request, limit=LONGEST_ORDER))
        return self._ladders[asked.request.surface](whole).rungs[0].suggest()

    def _placed(self, request: RecommendationRequest) -> RecommendationAnswer:
        try:
            return self.recommend(request)
        except (EmptyBasket, SurfaceIncomplete) as error:
            nothing = Degradation(error.problem.rstrip("."), "nothing")
            return RecommendationAnswer(self._as_of, "nothing", (), nothing, request.surface)

    def _compute(self, request: RecommendationRequest) -> RecommendationAnswer:
        asked = self._asked(request)
        ladder = self._ladders[request.surface](asked)
        chosen: list[Suggestion] = []
        used: list[RungUsed] = []
        cause = ladder.cause
        for rung in ladder.rungs:
            more = first_of_each(rung.suggest(), request.limit - len(chosen), chosen)
            if more:
                used.append(RungUsed(rung.name, len(more), cause))
                chosen += more
            if len(chosen) == request.limit:
                break
            cause = f"{rung.name} gave {len(more)} of {request.limit} places" if chosen else rung.nothing
        items = tuple(self._item(asked, one, rank) for rank, one in enumerate(chosen, start=1))
        new = sum(one.kind == "discovery" for one in chosen)
        return RecommendationAnswer(
            as_of=self._as_of,
            system=used[0].name if used else "nothing",
            items=items,
            degraded=_degradation(ladder, used, cause) or self._behind,
            surface=request.surface,
            discovery_share=new / len(chosen) if chosen else 0.0,
            withheld=asked.openness.withheld(self._considered(asked)),
            unused_context=_unused(request),
            newest_event=asked.live.newest_event,
            rungs=tuple(used),
            quality=self._paths.of(items),
        )

    def _told_of(self, until: int, household_id: str) -> bool:
        return self._online.facts(household_id, None, None, until).newest_event > 0

    def _considered(self, asked: Asked) -> IntArray:
        """Return what rules are counted against: the household's own list, what the hand speaks for, or the best sellers."""
        if asked.household is not None:
            return self._habit.listed(asked.household)
        return self._beside.considered(asked)

    def _item(self, asked: Asked, one: Suggestion, rank: int) -> RecommendedProduct:
        told = one.tell()
        return RecommendedProduct(
            product_id=self._view.product(one.product).id,
            rank=rank,
            score=one.score,
            sources=one.sources,
            explanation=told.explanation,
            kind=one.kind,
            customer_text=told.customer_text,
            p_accept=one.p_accept,
            propensity=one.propensity,
            base_score=one.base_score,
            checks=self._rules.asked(asked.openness.ask, one.product),
        )

    def _asked(self, request: RecommendationRequest) -> Asked:
        shelf = self._shelf
        live = self._online.facts(request.household_id, request.session_id, request.store_id, request.events_until)
        cause = self._not_personal(request, live)
        household = None if cause or request.household_id is None else shelf.household.get(request.household_id)
        bought = () if cause else self._live.bought(live.purchases, household)
        if request.household_id is not None and not cause and household is None and not bought:
            cause = "the household has no purchases to learn from"
        store = self._store_of(request, household)
        basket = shelf.positions((*request.basket, *live.carted))
        there = EligibilityAsk(store, request.constraints, live)
        anchor = None if request.product_id is None else shelf.product.get(request.product_id)
        replaces = request.surface is Surface.ITEM and (anchor is None or not self._rules.open(there).mask[anchor])
        ask = replace(
            there,
            stands_in_for=request.product_id if replaces else None,
            basket=basket,
            excluded=shelf.positions(request.exclude),
        )
        openness = self._rules.open(ask)
        may = openness.mask
        if request.surface is Surface.ITEM and anchor is not None:
            may = may.copy()
            may[anchor] = False
        hand = np.union1d(basket, shelf.positions(live.viewed))
        return Asked(request, household, hand, store, live, openness, may, replaces, bought, cause)

    def _not_personal(self, request: RecommendationRequest, live: LiveFacts) -> str:
        """Return why what is known of the household may not be used; "" where it may, or nobody is named."""
        if request.household_id is None:
            return ""
        consent = self._rules.personal(request.household_id, request.purpose, live)
        return "" if consent.passed else "no consent is known for this purpose"

    def _store_of(self, request: RecommendationRequest, household: int | None) -> int | None:
        if request.store_id is not None:
            return self._shelf.store.get(request.store_id)
        return None if household is None else int(self._shelf.features.knowledge.store[household])

    def _for_household(self, asked: Asked) -> _Ladder:
        if not asked.has_history:
            return _Ladder(self._without_history(asked), asked.cause)
        return _Ladder((_Rung(self._system.name, partial(self._habit_and_new, asked)), *self._without_history(asked)))

    def _habit_and_new(self, asked: Asked) -> list[Suggestion]:
        limit, share = asked.request.limit, asked.request.discovery_share or 0.0
        habit = self._habit.suggestions(asked, limit)
        if not share or asked.request.surface is not Surface.HOUSEHOLD:
            return habit
        if asked.request.exploration:
            # what habit shows is no candidate of the draw: the chances are those among what may be drawn
            asked = replace(asked, open=asked.open.copy())
            asked.open[[one.product for one in habit]] = False
        return mixed(habit, self._discover.suggestions(asked, limit), share, limit)

    def _without_history(self, asked: Asked) -> tuple[_Rung, ...]:
        sells = self._selling(asked)
        if not len(asked.hand) or self._completes == POPULARITY:
            return (sells,)
        rungs = (COMPANIONS, BASKET_RELATIONS) if self._completes == COMPANIONS else (BASKET_RELATIONS,)
        beside = partial(self._beside.suggestions, asked=asked, limit=asked.request.limit)
        return (*(_Rung(name, partial(beside, name), SILENT[name]) for name in rungs), sells)

    def _selling(self, asked: Asked, among: IntArray | None = None, name: str = "popularity") -> _Rung:
        return _Rung(name, partial(self._beside.selling, asked, asked.request.limit, among))

    def _for_item(self, asked: Asked) -> _Ladder:
        product_id = str(asked.request.product_id)
        there = self._shelf.product.get(product_id)
        below = (self._selling(asked, self._shelf.beside(product_id), "category"), self._selling(asked))
        if there is None:
            return _Ladder(below, "the product was never sold, so no relation speaks of it")
        name, relations = ("substitutes", SUBSTITUTES) if asked.replaces else (ITEM_RELATIONS, COMPLEMENTS)
        related = partial(self._items.related, asked, there, relations, asked.request.limit)
        by_edges = _Rung(name, related, "no published relation leads from the product")
        if asked.replaces or self._goes_with == ITEM_RELATIONS:
            return _Ladder((by_edges, *below))
        if self._goes_with == POPULARITY:
            return _Ladder((below[-1], by_edges))
        beside = partial(self._beside.suggestions, COMPANIONS, replace(asked, hand=np.array([there])), asked.request.limit)
        return _Ladder((_Rung(COMPANIONS, beside, SILENT[COMPANIONS]), by_edges, *below))

    def _to_buy_again(self, asked: Asked) -> _Ladder:
        bought = partial(self._again.suggestions, asked, asked.request.limit, bought_only=True)
        return _Ladder((_Rung(self._again_name, bought),), asked.cause)

    def _to_discover(self, asked: Asked) -> _Ladder:
        nothing = "nothing is known of the household's or the basket's tastes"
        limit, cause = asked.request.limit, asked.cause if not len(asked.hand) else ""
        asked = replace(asked, open=self._habit.never_bought(asked))
        rungs = [_Rung(DISCOVERY_SYSTEM, partial(self._discover.by_taste, asked, limit), nothing)]
        if self._discover.ranks(asked):
            rungs.insert(0, _Rung(self._discover.system, partial(self._discover.ranked, asked, limit)))
        elif asked.household is not None and self._discover.system != DISCOVERY_SYSTEM:
            cause = "too little of the ranked list may be suggested"
        return _Ladder((*rungs, self._selling(asked)), cause)

    def _trending(self, asked: Asked) -> _Ladder:
        grows = partial(self._trends.suggestions, asked, asked.request.limit)
        rungs = (_Rung(TRENDING, grows, "nothing sells more for sure than it used to"), self._selling(asked))
        return _Ladder(rungs if self._grows == TRENDING else rungs[::-1])

    def _reordered(self, asked: Asked) -> _Ladder:
        given = self._shelf.positions(asked.request.candidates)
        below = (self._selling(asked, given), _Rung("given", partial(self._beside.rest, asked, given)))
        if not asked.has_history:
            return _Ladder(below, asked.cause)
        ours = partial(self._habit.reordered, asked, given, asked.request.limit)
        return _Ladder((_Rung(self._system.name, ours), *below))


def _weight(answer: RecommendationAnswer) -> int:
    """Return how many suggestions, factors, figures and hops an answer holds, and 1 for itself."""
    weight = 1
    for item in answer.items:
        told = item.explanation
        weight += 1 + sum(1 + len(path.hops) for path in told.paths)
        if isinstance(told, RecommendationExplanation):
            weight += sum(1 + len(factor.values) for factor in told.factors)
    return weight


def _behind(graph: ArrayGraph, features: FeatureSnapshot) -> Degradation | None:
    """Say that households and sales are known up to an earlier day than the graph is of."""
    known, of_graph = features.as_of, graph.version.as_of
    if known >= of_graph:
        return None
    return Degradation(f"what was bought is known up to {known} alone, the graph is of {of_graph}", "older_features")


def _as_sets(request: RecommendationRequest) -> RecommendationRequest:
    """Return the request with what is a set in one order, so that equal requests are one."""
    return replace(
        request,
        as_of=None,
        basket=_set(request.basket),
        candidates=_set(request.candidates),
        exclude=_set(request.exclude),
    )


def _unused(request: RecommendationRequest) -> tuple[str, ...]:
    """Return what was told of the moment: the ranker that serves looks at none of it."""
    context = request.context
    given = {"hour": context.hour, "weekday": context.weekday, "device": context.device, "weather": context.weather}
    return tuple(name for name, value in given.items() if value is not None)


def _set(product_ids: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(set(product_ids)))


def _degradation(ladder: _Ladder, used: list[RungUsed], cause: str) -> Degradation | None:
    """Say why the surface's own first step did not answer; places that others filled are told with the steps."""
    if not used:
        return Degradation(cause, "nothing")
    if ladder.cause or used[0].name != ladder.rungs[0].name:
        return Degradation(used[0].cause, used[0].name)
    return None


def _about(artefact: Mapping[str, bytes]) -> dict[str, Any]:
    try:
        about: dict[str, Any] = json.loads(artefact["recommend.json"])
    except (KeyError, ValueError) as error:
        raise RecommendationArtefactError("its description cannot be read.") from error
    if about.get("format") != ARTEFACT_FORMAT:
        raise RecommendationArtefactError(f"its format is {about.get('format')!r}, not '{ARTEFACT_FORMAT}'.")
    return about


def _systems(artefact: Mapping[str, bytes], about: Mapping[str, Any], names: Sequence[str]) -> tuple[RankingSystem, ...]:
    """Return what orders by name; the ranker is opened once, if one of them is it. Raises: RecommendationArtefactError."""
    ranker: Ranker | None = None
    if MODEL_SYSTEM in names:
        if "ranker.txt" not in artefact:
            raise RecommendationArtefactError("the model's text is missing.")
        ranker = open_ranker(artefact["ranker.txt"], about["model"])
    return tuple(RankingSystem(name, ranker if name == MODEL_SYSTEM else None) for name in names)

"""Answers delist what-ifs and assortment proposals from what was published: graph, feature snapshot and artefact."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

import numpy as np

from decisions.envelope import Explanation
from decisions.substitution.amounts import rounded
from decisions.substitution.artefact import RecoveryFigures
from decisions.substitution.assumptions import assumptions_of
from decisions.substitution.contract import (
    Amount,
    AssortmentAnswer,
    AssortmentRequest,
    DelistAnswer,
    DelistedProduct,
    DelistRequest,
    DemandSource,
    PastEvents,
    Replacement,
    ScopeUsed,
)
from decisions.substitution.errors import (
    HorizonOutOfRange,
    LimitOutOfRange,
    NoHistory,
    NoReplacementKnown,
    NothingLeft,
    OtherDay,
    ProductCountOutOfRange,
    UnknownProduct,
)
from decisions.substitution.explain import paths_of, sentence_of
from decisions.substitution.groups import Part, Sources, groups_of, part_of
from decisions.substitution.proposal import propose
from decisions.substitution.shop import Shop
from decisions.substitution.totals import Picked, Totals
from kg.ports import CHAIN
from kit.progress import Progress, SilentProgress

__all__ = ["MOST_PRODUCTS", "SubstitutionService"]

MOST_PRODUCTS = 500
MOST_WEEKS = 8
MOST_REPLACEMENTS = 100
EVENTS = 10
WEEK = timedelta(days=7)


class SubstitutionService:
    """Answers what-ifs of one release. Safe to call from several threads.

    Args:
        shop: the release's graph version and feature snapshot (`open_shop`).
        figures: the recovery behind the graph's diversion ratios.
        demand: what products would have sold.
        past: what came when products went away before.
    """

    def __init__(self, shop: Shop, figures: RecoveryFigures, *, demand: DemandSource, past: PastEvents) -> None:
        self._as_of = shop.view.as_of
        self._sources = Sources(shop.view, shop, figures, demand)
        self._past = past

    def delist(self, request: DelistRequest, progress: Progress | None = None) -> DelistAnswer:
        """Return who picks up the demand, what stays in the category, and what leaves the shop.

        Raises:
            ProductCountOutOfRange, HorizonOutOfRange, LimitOutOfRange, OtherDay, UnknownProduct, UnknownStore, UnknownCluster,
            EmptyStoreSet, StoresNamedTwice: the request does not fit this release.
            NoHistory, NoReplacementKnown, NothingLeft: there is too little to tell.
        """
        product_ids = tuple(sorted(set(request.product_ids)))
        if not 1 <= len(product_ids) <= MOST_PRODUCTS:
            raise ProductCountOutOfRange(len(product_ids), MOST_PRODUCTS)
        if not 1 <= request.limit <= MOST_REPLACEMENTS:
            raise LimitOutOfRange(request.limit, MOST_REPLACEMENTS)
        self._check_time(request.horizon_weeks, request.as_of)
        positions = self._positions(product_ids)
        groups = groups_of(self._sources, request.store_ids, request.cluster_id)
        self._check_rest(positions)
        parts = []
        with (progress or SilentProgress()).stage("Following the demand", total=len(groups)) as stage:
            for group in groups:
                parts.append(part_of(self._sources, group, positions, request.horizon_weeks))
                stage.advance()
        _check_evidence(parts, product_ids)
        return self._answer(request, product_ids, positions, parts)

    def propose(self, request: AssortmentRequest, progress: Progress | None = None) -> AssortmentAnswer:
        """Return which products of a category to drop so that the least is lost.

        Raises:
            HorizonOutOfRange, OtherDay, UnknownCategory, UnknownStore, UnknownCluster, EmptyStoreSet, StoresNamedTwice,
            DropCountOutOfRange: the request does not fit this release.
            NoHistory, NoReplacementKnown, NoMargin: there is too little to tell.
        """
        self._check_time(request.horizon_weeks, request.as_of)
        return propose(self._sources, request, self._as_of, progress or SilentProgress())

    def _check_time(self, weeks: int, as_of: date | None) -> None:
        if not 1 <= weeks <= MOST_WEEKS:
            raise HorizonOutOfRange(weeks, MOST_WEEKS)
        if as_of is not None and as_of != self._as_of:
            raise OtherDay(as_of, self._as_of)

    def _positions(self, product_ids: Sequence[str]) -> np.ndarray:
        found = []
        for product_id in product_ids:
            place = self._sources.view.position(product_id)
            if place is None:
                raise UnknownProduct(product_id)
            found.append(place)
        return np.array(found, dtype=np.int64)

    def _check_rest(self, positions: np.ndarray) -> None:
        """Refuse to take everything away that is sold of a category: nothing known says where such demand goes."""
        view, shop = self._sources.view, self._sources.shop
        category = view.categories[positions]
        asked, place = np.unique(category[category >= 0], return_inverse=True)
        taken = np.bincount(place, shop.units[positions][category >= 0] > 0, asked.size)
        empty = asked[(taken > 0) & (taken == shop.sold_of_categories[asked])].tolist()
        if empty:
            raise NothingLeft(tuple(str(view.category_id(one)) for one in empty))

    def _answer(
        self, request: DelistRequest, product_ids: tuple[str, ...], positions: np.ndarray, parts: Sequence[Part]
    ) -> DelistAnswer:
        view, totals = self._sources.view, Totals(parts)
        named = totals.picked[: request.limit]
        amounts, picked_up, elsewhere, stays, leaves = totals.of([one.source for one in named])
        lost = totals.lost
        replacements = tuple(self._replacement(one, amount, lost.units) for one, amount in zip(named, amounts, strict=True))
        of_products = {view.category_id(one) for one in view.categories[positions].tolist()}
        categories = sorted(one for one in of_products if one is not None)
        events = self._past.comparable(categories, EVENTS)
        first_week = parts[0].first_week
        stores = None if request.store_ids is None else tuple(sorted(set(request.store_ids)))
        answer = DelistAnswer(
            product_ids=product_ids,
            store_ids=stores,
            cluster_id=request.cluster_id,
            horizon_weeks=request.horizon_weeks,
            as_of=self._as_of,
            first_week=first_week,
            last_week=first_week + (request.horizon_weeks - 1) * WEEK,
            lost=lost,
            picked_up=picked_up,
            stays_elsewhere=elsewhere,
            stays_in_category=stays,
            leaves=leaves,
            delisted=self._delisted(positions, parts, totals),
            replacements=replacements,
            replacements_total=len(totals.picked),
            scopes=_scopes(parts),
            events=events,
            assumptions=assumptions_of(parts, self._sources.figures),
            explanation=Explanation("", ()),
            simulated=any(one.simulated for one in events.events),
        )
        paths = paths_of(view, parts, positions, [one.source for one in named])
        text = sentence_of(answer, [view.product(place).display_name for place in positions.tolist()], paths)
        return replace(answer, explanation=Explanation(text, paths))

    def _replacement(self, one: Picked, amount: Amount, lost: float) -> Replacement:
        view = self._sources.view
        name = view.product(one.source)
        return Replacement(
            product_id=name.id,
            display_name=name.display_name,
            units=amount.units,
            low=amount.low,
            high=amount.high,
            passed_on_units=rounded(one.passed_on),
            diversion_ratio=rounded(one.units / lost),
            scope=view.scope_of(one.row),
            grade=view.grade_of(one.row),
        )

    def _delisted(self, positions: np.ndarray, parts: Sequence[Part], totals: Totals) -> tuple[DelistedProduct, ...]:
        view, leaves = self._sources.view, totals.leaves_by_product
        known = np.logical_or.reduce([part.known for part in parts])
        found = []
        for place, (position, lost) in enumerate(zip(positions.tolist(), totals.lost_of_products(), strict=True)):
            name, told = view.product(position), bool(known[place])
            scopes = _scopes_of(parts, place)
            found.append(
                DelistedProduct(
                    name.id,
                    name.display_name,
                    view.category_id(view.categories[position]),
                    lost if told else None,
                    rounded(totals.units[place] - leaves[place]) if told else None,
                    rounded(leaves[place]) if told else None,
                    "+".join(scopes) or None,
                    len({int(source) for part in parts for source in part.edges.source[part.edges.missing == place]}),
                )
            )
        return tuple(found)


def _check_evidence(parts: Sequence[Part], product_ids: tuple[str, ...]) -> None:
    if not any(part.leaving.units.sum() > 0 for part in parts):
        raise NoHistory(product_ids, in_stores=parts[0].group.stores is not None)
    if not any(part.edges.missing.size for part in parts):
        raise NoReplacementKnown(product_ids)


def _scopes_of(parts: Sequence[Part], place: int) -> tuple[str, ...]:
    """Return where a product's replacements were told from."""
    return tuple(
        sorted(
            {part.group.scope if part.edges.in_scope[place] else CHAIN for part in parts if (part.edges.missing == place).any()}
        )
    )


def _scopes(parts: Sequence[Part]) -> tuple[ScopeUsed, ...]:
    products: dict[str, set[int]] = {}
    units: dict[str, float] = {}
    for part in parts:
        has = np.bincount(part.edges.missing, minlength=part.known.size) > 0
        for place in np.flatnonzero(has).tolist():
            scope = part.group.scope if part.edges.in_scope[place] else CHAIN
            products.setdefault(scope, set()).add(place)
            units[scope] = units.get(scope, 0.0) + float(part.leaving.units[place])
    return tuple(ScopeUsed(scope, len(products[scope]), rounded(units[scope])) for scope in sorted(products))

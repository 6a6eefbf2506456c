"""What events say about one household, one session or one store, whatever order they arrive in.

Every fact is kept as "the latest that was told": by the moment it happened, and among equal moments by the event's id. Taking the
latest is the same in any order and any number of times, so a late or a repeated event changes nothing that a later one has said.
The number of an event is not looked at: it tells when we heard of it, which another order of arrival would change.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, TypeAlias

from decisions.recommend.live import LiveFacts, LivePurchase
from governance.records import Event

__all__ = ["HOUSEHOLD_BASKETS", "VISIT_PRODUCTS", "HouseholdState", "KeyState", "SessionState", "StoreState", "compose", "told"]

HOUSEHOLD_BASKETS = 200
"""Baskets that count per household: the latest."""
VISIT_PRODUCTS = 200
"""Products viewed, and products moved into or out of the cart, that count per household and per session: the latest."""
SHOWN = 50

Moment: TypeAlias = tuple[datetime, str]
Seen: TypeAlias = tuple[str, str]
"""Whose (a household, or "" for nobody known) and which product."""


@dataclass(slots=True)
class _Visits:
    """Products that were viewed or moved in and out of a cart, each with the latest moment."""

    viewed: dict[Seen, Moment] = field(default_factory=dict)
    cart: dict[Seen, tuple[Moment, bool]] = field(default_factory=dict)

    def fold(self, event: Event, product_id: str) -> None:
        seen, moment = (event.household_id or "", product_id), (event.happened_at, event.event_id)
        if event.kind == "view":
            self.viewed[seen] = max(moment, self.viewed.get(seen, moment))
            _cut(self.viewed)
        else:
            move = (moment, event.kind == "cart")
            self.cart[seen] = max(move, self.cart.get(seen, move))
            _cut(self.cart)


@dataclass(slots=True)
class _Basket:
    """One receipt; what is told of it in several events is put together, the latest names its day and store."""

    moment: Moment
    day: date
    store_id: str | None
    units: dict[str, tuple[Moment, float]]
    """How much of each product, as the latest event that names it says."""

    def put(self, units: dict[str, tuple[Moment, float]]) -> None:
        """Take in what another event says of the receipt."""
        for product, told_units in units.items():
            self.units[product] = max(told_units, self.units.get(product, told_units))


@dataclass(slots=True)
class HouseholdState:
    """One household: its baskets, its own visits and its consents."""

    newest: int = 0
    visits: _Visits = field(default_factory=_Visits)
    baskets: dict[str, _Basket] = field(default_factory=dict)
    consents: dict[str, tuple[Moment, bool]] = field(default_factory=dict)

    def fold(self, event: Event) -> None:
        """Take one event in."""
        self.newest, content = max(self.newest, event.number), told(event)
        moment = (event.happened_at, event.event_id)
        if event.kind == "purchase":
            self._buy(event, moment, content)
        elif event.kind == "consent":
            said = (moment, bool(content["granted"]))
            self.consents[content["purpose"]] = max(said, self.consents.get(content["purpose"], said))
        elif event.kind != "stock":
            self.visits.fold(event, content["product_id"])

    def _buy(self, event: Event, moment: Moment, content: dict[str, Any]) -> None:
        units = {product: (moment, total) for product, total in _units(content["lines"]).items()}
        known = self.baskets.get(content["basket_id"])
        if known is None:
            self.baskets[content["basket_id"]] = _Basket(moment, event.business_date, event.store_id, units)
        else:
            known.put(units)
            if known.moment < moment:
                known.moment, known.day, known.store_id = moment, event.business_date, event.store_id
        if len(self.baskets) > 2 * HOUSEHOLD_BASKETS:
            self.baskets = dict(self.latest_baskets())

    def latest_baskets(self) -> list[tuple[str, _Basket]]:
        """Return the baskets that count, oldest first."""
        return sorted(self.baskets.items(), key=lambda item: item[1].moment)[-HOUSEHOLD_BASKETS:]


@dataclass(slots=True)
class SessionState:
    """One visit, with or without a household that is known."""

    newest: int = 0
    visits: _Visits = field(default_factory=_Visits)

    def fold(self, event: Event) -> None:
        """Take one event in."""
        self.newest = max(self.newest, event.number)
        if event.kind in ("view", "cart", "remove_from_cart"):
            self.visits.fold(event, told(event)["product_id"])


@dataclass(slots=True)
class StoreState:
    """The shelves of one store that were counted."""

    newest: int = 0
    stock: dict[str, tuple[Moment, float]] = field(default_factory=dict)
    _shelves: tuple[frozenset[str], frozenset[str]] | None = None

    def fold(self, event: Event) -> None:
        """Take one event in."""
        self.newest, content = max(self.newest, event.number), told(event)
        level = ((event.happened_at, event.event_id), float(content["stock_on_hand_units"]))
        before = self.stock.get(content["product_id"], level)
        self.stock[content["product_id"]] = max(level, before)
        self._shelves = None

    def shelves(self) -> tuple[frozenset[str], frozenset[str]]:
        """Return the products whose shelf is empty, and those whose shelf is not."""
        if self._shelves is None:
            empty = frozenset(product for product, (_, units) in self.stock.items() if units <= 0)
            self._shelves = (empty, frozenset(self.stock) - empty)
        return self._shelves


KeyState: TypeAlias = HouseholdState | SessionState | StoreState


def told(event: Event) -> dict[str, Any]:
    """Return what an event says."""
    content: dict[str, Any] = json.loads(event.content)
    return content


def compose(
    household_id: str | None, household: HouseholdState | None, session: SessionState | None, store: StoreState | None
) -> LiveFacts:
    """Return the facts of the three together. A session's views count for a household where they were its own or nobody's."""
    visits = [state.visits for state in (household, session) if state is not None]
    baskets = household.latest_baskets() if household else []
    bought = {product: basket.moment for _, basket in baskets for product in basket.units}
    empty, filled = store.shelves() if store else (frozenset(), frozenset())
    return LiveFacts(
        purchases=tuple(_purchase(basket_id, basket) for basket_id, basket in baskets),
        viewed=_latest_first(_own(household_id, (one.viewed for one in visits))),
        carted=_latest_first(_in_cart(_own(household_id, (one.cart for one in visits)), bought)),
        out_of_stock=empty,
        back_in_stock=filled,
        withdrawn=frozenset(purpose for purpose, (_, granted) in household.consents.items() if not granted)
        if household
        else frozenset(),
        newest_event=max((state.newest for state in (household, session, store) if state is not None), default=0),
    )


def _units(lines: list[dict[str, Any]]) -> dict[str, float]:
    total: dict[str, float] = {}
    for line in lines:
        total[line["product_id"]] = total.get(line["product_id"], 0.0) + float(line["quantity"])
    return total


def _purchase(basket_id: str, basket: _Basket) -> LivePurchase:
    products = tuple(sorted(basket.units))
    return LivePurchase(basket_id, basket.day, basket.store_id, products, tuple(basket.units[one][1] for one in products))


def _own(household_id: str | None, kept: Iterable[dict[Seen, Any]]) -> dict[str, Any]:
    """Return the latest by product, of what is the household's or nobody's; of everybody's where no household asks."""
    found: dict[str, Any] = {}
    for (owner, product), value in _entries(kept):
        if household_id is None or owner in ("", household_id):
            found[product] = max(value, found.get(product, value))
    return found


def _entries(kept: Iterable[dict[Seen, Any]]) -> Iterator[tuple[Seen, Any]]:
    for one in kept:
        yield from _latest(one)


def _in_cart(moves: dict[str, tuple[Moment, bool]], bought: dict[str, Moment]) -> dict[str, Moment]:
    """Return what lies in the cart: put there last, and not paid for since."""
    return {
        product: moment
        for product, (moment, inside) in moves.items()
        if inside and (product not in bought or bought[product][0] < moment[0])
    }


def _latest_first(moments: dict[str, Moment]) -> tuple[str, ...]:
    return tuple(sorted(moments, key=lambda product: (moments[product], product), reverse=True)[:SHOWN])


def _latest(kept: dict[Seen, Any]) -> list[tuple[Seen, Any]]:
    if len(kept) <= VISIT_PRODUCTS:
        return list(kept.items())
    return sorted(kept.items(), key=lambda item: (item[1], item[0]))[-VISIT_PRODUCTS:]


def _cut(kept: dict[Seen, Any]) -> None:
    """Forget all but the latest, now and then: what is beyond them can never count again."""
    if len(kept) > 2 * VISIT_PRODUCTS:
        latest = dict(_latest(kept))
        kept.clear()
        kept.update(latest)

"""What a forecast is asked to suppose: planned changes laid over a release, as one frozen value that every room may read.

The overlay says nothing of scenarios, authors or stores: whoever builds it has settled those. The forecaster says nothing
of its own about what is planned: it takes the overlay as it stands, or refuses.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import TypeVar

__all__ = [
    "NO_OVERLAY",
    "ForecastOverlay",
    "GoneProduct",
    "IgnoredNeighbour",
    "Mechanic",
    "PlannedPrice",
    "PlannedPromotion",
    "SwitchedOffPromotion",
]

MONDAY = 0


class Mechanic(StrEnum):
    """The kind of a promotion, as the graph names it."""

    DISPLAY = "display"
    MAILER = "mailer"


@dataclass(frozen=True, slots=True, order=True)
class PlannedPromotion:
    """A promotion of a product in one week. `coverage` is a share of the stores, above 0 and at most 1."""

    product_id: str
    week_start: date
    mechanic: Mechanic
    coverage: float


@dataclass(frozen=True, slots=True, order=True)
class SwitchedOffPromotion:
    """A promotion that is known for the week and will not run."""

    product_id: str
    week_start: date
    mechanic: Mechanic


@dataclass(frozen=True, slots=True, order=True)
class IgnoredNeighbour:
    """An edge of any relation that is not to be looked at, in its stored direction."""

    source_id: str
    target_id: str


@dataclass(frozen=True, slots=True, order=True)
class GoneProduct:
    """A product that is not on sale in one week."""

    product_id: str
    week_start: date


@dataclass(frozen=True, slots=True, order=True)
class PlannedPrice:
    """The price of a product in one week, in units of currency per unit after discounts; above 0."""

    product_id: str
    week_start: date
    price: float


@dataclass(frozen=True, slots=True)
class ForecastOverlay:
    """Suppositions under which one request is to be forecast.

    Scope: an overlay speaks of the level of the request it goes with: of the whole chain where the request names no store,
    else of that store. What concerns other stores is left out by whoever builds it.

    Weeks are named by their Monday. Weeks before the first forecast week are history and are never touched; weeks behind the
    request's horizon do nothing.

    Semantics, for the requested product and for the neighbours its forecast reads alike:

    - `promotions_on`: the week's coverage under that mechanic is `coverage`, in place of what the release's plan says; where no
      plan is known for the week, the week counts as planned: this mechanic with its coverage, the other one as `promotions_on`
      or `promotions_off` say, else 0. A request for one store takes a coverage above 0 as promoted (1).
    - `promotions_off`: the week's coverage under that mechanic is 0, in place of what the plan says.
    - `neighbours_ignored`: the forecast is what it would be if the release's relations lacked the edge from source to target, in
      every relation and scope. Nothing else changes: the products themselves stay on sale.
    - `products_gone`: the product is not sold in that week. The requested product itself has 0 units in such a week, and every
      end of an interval is 0, whatever else the overlay says of it. A neighbour that is gone counts as not available, not
      promoted and not priced.
    - `prices`: the week's price, in place of what is planned or last known.

    Promises of a forecaster that takes an overlay (`forecast(request, overlay=...)`): an empty overlay gives the bytes of no
    overlay; the same request and overlay on the same release give the same bytes; parts that concern neither the product nor a
    neighbour of it change nothing. What it cannot honour (a price where the model knows none) it refuses with an error of its
    room, and never leaves out silently.

    Each tuple is sorted and free of repetitions, so equal suppositions are equal values. Use `ForecastOverlay.of` to build one.

    Raises:
        ValueError: a week is no Monday, a coverage or price is out of its range, one week is told two different things under the
            same mechanic or price, or a tuple is not in order.
    """

    promotions_on: tuple[PlannedPromotion, ...] = ()
    promotions_off: tuple[SwitchedOffPromotion, ...] = ()
    neighbours_ignored: tuple[IgnoredNeighbour, ...] = ()
    products_gone: tuple[GoneProduct, ...] = ()
    prices: tuple[PlannedPrice, ...] = ()

    @classmethod
    def of(
        cls,
        *,
        promotions_on: Iterable[PlannedPromotion] = (),
        promotions_off: Iterable[SwitchedOffPromotion] = (),
        neighbours_ignored: Iterable[IgnoredNeighbour] = (),
        products_gone: Iterable[GoneProduct] = (),
        prices: Iterable[PlannedPrice] = (),
    ) -> "ForecastOverlay":
        """Return the overlay of these parts, in whatever order they come. Raises: ValueError."""
        return cls(
            _ordered(promotions_on),
            _ordered(promotions_off),
            _ordered(neighbours_ignored),
            _ordered(products_gone),
            _ordered(prices),
        )

    @property
    def is_empty(self) -> bool:
        """Whether nothing is supposed."""
        return self == NO_OVERLAY

    def __post_init__(self) -> None:
        if not (
            _ordered(self.promotions_on) == self.promotions_on
            and _ordered(self.promotions_off) == self.promotions_off
            and _ordered(self.neighbours_ignored) == self.neighbours_ignored
            and _ordered(self.products_gone) == self.products_gone
            and _ordered(self.prices) == self.prices
        ):
            raise ValueError("the parts of an overlay are sorted and free of repetitions")
        weekly: tuple[PlannedPromotion | SwitchedOffPromotion | GoneProduct | PlannedPrice, ...] = (
            *self.promotions_on,
            *self.promotions_off,
            *self.products_gone,
            *self.prices,
        )
        if any(one.week_start.weekday() != MONDAY for one in weekly):
            raise ValueError("a week is named by its Monday")
        if not all(0.0 < one.coverage <= 1.0 for one in self.promotions_on):
            raise ValueError("a coverage is above 0 and at most 1")
        if not all(0.0 < one.price < float("inf") for one in self.prices):
            raise ValueError("a price is above 0")
        mechanics: tuple[PlannedPromotion | SwitchedOffPromotion, ...] = (*self.promotions_on, *self.promotions_off)
        told = [(one.product_id, one.week_start, one.mechanic) for one in mechanics]
        priced = [(one.product_id, one.week_start) for one in self.prices]
        if len(set(told)) < len(told) or len(set(priced)) < len(priced):
            raise ValueError("one week is told two different things")


Part = TypeVar("Part", PlannedPromotion, SwitchedOffPromotion, IgnoredNeighbour, GoneProduct, PlannedPrice)


def _ordered(parts: Iterable[Part]) -> tuple[Part, ...]:
    return tuple(sorted(set(parts)))


NO_OVERLAY = ForecastOverlay()

"""Whether a request can be answered at all: everything that is wrong with it is said before anything is computed."""

from collections.abc import Iterable

from decisions.recommend.contract import PageRequest, RecommendationRequest, Surface
from decisions.recommend.errors import (
    BasketTooLarge,
    DetailOutOfRange,
    EmptyBasket,
    LimitOutOfRange,
    ListTooLong,
    PageInvalid,
    SurfaceIncomplete,
    UnknownHousehold,
    UnknownProducts,
    UnknownPurpose,
    UnknownStore,
)
from decisions.recommend.rules_request import PURPOSES
from kg.ports import ArrayGraph

__all__ = ["LARGEST_BASKET", "LARGEST_LIMIT", "LARGEST_LIST", "LARGEST_PAGE", "check_page", "check_request"]

LARGEST_LIMIT = 100
LARGEST_BASKET = 200
LARGEST_LIST = 500
"""Candidates to be re-ranked, or products to leave out."""
LARGEST_PAGE = 8
LARGEST_PLACEMENT = 12
"""Products of one placement on a page."""
OLDEST = 130


def check_request(graph: ArrayGraph, request: RecommendationRequest) -> None:
    """Raise what is wrong with a request.

    Raises:
        LimitOutOfRange, BasketTooLarge, ListTooLong, DetailOutOfRange, EmptyBasket, SurfaceIncomplete, UnknownProducts,
        UnknownHousehold, UnknownStore.
    """
    if not 1 <= request.limit <= LARGEST_LIMIT:
        raise LimitOutOfRange(request.limit, LARGEST_LIMIT)
    if len(request.basket) > LARGEST_BASKET:
        raise BasketTooLarge(len(request.basket), LARGEST_BASKET)
    for what, given in (("candidates", request.candidates), ("products to leave out", request.exclude)):
        if len(given) > LARGEST_LIST:
            raise ListTooLong(what, len(given), LARGEST_LIST)
    _check_details(request)
    _check_surface(request)
    _check_known(graph, request)


def check_page(request: PageRequest) -> None:
    """Raise PageInvalid for a page that cannot be filled."""
    names = [placement.name for placement in request.placements]
    if not names:
        raise PageInvalid("it names no placement", LARGEST_PAGE)
    if len(names) > LARGEST_PAGE:
        raise PageInvalid(f"it names {len(names)} placements", LARGEST_PAGE)
    if len(set(names)) < len(names):
        raise PageInvalid("it names a placement twice", LARGEST_PAGE)


def _check_details(request: RecommendationRequest) -> None:
    if request.purpose not in PURPOSES:
        raise UnknownPurpose(request.purpose, PURPOSES)
    context, constraints = request.context, request.constraints
    for name, given, low, high in (
        ("discoveryShare", request.discovery_share, 0, 1),
        ("hour", context.hour, 0, 23),
        ("weekday", context.weekday, 0, 6),
        ("ageYears", constraints.age_years, 0, OLDEST),
        ("largestStockAgeDays", constraints.largest_stock_age_days, 0, 3650),
    ):
        # a number that is none compares false both ways
        if given is not None and not low <= given <= high:
            raise DetailOutOfRange(name, given, f"a number from {low} to {high}")


def _check_surface(request: RecommendationRequest) -> None:
    surface = request.surface
    if surface is Surface.BASKET and not request.basket and request.session_id is None:
        raise EmptyBasket
    if surface is Surface.BUY_AGAIN and request.household_id is None:
        raise SurfaceIncomplete(surface.value, "a household")
    if surface is Surface.DISCOVER and not (request.household_id or request.basket or request.session_id):
        raise SurfaceIncomplete(surface.value, "a household, a basket or a session")
    if surface is Surface.ITEM and request.product_id is None:
        raise SurfaceIncomplete(surface.value, "a product")
    if surface is Surface.RERANK and not request.candidates:
        raise SurfaceIncomplete(surface.value, "candidates")


def _check_known(graph: ArrayGraph, request: RecommendationRequest) -> None:
    named = (*request.basket, *request.candidates, *((request.product_id,) if request.product_id is not None else ()))
    unknown = tuple(_missing(graph, named))
    if unknown:
        raise UnknownProducts(unknown)
    if request.household_id is not None and graph.position("Household", request.household_id) is None:
        raise UnknownHousehold(request.household_id)
    if request.store_id is not None and graph.position("Store", request.store_id) is None:
        raise UnknownStore(request.store_id)


def _missing(graph: ArrayGraph, product_ids: Iterable[str]) -> Iterable[str]:
    return (one for one in dict.fromkeys(product_ids) if graph.position("Product", one) is None)

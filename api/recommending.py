"""Requests for recommendations made whole before they are decided: what the log holds is all that a replay needs."""

from collections.abc import Mapping
from dataclasses import replace

from api.asked import Asked
from api.services import Services
from decisions.recommend.contract import PageRequest, Placement, RecommendationRequest, Surface, WhyNotRequest
from decisions.recommend.exploration import NO_EXPLORATION
from decisions.recommend.placements import placements_named

__all__ = ["completed", "in_force", "page_asked", "why_not_asked"]


def completed(asked: Asked, request: RecommendationRequest) -> RecommendationRequest:
    """Return the request as its release answers it now: see `in_force`."""
    return in_force(asked.services, request)


def in_force(services: Services, request: RecommendationRequest) -> RecommendationRequest:
    """Return the request with the retailer's share of discovery and way of drawing, and the number of the last event of it."""
    share = request.discovery_share
    if share is None and request.surface is Surface.HOUSEHOLD:
        share = services.discovery_share
    until = services.online.newest(request.household_id, request.session_id, request.store_id)
    drawing = services.exploration if request.exploration else NO_EXPLORATION
    return replace(request, discovery_share=share, exploration_settings=drawing, events_until=until)


def page_asked(
    asked: Asked, names: tuple[str, ...], known: Mapping[str, Placement], shared: RecommendationRequest
) -> PageRequest:
    """Return the request for a page of named placements. Raises: UnknownPlacement."""
    return PageRequest(placements_named(names, known), completed(asked, shared))


def why_not_asked(asked: Asked, product_id: str, request: RecommendationRequest) -> WhyNotRequest:
    """Return the request that asks after a product."""
    return WhyNotRequest(product_id, completed(asked, request))

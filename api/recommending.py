"""Requests for recommendations made whole before they are decided: what the log holds is all that a replay needs."""

from collections.abc import Mapping
from dataclasses import replace

from api.asked import Asked
from decisions.recommend.contract import PageRequest, Placement, RecommendationRequest, Surface, WhyNotRequest
from decisions.recommend.placements import placements_named

__all__ = ["completed", "page_asked", "why_not_asked"]


def completed(asked: Asked, request: RecommendationRequest) -> RecommendationRequest:
    """Return the request with the share of discovery in force and the number of the last event that concerns it."""
    services = asked.services
    share = request.discovery_share
    if share is None and request.surface is Surface.HOUSEHOLD:
        share = services.discovery_share
    until = services.online.newest(request.household_id, request.session_id, request.store_id)
    return replace(request, discovery_share=share, events_until=until)


def page_asked(
    asked: Asked, names: tuple[str, ...], known: Mapping[str, Placement], shared: RecommendationRequest
) -> PageRequest:
    """Return the request for a page of named placements. Raises: UnknownPlacement."""
    return PageRequest(placements_named(names, known), completed(asked, shared))


def why_not_asked(asked: Asked, product_id: str, request: RecommendationRequest) -> WhyNotRequest:
    """Return the request that asks after a product."""
    return WhyNotRequest(product_id, completed(asked, request))

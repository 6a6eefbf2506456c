"""Online events over HTTP: what is answered as accepted is durable and counts for the next answer."""

import time
from collections.abc import Callable

import orjson
from starlette.requests import Request
from starlette.responses import Response

from api.answers import error_response, json_response
from api.body import read_json
from api.error_map import answer_for
from api.errors import EventsMisshapen, EventsUnavailable
from api.events import EventDesk
from api.metrics import Metrics
from governance.policy import Operation, Principal, require
from kit.errors import ShelfgraphError
from pipeline.online_events import TakenEvent, TakenEvents

__all__ = ["MOST_EVENTS", "EventsRoute"]

MOST_EVENTS = 1000
MAXIMUM_BODY = 2 * 1024 * 1024


class EventsRoute:
    """Answers POST /v1/events with a JSON list of 1 to 1,000 events."""

    def __init__(self, desk: EventDesk | None, principal_of: Callable[[Request], Principal], metrics: Metrics) -> None:
        self._desk = desk
        self._principal_of = principal_of
        self._metrics = metrics

    async def __call__(self, request: Request) -> Response:
        """Answer one request."""
        try:
            taken = await self._take(request)
        except ShelfgraphError as error:
            self._metrics.refused(answer_for(error).code)
            return error_response(error)
        return json_response(orjson.dumps({**taken.counts, "events": [_shown(event) for event in taken.events]}))

    async def _take(self, request: Request) -> TakenEvents:
        require(self._principal_of(request), Operation.SEND_EVENTS)
        if self._desk is None:
            raise EventsUnavailable
        told = await read_json(request, allowed_bytes=MAXIMUM_BODY)
        if not isinstance(told, list) or not 1 <= len(told) <= MOST_EVENTS:
            raise EventsMisshapen(MOST_EVENTS)
        began = time.perf_counter()
        taken = await self._desk.take(told)
        self._metrics.events([(event.kind, event.outcome) for event in taken.events], time.perf_counter() - began)
        return taken


def _shown(event: TakenEvent) -> dict[str, object]:
    shown = {"eventId": event.event_id, "outcome": event.outcome, "number": event.number, "rule": event.rule}
    return {name: value for name, value in {**shown, "reason": event.reason}.items() if value is not None}

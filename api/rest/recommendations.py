"""The fast path: recommendations as plain JSON, logged like any other decision.

The answer's bytes are made once, for the log, and sent as they are.
"""

import re
from collections.abc import Callable

import orjson
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from api.answers import error_response, json_response
from api.asked import Asked, Front
from api.decisions_made import Made
from api.error_map import answer_for
from api.errors import ArgumentInvalid
from api.exposure import exposure_tokens
from api.loaders import Page
from api.metrics import Metrics
from api.recommending import completed
from decisions.recommend.contract import Constraints, RecommendationRequest, RequestContext, Surface
from governance.policy import Principal
from kit.bounded import BoundedMemory
from kit.errors import ShelfgraphError

__all__ = ["RecommendationsRoute"]

PARAMETERS = frozenset(
    {
        "household", "basket", "store", "limit", "surface", "session", "product", "candidates", "exclude", "discovery_share",
        "hour", "weekday", "device", "weather", "without_allergens", "diets", "age", "in_stock_only", "priced_only",
        "stock_age_days", "purpose", "exploration",
    }
)  # fmt: skip
MAXIMUM_TEXT = 4000
MAXIMUM_BASKET = 50
MAXIMUM_DIGITS = 9
KEPT_BYTES, REQUEST_BYTES = 8 * 1024 * 1024, 1024
"""Of requests that are kept, and what one weighs beside its words."""
SHARE = re.compile(r"[01](\.\d{1,6})?", re.ASCII)


class RecommendationsRoute:
    """Answers GET /v1/recommendations?household=…&basket=ID,ID&store=…&limit=10&surface=household."""

    def __init__(self, front: Front, principal_of: Callable[[Request], Principal], metrics: Metrics) -> None:
        self._front = front
        self._principal_of = principal_of
        self._metrics = metrics
        self._read: BoundedMemory[bytes, RecommendationRequest] = BoundedMemory(KEPT_BYTES)

    async def __call__(self, request: Request) -> Response:
        """Answer one request."""
        try:
            asked = self._front.ask(self._principal_of(request))
            made = asked.desk.decide("recommendations", completed(asked, self._request_of(request)))
            body = _body(asked, made)
            self._metrics.decisions(await asked.desk.make_durable())
        except ShelfgraphError as error:
            self._metrics.refused(answer_for(error).code)
            return error_response(error)
        return json_response(body)

    def _request_of(self, request: Request) -> RecommendationRequest:
        """Return what a query asks, read once for equal ones. Raises: ArgumentInvalid."""
        query: bytes = request.scope["query_string"]
        read = self._read.get(query)
        if read is None:
            read = _request_of(request)
            self._read.put(query, read, 2 * len(query) + REQUEST_BYTES)
        return read


def _request_of(request: Request) -> RecommendationRequest:
    if len(request.url.query) > MAXIMUM_TEXT:
        raise ArgumentInvalid("query", f"at most {MAXIMUM_TEXT} characters")
    given = request.query_params
    for name in given:
        if name not in PARAMETERS or len(given.getlist(name)) > 1:
            raise ArgumentInvalid(name[:40], f"one of {', '.join(sorted(PARAMETERS))}, given once")
    basket = _listed(given, "basket")
    if len(basket) > MAXIMUM_BASKET:
        raise ArgumentInvalid("basket", f"at most {MAXIMUM_BASKET} products")
    return RecommendationRequest(
        given.get("household") or None,
        basket,
        given.get("store") or None,
        _limit(given.get("limit")),
        surface=_surface(given.get("surface")),
        session_id=given.get("session") or None,
        product_id=given.get("product") or None,
        candidates=_listed(given, "candidates"),
        exclude=_listed(given, "exclude"),
        discovery_share=_share(given.get("discovery_share")),
        context=RequestContext(
            _number(given, "hour"), _number(given, "weekday"), given.get("device") or None, given.get("weather") or None
        ),
        constraints=Constraints(
            _listed(given, "without_allergens"),
            _listed(given, "diets"),
            _number(given, "age"),
            _truth(given, "in_stock_only"),
            _number(given, "stock_age_days"),
            _truth(given, "priced_only"),
        ),
        purpose=given.get("purpose") or "personalisation",
        exploration=_number(given, "exploration") or 0,
    )


def _listed(given: QueryParams, name: str) -> tuple[str, ...]:
    return tuple(one for one in given.get(name, "").split(",") if one)


def _surface(text: str | None) -> Surface:
    if text is not None and text not in set(Surface):
        raise ArgumentInvalid("surface", f"one of {', '.join(Surface)}")
    return Surface(text) if text is not None else Surface.HOUSEHOLD


def _number(given: QueryParams, name: str) -> int | None:
    text = given.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= MAXIMUM_DIGITS):
        raise ArgumentInvalid(name, f"a whole number of at most {MAXIMUM_DIGITS} digits")
    return int(text)


def _truth(given: QueryParams, name: str) -> bool:
    text = given.get(name, "false")
    if text not in {"true", "false"}:
        raise ArgumentInvalid(name, "`true` or `false`")
    return text == "true"


def _share(text: str | None) -> float | None:
    if text is None:
        return None
    if not SHARE.fullmatch(text):
        raise ArgumentInvalid("discovery_share", "a number from 0 to 1, such as 0.2")
    return float(text)


def _limit(text: str | None) -> int:
    if text is None:
        return 10
    if not (text.isascii() and text.isdigit() and len(text) <= 3 and 1 <= int(text) <= 100):
        raise ArgumentInvalid("limit", "a number between 1 and 100")
    return int(text)


def _body(asked: Asked, made: Made) -> bytes:
    """Join the parts: the answer and the header as they are logged, the names of the products, and a token for each."""
    names = made.kept.part("names", lambda: orjson.dumps(_names(asked, tuple(item.product_id for item in made.answer.items))))
    id_and_time = orjson.dumps({"id": made.id, "recorded_at": made.recorded_at.isoformat()})
    decision = id_and_time[:-1] + b"," + made.entry.header[1:]
    told = b',"names":' + names + b',"exposure_tokens":' + orjson.dumps(exposure_tokens(asked.front.exposures, made, made.answer))
    return b'{"decision":' + decision + b',"answer":' + made.entry.answer + told + b"}"


def _names(asked: Asked, ids: tuple[str, ...]) -> dict[str, str]:
    if not ids:
        return {}
    found = asked.loaders.nodes_by_id.load(Page("Product", ids))
    return {node.id: str(node.properties.get("display_name", node.id)) for node in found}

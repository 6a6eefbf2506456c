"""The application: routes, and what they share. Built by the wiring from `Services`; tests build it from doubles."""

import secrets
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from fastapi import FastAPI
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from api.asked import Front
from api.backlog import Backlog
from api.border import Border, Straight
from api.catalogue import Catalogue
from api.charts.drawing import FORMS, DrawingRoom
from api.cursors import CursorMint
from api.events import EventDesk
from api.examples import build_examples
from api.graphql.documents import DocumentStore, Limits
from api.graphql.endpoint import GraphQLEndpoint
from api.graphql.schema import build_schema
from api.graphql.transport_ws import TransportWs
from api.metrics import Metrics
from api.outcomes import OutcomeDesk
from api.planning.parts import Planning
from api.rest.chart_kinds import CHARTS
from api.rest.charts import ChartRoute, chart_path
from api.rest.events import EventsRoute
from api.rest.operations import ExamplesRoute, HealthRoute, MetricsRoute, ReadyRoute
from api.rest.outcomes import OutcomesRoute
from api.rest.pictures import PICTURES_PATH, PicturesRoute
from api.rest.playground import NotBuiltRoute, playground_files
from api.rest.recommendations import RecommendationsRoute
from api.services import DecisionBook, Services
from governance.policy import Principal, development_principal
from ontology import load_glossary

__all__ = ["LOOPBACK_NAMES", "Standing", "closing_at_the_end", "create_app"]

SWITCH_SECONDS = 0.0005
"""The log's thread must not wait the usual 5 ms for the interpreter behind a busy event loop: every answer waits for it."""
LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")


@dataclass(frozen=True, slots=True)
class Standing:
    """What outlives a release: counters, the room where charts are drawn, and the requests under way."""

    metrics: Metrics = field(default_factory=Metrics)
    drawing: DrawingRoom = field(default_factory=DrawingRoom)
    backlog: Backlog = field(default_factory=lambda: Backlog(sys.maxsize))


def create_app(
    services: Services,
    log: DecisionBook,
    *,
    playground: Path | None = None,
    host: str = "127.0.0.1",
    names: Sequence[str] = LOOPBACK_NAMES,
    introspection: bool = True,
    limits: Limits | None = None,
    cursor_key: bytes | None = None,
    ready: Callable[[], bool] | None = None,
    principal_of: Callable[[HTTPConnection], Principal] | None = None,
    planning: Planning | None = None,
    outcomes: OutcomeDesk | None = None,
    events: EventDesk | None = None,
    standing: Standing | None = None,
) -> FastAPI:
    """Return the application that serves one release.

    Args:
        services: the parts of the release.
        log: where every decision is written before its answer leaves; closed when the application ends.
        playground: the folder of the built playground (`web/dist`); without it `/` says how to build it.
        host: the address that the server listens on; the development identity is given on loopback alone.
        names: names under which the server may be addressed, without ports.
        introspection: whether the schema may be read through GraphQL; the playground needs it.
        limits: of GraphQL documents; the defaults are those of the requirements.
        cursor_key: of this installation, shared by its replicas and releases; without it cursors are good for this application
            alone.
        ready: whether what the service depends on is there; without it, whether the log can take entries.
        planning: scenarios, overrides and jobs; without it what is asked of them is refused.
        outcomes: takes reports of what customers did; without it they are refused, and exposure tokens are good for nothing.
        events: takes online events; without it they are refused.
        principal_of: tells who sends a request; without it everybody is the development identity.
        standing: what outlives the release, where several are served one after the other: whoever gives it closes it and the log.

    Raises:
        IdentityNotAvailable: the host is not loopback.
    """
    who = principal_of or _always(development_principal(host))
    stays = standing or Standing()
    metrics, drawing = stays.metrics, stays.drawing
    version = services.graph.version
    cursors = CursorMint(cursor_key or secrets.token_bytes(32), version.id)
    front = Front(services, Catalogue(services.graph), cursors, log, ready or (lambda: log.writable), planning)
    if outcomes is not None:
        front = replace(front, outcomes=outcomes, exposures=outcomes.mint)
    schema = build_schema({name: entry.gloss for name, entry in load_glossary().terms.items()})
    documents = DocumentStore(schema.compiled, limits or Limits(), introspection=introspection)
    lifespan = None if standing else partial(_lifespan, log, stays)
    app = _App(title="Shelfgraph", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    graphql, recommended = GraphQLEndpoint(front, schema, documents, who, metrics), RecommendationsRoute(front, who, metrics)
    app.router.routes.extend(
        [
            WebSocketRoute("/graphql", _following(TransportWs(front, schema, documents, who, names))),
            _route("/graphql", graphql, "POST"),
            _route("/v1/recommendations", recommended, "GET"),
            _route("/v1/outcomes", OutcomesRoute(front, who, metrics), "POST"),
            _route("/v1/events", EventsRoute(events, who, metrics), "POST"),
            _route(PICTURES_PATH, PicturesRoute(front, who, metrics), "GET"),
            *(
                _route(chart_path(name, form), ChartRoute(kind, form, front, who, metrics, drawing), "GET")
                for name, kind in CHARTS.items()
                for form in FORMS
            ),
            _route("/health", HealthRoute(), "GET"),
            _route("/ready", ReadyRoute(front), "GET"),
            _route("/metrics", MetricsRoute(metrics), "GET"),
            _route("/playground/examples.json", ExamplesRoute(build_examples(services.graph)), "GET"),
        ]
    )
    files = playground_files(playground)
    app.router.routes.append(Mount("/", app=files) if files else _route("/", NotBuiltRoute(), "GET"))
    border = partial(Border, metrics=metrics, hosts=tuple(names), backlog=stays.backlog)
    app.add_middleware(border)
    app.straight = Straight({("POST", "/graphql"): graphql, ("GET", "/v1/recommendations"): recommended})
    app.beside = border(app.straight)
    return app


class _App(FastAPI):
    """The application. Its busiest endpoints stand behind the same border without the framework's layers, which add nothing."""

    straight: Straight
    beside: Border

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if self.straight.takes(scope):
            await self.beside(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def _always(principal: Principal) -> Callable[[HTTPConnection], Principal]:
    return lambda _: principal


@asynccontextmanager
async def closing_at_the_end(log: DecisionBook, standing: Standing) -> AsyncIterator[None]:
    """Set the interpreter for serving; at the end set it back, and close the log and what outlived all releases."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_SECONDS)
    yield
    sys.setswitchinterval(before)
    standing.drawing.close()
    log.close()


def _lifespan(log: DecisionBook, standing: Standing, _: FastAPI) -> AbstractAsyncContextManager[None]:
    return closing_at_the_end(log, standing)


def _following(transport: TransportWs) -> Callable[[WebSocket], Awaitable[None]]:
    async def follow(socket: WebSocket) -> None:
        await transport(socket)

    return follow


def _route(path: str, endpoint: Callable[[Request], Awaitable[Response]], method: str) -> Route:
    async def answer(request: Request) -> Response:
        return await endpoint(request)

    return Route(path, answer, methods=[method])

"""Health, readiness and metrics for whoever runs the service, and the playground's saved queries."""

from starlette.requests import Request
from starlette.responses import Response

from api.answers import json_response
from api.asked import Front
from api.examples import Example
from api.metrics import Metrics

__all__ = ["ExamplesRoute", "HealthRoute", "MetricsRoute", "ReadyRoute"]


class HealthRoute:
    """GET /health: the process is alive. Says nothing about what it depends on."""

    async def __call__(self, request: Request) -> Response:
        """Answer one request."""
        return json_response(b'{"status":"ok"}')


class ReadyRoute:
    """GET /ready: 200 when decisions can be answered, else 503."""

    def __init__(self, front: Front) -> None:
        self._front = front

    async def __call__(self, request: Request) -> Response:
        """Answer one request."""
        release, ready = self._front.services.release, self._front.ready()
        state = {"status": "ready" if ready else "unavailable", "release": release.id, "graphVersion": release.graph_version}
        return json_response(state, 200 if ready else 503)


class MetricsRoute:
    """GET /metrics in Prometheus' text format."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    async def __call__(self, request: Request) -> Response:
        """Answer one request."""
        return Response(self._metrics.exposition(), media_type="text/plain; version=0.0.4; charset=utf-8")


class ExamplesRoute:
    """GET /playground/examples.json: `[{role, title, description, query, variables}]`, composed of real ids once."""

    def __init__(self, examples: tuple[Example, ...]) -> None:
        self._response = json_response([example.as_json() for example in examples]).body

    async def __call__(self, request: Request) -> Response:
        """Answer one request."""
        return json_response(bytes(self._response))

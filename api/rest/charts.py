"""Charts of answers: `GET /v1/charts/NAME.svg|png|html`. A chart's answer is a decision like any other, and logged as one.

A chart is a row of `CHARTS`: which decision it asks for, from which parameters, and how the answer becomes a chart.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from api.answers import error_response, json_response
from api.asked import Front
from api.charts.contract import Chart
from api.charts.drawing import FORMS, MEDIA_TYPES, DrawingRoom
from api.charts.from_forecast import fan_chart
from api.decisions_made import Made, Refused
from api.error_map import LOGGED_REFUSALS, answer_for, answer_for_class
from api.errors import ArgumentInvalid
from api.identifiers import plain_id
from api.metrics import Metrics
from api.rest.parameters import day, parameters_of, whole_number
from api.services import Services
from decisions.forecast.contract import ForecastRequest
from governance.policy import Principal
from kit.errors import ShelfgraphError

__all__ = ["CHARTS", "CHART_PATHS", "ChartKind", "ChartRoute", "chart_path", "name_in", "origin_of"]

SANDBOX = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
"""Beside the policy of every response: a chart that is opened on its own has no origin and no scripts."""
HORIZON_WEEKS = 4
DECISION_HEADER = "shelfgraph-decision"


@dataclass(frozen=True, slots=True)
class ChartKind:
    """One chart.

    Args:
        decision: the kind of decision that answers it.
        parameters: of the query.
        request_of: makes the decision's request of them. Raises: ArgumentInvalid.
        chart_of: makes the chart of the answer.
    """

    decision: str
    parameters: frozenset[str]
    request_of: Callable[[Mapping[str, str]], Any]
    chart_of: Callable[[Services, Any], Chart]


def _forecast_request(given: Mapping[str, str]) -> ForecastRequest:
    if "productId" not in given:
        raise ArgumentInvalid("productId", "given")
    store = given.get("storeId")
    return ForecastRequest(
        product_id=plain_id("Product", given["productId"]),
        store_id=None if store is None else plain_id("Store", store),
        horizon_weeks=whole_number(given, "horizonWeeks", HORIZON_WEEKS),
        as_of=day(given, "asOf"),
    )


def name_in(services: Services, label: str, id: str) -> str:
    """Return what people call a node."""
    node = services.graph.nodes(label, [id]).get(id)
    return id if node is None else str(node.properties.get("display_name", id))


def origin_of(services: Services) -> str:
    """Return which release and graph version answer."""
    return f"release {services.release.id}, graph {services.release.graph_version}"


CHARTS: Mapping[str, ChartKind] = {
    "forecast": ChartKind(
        "forecast",
        frozenset({"productId", "storeId", "horizonWeeks", "asOf"}),
        _forecast_request,
        lambda services, answer: fan_chart(answer, partial(name_in, services), origin_of(services)),
    ),
}


def chart_path(name: str, form: str) -> str:
    """Return where this server gives a chart."""
    return f"/v1/charts/{name}.{form}"


CHART_PATHS = tuple(chart_path(name, form) for name in CHARTS for form in FORMS)


class ChartRoute:
    """Answers one chart in one form.

    Args:
        kind: which chart.
        form: `svg`, `png` or `html`.
        room: where it is drawn.
    """

    def __init__(
        self,
        kind: ChartKind,
        form: str,
        front: Front,
        principal_of: Callable[[Request], Principal],
        metrics: Metrics,
        room: DrawingRoom,
    ) -> None:
        self._kind = kind
        self._form = form
        self._front = front
        self._principal_of = principal_of
        self._metrics = metrics
        self._room = room

    async def __call__(self, request: Request) -> Response:
        """Answer one request. It is drawn before it is logged: what cannot be drawn was no answer."""
        try:
            asked = self._front.ask(self._principal_of(request))
            with self._room.place():
                made = asked.desk.decide(self._kind.decision, self._request_of(request))
                response = await self._response(asked.services, made)
            self._metrics.decisions(await asked.desk.make_durable())
        except ShelfgraphError as error:
            self._metrics.refused(answer_for(error).code)
            return error_response(error)
        return response

    def _request_of(self, request: Request) -> Any:
        return self._kind.request_of(parameters_of(request, self._kind.parameters))

    async def _response(self, services: Services, made: Made) -> Response:
        if isinstance(made.answer, Refused):
            return _refusal(made, made.answer)
        remark = f"Decision {made.id}; `shelfgraph audit replay {made.id}` computes its numbers again."
        content = await self._room.drawn(self._kind.chart_of(services, made.answer), self._form, remark)
        headers = {"content-security-policy": SANDBOX, DECISION_HEADER: made.id}
        return Response(content, media_type=MEDIA_TYPES[self._form], headers=headers)


def _refusal(made: Made, refused: Refused) -> Response:
    """Return a refusal that is an answer of its own, with the decision under which it was logged."""
    answer = answer_for_class(LOGGED_REFUSALS[0])
    told = {"message": f"{refused.problem} {refused.remedy}", "extensions": {"code": answer.code, "decisionId": made.id}}
    response = json_response({"errors": [told]}, answer.status)
    response.headers[DECISION_HEADER] = made.id
    return response

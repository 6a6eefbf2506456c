"""Charts of answers: `GET /v1/charts/NAME.svg|png|html`. A chart's answer is a decision like any other, and logged as one."""

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response

from api.answers import error_response, json_response
from api.asked import Front
from api.charts.drawing import FORMS, MEDIA_TYPES, DrawingRoom
from api.decisions_made import Made, Refused
from api.error_map import LOGGED_REFUSALS, answer_for, answer_for_class
from api.metrics import Metrics
from api.rest.chart_kinds import CHARTS, ChartKind, chart_of
from api.rest.parameters import parameters_of
from api.rest.pictures import SANDBOX
from api.services import Services
from governance.policy import Principal
from kit.errors import ShelfgraphError

__all__ = ["CHART_PATHS", "ChartRoute", "chart_path"]

DECISION_HEADER = "shelfgraph-decision"


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
                wanted = self._kind.request_of(parameters_of(request, self._kind.parameters))
                made = asked.desk.decide(self._kind.decision, wanted)
                response = await self._response(asked.services, made)
            self._metrics.decisions(await asked.desk.make_durable())
        except ShelfgraphError as error:
            self._metrics.refused(answer_for(error).code)
            return error_response(error)
        return response

    async def _response(self, services: Services, made: Made) -> Response:
        if isinstance(made.answer, Refused):
            return _refusal(made, made.answer)
        remark = f"Decision {made.id}. Its numbers are computed again by: shelfgraph audit replay {made.id}"
        content = await self._room.drawn(chart_of(self._kind, services, made.answer), self._form, remark)
        headers = {"content-security-policy": SANDBOX, DECISION_HEADER: made.id}
        return Response(content, media_type=MEDIA_TYPES[self._form], headers=headers)


def _refusal(made: Made, refused: Refused) -> Response:
    """Return a refusal that is an answer of its own, with the decision under which it was logged."""
    answer = answer_for_class(LOGGED_REFUSALS[0])
    told = {"message": f"{refused.problem} {refused.remedy}", "extensions": {"code": answer.code, "decisionId": made.id}}
    response = json_response({"errors": [told]}, answer.status)
    response.headers[DECISION_HEADER] = made.id
    return response

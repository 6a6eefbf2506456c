"""The pictures of the relations' back-test, as SVG that can neither run nor fetch anything."""

from collections.abc import Callable
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from api.answers import error_response
from api.asked import Front
from api.error_map import answer_for
from api.errors import ArgumentInvalid
from api.metrics import Metrics
from decisions.relations.errors import PictureUnknown
from governance.policy import Operation, Principal
from kit.errors import ShelfgraphError

__all__ = ["PICTURES_PATH", "SANDBOX", "PicturesRoute", "picture_url"]

PICTURES_PATH = "/v1/relation-quality.svg"
PARAMETER = "picture"
SANDBOX = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
"""Beside the policy of every response: a picture, or a chart, that is opened on its own has no origin and no scripts."""


def picture_url(name: str) -> str:
    """Return where this server gives a picture."""
    return f"{PICTURES_PATH}?{PARAMETER}={quote(name, safe='')}"


class PicturesRoute:
    """Answers GET /v1/relation-quality.svg?picture=NAME. Pictures were checked when the release was opened."""

    def __init__(self, front: Front, principal_of: Callable[[Request], Principal], metrics: Metrics) -> None:
        self._front = front
        self._principal_of = principal_of
        self._metrics = metrics

    async def __call__(self, request: Request) -> Response:
        """Answer one request."""
        try:
            self._front.ask(self._principal_of(request)).require(Operation.READ_RELATIONS)
            content = self._picture(request)
        except ShelfgraphError as error:
            self._metrics.refused(answer_for(error).code)
            return error_response(error)
        return Response(content, media_type="image/svg+xml", headers={"content-security-policy": SANDBOX})

    def _picture(self, request: Request) -> bytes:
        names = request.query_params.getlist(PARAMETER)
        if len(names) != 1 or len(request.query_params) != 1:
            raise ArgumentInvalid(PARAMETER, "given once and alone")
        pictures = self._front.services.relations.pictures()
        if names[0] not in pictures:
            raise PictureUnknown(names[0], tuple(pictures))
        return pictures[names[0]]

"""Errors as responses: masked, with a code and a correlation id, and logged in a bounded way."""

import logging
from typing import Any

import orjson
from starlette.responses import Response

from api.error_map import answer_for
from api.errors import QueryRefused
from kit.errors import ShelfgraphError
from kit.ids import ordered_id

__all__ = ["error_body", "error_response", "json_response", "log_fault", "overloaded_response"]

MAXIMUM_LOGGED = 2000
RETRY_AFTER_SECONDS = "5"
MASKED = "Something went wrong on our side."
logger = logging.getLogger("shelfgraph.api")


def json_response(content: Any, status: int = 200) -> Response:
    """Return a JSON response; bytes are taken as JSON already."""
    body = content if isinstance(content, bytes) else orjson.dumps(content)
    return Response(body, status_code=status, media_type="application/json")


def error_body(error: BaseException) -> dict[str, Any]:
    """Return an error as a GraphQL error without its place. What is a fault of ours is masked and logged."""
    answer = answer_for(error)
    correlation_id = ordered_id("err")
    if answer.status >= 500:
        log_fault(error, correlation_id)
    code = error.code if isinstance(error, QueryRefused) else answer.code
    shown = isinstance(error, ShelfgraphError) and answer.status < 500
    message = str(error) if shown else f"{MASKED} ({code})"
    return {"message": message, "extensions": {"code": code, "correlationId": correlation_id}}


def error_response(error: BaseException) -> Response:
    """Return an error as a whole response with the status of the table."""
    status = answer_for(error).status
    response = json_response({"errors": [error_body(error)]}, status)
    if status == 503:
        response.headers["retry-after"] = RETRY_AFTER_SECONDS
    return response


def overloaded_response() -> Response:
    """Return what a request is told that would have to wait too long. It is made often, and logged by the metrics alone."""
    extensions = {"code": "OVERLOADED", "correlationId": ordered_id("err")}
    refusal = {"errors": [{"message": "Too many requests wait here. Ask again in a moment.", "extensions": extensions}]}
    response = json_response(refusal, 503)
    response.headers["retry-after"] = "1"
    return response


def log_fault(error: BaseException, correlation_id: str) -> None:
    """Log a fault of ours: its class, its text and its innermost place, in at most 2 KiB."""
    place, trace = "", error.__traceback__
    while trace is not None:
        place, trace = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}", trace.tb_next
    logger.error("%s %s: %s at %s", correlation_id, type(error).__name__, str(error)[: MAXIMUM_LOGGED - 500], place[-300:])

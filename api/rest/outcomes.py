"""Outcomes in bulk: up to 100 reports in one request, each recorded or refused by itself, in one commit."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from api.answers import error_response, json_response
from api.asked import Front
from api.body import MAXIMUM_BODY, read_json
from api.error_map import answer_for
from api.errors import ArgumentInvalid, BodyUnreadable, OutcomesUnavailable
from api.metrics import Metrics
from api.outcomes import MAXIMUM_REPORTS, OutcomeReport, Told
from api.rest.parameters import parameters_of
from governance.policy import Operation, Principal, require
from governance.records import OutcomeKind
from kit.errors import ShelfgraphError

__all__ = ["OutcomesRoute"]

REQUIRED = ("token", "kind", "idempotencyKey", "happenedAt")
OPTIONAL = ("value",)


class OutcomesRoute:
    """Answers POST /v1/outcomes with a JSON list of 1 to 100 reports; `?dry_run=true` checks them and writes nothing."""

    def __init__(self, front: Front, principal_of: Callable[[Request], Principal], metrics: Metrics) -> None:
        self._front = front
        self._principal_of = principal_of
        self._metrics = metrics

    async def __call__(self, request: Request) -> Response:
        """Answer one request."""
        try:
            told = await self._record(request)
        except ShelfgraphError as error:
            self._metrics.refused(answer_for(error).code)
            return error_response(error)
        return json_response({"outcomes": [_shown(one) for one in told]})

    async def _record(self, request: Request) -> list[Told]:
        principal = self._principal_of(request)
        require(principal, Operation.RECORD_OUTCOME)
        if self._front.outcomes is None:
            raise OutcomesUnavailable
        dry_run = _dry_run(parameters_of(request, {"dry_run"}))
        sent = await read_json(request, allowed_bytes=MAXIMUM_BODY)
        if not isinstance(sent, list) or not 1 <= len(sent) <= MAXIMUM_REPORTS:
            raise BodyUnreadable(f"it is no list of 1 to {MAXIMUM_REPORTS} reports")
        read = [_report_of(one) for one in sent]
        reports = [one for one in read if isinstance(one, OutcomeReport)]
        record = self._front.outcomes.record_all
        recorded = iter(await run_in_threadpool(record, self._front.log, principal, reports, dry_run=dry_run))
        return [next(recorded) if isinstance(one, OutcomeReport) else one for one in read]


def _dry_run(given: Mapping[str, str]) -> bool:
    text = given.get("dry_run", "false")
    if text not in {"true", "false"}:
        raise ArgumentInvalid("dry_run", "`true` or `false`")
    return text == "true"


def _report_of(sent: object) -> OutcomeReport | ArgumentInvalid:
    try:
        return _read(sent)
    except ArgumentInvalid as error:
        return error


def _read(sent: object) -> OutcomeReport:
    if not isinstance(sent, dict):
        raise ArgumentInvalid("report", "an object")
    unknown = sorted(set(sent) - {*REQUIRED, *OPTIONAL})
    if unknown:
        raise ArgumentInvalid(unknown[0][:40], f"one of {', '.join((*REQUIRED, *OPTIONAL))}")
    texts = {name: _text(sent, name) for name in REQUIRED}
    if texts["kind"] not in set(OutcomeKind):
        raise ArgumentInvalid("kind", f"one of {', '.join(OutcomeKind)}")
    kind, moment = OutcomeKind(texts["kind"]), _moment(texts["happenedAt"])
    return OutcomeReport(texts["token"], kind, texts["idempotencyKey"], moment, _value(sent))


def _text(sent: Mapping[str, Any], name: str) -> str:
    found = sent.get(name)
    if not isinstance(found, str) or not found:
        raise ArgumentInvalid(name, "given as text")
    return found


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise ArgumentInvalid("happenedAt", "a time such as 2018-01-01T09:30:00Z") from error


def _value(sent: Mapping[str, Any]) -> float | None:
    found = sent.get("value")
    if isinstance(found, bool) or not isinstance(found, int | float | None):
        raise ArgumentInvalid("value", "a number")
    return None if found is None else float(found)


def _shown(told: Told) -> dict[str, object]:
    if isinstance(told, ShelfgraphError):
        return {"error": {"code": answer_for(told).code, "message": str(told)}}
    if told is None:
        return {"dryRun": True}
    return {"id": told.value.id, "repeated": told.repeated}

"""The GraphQL endpoint: POST of one JSON object, and every step bounded.

Body, document and cost are checked before anything runs; every decision of the answer is on disk before the answer leaves.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import orjson
from graphql import ExecutionResult, GraphQLError
from graphql.execution import VariableValues, get_variable_values
from starlette.requests import Request
from starlette.responses import Response

from api.answers import error_body, error_response, json_response
from api.asked import Asked, Front
from api.body import parsed_object, read_body
from api.error_map import answer_for
from api.errors import BodyUnreadable, QueryRefused
from api.graphql.compiled import Arguments, CompiledOperation
from api.graphql.cost import Cost
from api.graphql.documents import DocumentStore, Prepared
from api.graphql.repeated import PINNED, Repeated, repeated
from api.graphql.schema import RetailSchema
from api.metrics import Metrics
from governance.policy import Principal
from kit.bounded import BoundedMemory
from kit.errors import ShelfgraphError

__all__ = ["GraphQLEndpoint", "checked", "coerced", "located"]

KNOWN_KEYS = frozenset({"query", "variables", "operationName", "extensions"})
MAXIMUM_ERRORS = 20
KEPT_BYTES, QUESTION_BYTES = 32 * 1024 * 1024, 2 * 1024
"""Of questions and repeated answers that are kept, and what a question weighs beside its bytes, variables and arguments."""
REPEATING_TRIES = 3
"""So often a question may turn out not to give the same answer; then it is answered by its plan alone."""
NO_VARIABLES = VariableValues({}, {})


@dataclass(slots=True)
class _Question:
    """What one body asks, and that it may: nothing of who asks, nor of when. `arguments` fills as it is asked.

    `repeated` gives its answer again once it was asked twice; `tries` is how often that may still be tried.
    """

    prepared: Prepared
    variables: dict[str, Any]
    values: VariableValues
    name: str | None
    cost: dict[str, int]
    arguments: Arguments = field(default_factory=dict)
    repeated: Repeated | None = None
    asked: bool = False
    tries: int = REPEATING_TRIES


class GraphQLEndpoint:
    """Answers POST /graphql.

    Args:
        front: what is served.
        schema: built once.
        documents: holds every document against the limits.
        principal_of: tells who asks.
        metrics: counts.
    """

    def __init__(
        self, front: Front, schema: RetailSchema, documents: DocumentStore, principal_of: Callable[[Request], Principal],
        metrics: Metrics,
    ) -> None:  # fmt: skip
        self._front = front
        self._schema = schema
        self._documents = documents
        self._principal_of = principal_of
        self._metrics = metrics
        self._questions: BoundedMemory[bytes, _Question] = BoundedMemory(KEPT_BYTES)

    async def __call__(self, request: Request) -> Response:
        """Answer one request."""
        try:
            content = await read_body(request)
            asked = self._front.ask(self._principal_of(request))
            question = self._question(content)
            body = (question.repeated and question.repeated.again(asked)) or await self._answer(asked, question, content)
            self._metrics.decisions(await asked.desk.make_durable())
        except ShelfgraphError as error:
            self._metrics.refused(answer_for(error).code)
            return error_response(error)
        return json_response(body)

    def _question(self, content: bytes) -> _Question:
        """Return what a body asks, understood once for equal bytes. Raises: BodyUnreadable, QueryRefused."""
        question = self._questions.get(content)
        if question is None:
            text, variables, name = checked(parsed_object(content))
            prepared = self._documents.prepare(text, name)
            values = coerced(self._schema, prepared, variables)
            shown = self._shown(self._documents.price(prepared, values.coerced), prepared)
            question = _Question(prepared, variables, values, name, shown)
            self._questions.put(content, question, 3 * len(content) + QUESTION_BYTES)
        return question

    async def _answer(self, asked: Asked, question: _Question, content: bytes) -> bytes:
        prepared, values, compiled = question.prepared, question.values, question.prepared.compiled
        if compiled is None or not compiled.takes(values):
            run = partial(self._schema.run, prepared.document, asked, question.variables, question.name)
            return _body(await asyncio.to_thread(run) if prepared.waits else run(), question)
        if question.repeated is not None and question.repeated.principal == asked.principal:
            question.repeated = None  # it was tried, and the room gives another answer now
        run = partial(compiled.run, asked, values, question.arguments)
        body = _body(await asyncio.to_thread(run) if prepared.waits else run(), question)
        if question.repeated is None and question.asked and question.tries and compiled.resolved <= PINNED:
            self._keep_repeated(asked, question, compiled, content)
        question.asked = True
        return body

    def _keep_repeated(self, asked: Asked, question: _Question, compiled: CompiledOperation, content: bytes) -> None:
        """Keep what gives the answer again that a question had the second time, or, having changed, once more."""

        def write(marked: Asked) -> bytes | None:
            result = compiled.run(marked, question.values, question.arguments)
            return None if result.errors else _body(result, question)

        question.tries -= 1
        question.repeated = repeated(asked, write)
        if question.repeated is not None:
            self._questions.grew(content, question, question.repeated.weight)

    def _shown(self, cost: Cost, prepared: Prepared) -> dict[str, int]:
        limits = self._documents.limits
        return {
            "objects": cost.objects, "maximumObjects": limits.objects, "points": cost.points, "maximumPoints": limits.points,
            "decisions": cost.decisions, "depth": prepared.shape.depth,
        }  # fmt: skip


def _body(result: ExecutionResult, question: _Question) -> bytes:
    answer: dict[str, Any] = {"data": result.data, "extensions": {"cost": question.cost}}
    if result.errors:
        answer["errors"] = [located(error) for error in result.errors[:MAXIMUM_ERRORS]]
    return orjson.dumps(answer)


def coerced(schema: RetailSchema, prepared: Prepared, variables: dict[str, Any]) -> VariableValues:
    """Return the variables as the document declares them. Raises: QueryRefused."""
    definitions = prepared.operation.variable_definitions
    if not definitions:
        return NO_VARIABLES
    found = get_variable_values(schema.compiled, definitions, variables, max_errors=3, hide_suggestions=True)
    if isinstance(found, list):
        raise QueryRefused("BAD_VARIABLES", " ".join(e.message[:300] for e in found), "Mend the variables.")
    return found


def checked(given: dict[str, Any]) -> tuple[str, dict[str, Any], str | None]:
    """Return the document, its variables and the operation's name. Raises: BodyUnreadable."""
    unknown = given.keys() - KNOWN_KEYS
    if unknown:
        raise BodyUnreadable("it has a key that is not known")
    query, variables, name = given.get("query"), given.get("variables"), given.get("operationName")
    if not isinstance(query, str) or not query:
        raise BodyUnreadable("`query` is no text")
    if variables is not None and not isinstance(variables, dict):
        raise BodyUnreadable("`variables` is no object")
    if name is not None and not isinstance(name, str):
        raise BodyUnreadable("`operationName` is no text")
    return query, variables or {}, name or None


def located(error: GraphQLError) -> dict[str, Any]:
    """Return an error with its path. graphql-core's own words about a document or a value are shown; nothing else of it is."""
    original = error.original_error
    if original is not None:
        body = error_body(original)
    else:
        body = error_body(QueryRefused("EXECUTION_REFUSED", error.message[:300], ""))
    return body | {"path": error.path} if error.path else body

"""The GraphQL endpoint: POST of one JSON object, and every step bounded.

Body, document and cost are checked before anything runs; every decision of the answer is on disk before the answer leaves.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

import orjson
from graphql import GraphQLError
from graphql.execution import VariableValues, get_variable_values
from starlette.requests import Request
from starlette.responses import Response

from api.answers import error_body, error_response, json_response
from api.asked import Asked, Front
from api.body import read_json_object
from api.error_map import answer_for
from api.errors import BodyUnreadable, QueryRefused
from api.graphql.cost import Cost
from api.graphql.documents import DocumentStore, Prepared
from api.graphql.schema import RetailSchema
from api.metrics import Metrics
from governance.policy import Principal
from kit.errors import ShelfgraphError

__all__ = ["GraphQLEndpoint", "checked", "coerced", "located"]

KNOWN_KEYS = frozenset({"query", "variables", "operationName", "extensions"})
MAXIMUM_ERRORS = 20
NO_VARIABLES = VariableValues({}, {})


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

    async def __call__(self, request: Request) -> Response:
        """Answer one request."""
        try:
            given = await read_json_object(request)
            asked = self._front.ask(self._principal_of(request))
            body = await self._answer(asked, given)
            self._metrics.decisions(await asked.desk.make_durable())
        except ShelfgraphError as error:
            self._metrics.refused(answer_for(error).code)
            return error_response(error)
        return json_response(body)

    async def _answer(self, asked: Asked, given: dict[str, Any]) -> bytes:
        text, variables, name = checked(given)
        prepared = self._documents.prepare(text, name)
        values = coerced(self._schema, prepared, variables)
        cost = self._documents.price(prepared, values.coerced)
        compiled = prepared.compiled
        run = partial(compiled.run, asked, values) if compiled is not None and compiled.takes(values) else partial(
            self._schema.run, prepared.document, asked, variables, name
        )  # fmt: skip
        result = await asyncio.to_thread(run) if prepared.waits else run()
        answer: dict[str, Any] = {"data": result.data, "extensions": {"cost": self._shown(cost, prepared)}}
        if result.errors:
            answer["errors"] = [located(error) for error in result.errors[:MAXIMUM_ERRORS]]
        return orjson.dumps(answer)

    def _shown(self, cost: Cost, prepared: Prepared) -> dict[str, int]:
        limits = self._documents.limits
        return {
            "objects": cost.objects, "maximumObjects": limits.objects, "points": cost.points, "maximumPoints": limits.points,
            "decisions": cost.decisions, "depth": prepared.shape.depth,
        }  # fmt: skip


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

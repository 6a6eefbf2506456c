"""Documents made ready once: parsed, validated, measured against the limits, and kept for the next request.

What is kept is bounded in number and in bytes, holds valid documents only, and bypasses no limit: cost depends on the
variables and is looked at for every request.
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    DocumentNode,
    ExecutableDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    OperationType,
    get_operation_ast,
    parse,
    specified_rules,
    validate,
)

from api.errors import QueryRefused
from api.graphql.compiled import CompiledOperation, compile_operation
from api.graphql.cost import Cost, CostModel, Shape, shape_of

__all__ = ["DocumentStore", "Limits", "Prepared"]

MAXIMUM_REPORTED = 5
MAXIMUM_PRICES = 200
WAITING = ("forecastValueAdded", "jobResult")
"""Root fields that take long: the first asks the lake (a quarter of a second for a thousand overrides), the second proves and
parses a whole result for one page of it."""
POSTED = ("Only subscriptions are followed here.", "Send queries and mutations by POST.")
FOLLOWED = ("A subscription is not answered by POST.", "Follow it over graphql-transport-ws on the same path.")


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that one document may be and cost."""

    characters: int = 15_000
    tokens: int = 1_000
    depth: int = 8
    aliases: int = 15
    directives: int = 50
    root_fields: int = 10
    objects: int = 10_000
    points: int = 1_000


@dataclass(frozen=True, slots=True)
class Prepared:
    """A document that may run, and its operation. Prices are kept by the page sizes that the variables give."""

    document: DocumentNode
    operation: OperationDefinitionNode
    shape: Shape
    compiled: CompiledOperation | None
    waits: bool = False
    """Whether it waits for a disk or the lake, so that it is not to be run where every other answer waits behind it."""
    prices: dict[tuple[Any, ...], Cost] = field(default_factory=dict)


class DocumentStore:
    """Prepares documents of one schema under limits. Used from the event loop alone."""

    def __init__(
        self,
        schema: GraphQLSchema,
        limits: Limits,
        *,
        introspection: bool,
        maximum_documents: int = 500,
        maximum_characters: int = 2_000_000,
    ) -> None:
        self._schema = schema
        self._model = CostModel(schema)
        self._limits = limits
        self._introspection = introspection
        self._rules = specified_rules if introspection else (*specified_rules, NoSchemaIntrospectionCustomRule)
        self._kept: OrderedDict[tuple[str, str | None], Prepared] = OrderedDict()
        self._bounds = (maximum_documents, maximum_characters)
        self._characters = 0

    @property
    def limits(self) -> Limits:
        """The limits that every document is held against."""
        return self._limits

    def prepare(self, text: str, operation_name: str | None, *, followed: bool = False) -> Prepared:
        """Return a document that may run: a query or a mutation, or with `followed` a subscription. Raises: QueryRefused."""
        key = (text, operation_name)
        prepared = self._kept.get(key)
        if prepared is None:
            prepared = self._prepare(text, operation_name)
            self._keep(key, prepared)
        else:
            self._kept.move_to_end(key)
        if (prepared.operation.operation is OperationType.SUBSCRIPTION) is not followed:
            raise QueryRefused("OPERATION_UNKNOWN", *(POSTED if followed else FOLLOWED))
        return prepared

    def price(self, prepared: Prepared, values: Mapping[str, Any]) -> Cost:
        """Return the cost with these variable values. Raises: QueryRefused when it is over a limit."""
        sizes = tuple(values.get(name) for name in sorted(prepared.shape.sizes))
        cost = prepared.prices.get(sizes)
        if cost is None:
            cost = self._model.cost(prepared.document, prepared.operation, values)
            if len(prepared.prices) < MAXIMUM_PRICES:
                prepared.prices[sizes] = cost
        _refuse_beyond("objects", cost.objects, self._limits.objects, "COST_EXCEEDED")
        _refuse_beyond("points", cost.points, self._limits.points, "COST_EXCEEDED")
        return cost

    def _prepare(self, text: str, operation_name: str | None) -> Prepared:
        _refuse_beyond("characters", len(text), self._limits.characters, "DOCUMENT_TOO_LARGE")
        document = self._parse(text)
        self._validate(document)
        operation = _operation(document, operation_name)
        shape = shape_of(document, operation)
        for what, found, allowed in (
            ("levels", shape.depth, self._limits.depth),
            ("aliases", shape.aliases, self._limits.aliases),
            ("directives", shape.directives, self._limits.directives),
            ("root fields", shape.fields, self._limits.root_fields),
        ):
            _refuse_beyond(what, found, allowed, "LIMIT_EXCEEDED")
        compiled = compile_operation(self._schema, document, operation)
        # a name that stands elsewhere only costs a thread
        waits = operation.operation is OperationType.MUTATION or any(name in text for name in WAITING)
        return Prepared(document, operation, shape, compiled, waits)

    def _parse(self, text: str) -> DocumentNode:
        try:
            return parse(text, max_tokens=self._limits.tokens, allow_empty_selection_sets=False)
        except GraphQLError as error:
            raise QueryRefused("SYNTAX_ERROR", _said(error), "Mend the document.") from error
        except RecursionError as error:
            raise QueryRefused("SYNTAX_ERROR", "The document is nested too deeply.", "Ask for fewer levels.") from error

    def _validate(self, document: DocumentNode) -> None:
        for definition in document.definitions:
            if not isinstance(definition, ExecutableDefinitionNode):
                raise QueryRefused("INVALID_DOCUMENT", "The document defines types.", "Send operations and fragments only.")
        errors = validate(
            self._schema, document, self._rules, max_errors=MAXIMUM_REPORTED, hide_suggestions=not self._introspection
        )
        if errors:
            raise QueryRefused(
                "INVALID_DOCUMENT", " ".join(_said(e) for e in errors[:MAXIMUM_REPORTED]), "See the schema's documentation."
            )

    def _keep(self, key: tuple[str, str | None], prepared: Prepared) -> None:
        self._kept[key] = prepared
        self._characters += len(key[0])
        while len(self._kept) > self._bounds[0] or self._characters > self._bounds[1]:
            dropped, _ = self._kept.popitem(last=False)
            self._characters -= len(dropped[0])


def _operation(document: DocumentNode, name: str | None) -> OperationDefinitionNode:
    operation = get_operation_ast(document, name)
    if operation is None:
        raise QueryRefused("OPERATION_UNKNOWN", "It is not clear which operation to run.", "Name one in `operationName`.")
    return operation


def _refuse_beyond(what: str, found: int, allowed: int, code: str) -> None:
    if found > allowed:
        raise QueryRefused(
            code, f"The document has {found} {what}, {allowed} are allowed.", "Ask for less, or in several requests."
        )


def _said(error: GraphQLError) -> str:
    places = error.locations or []
    place = f" (line {places[0].line}, column {places[0].column})" if places else ""
    return f"{error.message[:300]}{place}"

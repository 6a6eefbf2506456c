"""The schema as it is served: built once, described by the ontology's own words, its faults masked."""

import logging
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, TypeGuard

import strawberry
from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    execute,
)
from strawberry.schema.config import StrawberryConfig
from strawberry.types.execution import ExecutionContext
from strawberry.utils.str_converters import to_snake_case

from api.asked import Asked
from api.graphql.mutation import Mutation
from api.graphql.node_types import Basket, Brand, Campaign, Coupon, Household, ProductCategory, Promotion, Store, Supplier
from api.graphql.outcome_types import OUTCOME_OUTCOMES
from api.graphql.planning_problems import PLANNING_PROBLEMS
from api.graphql.product_types import Product
from api.graphql.query import Query
from api.graphql.questions import check_questions
from api.graphql.subscription import Subscription

__all__ = ["MAXIMUM_LOGGED", "RetailSchema", "build_schema"]

MAXIMUM_LOGGED = 2048
PROBLEMS = tuple(dict.fromkeys((*PLANNING_PROBLEMS, *OUTCOME_OUTCOMES)))
logger = logging.getLogger("shelfgraph.api")
NODES = (Product, Supplier, Brand, Store, Household, Campaign, Coupon, ProductCategory, Promotion, Basket)


class RetailSchema(strawberry.Schema):
    """Strawberry's schema, run without its per-request extensions: documents come parsed, validated and priced.

    Raises:
        ValueError: a root field has no operation of the policy before it.
    """

    def __init__(self, query: type, **options: Any) -> None:
        super().__init__(query=query, **options)
        check_questions(self._schema)

    @property
    def compiled(self) -> GraphQLSchema:
        """The schema below, for validating and pricing documents."""
        return self._schema

    def run(
        self, document: DocumentNode, asked: Asked, variables: Mapping[str, Any], operation_name: str | None
    ) -> ExecutionResult:
        """Run a prepared document. All resolvers are synchronous, so the result is never awaited."""
        result = execute(
            self._schema, document, context_value=asked, variable_values=dict(variables), operation_name=operation_name,
            executor_class=self.execution_context_class, is_awaitable=_never, hide_suggestions=True, operation_extensions=None,
            is_async_iterable=_never,
        )  # fmt: skip
        if not isinstance(result, ExecutionResult):
            raise TypeError("a resolver was asynchronous")
        return result

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Log what went wrong in at most 2 KiB a request, without the document and its literals."""
        text = "; ".join(f"{type(e.original_error or e).__name__} at {e.path}" for e in errors[:10])
        logger.warning("%d errors: %s", len(errors), text[: MAXIMUM_LOGGED - 100])


def build_schema(glosses: Mapping[str, str]) -> RetailSchema:
    """Build the schema, once per process, with the ontology's definition on every type and field that is a term of it."""
    return _built(tuple(sorted(glosses.items())))


@lru_cache(maxsize=4)
def _built(glosses: tuple[tuple[str, str], ...]) -> RetailSchema:
    schema = RetailSchema(
        query=Query, mutation=Mutation, subscription=Subscription, types=(*NODES, *PROBLEMS),
        config=StrawberryConfig(disable_field_suggestions=True),
    )  # fmt: skip
    for kind in schema.compiled.type_map.values():
        if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType) and not kind.name.startswith("__"):
            _describe(kind, dict(glosses))
    return schema


def _describe(kind: GraphQLObjectType | GraphQLInterfaceType, glosses: Mapping[str, str]) -> None:
    kind.description = glosses.get(kind.name) or kind.description
    for name, field in kind.fields.items():
        field.description = field.description or glosses.get(to_snake_case(name)) or glosses.get(name)


def _never(_: Any) -> TypeGuard[Any]:
    return False

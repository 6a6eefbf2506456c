"""Questions of the root: each names the operation of the policy that allows it, and is asked only after the policy said yes."""

from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any, TypeVar, cast

import strawberry
from graphql import GraphQLSchema
from strawberry.schema.schema_converter import GraphQLCoreConverter

from api.graphql.node_types import Ask
from api.graphql.problems import Problem, problem_for
from governance.policy import GRANTS, Operation
from kit.errors import ShelfgraphError

__all__ = ["OPERATION", "check_questions", "question"]

OPERATION = "operation"
BACKREF = GraphQLCoreConverter.DEFINITION_BACKREF
Resolver = TypeVar("Resolver", bound=Callable[..., object])


def question(description: str, operation: Operation, *outcomes: type[Problem]) -> Callable[[Resolver], Resolver]:
    """Return a decorator that makes a resolver a root field.

    Args:
        description: what is asked, for the schema.
        operation: what the policy must allow before the resolver runs.
        outcomes: the business outcomes of the field's union; an error that stands for another one is raised.
    """

    def decorate(resolver: Resolver) -> Resolver:
        @wraps(resolver)
        def ask(self: Any, info: Ask, **arguments: Any) -> Any:
            try:
                info.context.require(operation)
                return resolver(self, info, **arguments)
            except ShelfgraphError as error:
                return problem_for(error, outcomes)

        return cast("Resolver", strawberry.field(ask, description=description, metadata={OPERATION: operation}))

    return decorate


def check_questions(schema: GraphQLSchema) -> None:
    """Refuse a schema with a root field that no operation of the policy stands before. Raises: ValueError."""
    for name in _unguarded(schema):
        raise ValueError(f"{name} names no operation of the policy: declare it with `question`")


def _unguarded(schema: GraphQLSchema) -> Iterator[str]:
    for root in (schema.query_type, schema.mutation_type, schema.subscription_type):
        for name, field in root.fields.items() if root else ():
            described = field.extensions.get(BACKREF)
            if described is None or described.metadata.get(OPERATION) not in GRANTS:
                yield f"{root}.{name}"

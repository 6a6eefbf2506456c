"""A field with a resolver and a sentence of its own, typed so that the resolver keeps its signature."""

from collections.abc import Callable
from typing import TypeVar, cast

import strawberry

__all__ = ["described"]

Resolver = TypeVar("Resolver", bound=Callable[..., object])


def described(description: str) -> Callable[[Resolver], Resolver]:
    """Return a decorator that makes a resolver a field of the schema."""
    return cast("Callable[[Resolver], Resolver]", strawberry.field(description=description))

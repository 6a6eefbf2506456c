"""What every reader checks before it reads: terms exist, and questions stay inside the port's bounds."""

from collections.abc import Iterable, Sequence

from kg.columns import find_relation
from kg.errors import QueryTooLarge, UnknownTerm
from kg.ports import MAXIMUM_HOPS, MAXIMUM_IDS, MAXIMUM_ROWS
from ontology.schema_types import GraphSchema, RelationDefinition

__all__ = ["check_hops", "check_ids", "check_limit", "check_path_relations", "check_scope"]


SCOPE = "scope"


def check_ids(ids: Sequence[str]) -> None:
    """Raises: QueryTooLarge for more than 10,000 ids."""
    if len(ids) > MAXIMUM_IDS:
        raise QueryTooLarge("ids", len(ids), MAXIMUM_IDS)


def check_limit(limit: int) -> None:
    """Raises: QueryTooLarge for more than 10,000 rows; ValueError for fewer than one."""
    if limit > MAXIMUM_ROWS:
        raise QueryTooLarge("rows", limit, MAXIMUM_ROWS)
    if limit < 1:
        raise ValueError(f"limit is {limit}; ask for at least one row")


def check_hops(maximum_hops: int) -> None:
    """Raises: QueryTooLarge beyond 4 hops; ValueError for fewer than one."""
    if maximum_hops > MAXIMUM_HOPS:
        raise QueryTooLarge("hops", maximum_hops, MAXIMUM_HOPS)
    if maximum_hops < 1:
        raise ValueError(f"maximum_hops is {maximum_hops}; a path has at least one")


def check_scope(relation: RelationDefinition, scope: str | None) -> None:
    """Raises: UnknownTerm for a scope where the relation's edges have none."""
    names = tuple(p.name for p in relation.properties)
    if scope is not None and SCOPE not in names:
        raise UnknownTerm(f"property of {relation.name}", SCOPE, names)


def check_path_relations(schema: GraphSchema, relations: Iterable[str]) -> tuple[str, ...]:
    """Return the named relations once each, in the ontology's order. Raises: UnknownTerm."""
    named = {find_relation(schema, relation).name for relation in relations}
    return tuple(name for name in schema.relations if name in named)

"""Where a relation holds: in the whole chain, or in a part of it. One word of the key of every derived edge."""

import pyarrow.compute as pc

from kg.ports import CHAIN, ArrayGraph

__all__ = ["parent_of", "scope_name", "scope_words", "scopes_of"]

WORDS = {
    "store_cluster": "In stores of cluster {name}: ",
    "season": "In {name}: ",
    "segment": "Among households of segment {name}: ",
}


def scope_name(kind: str, name: str) -> str:
    """Return a scope as edges hold it. `kind` is one of `store_cluster`, `season`, `segment`."""
    return f"{kind}:{name}"


def parent_of(scope: str) -> str | None:
    """Return the wider scope that a scope is shrunk to; None for the chain, which has none."""
    return None if scope == CHAIN else CHAIN


def scope_words(scope: str | None) -> str:
    """Return how a sentence begins that holds in a scope; nothing for the chain."""
    if scope in (None, CHAIN):
        return ""
    kind, _, name = str(scope).partition(":")
    return WORDS.get(kind, "In {kind} {name}: ").format(kind=kind, name=name)


def scopes_of(graph: ArrayGraph, relation: str) -> tuple[str, ...]:
    """Return the scopes that a relation has edges in, the chain first. Raises: UnknownTerm."""
    found = set(pc.unique(graph.edge_column(relation, "scope")).to_pylist()) - {None}
    return tuple(sorted(found, key=lambda scope: (scope != CHAIN, scope)))

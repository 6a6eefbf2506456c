"""The needs of a build: found in what was derived and loaded in this build, and in the graph before anything is published."""

from collections.abc import Mapping
from datetime import date, datetime

import pyarrow as pa

from features.needs import NeedLimits, Needs, categories_of, derive_needs
from kg.algorithms import GraphAlgorithms
from kg.ports import GraphStore

__all__ = ["NEED", "SERVES", "write_need_nodes"]

NEED, SERVES = "Need", "servesNeed"


def write_need_nodes(
    store: GraphStore,
    facts: Mapping[str, pa.Table],
    bought_with: pa.Table,
    algorithms: GraphAlgorithms,
    *,
    as_of: date,
    run_id: str,
    recorded_at: datetime,
    seed: int,
    limits: NeedLimits | None = None,
) -> Needs:
    """Derive needs, write their nodes, and return them with the edges, which are to be written like other derived ones.

    The node batch is all that the store holds of needs: also those that an earlier build found and nothing serves any more.

    Args:
        store: where the nodes are written.
        facts: the batches that were loaded, by term; ProductCategory, broader and inCategory are read.
        bought_with: edges of isBoughtWith.
        algorithms: the engine that finds communities.
        as_of: the last business day that is known.
        run_id: what writes the edges.
        recorded_at: when they become known to us, in UTC.
        seed: for the communities.
        limits: None takes the defaults.
    """
    categories = categories_of(facts["ProductCategory"], facts["broader"], facts["inCategory"])
    needs = derive_needs(
        algorithms,
        bought_with,
        categories,
        as_of=as_of,
        run_id=run_id,
        recorded_at=recorded_at,
        seed=seed,
        known=store.export_nodes(NEED),
        limits=limits,
    )
    store.upsert_nodes(NEED, needs.nodes)
    return needs

"""Stores that a question is asked of, in groups that share a scope, and what leaves each of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from decisions.substitution.amounts import Z_90
from decisions.substitution.artefact import RecoveryFigures
from decisions.substitution.contract import DemandSource
from decisions.substitution.errors import EmptyStoreSet, StoresNamedTwice, UnknownCluster, UnknownStore
from decisions.substitution.flows import Doubts, Flow, Leaving
from decisions.substitution.replacements import CLUSTER_SCOPE, Edges, GraphView
from decisions.substitution.shop import Shop
from kg.ports import CHAIN

__all__ = ["Group", "Part", "Sources", "doubts_of", "groups_of", "part_of"]

USUAL_UNITS = 5.0
"""So many units speak for a product selling in some stores as it does in the chain, against those that it sold there."""
STANDS_IN_VARIANCE = 0.1
"""Relative variance that a ratio of the chain has more where it stands in for a cluster's: so that intervals of simulated worlds
hold there too.
"""
LEAST_UNITS = 1e-3
MOST_STAYS = 0.999
"""Something always leaves: without it, products that all leave could pass demand on for ever."""


@dataclass(frozen=True, slots=True)
class Group:
    """Stores and the scope that is asked first; `stores` None: the whole chain."""

    scope: str
    stores: tuple[str, ...] | None


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """What is asked of one group: expected units (NaN: not known) of each product, the edges that answered, and the flow."""

    group: Group
    first_week: date
    known: np.ndarray
    leaving: Leaving
    edges: Edges
    flow: Flow


@dataclass(frozen=True, slots=True, eq=False)
class Sources:
    """Where the room reads: the graph, the shop's facts, the recovery, and what would have been sold."""

    view: GraphView
    shop: Shop
    figures: RecoveryFigures
    demand: DemandSource


def doubts_of(figures: RecoveryFigures) -> Doubts:
    """Return the doubt about recovery as relative standard deviations."""
    share = max(figures.share, 1e-6)
    return Doubts(figures.error / share, figures.spread / share)


def groups_of(sources: Sources, store_ids: Sequence[str] | None, cluster_id: str | None) -> tuple[Group, ...]:
    """Return the groups of stores of a request: one for each cluster that they belong to.

    Raises:
        StoresNamedTwice, EmptyStoreSet, UnknownStore, UnknownCluster: there are no such stores.
    """
    if store_ids is not None and cluster_id is not None:
        raise StoresNamedTwice
    if cluster_id is not None:
        stores = sources.shop.stores_of(cluster_id)
        if not stores:
            raise UnknownCluster(cluster_id, sources.shop.clusters)
        return (Group(f"{CLUSTER_SCOPE}{cluster_id}", stores),)
    if store_ids is None:
        return (Group(CHAIN, None),)
    if not store_ids:
        raise EmptyStoreSet
    for store in store_ids:
        if not sources.view.has_store(store):
            raise UnknownStore(store)
    return tuple(
        Group(CHAIN if cluster is None else f"{CLUSTER_SCOPE}{cluster}", stores)
        for cluster, stores in sources.shop.by_cluster(store_ids).items()
    )


def part_of(sources: Sources, group: Group, positions: np.ndarray, horizon_weeks: int) -> Part:
    """Return what leaves a group of stores with these products."""
    expected = sources.demand.expected_units(
        [sources.view.product(place).id for place in positions.tolist()], group.stores, horizon_weeks
    )
    known = np.array([one is not None for one in expected.units])
    units = np.array([0.0 if one is None else one.units for one in expected.units])
    width = np.array([0.0 if one is None else one.high - one.low for one in expected.units])
    edges = sources.view.edges(positions, group.scope)
    if group.stores is not None:
        edges = _as_sold_there(sources, positions, edges, group.stores)
    leaving = leaving_of(sources, positions, edges, (units, width / (2 * Z_90)))
    return Part(group, expected.first_week, known, leaving, edges, Flow(leaving, doubts_of(sources.figures)))


def _as_sold_there(sources: Sources, positions: np.ndarray, edges: Edges, stores: Sequence[str]) -> Edges:
    """Return edges with those of the chain that stand in for a cluster turned towards what the stores sell.

    A replacement counts by its recent units in the stores over those that it would have there by the category's; where all are
    of one household each, odds among alternatives do not change otherwise. Such edges are less sure.
    """
    shop, view = sources.shop, sources.view
    there = shop.units_in(stores)
    category = view.categories[edges.source]
    local, total = np.maximum(category, 0), shop.units_of_categories
    part = (shop.sum_by_category(there) / np.maximum(total, 1e-9))[local]
    expected = shop.units[edges.source] * part
    factor = np.where(category >= 0, (there[edges.source] + USUAL_UNITS) / (expected + USUAL_UNITS), 1.0)
    size = positions.size
    listed, turned = (np.bincount(edges.missing, one, size) for one in (edges.ratio, edges.ratio * factor))
    rest = np.maximum(sources.figures.share - listed, 0.0)
    scale = (listed + rest) / np.maximum(turned + rest, 1e-9)
    stands_in = ~edges.in_scope[edges.missing]
    return replace(
        edges,
        ratio=np.where(stands_in, edges.ratio * factor * scale[edges.missing], edges.ratio),
        variance=edges.variance + STANDS_IN_VARIANCE * stands_in,
    )


def leaving_of(sources: Sources, positions: np.ndarray, edges: Edges, demand: tuple[np.ndarray, np.ndarray]) -> Leaving:
    """Return products that leave together; `demand`: units and their standard deviation."""
    size = positions.size
    order = np.argsort(positions, kind="stable")
    at = np.minimum(np.searchsorted(positions[order], edges.source), size - 1)
    inner = np.where(positions[order][at] == edges.source, order[at], -1)
    listed = np.bincount(edges.missing, edges.ratio, size)
    scale = np.minimum(MOST_STAYS / np.maximum(listed, 1e-12), 1.0)
    ratio = edges.ratio * scale[edges.missing]
    stays = np.minimum(np.maximum(sources.figures.share, listed), MOST_STAYS)
    rest = np.maximum(stays - listed * scale, 0.0)
    named = np.unique(edges.source[inner < 0])
    inside, beside, somebody = _others(sources, positions, (edges, inner), named)
    # where edges name all that is sold of the category, nothing of it can stay elsewhere
    rest = np.where(somebody, rest, 0.0)
    return Leaving(demand[0], demand[1], edges.missing, edges.source, inner, ratio, edges.variance, rest, inside, named, beside)


def _others(
    sources: Sources, positions: np.ndarray, edges_among: tuple[Edges, np.ndarray], named: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what part of the demand for products that no edge of its own names goes to others that leave (n x n), and to those
    that edges of others name (n x m): by recent units, within the category; and whether anybody is left unnamed in it (n).
    """
    (edges, inner), shop, size = edges_among, sources.shop, positions.size
    category, of_named, of_source = (sources.view.categories[one] for one in (positions, named, edges.source))
    total = shop.units_of_categories[np.maximum(category, 0)]
    listed = np.bincount(edges.missing, shop.units[edges.source] * (of_source == category[edges.missing]), size)
    left = total - shop.units[positions] - listed
    unnamed = np.maximum(left, 1e-9)
    known = (category >= 0)[:, None]
    inside = known & (category[:, None] == category[None, :]) & ~np.eye(size, dtype=bool)
    beside = known & (category[:, None] == of_named[None, :])
    among = inner >= 0
    inside[edges.missing[among], inner[among]] = False
    beside[edges.missing[~among], np.searchsorted(named, edges.source[~among])] = False
    parts = inside * shop.units[positions] / unnamed[:, None], beside * shop.units[named] / unnamed[:, None]
    # units are whole thousandths: what is left of a sum may differ from 0 in its last digits
    over = np.maximum(parts[0].sum(axis=1) + parts[1].sum(axis=1), 1.0)[:, None]
    return parts[0] / over, parts[1] / over, (left > LEAST_UNITS) | (category < 0)

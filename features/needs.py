"""Needs: the occasions that products are bought for, found as communities of what is bought together across categories.

Two sausages in one basket say that they are alike; a sausage with charcoal and a salad says what for. So only pairs of two
categories count, and their communities are the occasions. A need is called by its most typical categories.
"""

from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features.graph_features import known_links
from kg.algorithms.ports import GivenEdges, GraphAlgorithms
from kg.evidence_columns import EVIDENCE_SCHEMA
from kg.ports import CHAIN
from kit.ids import stable_id

__all__ = ["MODEL_VERSION", "NEED_SCHEMA", "SERVES_SCHEMA", "NeedLimits", "Needs", "categories_of", "derive_needs"]

MODEL_VERSION = "needs-1"
UNIT = "link_share"
DECIMALS = 6
NINETY_PERCENT = 1.6448536
"""Standard deviations on either side that hold 90 % of a normal distribution."""
NEED_SCHEMA = pa.schema([("id", pa.string()), ("display_name", pa.string())])
SERVES_SCHEMA = pa.schema([column for column in EVIDENCE_SCHEMA if column.name not in {"valid_to", "recorded_to"}])
"""An edge batch of servesNeed as `kg.ports.GraphWriter.replace_derived` takes it."""


@dataclass(frozen=True, slots=True)
class NeedLimits:
    """What makes a community a need, and how it is called.

    Args:
        resolution: of the communities; 2 gives some forty needs on six thousand products.
        products: a need has at least so many.
        categories: of at least so many categories.
        named: it is called by so many of them.
        members: a category needs so many products in a need to name it.
    """

    resolution: float = 2.0
    products: int = 10
    categories: int = 3
    named: int = 3
    members: int = 3


@dataclass(frozen=True, slots=True, eq=False)
class Needs:
    """Node batch of Need (`NEED_SCHEMA`) and edge batch of servesNeed (`SERVES_SCHEMA`)."""

    nodes: pa.Table
    edges: pa.Table


@dataclass(frozen=True, slots=True, eq=False)
class _Links:
    """Pairs of products of two categories, by position among `ids`, and what was observed of each."""

    ids: pa.Array
    category: np.ndarray
    names: pa.Array
    one: np.ndarray
    other: np.ndarray
    weight: np.ndarray
    observed: pa.Table

    def per_product(self, values: np.ndarray) -> np.ndarray:
        """Return each product's sum of a value of the links."""
        return np.bincount(self.one, values, len(self.ids)) + np.bincount(self.other, values, len(self.ids))


def categories_of(categories: pa.Table, broader: pa.Table, in_category: pa.Table, *, level: str = "category") -> pa.Table:
    """Return `product_id` and `category` (its display name) from batches of the graph; products without one are left out.

    Args:
        categories: nodes of ProductCategory.
        broader: from the narrower to the wider category.
        in_category: from the product to its narrowest category.
        level: the level that is wanted; a product that is filed above it has none.
    """
    wanted = categories.filter(pc.equal(categories["level"], level))
    at = in_category["target"].combine_chunks()
    found = pa.nulls(len(at), pa.string())
    while len(at) - at.null_count:
        here = wanted["display_name"].combine_chunks().take(pc.index_in(at, value_set=wanted["id"].combine_chunks()))
        found = pc.coalesce(found, here)
        wider = broader["target"].combine_chunks().take(pc.index_in(at, value_set=broader["source"].combine_chunks()))
        at = pc.if_else(pc.is_valid(found), pa.scalar(None, pa.string()), wider)
    rows = pa.table({"product_id": in_category["source"], "category": found})
    return rows.filter(pc.is_valid(rows["category"]))


def derive_needs(
    algorithms: GraphAlgorithms,
    bought_with: pa.Table,
    categories: pa.Table,
    *,
    as_of: date,
    run_id: str,
    recorded_at: datetime,
    seed: int,
    known: pa.Table | None = None,
    limits: NeedLimits | None = None,
) -> Needs:
    """Return the needs that products serve, and by how much.

    The strength of an edge is the share of the product's links (weighted by what is surely more than chance) that stay within
    the need, from 0 to 1; `low` and `high` are Wilson's 90 % interval of that share, each link counted as one observation.
    `events` are the baskets of these links together, `support` the households of the widest one: at least so many.
    A product serves one need or none. A need bears the id of the product with the most weight in it.

    Args:
        algorithms: the engine that finds communities.
        bought_with: edges of isBoughtWith with their evidence.
        categories: `product_id` and `category` (a text to be shown), see `categories_of`.
        as_of: the last business day that is known; what was derived for a later day, or saw one, is left out.
        run_id: what writes the edges.
        recorded_at: when they become known to us, in UTC.
        seed: for the communities.
        known: needs that the graph holds already. A store never forgets a node: a need that no product serves any more keeps
            its name, and the batch is then all that the store holds.
        limits: None takes the defaults.
    """
    allowed = limits or NeedLimits()
    links = _links(bought_with, categories, as_of)
    group = _communities(algorithms, links, allowed, as_of, seed)
    edges, nodes = _edges(links, group, allowed)
    return Needs(_with_known(nodes, known), _complete(edges, run_id, as_of, recorded_at))


def _links(bought_with: pa.Table, categories: pa.Table, as_of: date) -> _Links:
    pairs = known_links(bought_with, as_of).combine_chunks()
    product, names = categories["product_id"].combine_chunks(), pc.unique(categories["category"].combine_chunks()).sort()
    numbers = pc.index_in(categories["category"].combine_chunks(), value_set=names)
    ends = [numbers.take(pc.index_in(pairs[name].combine_chunks(), value_set=product)) for name in ("source", "target")]
    observed = pairs.filter(pc.fill_null(pc.not_equal(*ends), fill_value=False)).combine_chunks()
    sources, targets = (observed[name].combine_chunks() for name in ("source", "target"))
    ids = pc.unique(pa.concat_arrays([sources, targets])).sort()
    one, other = (pc.index_in(end, value_set=ids).to_numpy() for end in (sources, targets))
    category = numbers.take(pc.index_in(ids, value_set=product)).to_numpy()
    return _Links(ids, category, names, one, other, observed["weight"].to_numpy(), observed)


def _communities(algorithms: GraphAlgorithms, links: _Links, limits: NeedLimits, as_of: date, seed: int) -> np.ndarray:
    """Return a number per product, -1 where its community is too small to be a need."""
    rows = algorithms.leiden(GivenEdges(links.observed, as_of), resolution=limits.resolution, seed=seed)
    _, group = np.unique(rows["community"].to_numpy(), return_inverse=True)
    sizes = np.bincount(group)
    kinds = np.bincount(np.unique(np.column_stack([group, links.category]), axis=0)[:, 0])
    enough = (sizes >= limits.products) & (kinds >= limits.categories)
    return np.where(enough[group], group, -1)


def _edges(links: _Links, group: np.ndarray, limits: NeedLimits) -> tuple[pa.Table, pa.Table]:
    """Return what is particular to each edge, and the nodes."""
    within = (group[links.one] == group[links.other]) & (group[links.one] >= 0)
    weight = links.per_product(links.weight * within)
    members = np.flatnonzero(group >= 0)
    # first of its group by weight, then by id
    order = members[np.lexsort((members, -weight[members], group[members]))]
    groups, first, place = np.unique(group[order], return_index=True, return_inverse=True)
    need_ids = pc.binary_join_element_wise("need", links.ids.take(pa.array(order[first])), "-")
    nodes = pa.table([need_ids, pa.array(_names(links, group, groups, limits), pa.string())], schema=NEED_SCHEMA)
    share = weight[order] / links.per_product(links.weight)[order]
    low, high = _wilson(share, links.per_product(np.ones(links.one.size))[order])
    columns = {"source": links.ids.take(pa.array(order)), "target": need_ids.take(pa.array(place)), "strength": share}
    columns |= {"low": low, "high": high} | {name: seen[order] for name, seen in _observed(links, within).items()}
    edges = pa.table({name: pa.array(column, SERVES_SCHEMA.field(name).type) for name, column in columns.items()})
    return edges.sort_by([("source", "ascending")]), nodes.sort_by("id")


def _observed(links: _Links, within: np.ndarray) -> dict[str, np.ndarray]:
    """Return what was seen of each product in the links within its need."""
    ends, rows = np.concatenate([links.one[within], links.other[within]]), np.tile(np.flatnonzero(within), 2)
    events, support = (links.observed[name].to_numpy() for name in ("events", "support"))
    first, last = (links.observed[name].cast(pa.int32()).to_numpy() for name in ("first_observed", "last_observed"))
    days = np.iinfo(np.int32)
    widest, begun, lasted = (np.full(len(links.ids), least, np.int64) for least in (0, days.max, days.min))
    np.maximum.at(widest, ends, support[rows])
    np.minimum.at(begun, ends, first[rows])
    np.maximum.at(lasted, ends, last[rows])
    summed = links.per_product(events * within).astype(np.int64)
    dates = {"first_observed": begun.astype(np.int32), "last_observed": lasted.astype(np.int32)}
    return {"events": summed, "support": widest, **dates}


def _names(links: _Links, group: np.ndarray, groups: np.ndarray, limits: NeedLimits) -> list[str]:
    """Return each need's name: its most typical categories, those of which it holds the most for their size."""
    among = group >= 0
    pairs, members = np.unique(np.column_stack([group[among], links.category[among]]), axis=0, return_counts=True)
    totals = np.bincount(links.category, minlength=len(links.names))
    typical = members / np.sqrt(totals[pairs[:, 1]]) + (members >= limits.members) * totals.max(initial=0)
    order = np.lexsort((pairs[:, 1], -typical, pairs[:, 0]))
    starts = np.searchsorted(pairs[order, 0], groups)
    texts = [links.names.take(pa.array(pairs[order[at : at + limits.named], 1])).to_pylist() for at in starts]
    return [", ".join([first, *(text[:1].lower() + text[1:] for text in others)]) for first, *others in texts]


def _wilson(share: np.ndarray, count: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the 90 % interval of a share of `count` observations (Wilson 1927); the share itself lies within."""
    square = NINETY_PERCENT**2 / count
    middle = (share + square / 2) / (1 + square)
    half = np.sqrt(square * (share * (1 - share) + square / 4)) / (1 + square)
    return np.minimum(np.maximum(middle - half, 0.0), share), np.maximum(np.minimum(middle + half, 1.0), share)


def _with_known(nodes: pa.Table, known: pa.Table | None) -> pa.Table:
    if known is None:
        return nodes
    before = known.select(NEED_SCHEMA.names).cast(NEED_SCHEMA)
    unserved = before.filter(pc.invert(pc.is_in(before["id"], value_set=nodes["id"].combine_chunks())))
    return pa.concat_tables([nodes, unserved]).sort_by("id").combine_chunks()


def _complete(edges: pa.Table, run_id: str, as_of: date, recorded_at: datetime) -> pa.Table:
    constants = {
        "unit": UNIT,
        "scope": CHAIN,
        "sources": ["products", "sales_lines"],
        "run_id": run_id,
        "model_version": MODEL_VERSION,
        "grade": "association",
        "status": "active",
        "valid_from": as_of,
        "recorded_from": recorded_at,
    }
    if edges.num_rows == 0:
        return SERVES_SCHEMA.empty_table()
    columns = {name: edges[name] for name in edges.column_names}
    ends = zip(edges["source"].to_pylist(), edges["target"].to_pylist(), strict=True)
    columns["assertion_id"] = pa.array([stable_id("servesNeed", *pair, CHAIN) for pair in ends], pa.string())
    for name, value in constants.items():
        columns[name] = pa.repeat(pa.scalar(value, SERVES_SCHEMA.field(name).type), edges.num_rows)
    for name in ("strength", "low", "high"):
        columns[name] = pc.round(columns[name], DECIMALS)
    return pa.table([columns[name] for name in SERVES_SCHEMA.names], schema=SERVES_SCHEMA)

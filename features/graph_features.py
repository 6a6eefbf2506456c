"""What graph algorithms say of products, as columns for models and as pairs worth looking at, as of a day.

Both come from the households and their products, or from edges that were derived for the day: nothing after `as_of` counts.
Engines answer alike but not equally (`kg.algorithms.ports`): whoever learns from these columns serves with the same engine.
"""

from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kg.algorithms.ports import GivenEdges, GraphAlgorithms, HouseholdProducts
from kg.visibility import RETRACTED

__all__ = [
    "CANDIDATE_SCHEMA",
    "FEATURE_SCHEMA",
    "LINK_SCHEMA",
    "FastRpKnn",
    "SharedBuyers",
    "alike_by_buyers",
    "fastrp_knn",
    "graph_candidates",
    "known_links",
    "product_graph_features",
]

FEATURE_SCHEMA = pa.schema(
    [("product_id", pa.string()), ("page_rank", pa.float64()), ("community", pa.string()), ("degree", pa.int64())]
)
CANDIDATE_SCHEMA = pa.schema([("source", pa.string()), ("target", pa.string()), ("score", pa.float64()), ("recipe", pa.string())])
LINK_SCHEMA = pa.schema(
    [
        ("source", pa.string()),
        ("target", pa.string()),
        ("weight", pa.float64()),
        ("events", pa.int64()),
        ("support", pa.int64()),
        ("first_observed", pa.date32()),
        ("last_observed", pa.date32()),
    ]
)
OBSERVED = ("events", "support", "first_observed", "last_observed")
HOW = {"weight": "max", "events": "max", "support": "max", "first_observed": "min", "last_observed": "max"}
DECIMALS = 6


@dataclass(frozen=True, slots=True)
class FastRpKnn:
    """The ready recipe of Neo4j's own examples: FastRP on who bought what, then the nearest by cosine.

    The weights are the example's: the own random vector .8, then 1, 1, 1 for what lies one, two and three steps away. The
    example weighs an edge by the amount spent; here a household has bought a product or has not.
    """

    minimum_households: int = 10
    dimensions: int = 128
    iteration_weights: tuple[float, ...] = (0.8, 1.0, 1.0, 1.0)
    normalization_strength: float = 0.0
    top_k: int = 20


@dataclass(frozen=True, slots=True)
class SharedBuyers:
    """Node similarity over the households that bought a product. With fewer buyers it rests on chance, and takes long."""

    minimum_households: int = 60
    minimum_similarity: float = 0.05
    top_k: int = 20


def product_graph_features(
    algorithms: GraphAlgorithms, bought_with: pa.Table, *, as_of: date, resolution: float = 2.0, seed: int
) -> pa.Table:
    """Return the place of each product among what is bought together (`FEATURE_SCHEMA`, one row each, by product_id).

    `page_rank` is above 1 where much of what is bought with others leads to the product; `community` is Leiden's, named by its
    smallest product id; `degree` counts the other products it is linked to. Products without links have no row.

    Args:
        algorithms: the engine.
        bought_with: edges of isBoughtWith, with evidence columns, both directions or one.
        as_of: edges that were derived for a later day, or saw one, are left out.
        resolution: above 0; more gives smaller communities.
        seed: for the communities.
    """
    links = known_links(bought_with, as_of)
    given = GivenEdges(links, as_of)
    ranked = algorithms.page_rank(given)
    grouped = algorithms.leiden(given, resolution=resolution, seed=seed)
    ids = ranked["id"].combine_chunks()
    degrees = _degrees(links, ids)
    return pa.table([ids, pc.round(ranked["score"], DECIMALS), grouped["community"], degrees], schema=FEATURE_SCHEMA)


def known_links(bought_with: pa.Table, as_of: date, *, scope: str = "chain") -> pa.Table:
    """Return what a day knew of pairs bought together in one scope, each pair once, smaller id first (`LINK_SCHEMA`).

    The weight is the logarithm of the lift's lower bound: what is surely more than chance. Pairs of which it is not are left
    out, and so are edges that are retracted, stated for a later day, ended by then, or that saw something later.
    """
    edges = bought_with.filter(_known(bought_with, as_of, scope))
    turned = pc.greater(edges["source"], edges["target"])
    first, second = (pc.if_else(turned, edges[a], edges[b]) for a, b in (("target", "source"), ("source", "target")))
    observed = [edges[name] for name in OBSERVED]
    pairs = pa.table([first, second, pc.ln(edges["low"]), *observed], names=LINK_SCHEMA.names)
    # both directions of a pair were seen in the same baskets
    widest = pairs.group_by(["source", "target"]).aggregate([(name, HOW[name]) for name in LINK_SCHEMA.names[2:]])
    return widest.rename_columns(LINK_SCHEMA.names).cast(LINK_SCHEMA).sort_by([("source", "ascending"), ("target", "ascending")])


def _known(edges: pa.Table, as_of: date, scope: str) -> pa.ChunkedArray:
    sure = pc.and_(pc.greater(edges["low"], 1.0), pc.not_equal(edges["status"], RETRACTED))
    stated = pc.and_(pc.less_equal(edges["valid_from"], as_of), pc.less_equal(edges["last_observed"], as_of))
    lasting = pc.fill_null(pc.greater(edges["valid_to"], as_of), fill_value=True)
    return pc.and_(pc.and_(sure, pc.equal(edges["scope"], scope)), pc.and_(stated, lasting))


def graph_candidates(
    algorithms: GraphAlgorithms,
    *,
    as_of: date,
    seed: int,
    embedding: FastRpKnn | None = None,
    buyers: SharedBuyers | None = None,
) -> pa.Table:
    """Return the candidates of both recipes, one after the other (`CANDIDATE_SCHEMA`); a pair may be in both."""
    found = fastrp_knn(algorithms, as_of=as_of, seed=seed, recipe=embedding)
    return pa.concat_tables([found, alike_by_buyers(algorithms, as_of=as_of, recipe=buyers)])


def fastrp_knn(algorithms: GraphAlgorithms, *, as_of: date, seed: int, recipe: FastRpKnn | None = None) -> pa.Table:
    """Return each target's nearest products by FastRP and kNN (`CANDIDATE_SCHEMA`, by target, then best first).

    As in the relations, the source is what may stand in for, or beside, the target. The score is the cosine.
    """
    asked = recipe or FastRpKnn()
    embedded = algorithms.fast_rp(
        HouseholdProducts(as_of, asked.minimum_households),
        dimensions=asked.dimensions,
        iteration_weights=asked.iteration_weights,
        normalization_strength=asked.normalization_strength,
        seed=seed,
    )
    return _candidates(algorithms.knn(embedded, top_k=asked.top_k, seed=seed), "fastrp_knn")


def alike_by_buyers(algorithms: GraphAlgorithms, *, as_of: date, recipe: SharedBuyers | None = None) -> pa.Table:
    """Return each target's most similar products by the households that bought them (`CANDIDATE_SCHEMA`, as `fastrp_knn`)."""
    asked = recipe or SharedBuyers()
    projection = HouseholdProducts(as_of, asked.minimum_households)
    found = algorithms.node_similarity(projection, top_k=asked.top_k, minimum_similarity=asked.minimum_similarity)
    return _candidates(found, "node_similarity")


def _candidates(similar: pa.Table, recipe: str) -> pa.Table:
    """Turn round: an engine finds targets for each source, a candidate speaks about its target. Their order stays."""
    named = pa.repeat(pa.scalar(recipe), similar.num_rows)
    columns = [similar["target"], similar["source"], pc.round(similar["similarity"], DECIMALS), named]
    return pa.table(columns, schema=CANDIDATE_SCHEMA).replace_schema_metadata(similar.schema.metadata)


def _degrees(links: pa.Table, ids: pa.Array) -> pa.Array:
    ends = [pc.index_in(links[name].combine_chunks(), value_set=ids).to_numpy() for name in ("source", "target")]
    return pa.array(np.bincount(np.concatenate(ends), minlength=len(ids)), pa.int64())

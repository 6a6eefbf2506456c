"""What shoppers' behaviour says about a product and others, as of a day, to be listed and looked at."""

from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from decisions.relations import UnknownProduct
from decisions.relations.intervals import Estimate, rate_ratio
from features.household_segments import household_segments
from features.relation_evidence import EVIDENCE_KINDS, EvidenceScopes, evidence_tables
from features.store_clusters import store_clusters
from kg.ports import CHAIN
from lake import Lake
from pipeline.relation_events import check_day_of_sales

__all__ = ["EvidenceFilter", "EvidenceList", "list_evidence"]

LEAST_HOUSEHOLDS = 10
"""Figures over fewer households are withheld."""

PRIOR_EVENTS = 5.0
"""A ratio is drawn as five expected events would draw it: in the chain to 1, in a part of it to the chain's."""


@dataclass(frozen=True, slots=True)
class EvidenceFilter:
    """Evidence on which product; None filters nothing else. `scoped`: also in the parts of the chain."""

    product_id: str
    other_id: str | None = None
    kinds: tuple[str, ...] = EVIDENCE_KINDS
    scoped: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class EvidenceList:
    """The evidence on pairs of the product.

    `rows` has kind, the columns of `features.relation_evidence.EVIDENCE_SCHEMA`, and ratio, low, high: observed over expected,
    shrunk, with its 90 % interval. Sorted by kind, then by low, descending; the parts of the chain behind it, pair by pair.
    `withheld` counts the rows over fewer than ten households, which are left out.
    """

    as_of: date
    rows: pa.Table
    withheld: int


def list_evidence(lake: Lake, as_of: date, wanted: EvidenceFilter) -> EvidenceList:
    """Return what baskets, next purchases and repertoires up to a day say about a product and others.

    Raises: NothingIngested, BeforeFirstSale, UnknownProduct, TableMissing.
    """
    check_day_of_sales(lake, as_of)
    for product_id in (wanted.product_id, wanted.other_id):
        if product_id is not None and not _is_known(lake, product_id):
            raise UnknownProduct(product_id)
    scopes = EvidenceScopes(seasons=False)
    if wanted.scoped:
        scopes = EvidenceScopes(store_clusters(lake, as_of), household_segments(lake, as_of))
    tables = evidence_tables(lake, as_of, scopes, kinds=wanted.kinds, about=wanted.product_id)
    found = pa.concat_tables([_told(kind, table) for kind, table in tables.items()])
    if wanted.other_id is not None:
        either = pc.or_(pc.equal(found["source"], wanted.other_id), pc.equal(found["target"], wanted.other_id))
        found = found.filter(either)
    shown = found.filter(pc.greater_equal(found["households"], LEAST_HOUSEHOLDS))
    return EvidenceList(as_of, shown, found.num_rows - shown.num_rows)


def _is_known(lake: Lake, product_id: str) -> bool:
    products = lake.table("products")
    return bool(lake.to_arrow(products.filter(products.product_id == product_id).select("product_id")).num_rows)


def _told(kind: str, table: pa.Table) -> pa.Table:
    """Return one kind of evidence with its ratios, in the order of `EvidenceList`."""
    ratio = _ratios(table)
    told = table.append_column("kind", pa.array([kind] * table.num_rows, pa.string()))
    for name in ("value", "low", "high"):
        told = told.append_column("ratio" if name == "value" else name, pa.array(getattr(ratio, name), pa.float64()))
    _, pair = _pairs(table)
    of_chain = np.full(pair.max(initial=-1) + 1, -np.inf)
    chain = _in_chain(table)
    of_chain[pair[chain]] = ratio.low[chain]
    order = np.lexsort((np.arange(pair.size), ~chain, pair, -of_chain[pair]))
    return told.take(pa.array(order))


def _ratios(table: pa.Table) -> Estimate:
    """Return observed over expected: in the chain drawn to 1, in its parts to what the pair has in the chain."""
    observed, expected = (table[name].to_numpy() for name in ("observed", "expected"))
    pairs, pair = _pairs(table)
    chain = _in_chain(table)
    parent = np.ones(pairs)
    parent[pair[chain]] = rate_ratio(observed[chain], expected[chain], PRIOR_EVENTS).value
    return rate_ratio(observed, expected, PRIOR_EVENTS, np.where(chain, 1.0, parent[pair]))


def _pairs(table: pa.Table) -> tuple[int, np.ndarray]:
    """Return how many pairs there are, and the number of each row's."""
    names = pc.binary_join_element_wise(table["source"], table["target"], "\0")
    coded = names.combine_chunks().dictionary_encode()
    return len(coded.dictionary), coded.indices.to_numpy().astype(np.int64)


def _in_chain(table: pa.Table) -> np.ndarray:
    return np.asarray(pc.equal(table["scope"], CHAIN).to_numpy())

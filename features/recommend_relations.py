"""How strongly the items of a basket speak for other products, through the published relations.

`isBoughtWith` runs from the basket item to the candidate; `isComplementTo` runs from the candidate to the item it goes with, and
`isSubstituteFor` from the candidate to the item that it can stand in for.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from features.repertoire import FloatArray, IntArray
from kg.ports import CHAIN

__all__ = [
    "RELATIONS",
    "RELATION_COLUMNS",
    "TOWARDS_ITEM",
    "Items",
    "Neighbours",
    "RelationEvidence",
    "compress",
    "entries_of",
    "neighbours_by_relation",
    "neighbours_of_edges",
    "relation_evidence",
]

RELATIONS = ("isBoughtWith", "isComplementTo")
TOWARDS_ITEM = frozenset({"isComplementTo", "isSubstituteFor"})
"""Relations whose edges run from the candidate to the item."""
RELATION_COLUMNS = ("strongest", "total", "edges")


@dataclass(frozen=True, slots=True)
class Neighbours:
    """One relation from basket item to candidate as compressed rows: `start` (products + 1) bounds each item's entries."""

    start: IntArray
    candidate: IntArray
    strength: FloatArray
    events: FloatArray
    row: IntArray
    """Where each entry's edge lies in the table it was read from."""

    def entries(self, product: IntArray) -> tuple[IntArray, IntArray]:
        """Return the entries of the named items, and for each the place of its item among them."""
        return entries_of(self.start, product)


def entries_of(start: IntArray, product: IntArray) -> tuple[IntArray, IntArray]:
    """Return the entries of the named rows of what is compressed by `start`, and for each the place of its row among them."""
    length = start[product + 1] - start[product]
    first = start[product] - (np.cumsum(length) - length)
    return np.repeat(first, length) + np.arange(int(length.sum())), np.repeat(np.arange(len(product)), length)


@dataclass(frozen=True, slots=True)
class Items:
    """Products in hand for each origin, ascending by origin: what a basket holds, or what was bought last."""

    origin: IntArray
    product: IntArray


@dataclass(frozen=True, slots=True)
class RelationEvidence:
    """One row per origin and candidate that an item in hand speaks for, sorted by both. `values`: `RELATION_COLUMNS`."""

    origin: IntArray
    candidate: IntArray
    values: npt.NDArray[np.float32]


def neighbours_of_edges(relation: str, edges: pa.Table, product_ids: pa.Array, as_of: date) -> Neighbours:
    """Encode an edge table (docs/vocabulary.md), of which `source`, `target`, `strength` and `events` are needed.

    Left out are edges of products without sales, retracted ones, those of a part of the chain, and those not valid on `as_of`.
    """
    source = pc.index_in(edges["source"].combine_chunks(), product_ids)
    target = pc.index_in(edges["target"].combine_chunks(), product_ids)
    kept = pc.and_(pc.is_valid(source), pc.is_valid(target)).to_numpy(zero_copy_only=False) & _in_force(edges, as_of)
    ends = [pc.fill_null(end, 0).to_numpy().astype(np.int64)[kept] for end in (source, target)]
    item, candidate = ends[::-1] if relation in TOWARDS_ITEM else ends
    strength = edges["strength"].to_numpy().astype(np.float64)[kept]
    events = pc.fill_null(edges["events"], 0).to_numpy().astype(np.float64)[kept]
    return compress(item, candidate, strength, events, np.flatnonzero(kept), len(product_ids))


def compress(
    item: IntArray, candidate: IntArray, strength: FloatArray, events: FloatArray, row: IntArray, products: int
) -> Neighbours:
    """Order edges by item, strongest first."""
    order = np.lexsort((candidate, -strength, item))
    start = np.searchsorted(item[order], np.arange(products + 1))
    return Neighbours(start, candidate[order], strength[order], events[order], row[order])


def _in_force(edges: pa.Table, as_of: date) -> npt.NDArray[np.bool_]:
    kept = np.ones(edges.num_rows, bool)
    if "status" in edges.column_names:
        kept &= _true(pc.not_equal(edges["status"], "retracted"))
    if "scope" in edges.column_names:
        kept &= _true(pc.equal(edges["scope"], CHAIN))
    if "valid_from" in edges.column_names:
        kept &= _true(pc.less_equal(edges["valid_from"], pa.scalar(as_of, pa.date32())))
    if "valid_to" in edges.column_names:
        kept &= _true(pc.greater(edges["valid_to"], pa.scalar(as_of, pa.date32())))
    return kept


def _true(column: pa.ChunkedArray) -> npt.NDArray[np.bool_]:
    """Null reads as true: an edge without an end is still in force."""
    return np.asarray(pc.fill_null(column, fill_value=True).to_numpy(), dtype=bool)


def relation_evidence(neighbours: Neighbours, items: Items, products: int, *, hidden: Items | None = None) -> RelationEvidence:
    """Sum up what the items in hand say about each candidate.

    `hidden` is what the origin's next basket really held. Edges between two products of that basket were counted with
    its help: one event is taken off them, so that training cannot read the outcome from the evidence.
    """
    entry, place = neighbours.entries(items.product)
    origin, item = items.origin[place], items.product[place]
    candidate, strength = neighbours.candidate[entry], neighbours.strength[entry]
    if hidden is not None:
        events = neighbours.events[entry]
        together = _in_one_outcome(origin, item, candidate, hidden, products)
        # an edge at the least number of events would not have been published without this basket
        stays = ~(together & (events <= neighbours.events.min(initial=np.inf)))
        strength = np.where(together, strength * (events - 1) / np.maximum(events, 1), strength)[stays]
        origin, candidate = origin[stays], candidate[stays]
    key = origin * products + candidate
    order = np.argsort(key, kind="stable")
    key, strength = key[order], strength[order]
    head = np.flatnonzero(np.r_[True, key[1:] != key[:-1]]) if len(key) else np.empty(0, np.int64)
    values = (
        np.column_stack([np.maximum.reduceat(strength, head), np.add.reduceat(strength, head), np.diff(np.r_[head, len(key)])])
        if len(key)
        else np.empty((0, len(RELATION_COLUMNS)))
    )
    return RelationEvidence(key[head] // products, key[head] % products, values.astype(np.float32))


def _in_one_outcome(origin: IntArray, item: IntArray, candidate: IntArray, hidden: Items, products: int) -> npt.NDArray[np.bool_]:
    outcome = np.sort(hidden.origin * products + hidden.product)
    return _holds(outcome, origin * products + item) & _holds(outcome, origin * products + candidate)


def _holds(ordered: IntArray, key: IntArray) -> npt.NDArray[np.bool_]:
    if not len(ordered):
        return np.zeros(len(key), bool)
    place = np.minimum(np.searchsorted(ordered, key), len(ordered) - 1)
    return np.asarray(ordered[place] == key)


def neighbours_by_relation(edges: Mapping[str, pa.Table], product_ids: pa.Array, as_of: date) -> dict[str, Neighbours]:
    """Encode each of `RELATIONS`; one that is not given has no neighbours."""
    nothing = pa.schema([("source", pa.string()), ("target", pa.string()), ("strength", pa.float64()), ("events", pa.int64())])
    return {name: neighbours_of_edges(name, edges.get(name, nothing.empty_table()), product_ids, as_of) for name in RELATIONS}

"""Which events belong together: products that come and go in one reset of a range, and the parts of a chain's event."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kg.ports import CHAIN

__all__ = ["linked"]

RESET_DAYS = 28
"""A launch this near to a delisting, in the same category and scope, belongs to it."""

JOINT_DAYS = 14
"""Delistings this near to each other, in the same category and scope, belong together."""

PART_DAYS = 28
"""An event of a part of the chain belongs to one of the chain, of the same kind and product, that began this near to it."""


def linked(events: pa.Table) -> pa.Table:
    """Return the events with `cause` and `related_event_ids` (ascending) set, sorted by kind, first day, scope and product."""
    order = [("kind", "ascending"), ("first_day", "ascending"), ("scope", "ascending"), ("product_id", "ascending")]
    ordered = events.sort_by(order).combine_chunks()
    day = ordered["first_day"].cast(pa.int32()).to_numpy().astype(np.int64)
    kind = np.array(ordered["kind"].to_pylist(), dtype=object)
    gone, came = np.flatnonzero(kind == "delisting"), np.flatnonzero(kind == "launch")
    shelf = _codes(ordered, "category", "scope")
    reset = _near(gone, came, shelf, day, RESET_DAYS)
    joint = _near(gone, gone, shelf, day, JOINT_DAYS)
    part = _parts(ordered, day)
    causes = np.full(ordered.num_rows, None, dtype=object)
    causes[part[:, 0]] = "whole_chain"
    causes[reset.ravel()] = "range_reset"
    pairs = np.concatenate([reset, reset[:, ::-1], joint[joint[:, 0] != joint[:, 1]], part, part[:, ::-1]])
    related = _related(ordered["event_id"], pairs)
    with_cause = ordered.set_column(ordered.schema.get_field_index("cause"), "cause", pa.array(causes, pa.string()))
    return with_cause.set_column(with_cause.schema.get_field_index("related_event_ids"), "related_event_ids", related)


def _codes(events: pa.Table, *names: str) -> np.ndarray:
    code = np.zeros(events.num_rows, dtype=np.int64)
    for name in names:
        values = events[name].combine_chunks().dictionary_encode()
        code = code * (len(values.dictionary) + 1) + values.indices.to_numpy()
    return code


def _near(first: np.ndarray, second: np.ndarray, group: np.ndarray, day: np.ndarray, days: int) -> np.ndarray:
    """Return the pairs (n x 2) of places, one of `first` and one of `second`, of one group and at most `days` apart."""
    span = np.int64(day.max(initial=0) - day.min(initial=0) + 2 * days + 1)
    key = group * span + (day - day.min(initial=0))
    ordered = second[np.argsort(key[second], kind="stable")]
    low = np.searchsorted(key[ordered], key[first] - days, side="left")
    high = np.searchsorted(key[ordered], key[first] + days, side="right")
    counts = high - low
    place = np.repeat(low, counts) + np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.stack([np.repeat(first, counts), ordered[place]], axis=1)


def _parts(events: pa.Table, day: np.ndarray) -> np.ndarray:
    """Return the pairs of an event of a part of the chain and the chain's."""
    whole = pc.equal(events["scope"], CHAIN).to_numpy(zero_copy_only=False)
    return _near(np.flatnonzero(~whole), np.flatnonzero(whole), _codes(events, "kind", "product_id"), day, PART_DAYS)


def _related(ids: pa.ChunkedArray, pairs: np.ndarray) -> pa.Array:
    """Return a list of ids for every event, ascending, from pairs of places."""
    names = np.array(ids.to_pylist(), dtype=object)
    rank = np.argsort(np.argsort(names.astype(str), kind="stable"), kind="stable")
    unique = np.unique(np.stack([pairs[:, 0], rank[pairs[:, 1]]], axis=1), axis=0)
    offsets = np.searchsorted(unique[:, 0], np.arange(names.size + 1))
    by_rank = names[np.argsort(rank)]
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pa.array(by_rank[unique[:, 1]], pa.string()))

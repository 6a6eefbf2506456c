"""Each household's ranked list, computed when the release is trained, so that asking for it is reading rows."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from decisions.recommend.fidelity import REASONS, Falls, Without
from decisions.recommend.model import MOVERS, Moved, Ranker, as_told
from decisions.recommend.ranking import Ranked, Ranking
from features import Tables
from features.recommend_relations import RELATIONS, Items, Neighbours
from features.recommend_transform import GROUPS
from features.repertoire import IntArray
from kit.canonical import digest_of_bytes

__all__ = ["LISTED", "StoredLists", "list_tables", "read_lists"]

LISTED = 20
"""Products kept per household. Longer lists, baskets and other stores are ranked when they are asked for."""
CHUNK = 1000
"""Households ranked at once: bounds the memory at some 300 MB."""
_INTEGERS = ("origin", "product", "own", "alike", "relation", "entry", "item")
_PARTS = ("feature", "figure", "share")
"""Of `Moved`, by group and place."""
_MOVERS = tuple(f"{group}_{place}" for group in GROUPS for place in range(MOVERS))


@dataclass(frozen=True, slots=True)
class StoredLists:
    """The rows of all households' lists and what was measured of each; `start` (households + 1) bounds each household's."""

    ranked: Ranked
    falls: Falls
    start: IntArray

    def of(self, household: int, limit: int) -> tuple[int, int]:
        """Return the first row of a household's list and the one after its `limit`-th or last."""
        first, last = int(self.start[household]), int(self.start[household + 1])
        return first, min(first + limit, last)


def list_tables(ranking: Ranking) -> dict[str, pa.Table]:
    """Rank every household without a basket, in its own store, and return the tables that keep the lists."""
    features = ranking.features
    products, households = len(features.product_ids), len(features.household_ids)
    nothing = Items(np.empty(0, np.int64), np.empty(0, np.int64))
    present = np.ones(products, bool)
    parts = []
    for first in range(0, households, CHUNK):
        knowledge = features.knowledge.between(first, min(first + CHUNK, households))
        ranked = ranking.rank(knowledge, nothing, present, LISTED)
        parts.append(_columns(ranked, Without(ranking, knowledge, nothing).falls(ranked), first))
    made_by = pa.table({name: [value] for name, value in _made_by(ranking).items()})
    return {"recommend_lists": pa.concat_tables(parts).combine_chunks(), "recommend_lists_made_by": made_by}


def read_lists(tables: Tables, ranking: Ranking) -> StoredLists | None:
    """Read back what `list_tables` gave; None where another system orders or other relations are in force than then."""
    made_by = tables.table("recommend_lists_made_by").to_pylist()
    if made_by != [_made_by(ranking)]:
        return None
    rows = tables.table("recommend_lists")
    integers = {name: rows[name].to_numpy().astype(np.int64) for name in _INTEGERS}
    ranked = Ranked(
        **integers,
        score=rows["score"].to_numpy(),
        sources=rows["sources"].to_numpy(),
        moved=Moved(
            brought=_stacked(rows, "brought", GROUPS),
            feature=_stacked(rows, "feature", _MOVERS),
            figure=as_told(_stacked(rows, "figure", _MOVERS)),
            share=as_told(_stacked(rows, "share", _MOVERS)),
        ),
        recent=np.asarray(rows["recent"].combine_chunks().to_numpy(zero_copy_only=False)),
    )
    falls = Falls(_stacked(rows, "fall", REASONS), rows["fall_together"].to_numpy())
    start = np.searchsorted(ranked.origin, np.arange(len(ranking.features.household_ids) + 1))
    return StoredLists(ranked, falls, start)


def _columns(ranked: Ranked, falls: Falls, first: int) -> pa.Table:
    moved = ranked.moved
    columns = {
        "origin": ranked.origin + first,
        **{name: getattr(ranked, name) for name in (*_INTEGERS[1:], "score", "sources", "recent")},
        **_spread("brought", GROUPS, moved.brought),
        **_spread("fall", REASONS, falls.alone),
        "fall_together": falls.together,
    }
    for part in _PARTS:
        columns |= _spread(part, _MOVERS, getattr(moved, part))
    return pa.table(columns)


def _spread(name: str, of: tuple[str, ...], values: np.ndarray) -> dict[str, np.ndarray]:
    return {f"{name}_{one}": np.ascontiguousarray(values[:, place]) for place, one in enumerate(of)}


def _stacked(rows: pa.Table, name: str, of: tuple[str, ...]) -> np.ndarray:
    return np.column_stack([rows[f"{name}_{one}"].to_numpy() for one in of])


def _made_by(ranking: Ranking) -> dict[str, str]:
    arrays = [array for name in RELATIONS for array in _content(ranking.neighbours[name])]
    return {
        "system": ranking.system.name,
        "model": _digest(ranking.system.ranker),
        "relations": digest_of_bytes(b"".join(array.tobytes() for array in arrays)),
    }


def _content(neighbours: Neighbours) -> tuple[np.ndarray, ...]:
    return neighbours.start, neighbours.candidate, neighbours.strength


def _digest(ranker: Ranker | None) -> str:
    return "" if ranker is None else digest_of_bytes(ranker.text())

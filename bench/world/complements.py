"""The true complements of a world: planted pairs, and products that trips of one need ask for together.

For a target T and a source S, over the trips of a scope: `gain` is the share of baskets with T that hold S beyond those expected
if both fell independently into each household's trips of like size, in each season and cluster (so popularity, taste, season
and size are taken off); `lift` is the number of baskets with both over the expected one; `caused` is how many baskets with S
would be missing per basket with T that is lost. Lift is symmetric, gain and cause are not. That a planted source of another
pair takes part in a need's pair is left out: it moves those figures little.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from bench.world.assortment import Assortment
from bench.world.chances import Chunk
from bench.world.joining import Together
from bench.world.shoppers import SIZE_SHARE, incidence
from bench.world.tables import Names

__all__ = ["complements_table", "need_complements", "planted_complements"]

SMALLEST_LIFT = 1.1
SCHEMA = pa.schema(
    [("scope", pa.string()), ("target", pa.int64()), ("source", pa.int64()), ("planted", pa.bool_())]
    + [(name, pa.float64()) for name in ("baskets", "both", "expected", "caused")]
)


@dataclass(frozen=True, slots=True, eq=False)
class _Block:
    """Expected baskets a year: of each product of two categories, with both, by chance, with whole categories at a time."""

    first: np.ndarray
    second: np.ndarray
    both: np.ndarray
    expected: np.ndarray


def planted_complements(assortment: Assortment, pairs: Sequence[Together], trips: Mapping[str, np.ndarray]) -> pa.Table:
    """Return the counts of the planted pairs in both directions, by scope (columns: SCHEMA), of one chunk of households.

    `trips` holds the expected trips by scope (`chances.Chunk.trips`).
    """
    planted = assortment.complements
    rows = []
    for scope, weight in trips.items():
        for target, source, pair in zip(planted.target.tolist(), planted.source.tolist(), pairs, strict=True):
            of_target, of_source, both, expected, joined = (
                float((weight * getattr(pair, name)).sum()) for name in ("target", "source", "both", "expected", "joined")
            )
            rows.append((scope, target, source, True, of_target, both, expected, joined))
            rows.append((scope, source, target, True, of_source, both, expected, 0.0))
    columns = list(zip(*rows, strict=True)) or [()] * len(SCHEMA)
    return pa.table([pa.array(column, field.type) for column, field in zip(columns, SCHEMA, strict=True)], schema=SCHEMA)


def need_complements(chunk: Chunk, baskets: Sequence[np.ndarray], trips: Mapping[str, np.ndarray]) -> Iterator[pa.Table]:
    """Yield the counts of all pairs of products of two categories that a need asks for together (columns: SCHEMA)."""
    wanted = chunk.assortment.needs > 1.0
    shared = np.triu((wanted.T.astype(int) @ wanted.astype(int)) > 0, k=1)
    for first, second in np.argwhere(shared).tolist():
        for scope, visits in trips.items():
            block = _block(chunk, baskets, (first, second), visits)
            yield from _both_directions(chunk.assortment, block, (first, second), scope)


def complements_table(names: Names, assortment: Assortment, parts: Iterable[pa.Table]) -> pa.Table:
    """Return the sums over chunks: source, target, scope, lift, gain, caused, and planted (the strength; null without one).

    Pairs with a lift below 1.1 that are not planted are left out.
    """
    keys = ["scope", "target", "source", "planted"]
    sums = [(name, "sum") for name in ("baskets", "both", "expected", "caused")]
    counted = pa.concat_tables(parts).group_by(keys, use_threads=False).aggregate(sums)
    baskets, both, expected, caused = (counted[f"{name}_sum"].to_numpy() for name, _ in sums)
    lift = both / np.maximum(expected, 1e-300)
    planted, target, source = (counted[name].to_numpy() for name in ("planted", "target", "source"))
    table = pa.table(
        {
            "source": names.products.take(pa.array(source)),
            "target": names.products.take(pa.array(target)),
            "scope": counted["scope"],
            "lift": lift,
            "gain": (both - expected) / np.maximum(baskets, 1e-300),
            "caused": caused / np.maximum(baskets, 1e-300),
            "planted": pa.array(_strength(assortment, target, source), mask=~planted),
        }
    )
    return table.filter(pa.array((planted | (lift >= SMALLEST_LIFT)) & (expected > 0))).sort_by("scope")


def _strength(assortment: Assortment, target: np.ndarray, source: np.ndarray) -> np.ndarray:
    """Return the planted strength of each pair in either direction, 0 where none is."""
    planted, count = assortment.complements, assortment.products.count
    keys = np.r_[planted.target * count + planted.source, planted.source * count + planted.target]
    order = np.argsort(keys)
    wanted = target * count + source
    at = order[np.minimum(np.searchsorted(keys[order], wanted), keys.size - 1)]
    return np.asarray(np.where(keys[at] == wanted, np.r_[planted.strength, planted.strength][at], 0.0))


def _block(chunk: Chunk, baskets: Sequence[np.ndarray], pair: tuple[int, int], visits: np.ndarray) -> _Block:
    cells = np.argwhere(visits.any(axis=-1)).tolist()
    parts = [_cell(chunk, baskets, pair, visits[season, store], (season, store)) for season, store in cells]
    return _Block(*(np.sum(columns, axis=0) for columns in zip(*parts, strict=True)))


def _cell(
    chunk: Chunk, baskets: Sequence[np.ndarray], pair: tuple[int, int], visits: np.ndarray, cell: tuple[int, int]
) -> tuple[np.ndarray, ...]:
    need = chunk.assortment.need_share[cell[0]]
    occasion = [incidence(chunk.assortment, chunk.people, category, chunk.clusters[cell[1]]) for category in pair]
    share = [baskets[category][cell] for category in pair]
    mean = [by_trip @ need for by_trip in occasion]
    both, expected = ((occasion[0] * occasion[1]) @ need) @ SIZE_SHARE, (mean[0] * mean[1]) @ SIZE_SHARE
    counts = [(visits * (by_size @ SIZE_SHARE)) @ of_products for by_size, of_products in zip(mean, share, strict=True)]
    together = [(share[0] * (visits * rate)[:, None]).T @ share[1] for rate in (both, expected)]
    return counts[0], counts[1], together[0], together[1]


def _both_directions(assortment: Assortment, block: _Block, pair: tuple[int, int], scope: str) -> Iterator[pa.Table]:
    start = [assortment.products_of(category).start for category in pair]
    row, column = np.nonzero(block.expected > 0)
    first, second = start[0] + row, start[1] + column
    planted = _strength(assortment, first, second) > 0
    row, column, first, second = (places[~planted] for places in (row, column, first, second))
    nothing = np.zeros(first.size)
    counts = {"both": block.both[row, column], "expected": block.expected[row, column], "caused": nothing}
    said = {"scope": np.full(first.size, scope), "planted": nothing.astype(bool)} | counts
    yield _as_rows(said | {"target": first, "source": second, "baskets": block.first[row]})
    yield _as_rows(said | {"target": second, "source": first, "baskets": block.second[column]})


def _as_rows(columns: Mapping[str, np.ndarray]) -> pa.Table:
    return pa.table({name: columns[name] for name in SCHEMA.names}).cast(SCHEMA)

"""A world: what happened in it as a lake of facts, and what is true in it as tables."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property, reduce
from pathlib import Path

import numpy as np
import pyarrow as pa

from bench.world.ahead import Ahead, expected_in
from bench.world.assortment import Assortment, build_assortment
from bench.world.chances import Chunk
from bench.world.choice import buy
from bench.world.complements import complements_table, need_complements, planted_complements
from bench.world.joining import baskets_by_category, joined_by_product, planted_together
from bench.world.scopes import Scope, chain, of_season, of_stores
from bench.world.shelf import Shelf, build_shelf
from bench.world.shoppers import Shoppers, make_trips, shoppers
from bench.world.sizes import AS_OF, SEASONS, WorldSize
from bench.world.substitution import (
    GONE,
    USUAL_DEAL,
    Diverted,
    diverted,
    outside_table,
    promotion_table,
    substitutes_table,
    sum_up,
)
from bench.world.tables import SALES_SCHEMA, Names, describe_tables, events_table, sales_lines
from bench.world.together import Gone, gone_together
from lake.delta_lake import DeltaLake

__all__ = ["World", "generate_world", "open_world"]


@dataclass(frozen=True, eq=False)
class World:
    """A simulated retailer. `lake` holds what it would know; the tables of truth are computed when first asked for.

    Scopes of the truths are `chain`, `season:NAME` and `store_cluster:world-N` (the clusters that were planted); others are
    asked for by `substitutes_in`.
    """

    size: WorldSize
    seed: int
    lake: DeltaLake
    assortment: Assortment
    shelf: Shelf
    names: Names
    as_of: date = AS_OF

    @property
    def scopes(self) -> tuple[Scope, ...]:
        """The scopes of the truths."""
        clusters = self.shelf.cluster_of_store
        planted = [of_stores(f"store_cluster:world-{number}", clusters == number) for number in range(self.size.clusters)]
        return (chain(), *(of_season(name) for name in SEASONS), *planted)

    @cached_property
    def events(self) -> pa.Table:
        """Delistings, launches, absences and stock-outs (`tables.events_table`)."""
        return events_table(self.names, self.assortment, self.shelf.events)

    @property
    def truth_substitutes(self) -> pa.Table:
        """True diversion ratios (`substitution.substitutes_table`)."""
        return substitutes_table(self.names, self._diverted)

    @property
    def truth_outside(self) -> pa.Table:
        """Shares of lost purchases that no product gets (`substitution.outside_table`)."""
        return outside_table(self.names, self._diverted)

    @property
    def truth_promotions(self) -> pa.Table:
        """True effects in the chain of a usual promotion on the others of a category (`substitution.promotion_table`)."""
        return promotion_table(self.names, self._diversions([chain()], USUAL_DEAL))

    @cached_property
    def truth_complements(self) -> pa.Table:
        """True complements in the chain and in each season (`complements.complements_table`)."""
        scopes = [scope for scope in self.scopes if not scope.name.startswith("store_cluster:")]
        return complements_table(self.names, self.assortment, self._complements(scopes))

    def substitutes_in(self, scopes: Sequence[Scope]) -> pa.Table:
        """Return true diversion ratios in further scopes, such as clusters that were found and not planted."""
        return substitutes_table(self.names, self._diversions(scopes))

    def gone_together(
        self, sets: Mapping[int, Sequence[np.ndarray]], scopes: Sequence[Scope]
    ) -> dict[tuple[int, int, str], Gone]:
        """Return what happens when sets of products are gone at once, by category, number of the set within it, and scope."""
        found: dict[tuple[int, int, str], Gone] = {}
        for chunk in self._chunks():
            joined = joined_by_product(self.assortment, planted_together(chunk, baskets_by_category(chunk)))
            trips = {scope.name: scope.trips(chunk) for scope in scopes}
            for category, of_category in sets.items():
                for (number, scope), gone in gone_together(chunk, category, of_category, trips, joined).items():
                    key = category, number, scope
                    found[key] = found[key].plus(gone) if key in found else gone
        return found

    def expected_in(self, weeks: range) -> Ahead:
        """Return what is expected to be sold in some weeks of the year, and what of it others' promotions moved."""
        return reduce(Ahead.plus, (expected_in(chunk, weeks) for chunk in self._chunks()))

    @cached_property
    def _diverted(self) -> list[Diverted]:
        return self._diversions(self.scopes)

    def _diversions(self, scopes: Sequence[Scope], factor: float = GONE) -> list[Diverted]:
        def of_chunk(chunk: Chunk) -> Iterator[Diverted]:
            joined = joined_by_product(self.assortment, planted_together(chunk, baskets_by_category(chunk)))
            return diverted(chunk, {scope.name: scope.trips(chunk) for scope in scopes}, joined, factor)

        return sum_up(part for chunk in self._chunks() for part in of_chunk(chunk))

    def _complements(self, scopes: Sequence[Scope]) -> Iterator[pa.Table]:
        for chunk in self._chunks():
            baskets = baskets_by_category(chunk)
            trips = {scope.name: scope.trips(chunk) for scope in scopes}
            yield planted_complements(self.assortment, planted_together(chunk, baskets), trips)
            yield from need_complements(chunk, baskets, trips)

    def _chunks(self) -> Iterator[Chunk]:
        for people in _chunks(self.size, self.seed):
            yield Chunk(self.assortment, self.shelf, people, self.seed)


def generate_world(size: WorldSize, seed: int, folder: Path, *, advance: Callable[[int], None] = lambda _: None) -> World:
    """Simulate a world into a lake below `folder`: the same size and seed give the same rows, in any order.

    Args:
        size: SMALL, MEDIUM, LARGE or another.
        seed: of every draw.
        folder: where the lake is written; tables of these names are replaced.
        advance: told the number of households that were simulated, chunk by chunk.
    """
    world = open_world(size, seed, folder)
    for table, rows in describe_tables(size, world.names, world.assortment, world.shelf, seed):
        world.lake.replace(table, rows)
    world.lake.replace("sales_lines", _lines(world, advance), SALES_SCHEMA)
    return world


def open_world(size: WorldSize, seed: int, folder: Path) -> World:
    """Return the world that `generate_world` wrote below `folder`, with the same size and seed."""
    assortment = build_assortment(size, seed)
    shelf = build_shelf(size, assortment, seed)
    return World(size=size, seed=seed, lake=DeltaLake(folder), assortment=assortment, shelf=shelf, names=Names(size, assortment))


def _lines(world: World, advance: Callable[[int], None]) -> Iterator[pa.RecordBatch]:
    for people in _chunks(world.size, world.seed):
        trips = make_trips(world.assortment, people, world.seed)
        bought = buy(world.assortment, world.shelf, people, trips, world.seed)
        lines = sales_lines(world.names, world.assortment, world.shelf, (people, trips, bought), world.seed)
        yield from lines.to_batches(max_chunksize=1 << 20)
        advance(people.count)


def _chunks(size: WorldSize, seed: int) -> Iterator[Shoppers]:
    for chunk in range(int(np.ceil(size.households / size.chunk))):
        yield shoppers(size, seed, chunk)

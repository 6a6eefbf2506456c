"""The weeks on which discovery is measured and learnt, and what was known before each.

Six weeks, four apart, in two blocks of three. A block's rankers learn from six weeks, two apart, that were over before its
first; its relations, needs and network were derived on the eve of the first week that is learnt from, so that none of them
has seen what it helps to predict.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from decisions.recommend.discovery_examples import DiscoveryWeek, discovery_week, to_learn_from
from decisions.relations import derive
from features.discovery_candidates import DiscoveryDay
from features.discovery_day import DiscoveryWorld, Links, discovery_day, links_of_edges
from features.needs import derive_needs
from features.repertoire import EPOCH, day_number
from kg.algorithms import PortableAlgorithms
from kg.tables import TableGraph
from kit.progress import Progress
from lake.ports import Lake
from ontology.schema import load_schema

__all__ = ["SEED", "Block", "blocks_of", "learnt_weeks", "links_on", "tried_weeks"]

SEED = 7
TRIED_WEEKS_TO_GO = ((24, 20, 16), (12, 8, 4))
"""How many weeks before the end of the data the measured weeks begin: on the demo data the weeks 30, 34, 38, 42, 46 and 50."""
LEARNT_WEEKS = 6
LEARNT_EVERY_WEEKS = 2
QUICK_LEARNT_WEEKS = 2
KEPT_SHARE = 0.3
"""Of the candidates that were not bought, so many are learnt from."""


@dataclass(frozen=True, slots=True)
class Block:
    """First days of the weeks that are learnt from, and of those that are tried with what was learnt; ascending."""

    learnt: tuple[int, ...]
    tried: tuple[int, ...]

    @property
    def links_day(self) -> date:
        """The last day that the graph's part of the block knows."""
        return EPOCH + timedelta(days=self.learnt[0] - 1)


def blocks_of(as_of: date, *, quick: bool) -> tuple[Block, ...]:
    """Return the blocks of the data that end on `as_of`; a quick measurement has the last week alone."""
    tomorrow = day_number(as_of) + 1
    monday = tomorrow - (tomorrow + 3) % 7  # the epoch was a Thursday
    tried = [tuple(monday - 7 * weeks for weeks in block) for block in TRIED_WEEKS_TO_GO]
    if quick:
        return (_block(tried[-1][-1:], QUICK_LEARNT_WEEKS),)
    return tuple(_block(days, LEARNT_WEEKS) for days in tried)


def links_on(lake: Lake, world: DiscoveryWorld, day: date) -> Links:
    """Derive relations and needs of what was known at the end of a day."""
    # a fixed recording time: the edges of a measurement are not kept
    recorded = datetime(2000, 1, 1, tzinfo=UTC)
    edges: Mapping[str, pa.Table] = derive(lake, None, as_of=day, run_id="bench", recorded_at=recorded, scoped=False).edges
    return links_of_edges({**edges, "servesNeed": _needs(lake, edges["isBoughtWith"], day, recorded)}, world.purchases, day)


def learnt_weeks(world: DiscoveryWorld, block: Block, links: Links, progress: Progress) -> list[DiscoveryWeek]:
    """Return what the block's rankers learn from."""
    weeks = []
    for first in block.learnt:
        with progress.stage(f"Discovery: learning from the week of {EPOCH + timedelta(days=first)}"):
            asked = discovery_week(world.purchases, discovery_day(world, first, links, SEED))
            weeks.append(to_learn_from(asked, SEED, KEPT_SHARE))
    return weeks


def tried_weeks(
    world: DiscoveryWorld, block: Block, links: Links, progress: Progress
) -> Iterator[tuple[DiscoveryDay, DiscoveryWeek]]:
    """Yield each measured week with all that was known before it."""
    for first in block.tried:
        with progress.stage(f"Discovery: trying the week of {EPOCH + timedelta(days=first)}"):
            day = discovery_day(world, first, links, SEED)
            yield day, discovery_week(world.purchases, day)


def _block(tried: tuple[int, ...], weeks: int) -> Block:
    last = tried[0] - 7
    return Block(tuple(last - 7 * LEARNT_EVERY_WEEKS * place for place in reversed(range(weeks))), tried)


def _needs(lake: Lake, bought_with: pa.Table, day: date, recorded: datetime) -> pa.Table:
    """Find the needs of a day: communities of what is bought together across categories."""
    products = lake.arrow("products", ("product_id", "category"))
    categories = products.filter(pc.is_valid(products["category"]))
    schema = load_schema()
    engine = PortableAlgorithms(TableGraph(schema, {}, {}), schema)
    return derive_needs(engine, bought_with, categories, as_of=day, run_id="bench", recorded_at=recorded, seed=SEED).edges

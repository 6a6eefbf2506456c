"""All that a shop knows on a day for discovery, from the facts: the one road of training, back-test, bench and serving."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import pyarrow as pa

from features.collaborative import Tastes
from features.discovery_affinities import fit_affinities, price_levels
from features.discovery_candidates import DiscoveryDay
from features.discovery_facts import ProductTraits, known_before, read_traits
from features.discovery_links import LINKED, ProductVectors, ServedNeeds, link_scores, needs_of_edges
from features.discovery_shelf import Coupons, read_coupons, shelf_of_day
from features.discovery_tastes import fit_taste_scores
from features.recommend_population import Population
from features.recommend_relations import Neighbours, neighbours_of_edges
from features.repertoire import Purchases, day_number
from lake.ports import Lake

__all__ = ["DiscoveryWorld", "Links", "discovery_day", "links_of_edges", "read_discovery_world"]


@dataclass(frozen=True, slots=True, eq=False)
class DiscoveryWorld:
    """The facts of one day, of which each earlier day sees its own past."""

    purchases: Purchases
    population: Population
    coupons: Coupons
    traits: ProductTraits


@dataclass(frozen=True, slots=True, eq=False)
class Links:
    """What the graph knew on one day. A day that is asked for with it must lie after that one."""

    relations: Mapping[str, Neighbours]
    needs: ServedNeeds
    vectors: ProductVectors | None = None


def read_discovery_world(lake: Lake, purchases: Purchases, population: Population) -> DiscoveryWorld:
    """Read coupons and traits beside what was read before. Raises: TableMissing."""
    tomorrow = day_number(purchases.as_of + timedelta(days=1))
    return DiscoveryWorld(
        purchases, population, read_coupons(lake, purchases, tomorrow), read_traits(lake, purchases.product_ids)
    )


def links_of_edges(edges: Mapping[str, pa.Table], purchases: Purchases, day: date) -> Links:
    """Encode relations and needs that hold on a day; those that are not given link nothing."""
    relations = {name: neighbours_of_edges(name, edges[name], purchases.product_ids, day) for name in LINKED if name in edges}
    return Links(relations, needs_of_edges(edges.get("servesNeed"), purchases.product_ids))


def discovery_day(world: DiscoveryWorld, day: int, links: Links, seed: int, older: Tastes | None = None) -> DiscoveryDay:
    """Return what is known before `day`, and of the promotions of its week, which are announced before it begins.

    `older`: tastes of an earlier day to take the products' factors from (`fit_taste_scores`).
    """
    purchases, known = world.purchases, known_before(world.purchases, day)
    return DiscoveryDay(
        known,
        fit_taste_scores(purchases, known, seed, older),
        fit_affinities(known, purchases.levels, world.traits),
        price_levels(purchases, known, purchases.levels),
        shelf_of_day(purchases, world.population, world.coupons, known),
        link_scores(known, links.relations, links.needs, links.vectors),
    )

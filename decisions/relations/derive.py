"""The first relations between products, derived from what households bought: associations with their evidence."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from typing import TypedDict

import pyarrow as pa
import pyarrow.compute as pc

from decisions.relations import bought_with, complements, substitutes
from decisions.relations.closeness import Closeness, measure_closeness, no_closeness
from decisions.relations.edges import Candidates, Provenance, edge_table
from decisions.relations.observed import Observed, observe, observe_repertoire
from features.basket_pairs import basket_pairs
from features.co_purchase import Support
from kg.algorithms.ports import GraphAlgorithms
from lake.ports import Lake

__all__ = ["MODEL_VERSION", "Limits", "derive_relations", "substitute_ranking"]

MODEL_VERSION = "relations-3"


class _Said(TypedDict):
    unit: str
    sources: tuple[str, ...]


SAID: Mapping[str, _Said] = {
    "isBoughtWith": {"unit": bought_with.UNIT, "sources": ("sales_lines",)},
    "isSubstituteFor": {"unit": substitutes.UNIT, "sources": ("products", "sales_lines")},
    "isComplementTo": {"unit": complements.UNIT, "sources": ("products", "sales_lines")},
}
"""The unit of each relation's strength, and the tables it was read from."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much evidence a relation needs, and how many edges a product keeps.

    Products need `seen_baskets` and `seen_households` to be looked at, `replaced_baskets` and `replaced_households` to have
    substitutes, and `minimum_baskets` and `minimum_households` to have pairs: shares of households are drawn to popularity
    and bear thinner products than ratios of counts do.
    """

    seen_baskets: int = 3
    seen_households: int = 2
    replaced_baskets: int = 8
    replaced_households: int = 4
    minimum_baskets: int = 20
    minimum_households: int = 10
    minimum_together: int = 8
    minimum_households_together: int = 4
    bought_with_per_product: int = 12
    substitutes_per_product: int = 12
    complements_per_product: int = 12

    @property
    def replaced(self) -> tuple[int, int]:
        """What a product needs to have substitutes."""
        return self.replaced_baskets, self.replaced_households

    def support(self, categories: tuple[str, ...] | None = None) -> Support:
        """Return what a product needs to be looked at."""
        return Support(self.seen_baskets, self.seen_households, categories)


def derive_relations(
    lake: Lake,
    algorithms: GraphAlgorithms | None,
    *,
    as_of: date,
    run_id: str,
    recorded_at: datetime,
    seed: int = 7,
    limits: Limits | None = None,
) -> dict[str, pa.Table]:
    """Return the edge batches of isBoughtWith, isSubstituteFor and isComplementTo (schema: `edges.EDGE_SCHEMA`).

    The same facts, engine, `run_id` and `recorded_at` give the same bytes; facts after `as_of` change nothing.

    Args:
        lake: the tables products and sales_lines.
        algorithms: the engine that compares products by their buyers; None leaves closeness out (it counts as 0).
        as_of: the last business day that is known.
        run_id: what writes the edges.
        recorded_at: when they become known to us, in UTC.
        seed: for the embedding.
        limits: None takes the defaults.

    Raises:
        TableMissing: the lake has no such table.
    """
    allowed = limits or Limits()
    observed = observe(lake, as_of, allowed.support())
    nothing = no_closeness(observed.products.num_rows)
    closeness = nothing if algorithms is None else measure_closeness(algorithms, observed, seed)
    written_by = partial(Provenance, model_version=MODEL_VERSION, run_id=run_id, as_of=as_of, recorded_at=recorded_at)
    return {
        relation: edge_table(candidates, observed.ids, written_by(relation=relation, **SAID[relation]))
        for relation, candidates in _candidates(observed, closeness, allowed).items()
    }


def _candidates(observed: Observed, closeness: Closeness, limits: Limits) -> dict[str, Candidates]:
    met = _met(observed, limits)
    met_near = closeness.of(met["first"].to_numpy(), met["second"].to_numpy())
    return {
        "isBoughtWith": bought_with.bought_with(observed, met, per_product=limits.bought_with_per_product),
        "isSubstituteFor": substitutes.substitutes(
            observed.repertoire, closeness, per_product=limits.substitutes_per_product, least=limits.replaced
        ),
        "isComplementTo": complements.complements(observed, met, met_near, per_product=limits.complements_per_product),
    }


def _met(observed: Observed, limits: Limits) -> pa.Table:
    """Return the pairs that met often enough, of products with enough baskets and households."""
    pairs = basket_pairs(observed.bought, observed.household, observed.day, minimum_baskets=limits.minimum_together)
    products = observed.products
    enough = pc.and_(
        pc.greater_equal(products["baskets"], limits.minimum_baskets),
        pc.greater_equal(products["households"], limits.minimum_households),
    ).combine_chunks()
    both = pc.and_(enough.take(pairs["first"].combine_chunks()), enough.take(pairs["second"].combine_chunks()))
    return pairs.filter(pc.and_(both, pc.greater_equal(pairs["households"], limits.minimum_households_together)))


def substitute_ranking(lake: Lake, *, as_of: date, categories: tuple[str, ...], limits: Limits | None = None) -> pa.Table:
    """Return source, target and strength of the substitutes within some categories, as `derive_relations` without an engine
    would give them as of that day. Substitutes never cross a category, so nothing is lost by looking at some alone.

    Raises:
        TableMissing: the lake has no such table.
    """
    allowed = limits or Limits()
    repertoire = observe_repertoire(lake, as_of, allowed.support(categories))
    nothing = no_closeness(repertoire.products.num_rows)
    ranked = substitutes.substitutes(repertoire, nothing, per_product=allowed.substitutes_per_product, least=allowed.replaced)
    ids = repertoire.products["product_id"].combine_chunks()
    ends = ids.take(pa.array(ranked.source)), ids.take(pa.array(ranked.target))
    return pa.table([*ends, pa.array(ranked.estimate.value)], names=["source", "target", "strength"])

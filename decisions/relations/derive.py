"""The relations between products as of a day, with their evidence: what replaces, what completes, what is bought together.

Substitutes are diversion ratios (`diversion`), complements gains in attach rate (`complements`), each for the whole chain and
for the store clusters, household segments and seasons that have evidence enough; products bought together are told of the chain
alone.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from typing import TypedDict, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from decisions.relations import bought_with, complements, diversion
from decisions.relations.closeness import Closeness, measure_closeness, no_closeness
from decisions.relations.confirmed import confirmed, drawn_away
from decisions.relations.consistency import consistent, read_rules
from decisions.relations.diversion import DiversionModel, Scopes, diversions, joined
from decisions.relations.edges import EDGE_SCHEMA, Candidates, Provenance, edge_table
from decisions.relations.fitting import DiversionFit, Experiments, fit_diversion, gone_events, known_events
from decisions.relations.observed import Observed, observe
from decisions.relations.scoping import cluster_members, season_ends, segment_members
from features.basket_pairs import basket_pairs
from features.category_lines import CategoryLines, read_category_lines
from features.choice_occasions import Missing
from features.co_purchase import Support
from features.store_clusters import store_clusters
from kg.algorithms.ports import GraphAlgorithms
from kg.ports import CHAIN
from lake.ports import Lake

__all__ = ["MODEL_VERSION", "Derived", "Limits", "derive", "derive_relations", "fit_relations"]

MODEL_VERSION = "relations-7"
THREADS = 2
AnswerT = TypeVar("AnswerT")
"""Matrix products and trees leave the interpreter free for another category."""


class _Said(TypedDict):
    unit: str
    sources: tuple[str, ...]


SAID: Mapping[str, _Said] = {
    "isBoughtWith": {"unit": bought_with.UNIT, "sources": ("sales_lines",)},
    "isSubstituteFor": {"unit": diversion.UNIT, "sources": ("products", "sales_lines")},
    "isComplementTo": {"unit": complements.UNIT, "sources": ("products", "sales_lines")},
}
"""The unit of each relation's strength, and the tables it was read from."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much evidence a relation needs, and how many edges a product keeps in a scope.

    Products need `seen_baskets` and `seen_households` to be looked at, `replaced_baskets` and `replaced_households` to have
    substitutes, and `minimum_baskets` and `minimum_households` to have pairs. A part of the chain needs `scope_buyers` former
    buyers of a product, a season `scope_baskets` baskets from as many buyers, to have substitutes of its own, and keeps fewer.
    """

    seen_baskets: int = 3
    seen_households: int = 2
    replaced_baskets: int = 8
    replaced_households: int = 4
    minimum_baskets: int = 20
    minimum_households: int = 10
    minimum_together: int = 8
    minimum_households_together: int = 4
    scope_buyers: int = 20
    scope_baskets: int = 40
    bought_with_per_product: int = 12
    substitutes_per_product: int = 12
    complements_per_product: int = 12
    per_product_in_scope: int = 6

    @property
    def replaced(self) -> tuple[int, int]:
        """What a product needs to have substitutes."""
        return self.replaced_baskets, self.replaced_households

    def support(self) -> Support:
        """Return what a product needs to be looked at."""
        return Support(self.seen_baskets, self.seen_households)


@dataclass(frozen=True, slots=True, eq=False)
class Derived:
    """Edge batches by relation, the model behind the substitutes, and what it was fitted on (None: it was given).

    `ruled` counts the edges that each rule of `consistency` dropped or put up for review.
    """

    edges: dict[str, pa.Table]
    model: DiversionModel
    experiments: Experiments | None
    ruled: Mapping[str, int]


@dataclass(frozen=True, slots=True, eq=False)
class _Clusters:
    """Stores by cluster, and the households (mask over those of the lines) of each, by its scope."""

    placed: pa.Table
    members: dict[str, np.ndarray]


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
        seed: for drawing occasions, the trees, and the embedding.
        limits: None takes the defaults.

    Raises:
        TableMissing: the lake has no such table.
    """
    return derive(lake, algorithms, as_of=as_of, run_id=run_id, recorded_at=recorded_at, seed=seed, limits=limits).edges


def derive(
    lake: Lake,
    algorithms: GraphAlgorithms | None,
    *,
    as_of: date,
    run_id: str,
    recorded_at: datetime,
    seed: int = 7,
    limits: Limits | None = None,
    model: DiversionModel | None = None,
    scoped: bool = True,
) -> Derived:
    """Return what `derive_relations` returns, with the model behind it.

    Args:
        lake: as there.
        algorithms: as there.
        as_of: as there.
        run_id: as there.
        recorded_at: as there.
        seed: as there.
        limits: as there.
        model: fitted as of an earlier day, to be used as it is; None fits one.
        scoped: whether parts of the chain are told apart, and edges graded by promotions; strengths are the same without.
    """
    allowed = limits or Limits()
    observed = observe(lake, as_of, allowed.support())
    lines = read_category_lines(lake, as_of)
    clusters = _clusters(lake, lines) if scoped or model is None else None
    members = clusters.members | segment_members(lake, lines) if scoped and clusters else {}
    written_by = partial(Provenance, model_version=MODEL_VERSION, run_id=run_id, as_of=as_of, recorded_at=recorded_at)

    def told(relation: str, scope: str, candidates: Candidates, ids: pa.Array) -> tuple[str, pa.Table]:
        return relation, edge_table(candidates, ids, written_by(relation=relation, scope=scope, **SAID[relation]))

    def met() -> tuple[list[tuple[str, pa.Table]], pa.Table | None]:
        closeness = _closeness(algorithms, observed, seed)
        baskets = _basket_scopes(observed, lines, members, scoped)
        pairs = [told(*one, observed.ids) for one in _pairs(observed, closeness, baskets, allowed)]
        return pairs, drawn_away(lake, as_of) if scoped else None

    experiments: Experiments | None = None
    if model is None:
        gone = _gone(lake, lines, clusters or _clusters(lake, lines), DiversionFit())
        (model, experiments), (tables, drawn) = _fitted_beside(lines, gone, met, seed)
    else:
        tables, drawn = met()
    scopes = Scopes(members, allowed.scope_buyers, allowed.per_product_in_scope)
    for scope, candidates in _substitutes(lines, model, scopes, allowed, seasons=scoped):
        tables.append(told("isSubstituteFor", scope, candidates, lines.product_ids))
    parts = {relation: [table for name, table in tables if name == relation] for relation in SAID}
    found = {relation: _sorted(tables) for relation, tables in parts.items()}
    if drawn is not None:
        found["isSubstituteFor"] = confirmed(found["isSubstituteFor"], drawn)
    edges, ruled = consistent(found, read_rules(lake, as_of))
    return Derived(edges, model, experiments, ruled)


def fit_relations(
    lake: Lake, as_of: date, *, seed: int = 7, fit: DiversionFit | None = None
) -> tuple[DiversionModel, Experiments]:
    """Fit the model behind substitutes on what was known on a day. Raises: TableMissing."""
    lines, how = read_category_lines(lake, as_of), fit or DiversionFit()
    return fit_diversion(lines, _gone(lake, lines, _clusters(lake, lines), how), seed=seed, fit=how)


def _closeness(algorithms: GraphAlgorithms | None, observed: Observed, seed: int) -> Closeness:
    return no_closeness(observed.products.num_rows) if algorithms is None else measure_closeness(algorithms, observed, seed)


def _fitted_beside(
    lines: CategoryLines, gone: Sequence[Missing], other: Callable[[], AnswerT], seed: int
) -> tuple[tuple[DiversionModel, Experiments], AnswerT]:
    """Return the model with what it was fitted on, and what `other` returns meanwhile: the fit keeps one core busy."""
    with ThreadPoolExecutor(1) as threads:
        fitting = threads.submit(fit_diversion, lines, gone, seed=seed)
        answer = other()
        return fitting.result(), answer


def _clusters(lake: Lake, lines: CategoryLines) -> _Clusters:
    placed = store_clusters(lake, lines.as_of)
    return _Clusters(placed, cluster_members(lines, placed))


def _gone(lake: Lake, lines: CategoryLines, clusters: _Clusters, fit: DiversionFit) -> list[Missing]:
    return gone_events(lines, known_events(lake, lines.as_of, clusters.placed), clusters.members, fit)


def _substitutes(
    lines: CategoryLines, model: DiversionModel, scopes: Scopes, limits: Limits, *, seasons: bool
) -> Iterator[tuple[str, Candidates]]:
    """Yield the substitutes of each scope; of a season, as they were at its end."""
    often = (limits.scope_baskets, limits.scope_buyers)
    now = partial(
        diversions, day=lines.last_day, scopes=scopes, per_product=limits.substitutes_per_product, least=limits.replaced
    )
    yield from _of_all_categories(lines, partial(now, lines, model)).items()
    for name, (_, end) in (season_ends(_date(lines, lines.first_day), lines.as_of) if seasons else {}).items():
        of_season = Scopes({}, 0, limits.per_product_in_scope)
        then = partial(diversions, day=(end - lines.epoch).days, scopes=of_season, per_product=of_season.per_product, least=often)
        yield from ((name, found) for found in _of_all_categories(lines, partial(then, lines, model)).values())


def _of_all_categories(lines: CategoryLines, of_category: Callable[[int], Mapping[str, Candidates]]) -> dict[str, Candidates]:
    """Return what all categories give, by scope: two categories at a time, joined in their order."""
    by_scope: dict[str, list[Candidates]] = {}
    with ThreadPoolExecutor(THREADS) as threads:
        for found in threads.map(of_category, range(len(lines.categories))):
            for scope, candidates in found.items():
                by_scope.setdefault(scope, []).append(candidates)
    return {scope: joined(parts) for scope, parts in by_scope.items()}


def _basket_scopes(
    observed: Observed, lines: CategoryLines, members: Mapping[str, np.ndarray], scoped: bool
) -> dict[str, np.ndarray]:
    """Return the baskets (mask) of each part of the chain, by scope; what is all of it is no part."""
    if not scoped:
        return {}
    at = pc.index_in(observed.household_ids, value_set=lines.household_ids)
    known = at.is_valid().to_numpy(zero_copy_only=False)
    place = np.asarray(pc.fill_null(at, 0).to_numpy(zero_copy_only=False))
    found = {scope: (mask[place] & known)[observed.household] for scope, mask in members.items() if mask.size}
    if observed.day.size:
        for scope, (start, end) in season_ends(_date(lines, int(observed.day.min())), observed.as_of).items():
            first, last = ((day - lines.epoch).days for day in (start, end))
            found[scope] = (observed.day >= first) & (observed.day <= last)
    return {scope: baskets for scope, baskets in found.items() if not baskets.all()}


def _pairs(
    observed: Observed, closeness: Closeness, baskets: Mapping[str, np.ndarray], limits: Limits
) -> Iterator[tuple[str, str, Candidates]]:
    """Yield what meets in baskets: relation, scope, candidates."""
    met = _met(observed, limits)
    near = closeness.of(met["first"].to_numpy(), met["second"].to_numpy())
    yield "isBoughtWith", CHAIN, bought_with.bought_with(observed, met, per_product=limits.bought_with_per_product)
    yield "isComplementTo", CHAIN, complements.complements(observed, met, near, per_product=limits.complements_per_product)
    for scope, chosen in baskets.items():
        part = observed.within(chosen)
        met = _met(part, limits)
        near = closeness.of(met["first"].to_numpy(), met["second"].to_numpy())
        yield "isComplementTo", scope, complements.complements(part, met, near, per_product=limits.per_product_in_scope)


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


def _sorted(parts: list[pa.Table]) -> pa.Table:
    order = [("source", "ascending"), ("target", "ascending"), ("scope", "ascending")]
    return pa.concat_tables([EDGE_SCHEMA.empty_table(), *parts]).sort_by(order).combine_chunks()


def _date(lines: CategoryLines, day: int) -> date:
    return date.fromordinal(lines.epoch.toordinal() + day)

"""Worlds whose truth is known: how often what is picked up, stays and leaves lies in the interval that a what-if gives for it.

Products are delisted alone, several of a category together, and from the stores of one cluster. What a world's shoppers do then
is computed from their probabilities (`bench.world.together`), not simulated again.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bench.frame import BenchRow
from bench.planted import found_clusters
from bench.planted_scores import Columns, interval
from bench.whatif_world import KnownDemand, world_service
from bench.world import Scope, World, chain
from bench.world.together import Gone
from decisions.relations.recovery import Recovery
from decisions.substitution import Amount, DelistAnswer, DelistRequest, InsufficientEvidence, SubstitutionService
from decisions.substitution.replacements import CLUSTER_SCOPE
from kg.ports import CHAIN

__all__ = ["planted_rows", "tried_on"]

SETS_PER_CATEGORY = 6
LARGEST_SET = 5
ALONE_PER_CATEGORY = 8
"""A world of 60 categories has 1,600 products that could be asked for, each in every cluster: minutes, for no surer figure."""
SLICES = ("alone", "together", "store_cluster")
ROUNDING = 1e-9
SUMS = ("picked_up", "stays_in_category", "stays_elsewhere", "leaves")
Figures = dict[tuple[str, str], list[Columns]]


@dataclass(frozen=True, slots=True, eq=False)
class _Case:
    """Products (places within a category) that go together in a scope (a cluster's id, or None for the chain)."""

    slice: str
    category: int
    products: np.ndarray
    cluster: str | None


def planted_rows(found: Figures, seeds: int) -> list[BenchRow]:
    """Return the figures of all worlds together; intervals by resampling what-ifs."""
    rows = []
    for (metric, where), columns in sorted(found.items()):
        told = interval(columns)
        if told is not None:
            value, low, high, count = told
            rows.append(BenchRow("shelfgraph", metric, f"planted:{where}", value, low, high, count, seeds))
    return rows


def tried_on(world: World, edges: pa.Table, recovery: Recovery, *, seed: int = 7) -> Figures:
    """Return coverage, bias and error of what-ifs of one world, as columns by what-if."""
    clusters = {scope.name.removeprefix(CLUSTER_SCOPE): scope for scope in found_clusters(world)}
    cases = list(_cases(world, edges, clusters, seed))
    truth = list(_truths(world, cases, clusters))
    demand = KnownDemand(_demand(world, cases, truth, clusters), world.as_of)
    found: Figures = defaultdict(list)
    with TemporaryDirectory() as folder:
        service = world_service(world, edges, recovery, demand, Path(folder))
        told: Mapping[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
        for case, gone in zip(cases, truth, strict=True):
            answer = _answer(service, world, case)
            if answer is not None:
                for key, counted in _judged(world, case, gone, answer):
                    told[key].append(counted)
    for key, pairs in told.items():
        upper, lower = np.array(pairs, dtype=np.float64).T
        found[key].append((upper, lower))
    return found


def _cases(world: World, edges: pa.Table, clusters: Mapping[str, Scope], seed: int) -> Iterator[_Case]:
    """Yield each listed product with replacements alone, in the chain and in each cluster, and drawn sets of each category."""
    random = np.random.default_rng(seed)
    asked = set(pc.unique(edges.filter(pc.equal(edges["scope"], "chain"))["target"]).to_pylist())
    listed = np.asarray(world.shelf.listed.any(axis=0))
    for category in range(world.assortment.incidence.size):
        products = world.assortment.products_of(category)
        ids = world.names.products[products.start : products.stop].to_pylist()
        there = np.flatnonzero([listed[products.start + at] and one in asked for at, one in enumerate(ids)])
        drawn = np.sort(random.permutation(there)[:ALONE_PER_CATEGORY])
        for one in drawn:
            yield _Case("alone", category, np.array([one]), None)
            for cluster in clusters:
                yield _Case("store_cluster", category, np.array([one]), cluster)
        for _ in range(SETS_PER_CATEGORY if there.size > LARGEST_SET else 0):
            size = int(random.integers(2, LARGEST_SET + 1))
            yield _Case("together", category, np.sort(random.choice(there, size, replace=False)), None)


def _truths(world: World, cases: Sequence[_Case], clusters: Mapping[str, Scope]) -> Iterator[Gone]:
    """Yield what truly happens in each case."""
    sets: dict[int, dict[tuple[int, ...], int]] = defaultdict(dict)
    for case in cases:
        of_category = sets[case.category]
        of_category.setdefault(tuple(case.products.tolist()), len(of_category))
    arrays = {category: [np.array(one) for one in found] for category, found in sets.items()}
    gone = world.gone_together(arrays, [chain(), *clusters.values()])
    for case in cases:
        scope = CHAIN if case.cluster is None else clusters[case.cluster].name
        yield gone[case.category, sets[case.category][tuple(case.products.tolist())], scope]


def _demand(
    world: World, cases: Sequence[_Case], truth: Sequence[Gone], clusters: Mapping[str, Scope]
) -> dict[tuple[str, ...] | None, dict[str, float]]:
    """Return what each product truly sells, by the stores that a what-if asks for."""
    stores: dict[str | None, tuple[str, ...] | None] = {None: None}
    for name, scope in clusters.items():
        inside = np.flatnonzero(scope.stores if scope.stores is not None else [])
        stores[name] = tuple(sorted(world.names.stores.take(pa.array(inside)).to_pylist()))
    units: dict[tuple[str, ...] | None, dict[str, float]] = {one: {} for one in stores.values()}
    for case, gone in zip(cases, truth, strict=True):
        start = world.assortment.products_of(case.category).start
        for one in case.products.tolist():
            units[stores[case.cluster]][world.names.products[start + one].as_py()] = float(gone.lost[one])
    return units


def _answer(service: SubstitutionService, world: World, case: _Case) -> DelistAnswer | None:
    start = world.assortment.products_of(case.category).start
    ids = tuple(world.names.products[start + one].as_py() for one in case.products.tolist())
    try:
        return service.delist(DelistRequest(ids, cluster_id=case.cluster, limit=100))
    except InsufficientEvidence:
        return None


def _difference(whole: float, part: float) -> float:
    """Return what is left of a whole; nothing where that is no more than the rounding of its sum."""
    left = whole - part
    return left if left > ROUNDING * whole else 0.0


def _judged(world: World, case: _Case, gone: Gone, answer: DelistAnswer) -> Iterator[tuple[tuple[str, str], tuple[float, float]]]:
    """Yield figures of one what-if, each as what counts and how much is counted."""
    products = world.assortment.products_of(case.category)
    place = {one: at for at, one in enumerate(world.names.products[products.start : products.stop].to_pylist())}
    told = answer.replacements
    true = np.array([gone.gained[place[one.product_id]] for one in told])
    hits = sum(one.low <= value <= one.high for one, value in zip(told, true.tolist(), strict=True))
    lost = float(gone.lost.sum())
    yield ("coverage_90", case.slice), (float(hits), float(len(told)))
    yield ("bias", case.slice), (sum(one.units for one in told) - float(true.sum()), lost)
    yield ("mae", case.slice), (float(sum(abs(one.units - value) for one, value in zip(told, true.tolist(), strict=True))), lost)
    yield ("interval_width", case.slice), (sum(one.high - one.low for one in told), lost)
    stays = float(gone.gained.sum())
    sums = {
        "picked_up": float(true.sum()),
        "stays_in_category": stays,
        "stays_elsewhere": _difference(stays, float(true.sum())),
        "leaves": lost - stays,
    }
    for name, value in sums.items():
        said: Amount = getattr(answer, name)
        yield ("coverage_90", f"{case.slice}:{name}"), (float(said.low <= value <= said.high), 1.0)
        yield ("bias", f"{case.slice}:{name}"), (said.units - value, lost)

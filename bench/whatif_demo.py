"""Products that went away in the demo data, foreseen from what was known before: what their buyers then took beyond what they
would have taken anyway, against the what-if and against floors.

The relations and their recovery are fitted on facts up to a day; events are delistings and absences of the chain and of clusters
of stores that began later. What came is measured against a counterfactual fitted on products that stayed in that later time.
Placebos are those products, each measured by the counterfactual of the other half of the categories: what is found there is
invented. Amounts are baskets of former buyers.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bench.frame import BenchContext, BenchRow
from bench.whatif_world import NoEvents, published_shop
from decisions.relations import derive, fit_relations
from decisions.relations.choice import SAME_TYPE, ChoiceFit
from decisions.relations.derive import Limits
from decisions.relations.diversion import UNIT, DiversionModel, Scopes, diversions, joined
from decisions.relations.edges import Candidates, Provenance, edge_table
from decisions.relations.fitting import DiversionFit, Experiments, drawn_passed_over, fit_diversion, gone_events, known_events
from decisions.relations.recovery import Counterfactual, Outcome, fit_counterfactual, measure_outcome
from decisions.relations.scoping import cluster_members
from decisions.relations.scores import resampled_ratio
from decisions.substitution import (
    Amount,
    DelistAnswer,
    DelistRequest,
    ExpectedUnits,
    InsufficientEvidence,
    RecoveryFigures,
    Shop,
    SubstitutionService,
)
from features import InMemory
from features.category_lines import CategoryLines, read_category_lines
from features.choice_features import pair_features
from features.choice_occasions import FEWEST_BUYERS, Missing, in_states
from features.choice_state import ShelfState
from features.demand_columns import positions
from features.shop_facts import shop_facts
from features.store_clusters import CLUSTER_SCHEMA, store_clusters
from kg.ports import CHAIN, ArrayGraph
from lake import Lake

__all__ = ["demo_rows"]

HELD_OUT_DAYS = 126
NAMED = 12
TOP = 5
RESAMPLES, SEED, TAIL, Z_90 = 500, 7, 0.05, 1.6449
QUICK_EVENTS, QUICK_PLACEBOS = 30, 200
QUICK_CATEGORIES = 2
"""One category in so many is looked at in a hurry."""
MOMENT = datetime(2000, 1, 1, tzinfo=UTC)
LEAST_PLACEBOS = 20
CLUSTER = "store_cluster:"
NO_CLUSTERS = CLUSTER_SCHEMA.empty_table()


@dataclass(frozen=True, slots=True, eq=False)
class _Event:
    """One event: where and what, the outcome by product of the state, and what the floors read."""

    product_id: str
    scope: str
    outcome: Outcome
    lost: float
    excess: np.ndarray
    foreseen: np.ndarray
    popularity: np.ndarray
    same_type: np.ndarray
    repertoire: np.ndarray


class _Lost:
    """Each product would have sold what its buyers lost; the chance in that is in the measured excess."""

    def __init__(self, first_week: date) -> None:
        self._first_week = first_week
        self.units = 1.0

    def expected_units(self, product_ids: Sequence[str], store_ids: Sequence[str] | None, horizon_weeks: int) -> ExpectedUnits:
        """Return what is lost."""
        return ExpectedUnits(self._first_week, tuple(Amount(self.units, self.units, self.units) for _ in product_ids))


def demo_rows(context: BenchContext) -> tuple[list[BenchRow], list[str]]:
    """Return figures of the held-back events and of placebos, and remarks."""
    since = context.as_of - timedelta(days=HELD_OUT_DAYS)
    with context.progress.stage(f"Fitting relations as of {since}"):
        fitted = _fit_few(context.lake, since) if context.quick else _fit(context.lake, since)
    model = fitted.model
    with context.progress.stage("Measuring what came after"):
        lines = read_category_lines(context.lake, context.as_of, fitted.categories)
        stayed = _stayed(context, lines, since)
        if len(stayed) < LEAST_PLACEBOS:
            return [], ["Too few products stayed for a counterfactual: nothing was measured on the installation's data."]
        without = fit_counterfactual(stayed, model.recovery.share)
        events = list(_events(context, lines, since, without))
    figures = RecoveryFigures(model.recovery.share, model.recovery.error, model.recovery.events, "graph")
    with TemporaryDirectory() as folder, context.progress.stage("Asking what-ifs"):
        demand = _Lost(since)
        shop = Shop(_graph(context.lake, fitted.edges, since, Path(folder)), InMemory(shop_facts(context.lake, since)))
        room = SubstitutionService(shop, figures, demand=demand, past=NoEvents())
        told = [(one, answer) for one in events if (answer := _answer(room, demand, one)) is not None]
    raw = _raw_share(fitted.experiments)
    rows = [*_rows(lines, told, without, raw), *_placebo_rows(_placebo_z(stayed, model.recovery.share))]
    notes = [
        f"Fitted up to {since}: recovery {model.recovery.share:.2f}, standard error {model.recovery.error:.2f}.",
        f"{len(told)} of {len(events)} later events are of products with replacements, and are foreseen.",
        "Amounts of the demo are baskets of former buyers beyond the counterfactual; errors are per basket lost.",
        "Intervals of the demo's figures are resampled by category.",
        "coverage_90 of the demo counts the what-if's interval, widened by the chance in what so few households buy.",
    ]
    return rows, notes


@dataclass(frozen=True, slots=True, eq=False)
class _Fitted:
    """What was known on a day: the model, what it was fitted on, the edges, and the categories that are looked at (None: all)."""

    model: DiversionModel
    experiments: Experiments
    edges: pa.Table
    categories: Sequence[str] | None


def _fit(lake: Lake, since: date) -> _Fitted:
    model, experiments = fit_relations(lake, since)
    edges = derive(lake, None, as_of=since, run_id="bench", recorded_at=MOMENT, model=model, scoped=True).edges
    return _Fitted(model, experiments, edges["isSubstituteFor"], None)


def _fit_few(lake: Lake, since: date) -> _Fitted:
    """Fit on some categories, events of the chain alone and fewer products passed over: a minute is short."""
    named = lake.arrow("products", ("category",))["category"]
    categories = pc.unique(named.drop_null()).sort().to_pylist()[::QUICK_CATEGORIES]
    how = DiversionFit(replace(ChoiceFit(), days_per_category=1, products_per_day=1))
    lines = read_category_lines(lake, since, categories)
    gone = gone_events(lines, known_events(lake, since, NO_CLUSTERS), {}, how)
    model, experiments = fit_diversion(lines, gone, seed=SEED, fit=how)
    limits = Limits()
    told: list[Candidates] = []
    for category in range(len(lines.categories)):
        told += diversions(
            lines, model, category, day=lines.last_day, scopes=Scopes({}, 0, 0), per_product=limits.substitutes_per_product,
            least=limits.replaced,
        ).values()  # fmt: skip
    by = Provenance("isSubstituteFor", UNIT, ("sales_lines",), "bench", "bench", since, MOMENT)
    return _Fitted(model, experiments, edge_table(joined(told), lines.product_ids, by), categories)


def _events(context: BenchContext, lines: CategoryLines, since: date, without: Counterfactual) -> Iterator[_Event]:
    placed = NO_CLUSTERS if context.quick else store_clusters(context.lake, since)
    clusters = {} if context.quick else _clusters(context.lake, lines, since, placed)
    known = known_events(context.lake, context.as_of, placed)
    later = known.filter(pc.greater(known["first_day"], pa.scalar(since)))
    missing = gone_events(lines, later, clusters, DiversionFit())
    if context.quick:
        missing = missing[:QUICK_EVENTS]
    scope_of = {id(mask): scope for scope, mask in clusters.items()}
    for state, one, outcome in _measured(lines, missing):
        if without.lost(outcome) > 0:
            scope = CHAIN if one.households is None else scope_of[id(one.households)]
            yield _event(lines, (state, one, outcome), without, scope)


def _clusters(lake: Lake, lines: CategoryLines, since: date, placed: pa.Table) -> Mapping[str, np.ndarray]:
    """Return the households (mask over those of the later lines) of each cluster, as known on the earlier day."""
    earlier = read_category_lines(lake, since)
    members = cluster_members(earlier, placed)
    at = pc.index_in(lines.household_ids, value_set=earlier.household_ids)
    there = at.is_valid().to_numpy(zero_copy_only=False)
    place = np.asarray(pc.fill_null(at, 0).to_numpy(zero_copy_only=False))
    return {scope: mask[place] & there for scope, mask in members.items()}


def _measured(lines: CategoryLines, missing: Sequence[Missing]) -> Iterator[tuple[ShelfState, Missing, Outcome]]:
    for shelf, state, group in in_states(lines, missing):
        for one in group:
            outcome = measure_outcome(shelf, state, one)
            if outcome is not None and outcome.buyers >= FEWEST_BUYERS:
                yield state, one, outcome


def _event(lines: CategoryLines, measured: tuple[ShelfState, Missing, Outcome], without: Counterfactual, scope: str) -> _Event:
    state, one, outcome = measured
    product = lines.product_ids[int(lines.product_start[one.category]) + one.product].as_py()
    popularity = np.append(state.sold_long, 0.0)
    popularity[outcome.place] = 0.0
    same_type = np.append(pair_features(state, np.array([outcome.place]))[0][:, SAME_TYPE], 0.0)
    before = outcome.expected[:, 0]
    return _Event(
        product, scope, outcome, without.lost(outcome), without.excess(outcome), without.foreseen(outcome),
        popularity, popularity * same_type, before,
    )  # fmt: skip


def _stayed(context: BenchContext, lines: CategoryLines, since: date) -> list[Outcome]:
    """Return the outcomes of products that stayed after the day."""
    day = (since - lines.epoch).days
    drawn = [one for one in drawn_passed_over(lines, SEED, DiversionFit().choice) if one.day >= day]
    drawn = drawn[:QUICK_PLACEBOS] if context.quick else drawn
    return [outcome for _, _, outcome in _measured(lines, drawn) if outcome.own_after > 0]


def _placebo_z(stayed: Sequence[Outcome], recovered: float) -> np.ndarray:
    """Return the excess of what stayed in its standard deviations, by the counterfactual of the other half of the categories."""
    odd = np.array([one.missing.category % 2 for one in stayed])
    halves = [fit_counterfactual([one for one, at in zip(stayed, odd, strict=True) if at != side], recovered) for side in (0, 1)]
    return np.array([halves[at].z(one) for one, at in zip(stayed, odd.tolist(), strict=True)])


def _placebo_rows(z: np.ndarray) -> list[BenchRow]:
    if z.size < 2:
        return []
    drawn = np.random.default_rng(SEED).integers(0, z.size, (RESAMPLES, z.size))
    rows = []
    for metric, of in (("placebo_z_mean", np.mean), ("placebo_z_sd", np.std)):
        low, high = np.quantile(of(z[drawn], axis=1), (TAIL, 1 - TAIL))
        rows.append(BenchRow("shelfgraph", metric, "demo", float(of(z)), float(low), float(high), int(z.size)))
    return rows


def _raw_share(experiments: Experiments) -> float:
    """Return what earlier events seem to gain per basket lost where nothing is subtracted: the naive reading."""
    gone = [one for one in experiments.outcomes if one.own_before > 0]
    raw = sum(float(one.after.sum() - one.expected[:, 0].sum()) for one in gone)
    return raw / max(sum(one.own_before for one in gone), 1e-9)


def _answer(room: SubstitutionService, demand: _Lost, one: _Event) -> DelistAnswer | None:
    demand.units = one.lost
    cluster = one.scope.removeprefix(CLUSTER) if one.scope != CHAIN else None
    try:
        return room.delist(DelistRequest((one.product_id,), cluster_id=cluster, limit=NAMED))
    except InsufficientEvidence:
        return None


@dataclass(frozen=True, slots=True, eq=False)
class _System:
    """What a system foresees of one event by product of its state, as baskets."""

    name: str
    foresees: Callable[[_Event, DelistAnswer], np.ndarray]


def _rows(
    lines: CategoryLines, told: Sequence[tuple[_Event, DelistAnswer]], without: Counterfactual, raw: float
) -> Iterator[BenchRow]:
    systems = (
        _System("shelfgraph", lambda one, answer: _ours(lines, one, answer)),
        _System("type_popularity", lambda one, _: one.lost * _shares(one.same_type)),
        _System("repertoire", lambda one, _: one.lost * _shares(one.repertoire)),
        _System("popularity", lambda one, _: one.lost * _shares(one.popularity)),
        _System("raw_gain", lambda one, _: one.lost * raw * _shares(one.repertoire)),
    )
    for where, chosen in (("demo", True), ("demo:store_cluster", False)):
        part = [(one, answer) for one, answer in told if (one.scope == CHAIN) is chosen]
        if not part:
            continue
        category = np.array([one.outcome.missing.category for one, _ in part])
        lost = np.array([one.lost for one, _ in part])
        for system in systems:
            for metric, top in _errors(system, part).items():
                yield _ratio(system.name, metric, where, top, lost, category)
        for name in ("picked_up", "stays_in_category"):
            hits = np.array([_covered(lines, one, answer, without, name) for one, answer in part])
            at = where if name == "picked_up" else f"{where}:{name}"
            yield _ratio("shelfgraph", "coverage_90", at, hits, np.ones(hits.size), category)


def _errors(system: _System, part: Sequence[tuple[_Event, DelistAnswer]]) -> dict[str, np.ndarray]:
    """Return by event what was foreseen too much, the absolute error by product, and what its five favourites gained."""
    foreseen = [system.foresees(one, answer) for one, answer in part]
    events = [one for one, _ in part]
    best = [np.argsort(-said, kind="stable")[:TOP] for said in foreseen]
    return {
        "bias": np.array([said.sum() - one.excess[said > 0].sum() for said, one in zip(foreseen, events, strict=True)]),
        "mae": np.array([np.abs(said - one.excess).sum() for said, one in zip(foreseen, events, strict=True)]),
        "excess_captured@5": np.array([one.excess[at].sum() for at, one in zip(best, events, strict=True)]),
    }


def _ours(lines: CategoryLines, one: _Event, answer: DelistAnswer) -> np.ndarray:
    said = np.zeros(one.excess.size)
    at = _places(lines, one, answer)
    for place, replacement in zip(at.tolist(), answer.replacements, strict=True):
        if place >= 0:
            said[place] = replacement.units
    return said


def _places(lines: CategoryLines, one: _Event, answer: DelistAnswer) -> np.ndarray:
    """Return where each replacement lies among the products of the outcome, -1 where it sold too little to be there."""
    ids = pa.array([replacement.product_id for replacement in answer.replacements], pa.string())
    number = positions(ids, lines.product_ids) - int(lines.product_start[one.outcome.missing.category])
    known = one.outcome.products[:-1]
    at = np.minimum(np.searchsorted(known, number), known.size - 1)
    return np.where(known[at] == number, at, -1)


def _covered(lines: CategoryLines, one: _Event, answer: DelistAnswer, without: Counterfactual, name: str) -> float:
    """Return whether what came lies in the interval of what would be measured: the what-if's own, and chance."""
    amount: Amount = getattr(answer, name)
    at = _places(lines, one, answer)
    chosen = at[at >= 0] if name == "picked_up" else np.arange(one.excess.size)
    mean = float(one.foreseen[chosen].sum()) + amount.units
    chance = Z_90 * np.sqrt(without.spread * mean + without.drift * mean**2)
    low = amount.units - np.hypot(amount.units - amount.low, chance)
    high = amount.units + np.hypot(amount.high - amount.units, chance)
    return float(low <= one.excess[chosen].sum() <= high)


def _ratio(system: str, metric: str, where: str, top: np.ndarray, bottom: np.ndarray, category: np.ndarray) -> BenchRow:
    low, high = np.quantile(resampled_ratio(top, bottom, category, draws=RESAMPLES, seed=SEED), (TAIL, 1 - TAIL))
    return BenchRow(system, metric, where, float(top.sum() / bottom.sum()), float(low), float(high), int(top.size))


def _shares(weights: np.ndarray) -> np.ndarray:
    return weights / weights.sum() if weights.sum() > 0 else np.zeros(weights.size)


def _graph(lake: Lake, edges: pa.Table, day: date, folder: Path) -> ArrayGraph:
    """Publish the retailer's products, categories and stores with the edges of a day."""
    products = lake.arrow("products", ("product_id", "department", "category", "merchandise"))
    department = pc.fill_null(products["department"], "")
    # a product without a category stays without one
    category = pc.binary_join_element_wise(department, products["category"], " > ")
    named = pa.table({"id": products["product_id"], "category": category, "merchandise": products["merchandise"]})
    return published_shop(named, lake.arrow("stores", ("store_id",))["store_id"], {"isSubstituteFor": edges}, day, folder)

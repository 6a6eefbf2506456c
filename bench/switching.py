"""Switching after delisting: how far the model behind substitutes foresees what former buyers of a vanished product take next.

All systems see facts up to the product's last sale. `shelfgraph` is the model of choice behind the served diversion ratios. On
the slice `folds` every event is foreseen by a model fitted on other categories (five folds); on `test`, events after week 35, by
one fitted on what was known at the end of that week. No system knows a promotion after the event. Intervals are resampled by
category.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import partial

import numpy as np

from bench.frame import Bench, BenchContext, BenchRow
from bench.switching_cases import Case, delistings, open_cases, placebos
from bench.switching_fits import VARIANTS, Material, gather, variant
from bench.switching_floors import CHANCES, FLOORS
from bench.switching_graph import fastrp_scores, network_scores, with_network
from bench.switching_scores import PerCase, captured, first_choice_loss, mean_row, new_ndcg, ratio_row, raw_ndcg
from decisions.relations.choice import ChoiceModel
from decisions.relations.recovery import Counterfactual, fit_counterfactual
from features.category_lines import CategoryLines, read_category_lines

__all__ = ["BENCH"]

FOLDS = 5
WEEK_35 = date(2017, 8, 27)
"""The end of week 35 of the demo data."""
SEED = 7
QUICK_EVENTS = 20
VARIANTS_IN_A_HURRY = ("shelfgraph", "shelfgraph-without-trees")
RANDOM_DRAWS = 20

Scores = Sequence[np.ndarray]


def run(context: BenchContext) -> tuple[list[BenchRow], list[str]]:
    """Return the figures of every system on both slices."""
    with context.progress.stage("Reading what came"):
        lines = read_category_lines(context.lake, context.as_of)
        events = open_cases(lines, delistings(context.lake, lines), stayed=False)
        stayed = open_cases(lines, placebos(lines, seed=SEED), stayed=True)
    if context.quick:
        events, stayed = events[:: max(len(events) // QUICK_EVENTS, 1)], stayed[::4]
    cut = (WEEK_35 - lines.epoch).days
    late = [case for case in events if case.missing.day > cut]
    late_stayed = [case for case in stayed if case.missing.day > cut]
    with context.progress.stage("Gathering experiments known at the end of week 35"):
        early = gather(context.lake, WEEK_35, quick=context.quick)
    rows, notes = _slice(
        context, lines, "test", (late, late_stayed), _one_model(early), VARIANTS_IN_A_HURRY if context.quick else tuple(VARIANTS)
    )
    rows += network_rows(context, late, early, lines)
    if not context.quick:
        with context.progress.stage("Gathering experiments of all categories"):
            whole = gather(context.lake, context.as_of)
        folded, more = _slice(
            context, lines, "folds", (events, stayed), _by_fold(whole), ("shelfgraph", "shelfgraph-without-trees")
        )
        rows, notes = rows + folded, notes + more
    rows += _placebo_rows(stayed)
    return rows, [f"{len(events)} delistings ({len(late)} after week 35), {len(stayed)} placebos.", *notes]


def network_rows(context: BenchContext, late: Sequence[Case], early: Material, lines: CategoryLines) -> list[BenchRow]:
    """Return the test figures of the network alone, and of the served model with it."""
    if context.quick or not late:
        return []
    category = _categories(late)
    rows = []
    alone, joined = network_scores(context, late, lines, WEEK_35), with_network(context, late, early, lines, WEEK_35)
    for system, scores, chances in (("shelfgraph-gnn-only", alone, None), ("shelfgraph-with-gnn", joined, joined)):
        rows += _figures(system, "test", late, scores, chances, category)
    return rows


def _one_model(material: Material) -> Callable[[str], Callable[[Case], np.ndarray]]:
    def fitted(name: str) -> Callable[[Case], np.ndarray]:
        model = variant(name, material)
        return lambda case: _predicted(model, case)

    return fitted


def _by_fold(material: Material) -> Callable[[str], Callable[[Case], np.ndarray]]:
    def fitted(name: str) -> Callable[[Case], np.ndarray]:
        models = [variant(name, material, partial(_outside, fold)) for fold in range(FOLDS)]
        return lambda case: _predicted(models[case.missing.category % FOLDS], case)

    return fitted


def _outside(fold: int, category: np.ndarray) -> np.ndarray:
    return np.asarray(category % FOLDS != fold)


def _predicted(model: ChoiceModel, case: Case) -> np.ndarray:
    return model.predict(case.state, case.choices.missing, case.choices.buyers)


def _slice(
    context: BenchContext,
    lines: CategoryLines,
    label: str,
    both: tuple[Sequence[Case], Sequence[Case]],
    fitted: Callable[[str], Callable[[Case], np.ndarray]],
    variants: Sequence[str],
) -> tuple[list[BenchRow], list[str]]:
    cases, stayed = both
    if not cases:
        return [], [f"No event on the slice {label}."]
    category, of_stayed = _categories(cases), _categories(stayed)
    without = _counterfactuals(stayed)
    rows: list[BenchRow] = []
    kept: dict[str, PerCase] = {}
    systems: dict[str, tuple[Callable[[Case], np.ndarray], bool]] = {
        **{name: (floor, name in CHANCES) for name, floor in {**FLOORS, **CHANCES}.items()},
    }
    with context.progress.stage(f"Foreseeing choices ({label})", total=len(systems) + len(variants) + 1) as stage:
        for name in (*systems, "fastrp_knn", *variants):
            if name == "fastrp_knn":
                embedded = fastrp_scores(context, [*cases, *stayed], lines)
                scored, chances = embedded, False
            else:
                scored, chances = systems[name] if name in systems else (fitted(name), True)
            scores, placebo_scores = [scored(case) for case in cases], [scored(case) for case in stayed]
            rows += _figures(name, label, cases, scores, scores if chances else None, category)
            caught = captured(cases, scores, without), captured(stayed, placebo_scores, without)
            rows.append(ratio_row(name, "excess_captured@5", label, caught, (category, of_stayed)))
            if chances:
                kept[name] = first_choice_loss(cases, scores)
            kept[f"{name} raw"] = raw_ndcg(cases, scores)
            kept[f"{name} caught"] = caught[0]
            kept[f"{name} caught placebo"] = caught[1]
            stage.advance()
    rows += _random(label, cases, category)
    rows += _paired(label, kept, category, of_stayed)
    return rows, _notes(label, rows)


def _figures(
    system: str, label: str, cases: Sequence[Case], scores: Scores, chances: Scores | None, category: np.ndarray
) -> list[BenchRow]:
    rows = [
        mean_row(system, "ndcg@10", label, raw_ndcg(cases, scores), category),
        mean_row(system, "new_to_household_ndcg@10", label, new_ndcg(cases, scores), category),
    ]
    if chances is not None:
        rows.append(mean_row(system, "log_loss", label, first_choice_loss(cases, chances), category))
    return rows


def _paired(label: str, kept: Mapping[str, PerCase], category: np.ndarray, of_stayed: np.ndarray) -> list[BenchRow]:
    """Return differences and ratios to the floors, resampled together."""
    ours, floor = kept["shelfgraph"], kept["personal_available"]
    better = PerCase(floor.top - ours.top, ours.bottom, ours.case)
    raw, raw_floor = kept["shelfgraph raw"], kept["repertoire_available raw"]
    ratio = PerCase(raw.top, raw_floor.top, raw.case)
    caught, popular = kept["shelfgraph caught"], kept["category_popularity_2_weeks caught"]
    more = PerCase(caught.top - popular.top, caught.bottom, caught.case)
    placebo, popular_placebo = (kept[f"{name} caught placebo"] for name in ("shelfgraph", "category_popularity_2_weeks"))
    more_placebo = PerCase(placebo.top - popular_placebo.top, placebo.bottom, placebo.case)
    return [
        mean_row("shelfgraph", "log_loss_gain_on_personal_available", label, better, category),
        mean_row("shelfgraph", "ndcg_ratio_to_repertoire_available", label, ratio, category),
        ratio_row("shelfgraph", "excess_captured_gain_on_popularity", label, (more, more_placebo), (category, of_stayed)),
    ]


def _random(label: str, cases: Sequence[Case], category: np.ndarray) -> list[BenchRow]:
    random = np.random.default_rng(SEED)
    drawn = [raw_ndcg(cases, [random.random(case.took.shape) for case in cases]).top for _ in range(RANDOM_DRAWS)]
    figures = PerCase(np.mean(drawn, axis=0), np.ones(len(cases)), np.arange(len(cases)))
    return [mean_row("random", "ndcg@10", label, figures, category)]


def _counterfactuals(stayed: Sequence[Case]) -> dict[int, Counterfactual]:
    """Return, for every category, the counterfactual fitted on placebos of the other folds."""
    by_fold = [
        fit_counterfactual([case.outcome for case in stayed if case.missing.category % FOLDS != fold]) for fold in range(FOLDS)
    ]
    return _EveryCategory(by_fold)


class _EveryCategory(dict[int, Counterfactual]):
    def __init__(self, by_fold: list[Counterfactual]) -> None:
        super().__init__()
        self._by_fold = by_fold

    def __missing__(self, category: int) -> Counterfactual:
        return self._by_fold[category % FOLDS]


def _placebo_rows(stayed: Sequence[Case]) -> list[BenchRow]:
    """Return mean and deviation of the placebos' z, each against a counterfactual fitted on other categories."""
    without = _counterfactuals(stayed)
    z = np.array([without[case.missing.category].z(case.outcome) for case in stayed])
    return [
        BenchRow("shelfgraph", "placebo_z_mean", "folds", float(z.mean()), n=z.size),
        BenchRow("shelfgraph", "placebo_z_sd", "folds", float(z.std(ddof=1)), n=z.size),
    ]


def _categories(cases: Sequence[Case]) -> np.ndarray:
    return np.array([case.missing.category for case in cases], dtype=np.int64)


def _notes(label: str, rows: Sequence[BenchRow]) -> list[str]:
    found = {(row.system, row.metric): row for row in rows if row.slice == label}
    gain, ratio = (
        found["shelfgraph", metric] for metric in ("log_loss_gain_on_personal_available", "ndcg_ratio_to_repertoire_available")
    )
    floors = [
        row for (system, metric), row in found.items() if metric == "new_to_household_ndcg@10" and not system.startswith("shelf")
    ]
    best = max(floors, key=lambda row: row.value)
    new = found["shelfgraph", "new_to_household_ndcg@10"].value
    return [
        f"{label}: {gain.value:.3f} nats [{gain.low:.3f}, {gain.high:.3f}] better per former buyer than personal_available.",
        f"{label}: new to the household {new:.3f}, {new / best.value:.2f} x the best floor ({best.system}, {best.value:.3f}).",
        f"{label}: raw NDCG@10 {ratio.value:.3f} x repertoire_available [{ratio.low:.3f}, {ratio.high:.3f}].",
    ]


BENCH = Bench(
    name="switching",
    claim="how far the model behind substitutes foresees what former buyers of a delisted product take next",
    run=run,
    tables=("sales_lines", "products"),
)

"""Switching after delisting: how far the model behind substitutes foresees what former buyers of a vanished product take next.

All systems see facts up to the product's last sale. `shelfgraph` is the model of choice behind the served diversion ratios, asked
about each former buyer on that day's shelf; `shelfgraph-listed` is the share that edges list, one for all buyers, at usual rates
of sale and with the weight of kin: it is to foresee what is gained rather than what is taken first. On the slice `folds` every
event is foreseen by a model fitted on other categories (five folds); on `test`, events after week 35, by one fitted on what was
known at the end of that week. No system knows a promotion after the event. Intervals are resampled by category.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from functools import cache, partial

import numpy as np

from bench.costs import metered
from bench.frame import Bench, BenchContext, BenchRow
from bench.switching_ablations import ablation_rows
from bench.switching_cases import Case, delistings, open_cases, placebos
from bench.switching_fits import VARIANTS, Material, Served, gather, served, variant
from bench.switching_floors import CHANCES, FLOORS
from bench.switching_graph import FastRp, for_all
from bench.switching_measured import FOLDS, Cases, Measured
from bench.switching_scores import PerCase, Scored, mean_row, of_fold, ratio_row, raw_ndcg
from decisions.relations.choice import ChoiceModel
from decisions.relations.diversion import listed_share
from features.category_lines import read_category_lines

__all__ = ["BENCH"]

WEEK_35 = date(2017, 8, 27)
"""The end of week 35 of the demo data."""
SEED = 7
QUICK_EVENTS = 20
SERVED, LISTED = "shelfgraph", "shelfgraph-listed"
VARIANTS_IN_A_HURRY = (SERVED, LISTED, "shelfgraph-without-trees")
RANDOM_DRAWS = 20


def run(context: BenchContext) -> tuple[list[BenchRow], list[str]]:
    """Return the figures of every system on both slices."""
    with context.progress.stage("Reading what came"):
        lines = read_category_lines(context.lake, context.as_of)
        events = open_cases(lines, delistings(context.lake, lines), stayed=False)
        stayed = open_cases(lines, placebos(lines, seed=SEED), stayed=True)
    if context.quick:
        events, stayed = events[:: max(len(events) // QUICK_EVENTS, 1)], stayed[::4]
    floors = {**FLOORS, "fastrp_knn": for_all(FastRp.of(context), lines)}
    cut = (WEEK_35 - lines.epoch).days
    late = Cases.of([case for case in events if case.missing.day > cut], [case for case in stayed if case.missing.day > cut])
    with context.progress.stage("Gathering experiments known at the end of week 35"), metered() as cost:
        early = gather(context.lake, WEEK_35, quick=context.quick)
        model = served(early)
    variants = VARIANTS_IN_A_HURRY if context.quick else (*VARIANTS, LISTED)
    on_the_day = _one_model(early, model)
    rows, notes = _slice(context, "test", late, floors, on_the_day, variants)
    everything = Cases.of(events, stayed)
    if not context.quick:
        rows += ablation_rows(context, late, (on_the_day(SERVED), cost), early.lines, lines)
        with context.progress.stage("Gathering experiments of all categories"):
            whole = gather(context.lake, context.as_of)
        folded, more = _slice(context, "folds", everything, floors, _by_fold(whole), VARIANTS_IN_A_HURRY)
        rows, notes = rows + folded, notes + more
    rows += _placebo_rows(everything)
    return rows, [f"{len(events)} delistings ({len(late.events)} after week 35), {len(stayed)} placebos.", *notes]


def _one_model(material: Material, model: Served) -> Callable[[str], Scored]:
    @cache
    def fitted(name: str) -> Served:
        return model if name in (SERVED, LISTED) else Served(variant(name, material), 0.0)

    return lambda name: _scored(name, lambda _: fitted(name))


def _by_fold(material: Material) -> Callable[[str], Scored]:
    @cache
    def models(name: str) -> list[Served]:
        outside = [partial(_outside, fold) for fold in range(FOLDS)]
        return [served(material, kept) if name == SERVED else Served(variant(name, material, kept), 0.0) for kept in outside]

    return lambda name: _scored(name, lambda case: of_fold(models(SERVED if name == LISTED else name), case))


def _scored(name: str, fitted: Callable[[Case], Served]) -> Scored:
    """Return what a system says of a case, by the model that has not seen it."""
    if name == LISTED:
        return lambda case: _listed(fitted(case), case)
    return lambda case: _predicted(fitted(case).choice, case)


def _listed(model: Served, case: Case) -> np.ndarray:
    choices = case.choices
    share = listed_share(model.choice, case.state.as_usual(), choices.missing, choices.buyers, model.kin)
    return np.tile(share, (choices.buyers.size, 1))


def _outside(fold: int, category: np.ndarray) -> np.ndarray:
    return np.asarray(category % FOLDS != fold)


def _predicted(model: ChoiceModel, case: Case) -> np.ndarray:
    return model.predict(case.state, case.choices.missing, case.choices.buyers)


def _slice(
    context: BenchContext,
    label: str,
    cases: Cases,
    floors: Mapping[str, Scored],
    fitted: Callable[[str], Scored],
    variants: Sequence[str],
) -> tuple[list[BenchRow], list[str]]:
    measured: dict[str, Measured] = {}
    with context.progress.stage(f"Foreseeing choices ({label})", total=len(floors) + len(variants)) as stage:
        for name in (*floors, *variants):
            scored = floors[name] if name in floors else fitted(name)
            measured[name] = Measured.of(cases, scored, chances=name in CHANCES or name in variants)
            stage.advance()
    rows = [row for name, figures in measured.items() for row in figures.rows(name, label, cases)]
    rows += [_random(label, cases), *_paired(label, measured, cases)]
    return rows, _notes(label, rows)


def _paired(label: str, measured: Mapping[str, Measured], cases: Cases) -> Iterator[BenchRow]:
    """Yield differences and ratios of what is served to the floors, resampled together."""
    personal, popular = measured["personal_available"], measured["category_popularity_2_weeks"]
    for system in (SERVED, LISTED):
        ours = measured[system]
        if ours.loss is not None and personal.loss is not None:
            better = PerCase(personal.loss.top - ours.loss.top, ours.loss.bottom, ours.loss.case)
            yield mean_row(system, "log_loss_gain_on_personal_available", label, better, cases.category)
        ratio = PerCase(ours.raw.top, measured["repertoire_available"].raw.top, ours.raw.case)
        yield mean_row(system, "ndcg_ratio_to_repertoire_available", label, ratio, cases.category)
        more, more_placebo = (
            PerCase(mine.top - theirs.top, mine.bottom, mine.case)
            for mine, theirs in ((ours.caught, popular.caught), (ours.caught_placebo, popular.caught_placebo))
        )
        category = (cases.category, cases.of_stayed)
        yield ratio_row(system, "excess_captured_gain_on_popularity", label, (more, more_placebo), category)


def _random(label: str, cases: Cases) -> BenchRow:
    random = np.random.default_rng(SEED)
    drawn = [raw_ndcg(cases.events, [random.random(case.took.shape) for case in cases.events]).top for _ in range(RANDOM_DRAWS)]
    count = len(cases.events)
    return mean_row("random", "ndcg@10", label, PerCase(np.mean(drawn, axis=0), np.ones(count), np.arange(count)), cases.category)


def _placebo_rows(cases: Cases) -> list[BenchRow]:
    """Return mean and deviation of the placebos' z, each against a counterfactual fitted on other categories."""
    z = np.array([of_fold(cases.without, case).z(case.outcome) for case in cases.stayed])
    return [
        BenchRow("shelfgraph", "placebo_z_mean", "folds", float(z.mean()), n=z.size),
        BenchRow("shelfgraph", "placebo_z_sd", "folds", float(z.std(ddof=1)), n=z.size),
    ]


def _notes(label: str, rows: Sequence[BenchRow]) -> list[str]:
    found = {(row.system, row.metric): row for row in rows if row.slice == label}
    gain, ratio = (
        found["shelfgraph", metric] for metric in ("log_loss_gain_on_personal_available", "ndcg_ratio_to_repertoire_available")
    )
    floors = [
        row for (system, metric), row in found.items() if metric == "new_to_household_ndcg@10" and not system.startswith("shelf")
    ]
    best = max(floors, key=lambda row: row.value)
    new, listed = (found[system, "new_to_household_ndcg@10"].value for system in (SERVED, LISTED))
    as_listed = found[LISTED, "ndcg_ratio_to_repertoire_available"]
    return [
        f"{label}: {gain.value:.3f} nats [{gain.low:.3f}, {gain.high:.3f}] better per former buyer than personal_available.",
        f"{label}: new to the household {new:.3f}, {new / best.value:.2f} x the best floor ({best.system}, {best.value:.3f}).",
        f"{label}: raw NDCG@10 {ratio.value:.3f} x repertoire_available [{ratio.low:.3f}, {ratio.high:.3f}].",
        f"{label}: as edges list it, raw {as_listed.value:.3f} x [{as_listed.low:.3f}, {as_listed.high:.3f}].",
        f"{label}: as edges list it, new to the household {listed:.3f}, {listed / best.value:.2f} x the best floor.",
    ]


BENCH = Bench(
    name="switching",
    claim="how far the model behind substitutes foresees what former buyers of a delisted product take next",
    run=run,
    tables=("sales_lines", "products"),
)

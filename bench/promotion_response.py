"""Cross-promotion response out of time: what was measured up to a day says how far about the effects that are seen after it.

Every system predicts the relative response of a product's purchases to promotions of another of its category from facts up to
the cut. What is observed is measured from the weeks after it alone, pair by pair, without any pooling. Single effects are
small beside their noise: the noise ceiling says what a system that knew the truth would reach. The same estimator, untouched,
is held against simulated worlds whose true responses are known.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bench.frame import Bench, BenchContext, BenchRow
from bench.promotion_planted import planted_rows
from bench.promotion_scores import Figure, Observed, coverage, reliability, scores, sign_ceiling, weighted_mean
from bench.promotion_trials import NEED, Trial, categories, halves, predictions, strengths, trial
from decisions.relations import derive
from features.promotion_response import measure_response, pooled_response
from lake import Lake

__all__ = ["BENCH"]

CUT = date(2017, 8, 27)
"""The end of week 35 of the demo data."""
FOLD_WEEKS = 9
FOLDS = 3
WELL_MEASURED = 25.0
"""Later effects with a standard error of a fifth at most."""
SHUFFLES = 5
REFERENCE = "category_mean"
WORLDS = {"small": (1, 2, 3, 4, 5, 6), "medium": (1,)}
QUICK_WORLDS = {"small": (1,)}
JUDGED = ("shelfgraph", "substitutes", "substitutes_lift", "shelfgraph_with_substitutes")


@dataclass(frozen=True, slots=True, eq=False)
class _Said:
    """What the systems foresee for the pairs of a trial, and the deviation of ours."""

    found: Trial
    predicted: Mapping[str, np.ndarray]
    deviation: np.ndarray


def run(context: BenchContext) -> tuple[list[BenchRow], list[str]]:
    """Return sign and rank agreement by system and slice, the noise ceiling, and the placebo."""
    lake, progress = context.lake, context.progress
    with progress.stage("Measuring responses up to week 35, and after it"):
        rest = _said(trial(lake, CUT, context.as_of))
    if not context.quick:
        with progress.stage("Deriving substitutes as of week 35"):
            rest = _with_substitutes(lake, rest)
    rows = _headline(lake, rest)
    if not context.quick:
        folds = []
        for fold in range(FOLDS):
            cut = CUT + timedelta(weeks=FOLD_WEEKS * (fold - 1))
            with progress.stage(f"Measuring responses up to {cut}, and the {FOLD_WEEKS} weeks after it"):
                folds.append(_said(trial(lake, cut, min(cut + timedelta(weeks=FOLD_WEEKS), context.as_of))))
        rows += _agreement("rolling", *_joined(lake, folds))
    with progress.stage("Noise ceiling and placebo"):
        rows += [*_ceiling(rest.found, _joined(lake, [rest])[1]), *_placebo(rest.found)]
    for size, seeds in (QUICK_WORLDS if context.quick else WORLDS).items():
        with progress.stage(f"Responses in {size} worlds whose truth is known"):
            rows += planted_rows(size, seeds)
    return rows, _notes(context, rest.found, rows)


def _said(found: Trial) -> _Said:
    mean, deviation = pooled_response(found.panel, found.measured)
    everything = predictions(found.panel, found.measured) | {"shelfgraph": mean}
    return _Said(found, {name: values[found.rows] for name, values in everything.items()}, deviation[found.rows])


def _with_substitutes(lake: Lake, said: _Said) -> _Said:
    """Foresee that a promotion takes from the products which the promoted one replaces, by the derived diversion ratios.

    `substitutes` is less the ratio (the responder's lost purchases that would go to the promoted product), `substitutes_lift`
    the ratio the other way, times the promoted product's purchases beside the responder's: what a doubling of it would draw.
    `shelfgraph_with_substitutes` adds to ours the ratio times the slope that fits the pairs measured before the cut.
    """
    moment = datetime(2000, 1, 1, tzinfo=UTC)
    derived = derive(lake, None, as_of=CUT, run_id="bench", recorded_at=moment, scoped=False)
    edges = derived.edges["isSubstituteFor"]
    found = said.found
    strength = strengths(edges.filter(pc.equal(edges["scope"], "chain")), found.panel.product_ids)
    a, b = found.measured.promoted, found.measured.responding
    ratio, other_way = strength[a, b], strength[b, a]
    purchases = found.panel.purchases.sum(axis=0)
    left = found.measured.response - pooled_response(found.panel, found.measured)[0]
    weight = found.measured.information
    slope = float((weight * ratio * left).sum() / max((weight * ratio**2).sum(), 1e-9))
    added = {
        "substitutes": -ratio[found.rows],
        "substitutes_lift": (-other_way * purchases[a] / purchases[b])[found.rows],
        "shelfgraph_with_substitutes": said.predicted["shelfgraph"] + slope * ratio[found.rows],
    }
    return _Said(found, {**said.predicted, **added}, said.deviation)


def _joined(lake: Lake, parts: list[_Said]) -> tuple[dict[str, np.ndarray], Observed]:
    """Put the pairs of several cuts together; a category is the same one in each."""
    predicted = {name: np.concatenate([said.predicted[name] for said in parts]) for name in parts[0].predicted}
    later = [said.found.later for said in parts]
    category = pa.concat_arrays([categories(lake, said.found) for said in parts]).dictionary_encode()
    observed = Observed(
        np.concatenate([pairs.response for pairs in later]),
        np.concatenate([pairs.information for pairs in later]),
        category.indices.to_numpy().astype(np.int64),
    )
    return predicted, observed


def _headline(lake: Lake, rest: _Said) -> list[BenchRow]:
    predicted, observed = _joined(lake, [rest])
    clear = observed.precision >= WELL_MEASURED
    rows = _agreement("after_week_35", predicted, observed)
    if clear.any():
        rows += _agreement("well_measured", {name: values[clear] for name, values in predicted.items()}, observed.take(clear))
    found = rest.found
    same = (found.panel.kind[found.measured.promoted] == found.panel.kind[found.measured.responding])[found.rows]
    inside = coverage(predicted["shelfgraph"], rest.deviation, observed)
    rows.append(_row("shelfgraph", "coverage_90", "after_week_35", inside, same.size))
    for name, chosen in (("same_type", same), ("other_type", ~same)):
        if chosen.any():
            rows.append(_row("observed", "mean_response", name, weighted_mean(observed.take(chosen)), int(chosen.sum())))
    return rows


def _agreement(name: str, predicted: Mapping[str, np.ndarray], observed: Observed) -> list[BenchRow]:
    found = scores(predicted, observed, REFERENCE, JUDGED)
    return [_row(system, metric, name, figure, observed.effect.size) for (system, metric), figure in found.items()]


def _row(system: str, metric: str, name: str, figure: Figure, pairs: int) -> BenchRow:
    return BenchRow(system, metric, name, figure.value, figure.low, figure.high, pairs)


def _ceiling(found: Trial, observed: Observed) -> Iterator[BenchRow]:
    """Yield what a system that knew the true effects would reach, from how far two halves of the later weeks agree."""
    both = halves(found)
    if both is None:
        return
    rows, one, other = both
    reliable = reliability(one, other, observed.precision[rows])
    figures = {"reliability": reliable, "spearman": float(np.sqrt(reliable)), "sign_agreement": sign_ceiling(observed, reliable)}
    for metric, value in figures.items():
        yield BenchRow("noise_ceiling", metric, "after_week_35", value, n=int(rows.size))


def _placebo(found: Trial) -> Iterator[BenchRow]:
    """Yield the mean and deviation of measured over standard error, with promotions where they were and in shuffled weeks."""
    random = np.random.default_rng(3)
    shuffles = [random.permutation(found.panel.weeks.size) for _ in range(SHUFFLES)]
    shuffled = [measure_response(found.panel, NEED, shuffle=shuffle) for shuffle in shuffles]
    for prefix, measured in (("", [found.measured]), ("placebo_", shuffled)):
        z = np.concatenate([one.response * np.sqrt(one.information) for one in measured])
        for metric, value in (("z_mean", z.mean()), ("z_sd", z.std())):
            yield BenchRow("shelfgraph", prefix + metric, "up_to_week_35", float(value), n=int(z.size), seeds=len(measured))


def _notes(context: BenchContext, rest: Trial, rows: list[BenchRow]) -> list[str]:
    by_key = {(row.system, row.metric, row.slice): row for row in rows}
    notes = [
        "A response is the relative change of purchases per doubling of the promoted product's own.",
        "Pairs count by the precision with which they were observed later; intervals (90 %) resample categories.",
        f"{rest.rows.size} ordered pairs were measured before and after {CUT}.",
    ]
    for name in ("after_week_35", "rolling", "well_measured"):
        gains = (by_key.get(("shelfgraph", metric, name)) for metric in ("sign_gain", "spearman_gain"))
        told = [_verdict(gain) for gain in gains if gain is not None]
        notes += [f"{name}: {', '.join(told)}."] if told else []
    if context.quick:
        notes.append("quick: one cut, and without the substitutes, whose derivation takes minutes.")
    return notes


def _verdict(gain: BenchRow) -> str:
    low, high = gain.low or 0.0, gain.high or 0.0
    word = "above" if low > 0 else "below" if high < 0 else "not told apart from"
    return f"{gain.metric.removesuffix('_gain')} is {word} {REFERENCE} ({gain.value:+.3f} [{low:+.3f}, {high:+.3f}])"


BENCH = Bench(
    name="promotion_response",
    claim="how far cross effects of promotions measured up to a day foresee the ones observed after it, by sign and rank",
    run=run,
    tables=("sales_lines", "promotion_weeks", "products"),
)

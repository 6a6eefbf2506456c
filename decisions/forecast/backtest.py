"""Which system serves which kind of series, decided on weeks that the tried models have not seen.

The last 8 known weeks are held out. Models trained on targets before them, with neighbours as known on their eve, forecast 1 to
8 weeks from the first held-out week on, and what is left of these weeks from two, four and six weeks later. In each segment the
system with the lowest sales-weighted RMSSE serves. Some have to be better by more than a standard error over the series, since
a gain that is no larger than that of another seed is none: a model that learned from neighbours than its twin without them, and
a sum's own forecast than the sum of its parts. The twin's own forecasts moved by the pull of neighbours take its place unless
they are worse by more than that: nothing is drawn anew, how far edges are right was measured before, and the answer can name
who moves it. Where only simple methods are tried, the least biased of those within 2 % of the best serves: errors of slow
sellers hardly tell methods apart, and biases add up. The best simple baseline is the reference of every explanation.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace

import numpy as np

from decisions.forecast.baseline import BASELINES, baseline_forecasts, seasonal_share, year_before
from decisions.forecast.classical import CROSTON, TSB, classical_forecasts
from decisions.forecast.model import DemandModel
from decisions.forecast.segments import SEGMENTS, segment_codes
from features.demand import DemandTransform
from features.demand_history import PROMOTED_COVERAGE
from features.demand_panel import MAXIMUM_HORIZON_WEEKS, DemandPanel

__all__ = [
    "BOTTOM_UP",
    "MODEL_SYSTEM",
    "PULL_SYSTEM",
    "TWIN_SYSTEM",
    "Candidates",
    "Trial",
    "Verdict",
    "candidates",
    "held_out_origin",
    "judge",
    "predicted",
    "promoted_ahead",
    "recently_sold",
    "scale_of",
    "served_of",
    "trial_origins",
    "trials",
    "tried_by",
    "wape",
]

MODEL_SYSTEM = "shelfgraph"
TWIN_SYSTEM = "shelfgraph-without-neighbours"
PULL_SYSTEM = "shelfgraph-with-pulls"
"""The trees of the twin, moved by how far neighbours pull: another forecast, but no other draw of trees."""
LATER_ORIGINS_WEEKS = (0, 2, 4, 6)
FALLBACK_BASELINE = "mean_8"
INTERMITTENT_METHODS = (CROSTON, TSB)
BOTTOM_UP = "bottom_up"
WEIGHT_WEEKS = 13
NEARLY_BEST = 1.02


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Candidates:
    """What every system says at one origin: horizons x series per system.

    `rows` are those of the panel, `promoted` is horizons x series, `segment` by series. `seasonal_share`: for which share of the
    forecasts `seasonal_naive` is the week one year before, not its fall-back. `features` (horizons x series x F) are what models
    were asked with; None without models.
    """

    origin: int
    rows: np.ndarray
    forecasts: Mapping[str, np.ndarray]
    promoted: np.ndarray
    segment: np.ndarray
    seasonal_share: float
    features: np.ndarray | None = None


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Trial(Candidates):
    """Candidates, and what happened: `actual` is horizons x series, `scale` (mean squared change of the past) and `weight` (units
    of 13 weeks) are by series.
    """

    actual: np.ndarray
    scale: np.ndarray
    weight: np.ndarray


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a back-test decided, by segment (of launches: by kind): who serves, against which baseline; and its figures."""

    systems: tuple[str, ...]
    baselines: tuple[str, ...]
    figures: Mapping[str, float] = field(default_factory=dict)


def wape(actual: np.ndarray, forecast: np.ndarray) -> float:
    """Return the sum of absolute errors over the sum of units; 0 when nothing was sold and nothing forecast."""
    error, sold = float(np.abs(actual - forecast).sum()), float(actual.sum())
    return error / sold if sold > 0 else (0.0 if error == 0.0 else float("inf"))


def scale_of(units: np.ndarray) -> np.ndarray:
    """Return the mean squared change from week to week from the first sale on (by series; NaN where nothing ever changed)."""
    started = np.cumsum(units, axis=1)[:, :-1] > 0
    change = np.where(started, np.diff(units, axis=1) ** 2, 0.0)
    scale = change.sum(axis=1) / np.maximum(started.sum(axis=1), 1)
    return np.where(scale > 0, scale, np.nan)


def held_out_origin(weeks: int) -> int:
    """Return the first held-out column: 8 weeks before the end, fewer when little is known, at least one before it."""
    return max(1, weeks - min(MAXIMUM_HORIZON_WEEKS, max(1, weeks // 3)))


def trial_origins(weeks: int) -> list[int]:
    """Return the columns that a back-test forecasts from."""
    first = held_out_origin(weeks)
    return [first + later for later in LATER_ORIGINS_WEEKS if first + later < weeks]


def recently_sold(panel: DemandPanel, origin: int) -> np.ndarray:
    """Return the rows (int64) with a sale in the 26 weeks before `origin`."""
    return np.flatnonzero((panel.units[:, max(0, origin - 26) : origin] > 0).any(axis=1))


def promoted_ahead(panel: DemandPanel, origin: int, rows: np.ndarray, horizons: int) -> np.ndarray:
    """Return whether each week ahead is planned to be promoted (horizons x rows); False where no plan is known."""
    ahead = slice(origin, origin + horizons)
    covered = np.fmax(np.nan_to_num(panel.display[rows, ahead]), np.nan_to_num(panel.mailer[rows, ahead]))
    known = np.asarray([panel.is_planned(horizon) for horizon in range(1, horizons + 1)])
    return np.asarray((covered >= PROMOTED_COVERAGE) & known).T


def predicted(model: DemandModel, transform: DemandTransform, features: np.ndarray) -> np.ndarray:
    """Return a model's units (horizons x series) from features of the transform, of which it may know a part."""
    columns = [transform.names.index(name) for name in model.names]
    taken = features if len(columns) == features.shape[2] else features[:, :, columns]
    return model.predict(taken.reshape(-1, taken.shape[2])).reshape(features.shape[:2])


def trials(transform: DemandTransform, models: Mapping[str, DemandModel], *, supported: bool = True) -> list[Trial]:
    """Return the back-test's forecasts, one trial for each of `trial_origins`.

    Args:
        transform: features of the level.
        models: by system, trained before the first held-out week; none tries the simple methods alone.
        supported: try the supported series; False tries those with a sale in the last 26 weeks that are not.
    """
    # of thin series there are many, and for them a mean does as well
    methods = INTERMITTENT_METHODS if supported else ()
    return [_trial(transform, models, origin, methods, supported) for origin in trial_origins(transform.panel.week_count)]


def candidates(
    transform: DemandTransform,
    models: Mapping[str, DemandModel],
    origin: int,
    horizons: int,
    *,
    supported: bool,
    methods: Collection[str],
) -> Candidates:
    """Return what the simple baselines, some `methods` of `classical` and `models` say at an origin of one kind of series."""
    panel = transform.panel
    rows = transform.supported(origin)
    if not supported:
        rows = np.setdiff1d(recently_sold(panel, origin), rows, assume_unique=True)
    units, last_year = panel.units[rows, :origin], year_before(panel.units[rows], origin, horizons)
    forecasts: dict[str, np.ndarray] = {}
    features = None
    if len(rows):
        forecasts |= baseline_forecasts(units, last_year)
        forecasts |= classical_forecasts(units, horizons, sorted(methods))
        features = transform.features(origin, rows, range(1, horizons + 1)) if supported else None
    if features is not None:
        forecasts |= {name: predicted(model, transform, features) for name, model in models.items()}
    return Candidates(
        origin=origin,
        rows=rows,
        forecasts=forecasts,
        promoted=promoted_ahead(panel, origin, rows, horizons),
        segment=segment_codes(transform, units, features),
        seasonal_share=seasonal_share(last_year) if len(rows) else 0.0,
        features=features,
    )


def _trial(
    transform: DemandTransform, models: Mapping[str, DemandModel], origin: int, methods: Collection[str], supported: bool
) -> Trial:
    panel = transform.panel
    horizons = min(MAXIMUM_HORIZON_WEEKS, panel.week_count - origin)
    said = candidates(transform, models, origin, horizons, supported=supported, methods=methods)
    actual = transform.targets(origin, said.rows, range(1, horizons + 1)).astype(np.float64)
    return tried_by(said, panel.units[said.rows, :origin], actual)


def tried_by(said: Candidates, history: np.ndarray, actual: np.ndarray) -> Trial:
    """Return candidates with what happened. `history`: series x past weeks. Features are let go: a trial is judged without."""
    told = {field.name: getattr(said, field.name) for field in fields(Candidates)} | {"features": None}
    weight = history[:, -WEIGHT_WEEKS:].sum(axis=1, dtype=np.float64)
    return Trial(**told, actual=actual, scale=scale_of(history), weight=weight)


def judge(tried: Sequence[Trial]) -> Verdict:
    """Return the verdict over all trials. Without any series to try `mean_8` serves every segment."""
    tried = [trial for trial in tried if trial.actual.size]
    if not tried:
        nothing = (FALLBACK_BASELINE,) * len(SEGMENTS)
        return Verdict(nothing, nothing, {"forecasts": 0.0})
    scored = _Scored.of(tried).settled()
    over_all = scored.best(np.ones(len(scored.segment), dtype=bool))
    told = [scored.best(scored.segment == segment) or over_all for segment in range(len(SEGMENTS))]
    systems, baselines = zip(*(one or (FALLBACK_BASELINE, FALLBACK_BASELINE) for one in told), strict=True)
    return Verdict(systems, baselines, _figures(tried, systems))


@dataclass(frozen=True, slots=True, eq=False)
class _Scored:
    """Root mean squared scaled error of each series of each trial by system, with what it weighs."""

    errors: Mapping[str, np.ndarray]
    beyond: Mapping[str, np.ndarray]
    weight: np.ndarray
    segment: np.ndarray

    @classmethod
    def of(cls, tried: Sequence[Trial]) -> "_Scored":
        names = set.intersection(*(set(trial.forecasts) for trial in tried))
        scaled = {name: [_scaled(trial, trial.forecasts[name]) for trial in tried] for name in sorted(names)}
        errors = {name: np.concatenate(parts) for name, parts in scaled.items()}
        beyond = {
            name: np.concatenate([(trial.forecasts[name] - trial.actual).sum(axis=0) for trial in tried]) for name in errors
        }
        weight, segment, scale = (
            np.concatenate([getattr(one, name) for one in tried]) for name in ("weight", "segment", "scale")
        )
        return cls(errors, beyond, np.where(np.isnan(scale), 0.0, weight), segment)

    def settled(self) -> "_Scored":
        """Return the scores with the twin's forecasts moved by pulls, or as they are where that is surely better over all series.

        Whether the strengths of edges are right is one question; asked segment by segment, chance answers.
        """
        if not {TWIN_SYSTEM, PULL_SYSTEM} <= self.errors.keys():
            return self
        left = PULL_SYSTEM if self._surely_better(TWIN_SYSTEM, PULL_SYSTEM, self.weight) else TWIN_SYSTEM
        return replace(self, errors={name: error for name, error in self.errors.items() if name != left})

    def best(self, chosen: np.ndarray) -> tuple[str, str] | None:
        """Return who does best on some series, and which baseline does; None where they say nothing."""
        weight = np.where(chosen, self.weight, 0.0)
        if weight.sum() <= 0:
            return None
        score = {name: float((error * weight).sum()) for name, error in self.errors.items()}
        baseline = min(BASELINES, key=lambda name: (score[name], name))
        twin = PULL_SYSTEM if PULL_SYSTEM in score else TWIN_SYSTEM
        if MODEL_SYSTEM in score and twin in score and not self._surely_better(MODEL_SYSTEM, twin, weight):
            del score[MODEL_SYSTEM]
        best = min(score, key=lambda name: (score[name], name))
        if BOTTOM_UP in score and not self._surely_better(best, BOTTOM_UP, weight):
            return BOTTOM_UP, baseline
        if not score.keys() & {MODEL_SYSTEM, TWIN_SYSTEM, PULL_SYSTEM, BOTTOM_UP}:
            near = [name for name in score if score[name] <= NEARLY_BEST * score[best]]
            best = min(near, key=lambda name: (abs(float(self.beyond[name][chosen].sum())), name))
        return best, baseline

    def _surely_better(self, one: str, other: str, weight: np.ndarray) -> bool:
        gain = (self.errors[other] - self.errors[one]) * weight
        error = math.sqrt(float(((gain - gain.mean()) ** 2).sum()))
        return float(gain.sum()) > error


def _scaled(trial: Trial, forecast: np.ndarray) -> np.ndarray:
    squared = ((trial.actual - forecast) ** 2).mean(axis=0)
    return np.asarray(np.nan_to_num(np.sqrt(squared / trial.scale)))


def _figures(tried: Sequence[Trial], systems: Sequence[str]) -> dict[str, float]:
    actual = np.concatenate([trial.actual.reshape(-1) for trial in tried])
    served = np.concatenate([served_of(trial, systems).reshape(-1) for trial in tried])
    names = set.intersection(*(set(trial.forecasts) for trial in tried))
    errors = {
        name: wape(actual, np.concatenate([trial.forecasts[name].reshape(-1) for trial in tried])) for name in sorted(names)
    }
    figures = {f"wape_{name}": error for name, error in errors.items() if math.isfinite(error)}
    figures["wape_served"] = wape(actual, served) if actual.sum() > 0 else 0.0
    figures["bias"] = float(served.sum() / actual.sum() - 1.0) if actual.sum() > 0 else 0.0
    figures["forecasts"] = float(len(actual))
    shares, sizes = [trial.seasonal_share for trial in tried], [trial.actual.size for trial in tried]
    figures["seasonal_share"] = float(np.average(shares, weights=sizes))
    return figures


def served_of(said: Candidates, systems: Sequence[str]) -> np.ndarray:
    """Return the forecasts (horizons x series) of the system that serves each series' segment."""
    served: np.ndarray = np.empty(said.promoted.shape)
    for code in np.unique(said.segment):
        inside = said.segment == code
        served[:, inside] = said.forecasts[systems[code]][:, inside]
    return served

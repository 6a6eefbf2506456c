"""The back-test of the relations: a model fitted on earlier facts against what came when products went away afterwards.

Protocol: the model sees facts up to a day 18 weeks before `as_of`; events are delistings and absences of the whole chain that
began later and were watched for 2 weeks at least. First choices of former buyers are held against predicted ones and against
floors; the baskets that went to the listed replacements beyond the counterfactual are held against predicted diversion. Intervals
of figures are resampled by category.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from decisions.relations.choice import ChoiceModel
from decisions.relations.derive import MODEL_VERSION, fit_relations
from decisions.relations.diversion import DiversionModel, listed_share
from decisions.relations.fitting import DiversionFit, Experiments, gone_events, known_events
from decisions.relations.pictures import draw_pictures
from decisions.relations.quality import EventOutcome, QualityFigure, RelationQuality
from decisions.relations.recovery import Counterfactual, Outcome, measure_outcome
from decisions.relations.scores import ndcg_at_10, resampled_ratio
from features.category_lines import CategoryLines, read_category_lines
from features.choice_occasions import FEWEST_BUYERS, Choices, Missing, first_choices, in_states
from features.choice_state import ShelfState
from features.store_clusters import store_clusters
from kg.ports import CHAIN
from lake.ports import Lake

__all__ = ["BackTest", "back_test"]

RELATION = "isSubstituteFor"
HELD_OUT_DAYS = 126
LISTED = 12
RESAMPLES = 500
SEED = 7
TAIL = 0.05
NORMAL_90 = 1.645
SMALLEST_CHANCE = 1e-9
PROTOCOL = (
    "Fitted on facts up to 18 weeks before the day of the release; tried on delistings and absences of the whole chain that began"
    " later, each foreseen from facts up to its last sale. Intervals are resampled by category."
)


@dataclass(frozen=True, slots=True, eq=False)
class Tried:
    """One event: first choices, the outcome, and the place of the missing product in the state."""

    missing: Missing
    state: ShelfState
    choices: Choices
    outcome: Outcome


@dataclass(frozen=True, slots=True, eq=False)
class BackTest:
    """What was measured, with the model that was tried; `gain_on_served` is by how many nats its first choices are likelier than
    those of the served release's model on the same events, with the ends of its 90 % interval; None where nothing is served.
    """

    quality: RelationQuality
    model: DiversionModel
    held_out_since: date
    gain_on_served: tuple[float, float, float] | None

    @property
    def worse_than_served(self) -> bool:
        """Whether the model does worse than the served one beyond chance."""
        return self.gain_on_served is not None and self.gain_on_served[2] < 0


Scored = Callable[[Tried], np.ndarray]


def back_test(lake: Lake, *, as_of: date, seed: int, served: ChoiceModel | None = None) -> BackTest:
    """Fit on earlier facts, try on what came until `as_of`.

    Args:
        lake: with what came; nothing after `as_of` is read.
        as_of: the day of the release.
        seed: of the fit.
        served: the choice model that was tried for the served release: fitted earlier still.

    Raises:
        TableMissing: the lake has no products or sales_lines.
    """
    since = as_of - timedelta(days=HELD_OUT_DAYS)
    model, experiments = fit_relations(lake, since, seed=seed)
    lines = read_category_lines(lake, as_of)
    events = known_events(lake, as_of, store_clusters(lake, as_of))
    recent = events.filter(pc.and_(pc.greater(events["first_day"], pa.scalar(since)), pc.equal(events["scope"], CHAIN)))
    tried = list(_tried(lines, gone_events(lines, recent, {}, DiversionFit())))
    systems = _systems(model)
    losses = {name: _losses(tried, scored) for name, (scored, chances) in systems.items() if chances}
    named = _category_ids(lake, lines)
    figures = [*_figures(named, tried, systems, losses)]
    outcomes = _outcomes(lines, named, tried, recent, (model, experiments))
    if outcomes:
        covered = float(np.mean([one.covered for one in outcomes]))
        figures.append(QualityFigure(RELATION, "shelfgraph", "coverage_90", "test", None, covered, None, None, len(outcomes)))
    quality = RelationQuality(as_of, MODEL_VERSION, PROTOCOL, tuple(figures), tuple(outcomes))
    return BackTest(replace(quality, pictures=draw_pictures(quality)), model, since, _gain(tried, losses["shelfgraph"], served))


def _category_ids(lake: Lake, lines: CategoryLines) -> list[str | None]:
    """Return the graph's id of each category: of the department that most of its products are in; None for products of none."""
    products = lake.table("products")
    known = products.filter(products.category.notnull())
    counted = known.group_by("category", "department").aggregate(products=known.count())
    rows = lake.to_arrow(counted.order_by(counted.products, counted.department)).to_pylist()
    ids = {row["category"]: f"{row['department']} > {row['category']}" for row in rows if row["department"] is not None}
    return [ids.get(name) for name in lines.categories]


def _tried(lines: CategoryLines, missing: Sequence[Missing]) -> Iterator[Tried]:
    for shelf, state, group in in_states(lines, missing):
        for one in group:
            choices, outcome = first_choices(shelf, state, one), measure_outcome(shelf, state, one)
            if choices is not None and outcome is not None and choices.buyers.size >= FEWEST_BUYERS and choices.share.any():
                yield Tried(one, state, choices, outcome)


def _systems(model: DiversionModel) -> Mapping[str, tuple[Scored, bool]]:
    """Return each system's scores (buyers x products), and whether they are probabilities.

    `shelfgraph` is asked about each buyer on the day's shelf, `shelfgraph-listed` tells what edges list.
    """
    return {
        "shelfgraph": (lambda one: model.choice.predict(one.state, one.choices.missing, one.choices.buyers), True),
        "shelfgraph-listed": (lambda one: np.tile(_listed(model, one), (one.choices.buyers.size, 1)), True),
        "popularity": (_popularity, True),
        "repertoire": (_repertoire, False),
    }


def _listed(model: DiversionModel, one: Tried) -> np.ndarray:
    """Return the shares that edges would list (by product)."""
    return listed_share(model.choice, one.state.as_usual(), one.choices.missing, one.choices.buyers, model.kin)


def _popularity(one: Tried) -> np.ndarray:
    sold = one.state.sold_long + 0.3
    sold[one.choices.missing] = 0.0
    return np.tile(sold / sold.sum(), (one.choices.buyers.size, 1))


def _repertoire(one: Tried) -> np.ndarray:
    taste = one.state.taste[one.choices.buyers].toarray()
    taste[:, one.choices.missing] = 0.0
    return np.asarray(taste)


def _losses(tried: Sequence[Tried], scored: Scored) -> tuple[np.ndarray, np.ndarray]:
    """Return by event the sum of negative log-likelihoods of first choices, and the number of buyers that made one."""
    loss = [-float((one.choices.share * np.log(np.maximum(scored(one), SMALLEST_CHANCE))).sum()) for one in tried]
    return np.array(loss), np.array([float(one.choices.share.any(axis=1).sum()) for one in tried])


def _figures(
    named: Sequence[str | None],
    tried: Sequence[Tried],
    systems: Mapping[str, tuple[Scored, bool]],
    losses: Mapping[str, tuple[np.ndarray, np.ndarray]],
) -> Iterator[QualityFigure]:
    if not tried:
        return
    category = np.array([one.missing.category for one in tried])
    for name, (scored, _) in systems.items():
        ranked = np.array([ndcg_at_10(scored(one).sum(axis=0), (one.choices.share > 0).sum(axis=0)) for one in tried])
        yield from _rows(named, name, "ndcg@10", (ranked, np.ones(ranked.size)), category)
        if name in losses:
            yield from _rows(named, name, "log_loss", losses[name], category)


def _rows(
    named: Sequence[str | None], system: str, metric: str, figures: tuple[np.ndarray, np.ndarray], category: np.ndarray
) -> Iterator[QualityFigure]:
    """Yield the figure over all categories with its interval, then of each category."""
    top, bottom = figures
    low, high = np.quantile(resampled_ratio(top, bottom, category, draws=RESAMPLES, seed=SEED), (TAIL, 1 - TAIL))
    value = float(top.sum() / bottom.sum())
    yield QualityFigure(RELATION, system, metric, "test", None, value, float(low), float(high), int(top.size))
    for one in np.unique(category):
        rows = category == one
        share = float(top[rows].sum() / bottom[rows].sum())
        if named[one] is not None:
            yield QualityFigure(RELATION, system, metric, "test", named[one], share, None, None, int(rows.sum()))


def _outcomes(
    lines: CategoryLines,
    named: Sequence[str | None],
    tried: Sequence[Tried],
    events: pa.Table,
    fitted: tuple[DiversionModel, Experiments],
) -> list[EventOutcome]:
    """Return predicted and realised diversion to the listed replacements of each event."""
    model, experiments = fitted
    if experiments.counterfactual is None:
        return []
    kinds = dict(
        zip(zip(*(events[name].to_pylist() for name in ("product_id", "first_day")), strict=True), _told(events), strict=True)
    )
    found = []
    for one in tried:
        product_id = lines.product_ids[int(lines.product_start[one.missing.category]) + one.missing.product].as_py()
        first_day = date.fromordinal(lines.epoch.toordinal() + one.missing.day + 1)
        lost = experiments.counterfactual.lost(one.outcome)
        if lost > 0:
            event_id, kind, simulated = kinds[product_id, first_day]
            figures = _diverted(one, lost, model, experiments.counterfactual)
            category = named[one.missing.category]
            found.append(
                EventOutcome(event_id, kind, RELATION, product_id, category, CHAIN, first_day, *figures, simulated=simulated)
            )
    return found


def _told(events: pa.Table) -> Iterator[tuple[str, str, bool]]:
    return zip(*(events[name].to_pylist() for name in ("event_id", "kind", "simulated")), strict=True)


def _diverted(one: Tried, lost: float, model: DiversionModel, without: Counterfactual) -> tuple[float, float, float, float]:
    """Return predicted and realised diversion to the 12 likeliest replacements, and the ends of its 90 % interval.

    The interval is that of what would be measured: doubt about recovery, and the chance in the baskets of so few households.
    """
    share = _listed(model, one)
    listed = np.argsort(-share, kind="stable")[:LISTED]
    predicted = float(share[listed].sum()) * model.recovery.share
    mean = float(without.foreseen(one.outcome)[listed].sum()) + predicted * lost
    chance = without.spread * mean + without.drift * mean**2
    error = (chance / lost**2 + (float(share[listed].sum()) * model.recovery.error) ** 2) ** 0.5
    realised = float(without.excess(one.outcome)[listed].sum()) / lost
    return predicted, realised, predicted - NORMAL_90 * error, predicted + NORMAL_90 * error


def _gain(
    tried: Sequence[Tried], ours: tuple[np.ndarray, np.ndarray], served: ChoiceModel | None
) -> tuple[float, float, float] | None:
    if served is None or not tried:
        return None
    theirs = _losses(tried, lambda one: served.predict(one.state, one.choices.missing, one.choices.buyers))
    gain, buyers = theirs[0] - ours[0], ours[1]
    category = np.array([one.missing.category for one in tried])
    draws = resampled_ratio(gain, buyers, category, draws=RESAMPLES, seed=SEED)
    return float(gain.sum() / buyers.sum()), float(np.quantile(draws, TAIL)), float(np.quantile(draws, 1 - TAIL))

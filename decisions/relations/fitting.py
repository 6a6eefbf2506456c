"""Fits what diversion ratios need from the facts known on one day: choices, recovery, doubt, and each product's own events."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from decisions.relations.choice import SAME_TYPE, ChoiceFit, ChoiceModel, fit_on_rows, prior_model, trees_that_pay
from decisions.relations.diversion import DiversionModel, OwnChoices, listed_share
from decisions.relations.doubt import ShareDoubt, fit_doubt, known_of, widened_by_gains
from decisions.relations.kin import Gains, fit_kin, gains_of_all, towards_kin
from decisions.relations.recovery import (
    HALF_RECOVERED,
    Counterfactual,
    Outcome,
    Recovery,
    fit_counterfactual,
    measure_outcome,
    recovery,
)
from features.category_lines import CategoryLines
from features.choice_features import loyalty, pair_features
from features.choice_occasions import (
    FEWEST_BUYERS,
    LATER_DAYS,
    ChoiceRows,
    Missing,
    choice_rows,
    first_choices,
    in_states,
    joined_rows,
    passed_over,
)
from features.relation_events import EventNeed, detect_events
from kg.ports import CHAIN
from lake.ports import Lake

__all__ = [
    "EXPERIMENTS",
    "DiversionFit",
    "Experiments",
    "Heard",
    "drawn_passed_over",
    "fit_diversion",
    "fit_with_best_trees",
    "gains_of",
    "gone_events",
    "hear",
    "known_events",
    "recovered",
    "unfitted_model",
    "watch",
]

HALF = Recovery(HALF_RECOVERED, 0.25, 0)
"""What is thought of recovery before any event: half, give or take a quarter."""
UNTRIED = ShareDoubt(0.5, 0.3)
EXPERIMENTS = ("delisting", "absence")
"""The kinds of events in which former buyers went without a product."""
LEAST_PLACEBOS = 20
ROUNDS = 3
"""After so many, recovery and counterfactual move by less than a thousandth."""
FEWEST_ALONE = 20
LEAST_COUNTED_SHARE = 0.004
FEWEST_COUNTS = 200


@dataclass(frozen=True, slots=True)
class DiversionFit:
    """How diversion is fitted. `window_days`: how long an event is watched; `watched_days`: how long it must have been."""

    choice: ChoiceFit = field(default_factory=ChoiceFit)
    window_days: int = 56
    watched_days: int = 14


@dataclass(frozen=True, slots=True, eq=False)
class Experiments:
    """What was watched: products that went away, products that stayed, and the counterfactual fitted on the latter (None: too
    few of them).
    """

    gone: Sequence[Missing]
    passed: Sequence[Missing]
    outcomes: Sequence[Outcome]
    placebos: Sequence[Outcome]
    counterfactual: Counterfactual | None


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """First choices after a product went away, by product of its state.

    `number` and `products` are numbers in the lines; `seen` counts the `choices`; `unseen` is the listed share by the half of the
    fit that has not seen the category, `whole` by the whole fit (None: an event of a part of the chain); `alike` says how far
    each product is of the missing one's type, and `loyal` which part of their purchases those who chose had made of it.
    """

    missing: Missing
    number: int
    products: np.ndarray
    seen: np.ndarray
    choices: int
    unseen: np.ndarray
    whole: np.ndarray | None
    alike: np.ndarray
    loyal: float

    def foreseen(self, share: np.ndarray, kin: float) -> np.ndarray:
        """Return the shares of first choices: most are those that were made anyway, the others were lost and go to kin."""
        return np.asarray((1 - self.loyal) * share + self.loyal * towards_kin(share, self.alike, kin))

    def own(self, whole: np.ndarray, kin: float) -> OwnChoices:
        """Return the choices as the missing product's own."""
        return OwnChoices(self.products, self.seen, self.foreseen(whole, kin) * self.choices)


def gone_events(lines: CategoryLines, events: pa.Table, clusters: Mapping[str, np.ndarray], fit: DiversionFit) -> list[Missing]:
    """Return delistings and absences of the chain and of store clusters, as products that former buyers went without.

    Args:
        lines: up to the day that is known.
        events: as `known_events` gives them for that day.
        clusters: the households (mask over those of the lines) of each store cluster, by its scope.
        fit: how long events are watched.
    """
    found = []
    kept = events.filter(pc.is_in(events["kind"], value_set=pa.array(EXPERIMENTS)))
    columns = (kept[name].to_pylist() for name in ("product_id", "scope", "first_day", "last_day", "cause", "related_event_ids"))
    for product_id, scope, first, last, cause, related in zip(*columns, strict=True):
        place = lines.place(product_id)
        chain = scope == CHAIN
        if place is None or not (chain or (scope in clusters and cause != "whole_chain")):
            continue
        day = (first - lines.epoch).days - 1
        end = lines.last_day if last is None else (last - lines.epoch).days
        until = min(end, day + fit.window_days, lines.last_day)
        if until - day >= fit.watched_days:
            among = None if chain else clusters[scope]
            alone = cause != "range_reset" and not _companions(related, product_id)
            weight = fit.choice.gone_weight
            back = until == end and last is not None and until + LATER_DAYS <= lines.last_day
            found.append(Missing(*place, day, until, gone=True, weight=weight, households=among, alone=alone, back=back))
    return found


def known_events(lake: Lake, as_of: date, clusters: pa.Table) -> pa.Table:
    """Return the delistings and absences, of the chain and of store clusters, that are known on a day.

    `clusters` is what `features.store_clusters.store_clusters` gives for the day. Raises: TableMissing.
    """
    return detect_events(lake, as_of, kinds=EXPERIMENTS, clusters=clusters, need=EventNeed(stores=False))


def drawn_passed_over(lines: CategoryLines, seed: int, fit: ChoiceFit) -> list[Missing]:
    """Draw the products passed over that a fit asks for."""
    return passed_over(
        lines, seed=seed, days_per_category=fit.days_per_category, products_per_day=fit.products_per_day,
        horizon_days=fit.horizon_days,
    )  # fmt: skip


def unfitted_model() -> DiversionModel:
    """Return the model before any choice or event was seen."""
    return DiversionModel(prior_model(), HALF, UNTRIED, {})


def _companions(related: Sequence[str], product_id: str) -> list[str]:
    """Return the related events of other products: where neighbours go together, less comes back than where one goes alone."""
    return [event for event in related if f"/{product_id}/" not in event]


def fit_diversion(
    lines: CategoryLines, gone: Sequence[Missing], *, seed: int, fit: DiversionFit | None = None
) -> tuple[DiversionModel, Experiments]:
    """Fit on products that went away and on products passed over. The same lines, events and seed give the same model."""
    how = fit or DiversionFit()
    choose = how.choice
    passed = drawn_passed_over(lines, seed, choose)
    rows, outcomes = watch(lines, [*gone, *passed], seed, choose)
    halves, choice = fit_with_best_trees(rows, seed, choose)
    heard = list(hear(lines, gone, halves, choice))
    happened = [one for one in outcomes if one.missing.gone]
    stayed = _stayed(outcomes)
    counterfactual, share = recovered(outcomes, seed=seed)
    gains = None if counterfactual is None else gains_of_all(gains_of(heard, happened), counterfactual)
    kin = 0.0 if gains is None else fit_kin(gains)
    doubt = _doubt(heard, kin)
    if gains is not None:
        doubt = widened_by_gains(doubt, gains.told(kin, share.share))
    own = {one.number: one.own(one.whole, kin) for one in heard if one.whole is not None}
    model = DiversionModel(choice, share, doubt, own, kin)
    return model, Experiments(gone, passed, happened, stayed, counterfactual)


def recovered(outcomes: Sequence[Outcome], *, seed: int) -> tuple[Counterfactual | None, Recovery]:
    """Return the counterfactual fitted on what stayed among outcomes (None where too little did), and the recovery of what went.

    Each is told by the other (`Counterfactual.recovered`), in turn, from what was thought of recovery before.
    """
    stayed, share = _stayed(outcomes), HALF
    if len(stayed) < LEAST_PLACEBOS:
        return None, share
    happened = _telling([one for one in outcomes if one.missing.gone])
    counterfactual = fit_counterfactual(stayed, share.share)
    for _ in range(ROUNDS if happened else 0):
        share = recovery(counterfactual, happened, prior=HALF, seed=seed)
        counterfactual = fit_counterfactual(stayed, share.share)
    return counterfactual, share


def _stayed(outcomes: Sequence[Outcome]) -> list[Outcome]:
    return [one for one in outcomes if not one.missing.gone and one.own_after > 0]


def gains_of(heard: Sequence[Heard], outcomes: Sequence[Outcome]) -> list[Gains]:
    """Return what was gained in the events that were heard of."""
    of = {outcome.missing: outcome for outcome in outcomes}
    return [Gains(of[one.missing], one.unseen, one.alike, one.choices) for one in heard if one.missing in of]


def _telling(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Return the outcomes that recovery rests on: of products that went alone, from the chain or from a cluster of stores; where
    too few went alone from the chain, of whatever went from it.
    """
    alone = [one for one in outcomes if one.missing.alone]
    if sum(one.missing.households is None for one in alone) >= FEWEST_ALONE:
        return alone
    return [one for one in outcomes if one.missing.alone or one.missing.households is None]


def fit_with_best_trees(rows: ChoiceRows, seed: int, fit: ChoiceFit) -> tuple[tuple[ChoiceModel, ChoiceModel], ChoiceModel]:
    """Fit on either half of the categories (the even ones first), and on all, with as many trees as foresee the other half."""
    odd = rows.category % 2 == 1
    parts = rows.of_choices(~odd), rows.of_choices(odd)
    even, other = (fit_on_rows(part, seed=seed, fit=fit) for part in parts)
    count = trees_that_pay([(even, parts[1]), (other, parts[0])])
    whole = fit_on_rows(rows, seed=seed, fit=replace(fit, trees=count))
    return (even.with_trees(count), other.with_trees(count)), whole


def watch(lines: CategoryLines, missing: Sequence[Missing], seed: int, fit: ChoiceFit) -> tuple[ChoiceRows, list[Outcome]]:
    """Return the rows of choices, and the outcomes, of all missing products with enough former buyers."""
    rows, outcomes = [], []
    for shelf, state, group in in_states(lines, missing):
        random = np.random.default_rng([seed, shelf.first, state.day - lines.first_day])
        for one in group:
            choices = first_choices(shelf, state, one)
            outcome = measure_outcome(shelf, state, one)
            if choices is None or outcome is None or choices.buyers.size < FEWEST_BUYERS:
                continue
            outcomes.append(outcome)
            part = choice_rows(choices, one, random, choices_each=fit.choices_each, others_each=fit.others_each)
            if part is not None:
                rows.append(part)
    return joined_rows(rows), outcomes


def hear(
    lines: CategoryLines, gone: Sequence[Missing], halves: tuple[ChoiceModel, ChoiceModel], whole: ChoiceModel
) -> Iterator[Heard]:
    """Yield the first choices after products went away.

    Choices of those who passed a product over are left out: they are foreseen better than what is asked.
    """
    for shelf, state, group in in_states(lines, gone):
        usual = state.as_usual()
        for one in group:
            choices = first_choices(shelf, state, one)
            if choices is None or choices.buyers.size < FEWEST_BUYERS or not choices.share.any():
                continue
            made = choices.share.any(axis=1)
            buyers = choices.buyers[made]
            pairs = pair_features(usual, np.array([choices.missing]))[0]
            yield Heard(
                one,
                shelf.first + one.product,
                shelf.first + state.products,
                choices.share[made].sum(axis=0).astype(np.float64),
                int(made.sum()),
                listed_share(halves[1 - one.category % 2], usual, choices.missing, buyers, pairs=pairs),
                listed_share(whole, usual, choices.missing, buyers, pairs=pairs) if one.households is None else None,
                pairs[:, SAME_TYPE].astype(np.float64),
                float(loyalty(state, buyers, choices.missing).mean()),
            )


def _doubt(heard: Sequence[Heard], kin: float) -> ShareDoubt:
    if not heard:
        return UNTRIED
    share = np.concatenate([one.foreseen(one.unseen, kin) for one in heard])
    people = np.repeat([float(one.choices) for one in heard], [one.unseen.size for one in heard])
    seen = np.concatenate([one.seen for one in heard])
    kept = share >= LEAST_COUNTED_SHARE
    known = known_of(people[kept])
    return fit_doubt(seen[kept], (share * people)[kept], share[kept], known) if kept.sum() >= FEWEST_COUNTS else UNTRIED

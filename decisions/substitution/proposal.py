"""Which products of a category to drop: the question as a chain of demand, chosen among, and its answer."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from decisions.envelope import Explanation
from decisions.substitution.amounts import Z_90, amount, rounded
from decisions.substitution.assumptions import assumptions_of, costs_assumed
from decisions.substitution.choosing import Chain, Choice, Chosen, choose
from decisions.substitution.contract import (
    Amount,
    AssortmentAnswer,
    AssortmentRequest,
    Assumption,
    DroppedProduct,
    Objective,
)
from decisions.substitution.errors import (
    DropCountOutOfRange,
    NoHistory,
    NoMargin,
    NoReplacementKnown,
    UnknownCategory,
)
from decisions.substitution.explain import counted, paths_of
from decisions.substitution.flows import Wanted
from decisions.substitution.groups import Group, Part, Sources, groups_of, part_of
from decisions.substitution.totals import Totals
from kit.progress import Progress

__all__ = ["MOST_CONSIDERED", "propose"]

MOST_CONSIDERED = 600
SHOWN_REPLACEMENTS = 20


@dataclass(frozen=True, slots=True, eq=False)
class _Worth:
    """What a unit of each product is worth, and what was assumed for that; `margins` as they are known (NaN: not)."""

    of_products: np.ndarray
    of_others: float
    margins: np.ndarray
    assumed: tuple[Assumption, ...]
    simulated: bool


def propose(sources: Sources, request: AssortmentRequest, as_of: date, progress: Progress) -> AssortmentAnswer:
    """Return the proposal. Raises: as `SubstitutionService.propose`, but for the horizon and the day."""
    groups = groups_of(sources, request.store_ids, request.cluster_id)
    sold = _sold(sources, request)
    with progress.stage("Following the demand of the category", total=len(groups)) as stage:
        parts = []
        for group in groups:
            parts.append(part_of(sources, group, sold, request.horizon_weeks))
            stage.advance()
    considered = np.flatnonzero(np.logical_or.reduce([part.known & (part.leaving.units > 0) for part in parts]))
    _check(request, sources, sold, considered, parts)
    worth = _worth(sources, request, sold[considered])
    choice = _choice(parts, considered, sold, worth, equal=request.objective is Objective.DEMAND)
    with progress.stage("Choosing what to drop", total=request.count) as stage:
        chosen = choose(choice, request.count, stage.advance)
    return _answer(sources, request, as_of, groups, (sold[considered], chosen, choice, worth))


def _sold(sources: Sources, request: AssortmentRequest) -> np.ndarray:
    """Return the products of the category that sold lately."""
    below = sources.view.below(request.category_id)
    if below is None:
        raise UnknownCategory(request.category_id)
    sold: np.ndarray = below[sources.shop.units[below] > 0]
    if sold.size > MOST_CONSIDERED or not 1 <= request.count < max(sold.size, 1):
        raise DropCountOutOfRange(request.count, int(sold.size), MOST_CONSIDERED)
    return sold


def _check(request: AssortmentRequest, sources: Sources, sold: np.ndarray, considered: np.ndarray, parts: Sequence[Part]) -> None:
    if not considered.size:
        raise NoHistory(tuple(sources.view.product(one).id for one in sold.tolist()), in_stores=parts[0].group.stores is not None)
    if request.count >= considered.size:
        raise DropCountOutOfRange(request.count, int(considered.size), MOST_CONSIDERED)
    if not any(part.edges.missing.size for part in parts):
        raise NoReplacementKnown(tuple(sources.view.product(one).id for one in sold.tolist()))


def _worth(sources: Sources, request: AssortmentRequest, considered: np.ndarray) -> _Worth:
    size = sources.view.products()
    margins = sources.shop.margins(np.arange(size))
    if request.objective is Objective.DEMAND:
        return _Worth(np.ones(size), 1.0, margins, (), simulated=False)
    own, units = margins[considered], sources.shop.units[considered]
    priced = ~np.isnan(own)
    if not priced.any():
        raise NoMargin(request.category_id)
    mean = float((own[priced] * units[priced]).sum() / units[priced].sum())
    simulated = int(sources.shop.cost_simulated[considered].sum())
    filled = np.where(np.isnan(margins), mean, margins)
    return _Worth(filled, mean, margins, costs_assumed(simulated, int((~priced).sum())), simulated=simulated > 0)


def _choice(parts: Sequence[Part], considered: np.ndarray, sold: np.ndarray, worth: _Worth, *, equal: bool) -> Choice:
    """Return the chain among those that are considered; others of the category, and what no edge names, stay in any case."""
    among = np.full(sold.size, -1)
    among[considered] = np.arange(considered.size)
    chains = []
    for part in parts:
        of = part.leaving
        passes, anyway = np.zeros((considered.size, considered.size)), np.zeros(considered.size)
        start = among[of.missing]
        end = np.where(of.inner >= 0, among[of.inner], -1)
        inside = (start >= 0) & (end >= 0)
        np.add.at(passes, (start[inside], end[inside]), of.ratio[inside])
        outside = (start >= 0) & (end < 0)
        np.add.at(anyway, start[outside], (of.ratio * worth.of_products[of.source])[outside])
        rest = of.rest[considered]
        shared, beside = of.inside[np.ix_(considered, considered)], of.beside[considered]
        passes += rest[:, None] * shared
        anyway += rest * (beside @ worth.of_products[of.named])
        anyway += rest * np.maximum(1 - shared.sum(axis=1) - beside.sum(axis=1), 0.0) * worth.of_others
        chains.append(Chain(of.units[considered], passes, anyway))
    return Choice(chains, worth.of_products[sold[considered]], equal)


def _answer(
    sources: Sources,
    request: AssortmentRequest,
    as_of: date,
    groups: Sequence[Group],
    found: tuple[np.ndarray, Chosen, Choice, _Worth],
) -> AssortmentAnswer:
    considered, chosen, choice, worth = found
    dropped = considered[chosen.order]
    parts = [part_of(sources, group, dropped, request.horizon_weeks) for group in groups]
    units = np.asarray(sum(chain.units for chain in choice.chains))
    totals = Totals(parts)
    named = [one.source for one in totals.picked[:SHOWN_REPLACEMENTS]]
    answer = AssortmentAnswer(
        category_id=request.category_id,
        count=request.count,
        objective=request.objective,
        store_ids=None if request.store_ids is None else tuple(sorted(set(request.store_ids))),
        cluster_id=request.cluster_id,
        horizon_weeks=request.horizon_weeks,
        as_of=as_of,
        considered=int(considered.size),
        dropped=_dropped(sources, dropped, chosen, units, worth),
        loss=_loss(parts, dropped, chosen, worth, request.objective),
        least_possible=rounded(chosen.least),
        optimal=chosen.optimal,
        method=chosen.method,
        category_total=rounded(float(units @ choice.value)),
        assumptions=(*assumptions_of(parts, sources.figures), *worth.assumed),
        explanation=Explanation("", ()),
        simulated=worth.simulated,
    )
    return replace(answer, explanation=Explanation(_sentence(answer), paths_of(sources.view, parts, dropped, named)))


def _dropped(
    sources: Sources, dropped: np.ndarray, chosen: Chosen, units: np.ndarray, worth: _Worth
) -> tuple[DroppedProduct, ...]:
    rows = []
    for place, position in enumerate(dropped.tolist()):
        name, margin = sources.view.product(position), worth.margins[position]
        at, cost = chosen.order[place], chosen.costs[place]
        known = None if np.isnan(margin) else rounded(float(margin))
        rows.append(DroppedProduct(name.id, name.display_name, rounded(float(units[at])), rounded(float(cost)), known))
    return tuple(rows)


def _loss(parts: Sequence[Part], dropped: np.ndarray, chosen: Chosen, worth: _Worth, objective: Objective) -> Amount:
    """Return the loss with its interval: that of units that leave, or of a margin that may also be won."""
    deviations = np.zeros(4)
    for part in parts:
        sources, one = part.flow.sources, np.ones(1)
        wanted = Wanted(
            -worth.of_products[sources][:, None], -worth.of_others * one, 0 * one, worth.of_products[dropped][:, None]
        )
        deviations += part.flow.deviations(wanted)[:, 0]
    deviation = float(np.sqrt((deviations**2).sum()))
    if objective is Objective.DEMAND:
        return amount(chosen.loss, deviation)
    ends = (chosen.loss, chosen.loss - Z_90 * deviation, chosen.loss + Z_90 * deviation)
    return Amount(*(rounded(one) for one in ends))


def _sentence(answer: AssortmentAnswer) -> str:
    unit = "units that leave the shop" if answer.objective is Objective.DEMAND else "of margin"
    dropped = "this one" if answer.count == 1 else f"these {answer.count}"
    text = (
        f"Of {answer.considered} products that are sold of {answer.category_id}, dropping {dropped} loses"
        f" {answer.loss.units:.1f} ({answer.loss.low:.1f} to {answer.loss.high:.1f}) {unit} in"
        f" {counted(answer.horizon_weeks, 'week')},"
        f" of {answer.category_total:.1f}{': less than nothing, so margin is won' if answer.loss.units < 0 else ''}."
    )
    if answer.optimal:
        return f"{text} By these figures no other choice of as many loses less."
    return f"{text} By these figures no other choice of as many loses less than {answer.least_possible:.1f}."

"""The measures of `bench switching`, per case, and their intervals over categories: delistings of a category come in groups."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from bench.frame import BenchRow
from bench.switching_cases import Case
from decisions.relations.recovery import Counterfactual
from decisions.relations.scores import ndcg_at_10, resampled_ratio

__all__ = ["PerCase", "Scored", "captured", "first_choice_loss", "mean_row", "new_ndcg", "of_fold", "ratio_row", "raw_ndcg"]

CAPTURED_PLACES = 5
RESAMPLES = 1000
SMALLEST_CHANCE = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class PerCase:
    """A figure of each case as numerator and denominator, so that means and ratios resample alike. `case` numbers cases."""

    top: np.ndarray
    bottom: np.ndarray
    case: np.ndarray


Scored = Callable[[Case], np.ndarray]
_Each = TypeVar("_Each")


def of_fold(by_fold: Sequence[_Each], case: Case) -> _Each:
    """Return what belongs to the fold of a case: categories go round the folds."""
    return by_fold[case.missing.category % len(by_fold)]


def raw_ndcg(cases: Sequence[Case], scores: Sequence[np.ndarray]) -> PerCase:
    """NDCG@10 of the products that former buyers took first, ranked by the sum of scores."""
    values = [ndcg_at_10(score.sum(axis=0), case.took.sum(axis=0)) for case, score in zip(cases, scores, strict=True)]
    return PerCase(np.array(values), np.ones(len(cases)), np.arange(len(cases)))


def new_ndcg(cases: Sequence[Case], scores: Sequence[np.ndarray]) -> PerCase:
    """The same of products new to the household, scores counting where the household never took the product."""
    values, at = [], []
    for number, (case, score) in enumerate(zip(cases, scores, strict=True)):
        gains = (case.took & case.never).sum(axis=0)
        if gains.any():
            values.append(ndcg_at_10((score * case.never).sum(axis=0), gains))
            at.append(number)
    return PerCase(np.array(values), np.ones(len(values)), np.array(at, dtype=np.int64))


def first_choice_loss(cases: Sequence[Case], chances: Sequence[np.ndarray]) -> PerCase:
    """Mean negative log probability (nats) of what each former buyer took first, over the buyers with a later basket."""
    losses, buyers = [], []
    for case, chance in zip(cases, chances, strict=True):
        share = case.choices.share
        losses.append(float(-(share * np.log(np.maximum(chance, SMALLEST_CHANCE))).sum()))
        buyers.append(float(share.any(axis=1).sum()))
    return PerCase(np.array(losses), np.array(buyers), np.arange(len(cases)))


def captured(cases: Sequence[Case], scores: Sequence[np.ndarray], without: Sequence[Counterfactual]) -> PerCase:
    """Excess baskets of the five highest scores over baskets that the missing product had: how much of it they caught.

    Args:
        cases: events or placebos.
        scores: by case.
        without: counterfactuals by fold, each fitted on placebos of the other folds' categories.
    """
    caught, units = [], []
    for case, score in zip(cases, scores, strict=True):
        best = np.argsort(-score.sum(axis=0), kind="stable")[:CAPTURED_PLACES]
        caught.append(float(of_fold(without, case).excess(case.outcome)[best].sum()))
        units.append(case.outcome.own_before)
    return PerCase(np.array(caught), np.array(units), np.arange(len(cases)))


def mean_row(system: str, metric: str, label: str, figures: PerCase, category: np.ndarray) -> BenchRow:
    """Return the ratio of sums with its 90 % interval."""
    return ratio_row(system, metric, label, (figures, None), (category, None))


def ratio_row(
    system: str,
    metric: str,
    label: str,
    figures: tuple[PerCase, PerCase | None],
    category: tuple[np.ndarray, np.ndarray | None],
) -> BenchRow:
    """Return a ratio of sums, less another one (of placebos), with its 90 % interval over resampled categories.

    Args:
        system: of the row.
        metric: of the row.
        label: its slice.
        figures: by case; the second is subtracted.
        category: of each case.
    """
    value, draws = _resampled(figures[0], category[0], seed=7)
    if figures[1] is not None and category[1] is not None:
        other, other_draws = _resampled(figures[1], category[1], seed=8)
        value, draws = value - other, draws - other_draws
    low, high = (float(np.quantile(draws, tail)) for tail in (0.05, 0.95))
    return BenchRow(system, metric, label, float(value), low, high, int(figures[0].top.size), seeds=1)


def _resampled(figures: PerCase, category: np.ndarray, *, seed: int) -> tuple[float, np.ndarray]:
    draws = resampled_ratio(figures.top, figures.bottom, category[figures.case], draws=RESAMPLES, seed=seed)
    return float(figures.top.sum() / figures.bottom.sum()), draws

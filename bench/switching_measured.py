"""Delistings and placebos as `bench switching` measures a system on them, and its rows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from bench.frame import BenchRow
from bench.switching_cases import Case
from bench.switching_scores import PerCase, Scored, captured, first_choice_loss, mean_row, new_ndcg, ratio_row, raw_ndcg
from decisions.relations.recovery import Counterfactual, fit_counterfactual

__all__ = ["FOLDS", "Cases", "Measured"]

FOLDS = 5


@dataclass(frozen=True, slots=True, eq=False)
class Cases:
    """Events and placebos, their categories, and by fold the counterfactual fitted on placebos of the other folds."""

    events: Sequence[Case]
    stayed: Sequence[Case]
    category: np.ndarray
    of_stayed: np.ndarray
    without: Sequence[Counterfactual]

    @classmethod
    def of(cls, events: Sequence[Case], stayed: Sequence[Case]) -> "Cases":
        category, of_stayed = (np.array([case.missing.category for case in cases], np.int64) for cases in (events, stayed))
        outcomes = [[case.outcome for case in stayed if case.missing.category % FOLDS != fold] for fold in range(FOLDS)]
        return cls(events, stayed, category, of_stayed, [fit_counterfactual(others) for others in outcomes])


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """One system's figures by case; `loss` where its scores are probabilities."""

    raw: PerCase
    new: PerCase
    caught: PerCase
    caught_placebo: PerCase
    loss: PerCase | None

    @classmethod
    def of(cls, cases: Cases, scored: Scored, *, chances: bool) -> "Measured":
        scores, of_stayed = [scored(case) for case in cases.events], [scored(case) for case in cases.stayed]
        return cls(
            raw_ndcg(cases.events, scores),
            new_ndcg(cases.events, scores),
            captured(cases.events, scores, cases.without),
            captured(cases.stayed, of_stayed, cases.without),
            first_choice_loss(cases.events, scores) if chances else None,
        )

    def rows(self, system: str, label: str, cases: Cases) -> Iterator[BenchRow]:
        """Yield a row per metric."""
        yield mean_row(system, "ndcg@10", label, self.raw, cases.category)
        yield mean_row(system, "new_to_household_ndcg@10", label, self.new, cases.category)
        if self.loss is not None:
            yield mean_row(system, "log_loss", label, self.loss, cases.category)
        caught, category = (self.caught, self.caught_placebo), (cases.category, cases.of_stayed)
        yield ratio_row(system, "excess_captured@5", label, caught, category)

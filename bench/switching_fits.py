"""The models that `bench switching` compares: the served one, and the same with each source of experiments, or part, left out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from decisions.relations.choice import ChoiceFit, ChoiceModel, fit_on_rows
from decisions.relations.fitting import DiversionFit, gone_events
from decisions.relations.scoping import cluster_members
from features.category_lines import CategoryLines, read_category_lines
from features.choice_occasions import (
    ChoiceRows,
    Missing,
    choice_rows,
    first_choices,
    in_states,
    joined_rows,
    passed_over,
)
from features.relation_events import EventNeed, detect_events
from lake import Lake

__all__ = ["SOURCES", "VARIANTS", "Material", "gather", "variant"]

SOURCES = ("delisting", "absence", "passed_over")
SEED = 7


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """What was known on a day to fit on: rows of choices by source of experiment."""

    lines: CategoryLines
    rows: Mapping[str, ChoiceRows]

    def joined(self, sources: tuple[str, ...], categories: Callable[[np.ndarray], np.ndarray] | None = None) -> ChoiceRows:
        """Return the rows of some sources, of all categories or of those that a mask keeps."""
        rows = joined_rows([self.rows[source] for source in sources])
        return rows if categories is None else rows.of_choices(categories(rows.category))


VARIANTS: Mapping[str, tuple[tuple[str, ...], ChoiceFit]] = {
    "shelfgraph": (SOURCES, ChoiceFit()),
    "shelfgraph-without-delistings": (("absence", "passed_over"), ChoiceFit()),
    "shelfgraph-without-absences": (("delisting", "passed_over"), ChoiceFit()),
    "shelfgraph-without-passed_over": (("delisting", "absence"), ChoiceFit()),
    "shelfgraph-without-trees": (SOURCES, replace(ChoiceFit(), trees=0)),
}
"""System, the sources it is fitted on, and how."""


def gather(lake: Lake, as_of: date, *, quick: bool = False) -> Material:
    """Find the experiments known on a day, and the choices made in them; in a hurry, fewer products passed over."""
    lines = read_category_lines(lake, as_of)
    how = DiversionFit()
    clusters = cluster_members(lake, lines)
    events = detect_events(lake, as_of, kinds=("delisting", "absence"), need=EventNeed(stores=False))
    choose = replace(how.choice, days_per_category=1, products_per_day=1) if quick else how.choice
    passed = passed_over(
        lines, seed=SEED, days_per_category=choose.days_per_category, products_per_day=choose.products_per_day,
        horizon_days=choose.horizon_days,
    )  # fmt: skip
    missing = {
        kind: gone_events(lines, events.filter(np.array(events["kind"].to_pylist()) == kind), clusters, how)
        for kind in ("delisting", "absence")
    } | {"passed_over": passed}
    return Material(lines, {source: _rows(lines, found, choose) for source, found in missing.items()})


def variant(name: str, material: Material, categories: Callable[[np.ndarray], np.ndarray] | None = None) -> ChoiceModel:
    """Fit one of `VARIANTS`, on the categories that a mask keeps."""
    sources, fit = VARIANTS[name]
    return fit_on_rows(material.joined(sources, categories), seed=SEED, fit=fit)


def _rows(lines: CategoryLines, missing: list[Missing], fit: ChoiceFit) -> ChoiceRows:
    random = np.random.default_rng(SEED)
    parts = []
    for shelf, state, group in in_states(lines, missing):
        for one in group:
            choices = first_choices(shelf, state, one)
            if choices is not None:
                parts.append(choice_rows(choices, one, random, choices_each=fit.choices_each, others_each=fit.others_each))
    return joined_rows([part for part in parts if part is not None])

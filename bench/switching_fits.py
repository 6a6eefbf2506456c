"""The models that `bench switching` compares: the served one, and the same with each source of experiments, or part, left out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import pyarrow.compute as pc

from decisions.relations.choice import ChoiceFit, ChoiceModel
from decisions.relations.fitting import (
    EXPERIMENTS,
    DiversionFit,
    drawn_passed_over,
    fit_with_best_trees,
    gains_of,
    gone_events,
    hear,
    known_events,
    recovered,
    watch,
)
from decisions.relations.kin import fit_kin, gains_of_all
from decisions.relations.recovery import Outcome
from decisions.relations.scoping import cluster_members
from features.category_lines import CategoryLines, read_category_lines
from features.choice_occasions import ChoiceRows, Missing, joined_rows
from features.store_clusters import store_clusters
from lake import Lake

__all__ = ["SOURCES", "VARIANTS", "Material", "Served", "gather", "served", "variant"]

SOURCES = (*EXPERIMENTS, "passed_over")
SEED = 7


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """What was known on a day to fit on: rows of choices by source of experiment, products that went away, and outcomes."""

    lines: CategoryLines
    rows: Mapping[str, ChoiceRows]
    gone: Sequence[Missing]
    outcomes: Sequence[Outcome]

    def joined(self, sources: tuple[str, ...], categories: Callable[[np.ndarray], np.ndarray] | None = None) -> ChoiceRows:
        """Return the rows of some sources, of all categories or of those that a mask keeps."""
        rows = joined_rows([self.rows[source] for source in sources])
        return rows if categories is None else rows.of_choices(categories(rows.category))


@dataclass(frozen=True, slots=True, eq=False)
class Served:
    """What is served: the model of choice, and the weight of kin that edges are told with."""

    choice: ChoiceModel
    kin: float


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
    how, placed = DiversionFit(), store_clusters(lake, as_of)
    choose = replace(how.choice, days_per_category=1, products_per_day=1) if quick else how.choice
    events, clusters = known_events(lake, as_of, placed), cluster_members(lines, placed)
    missing = {kind: gone_events(lines, events.filter(pc.equal(events["kind"], kind)), clusters, how) for kind in EXPERIMENTS}
    missing["passed_over"] = drawn_passed_over(lines, SEED, choose)
    watched = {source: watch(lines, found, SEED, choose) for source, found in missing.items()}
    gone = [one for kind in EXPERIMENTS for one in missing[kind]]
    outcomes = [outcome for _, found in watched.values() for outcome in found]
    return Material(lines, {source: rows for source, (rows, _) in watched.items()}, gone, outcomes)


def served(material: Material, categories: Callable[[np.ndarray], np.ndarray] | None = None) -> Served:
    """Fit what is served on the categories that a mask keeps."""
    sources, fit = VARIANTS["shelfgraph"]
    halves, choice = fit_with_best_trees(material.joined(sources, categories), SEED, fit)

    def known(missing: Missing) -> bool:
        return categories is None or bool(categories(np.array([missing.category]))[0])

    gone = [one for one in material.gone if known(one)]
    outcomes = [one for one in material.outcomes if known(one.missing)]
    without, _ = recovered(outcomes, seed=SEED)
    gains = gains_of(list(hear(material.lines, gone, halves, choice)), outcomes)
    return Served(choice, 0.0 if without is None else fit_kin(gains_of_all(gains, without)))


def variant(name: str, material: Material, categories: Callable[[np.ndarray], np.ndarray] | None = None) -> ChoiceModel:
    """Fit one of `VARIANTS` as the served model is fitted, on the categories that a mask keeps."""
    sources, fit = VARIANTS[name]
    return fit_with_best_trees(material.joined(sources, categories), SEED, fit)[1]

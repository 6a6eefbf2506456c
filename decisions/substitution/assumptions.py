"""What an answer rests on, as typed entries: what the data identify, and what is taken for granted."""

from collections.abc import Sequence

import numpy as np

from decisions.substitution.amounts import Z_90
from decisions.substitution.artefact import RecoveryFigures
from decisions.substitution.contract import Assumption, AssumptionKind
from decisions.substitution.groups import Part

__all__ = ["assumptions_of", "costs_assumed"]

PRIOR_SHARE = 0.5


def assumptions_of(parts: Sequence[Part], figures: RecoveryFigures) -> tuple[Assumption, ...]:
    """Return what an answer from these parts rests on."""
    return (_recovery(figures), *_always(), *_of_parts(parts))


def costs_assumed(simulated: int, without: int) -> tuple[Assumption, ...]:
    """Return what is assumed of margins: how many costs are simulated, and how many are missing."""
    found = []
    if simulated:
        text = "Purchase costs are simulated, so margins are: they show how the answer works, not what is earned."
        found.append(Assumption(AssumptionKind.SIMULATED_COST, text, identified=False, products=simulated))
    if without:
        text = "Products without a purchase cost take the mean margin per unit of the others of the category."
        found.append(Assumption(AssumptionKind.WITHOUT_COST, text, identified=False, products=without))
    return tuple(found)


def _recovery(figures: RecoveryFigures) -> Assumption:
    low, high = (min(max(figures.share + sign * Z_90 * figures.error, 0.0), 1.0) for sign in (-1, 1))
    told = (
        f"{figures.events} past events, drawn to a prior of one half" if figures.events else "a prior of one half, and no event"
    )
    text = (
        f"{100 * figures.share:.0f} of 100 lost purchases stay in the category, from {told}. The share truly lost is not"
        " identified: a product that stays also loses a part of its former buyers' purchases."
    )
    return Assumption(AssumptionKind.RECOVERY, text, identified=False, value=figures.share, low=low, high=high)


def _always() -> tuple[Assumption, ...]:
    kinds = AssumptionKind
    return (
        Assumption(
            kinds.FIRST_CHOICES,
            "Who picks up what stays is told by choices of former buyers, tried on products that went away.",
            identified=True,
        ),
        Assumption(
            kinds.WITHIN_CATEGORY,
            "Replacements lie within the category: demand that goes to another one counts as leaving the shop.",
            identified=False,
        ),
        Assumption(kinds.DEMAND, "What would have been sold is the forecast of the release.", identified=True),
    )


def _of_parts(parts: Sequence[Part]) -> list[Assumption]:
    kinds = AssumptionKind
    counted = {
        kinds.PASSED_ON: _any([_passed_on(part) for part in parts]),
        kinds.STORE_SHARE: sum(bool(part.group.stores) for part in parts) and parts[0].known.size,
        kinds.CHAIN_FOR_CLUSTER: _any([_chain_instead(part) for part in parts]),
        kinds.NO_HISTORY: _all([~part.known for part in parts]),
        kinds.NO_REPLACEMENT: _all([np.bincount(part.edges.missing, minlength=part.known.size) == 0 for part in parts]),
    }
    return [Assumption(kind, TEXTS[kind], identified=False, products=count) for kind, count in counted.items() if count]


TEXTS = {
    AssumptionKind.PASSED_ON: (
        "What would go to another product that leaves goes on to that one's replacements; at each step the same part leaves."
    ),
    AssumptionKind.STORE_SHARE: "What the stores would have sold is the chain's forecast by their share of the latest 13 weeks.",
    AssumptionKind.CHAIN_FOR_CLUSTER: "No replacements are told of the stores' cluster: those of the chain stand in.",
    AssumptionKind.NO_HISTORY: "Products without a forecast count as nothing lost.",
    AssumptionKind.NO_REPLACEMENT: "No replacement is known: what stays in the category is not told by product.",
}


def _passed_on(part: Part) -> np.ndarray:
    return np.bincount(part.leaving.missing, part.leaving.inner >= 0, part.known.size) > 0


def _chain_instead(part: Part) -> np.ndarray:
    if part.group.stores is None:
        return np.zeros(part.known.size, dtype=bool)
    return ~part.edges.in_scope & (np.bincount(part.edges.missing, minlength=part.known.size) > 0)


def _any(masks: Sequence[np.ndarray]) -> int:
    return int(np.logical_or.reduce(masks).sum())


def _all(masks: Sequence[np.ndarray]) -> int:
    return int(np.logical_and.reduce(masks).sum())

"""Why a product is not among the suggestions: the rule that forbids it, or how far it is from the list and what would lift it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from decisions.recommend.contract import WhyNotAnswer, WhyNotOutcome
from decisions.recommend.suggestions import Suggestion

__all__ = ["Change", "Standing", "standing_of", "told"]


@dataclass(frozen=True, slots=True)
class Change:
    """One change of what is known, in words, and the score that the product would then have, asked for when it is tried."""

    words: str
    score: Callable[[], float | None]


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a product stands in the whole order: its rank and score, and the lowest score among the list's places of its kind
    (habit and discovery have scores of their own); None where the list has none.
    """

    rank: int
    score: float
    needed: float | None


def standing_of(product: int, order: Iterable[Suggestion], limit: int) -> Standing | None:
    """Return where a product stands in the order of its surface's first step, or None where it is no candidate."""
    whole = list(order)
    found = next((place for place, one in enumerate(whole) if one.product == product), None)
    if found is None:
        return None
    of_taste = whole[found].kind == "discovery"
    alike = [one.score for one in whole[:limit] if (one.kind == "discovery") is of_taste]
    return Standing(found + 1, whole[found].score, min(alike, default=None))


def told(answer: WhyNotAnswer, name: str, standing: Standing | None, changes: Iterable[Change]) -> WhyNotAnswer:
    """Return the answer with the outcome, the sentence and the first of `changes` (the smallest first) that would suffice."""
    failed = next((check for check in answer.checks if not check.passed), None)
    if failed is not None:
        return _with(answer, WhyNotOutcome.RULED_OUT, f"{name} may not be suggested here: {failed.proof}")
    if standing is None:
        change = next((one.words for one in changes if one.score() is not None), "")
        return _with(answer, WhyNotOutcome.NO_CANDIDATE, f"{name} is no candidate here: nothing speaks for it.", change=change)
    change = next((one.words for one in changes if _suffices(one.score(), standing.needed)), "")
    needed = "its kind has no place in the list" if standing.needed is None else f"{standing.needed:.3f} is needed"
    text = f"{name} is in place {standing.rank}, with a score of {standing.score:.3f} where {needed}."
    return _with(answer, WhyNotOutcome.RANKED_LOWER, text, standing=standing, change=change)


def _suffices(score: float | None, needed: float | None) -> bool:
    return score is not None and needed is not None and score > needed


def _with(
    answer: WhyNotAnswer, outcome: WhyNotOutcome, text: str, *, standing: Standing | None = None, change: str = ""
) -> WhyNotAnswer:
    rank, score, needed = (None, None, None) if standing is None else (standing.rank, standing.score, standing.needed)
    return WhyNotAnswer(
        answer.as_of, answer.product_id, outcome, text, rank, score, needed, change, answer.checks, answer.degraded
    )

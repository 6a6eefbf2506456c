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
    """Where a product stands in the whole order: its rank and score, and the score of the list's last place."""

    rank: int
    score: float
    needed: float


def standing_of(product: int, order: Iterable[Suggestion], limit: int) -> Standing | None:
    """Return where a product stands in the order of its surface's first step, or None where it is no candidate."""
    needed = 0.0
    for rank, one in enumerate(order, start=1):
        if rank <= limit:
            needed = one.score
        if one.product == product:
            return Standing(rank, one.score, needed)
    return None


def told(answer: WhyNotAnswer, name: str, standing: Standing | None, changes: Iterable[Change]) -> WhyNotAnswer:
    """Return the answer with the outcome, the sentence and the first of `changes` (the smallest first) that would suffice."""
    failed = next((check for check in answer.checks if not check.passed), None)
    if failed is not None:
        return _with(answer, WhyNotOutcome.RULED_OUT, f"{name} may not be suggested here: {failed.proof}")
    if standing is None:
        change = next((one.words for one in changes if one.score() is not None), "")
        return _with(answer, WhyNotOutcome.NO_CANDIDATE, f"{name} is no candidate here: nothing speaks for it.", change=change)
    change = next((one.words for one in changes if (one.score() or float("-inf")) > standing.needed), "")
    text = f"{name} is in place {standing.rank}, with a score of {standing.score:.3f} where {standing.needed:.3f} is needed."
    return _with(answer, WhyNotOutcome.RANKED_LOWER, text, standing=standing, change=change)


def _with(
    answer: WhyNotAnswer, outcome: WhyNotOutcome, text: str, *, standing: Standing | None = None, change: str = ""
) -> WhyNotAnswer:
    rank, score, needed = (None, None, None) if standing is None else (standing.rank, standing.score, standing.needed)
    return WhyNotAnswer(
        answer.as_of, answer.product_id, outcome, text, rank, score, needed, change, answer.checks, answer.degraded
    )

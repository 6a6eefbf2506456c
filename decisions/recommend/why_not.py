"""Why a product is not in a list: a rule, or the smallest change that would bring it in, found by scoring again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from decisions.recommend.contract import RuleCheck, WhyNotAnswer, WhyNotOutcome

__all__ = ["Change", "Rescoring", "Standing", "why_not"]


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that could be otherwise.

    Args:
        kind: `bought_once`, `promoted`, `in_basket` or `in_stock`.
        words: after "It would come into the list if ".
        product_id: what is put into the basket.
    """

    kind: str
    words: str
    product_id: str | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """A product's score and the one it has to exceed; `score` is None while it is no candidate."""

    score: float | None
    needed: float


class Rescoring(Protocol):
    """Ranks the request again."""

    def standing(self) -> tuple[Standing, int | None]:
        """Return how the product stands as asked, and its rank in the whole order; None where it is no candidate."""
        ...

    def after(self, change: Change) -> Standing:
        """Return how it would stand after a change, everything else ranked again too."""
        ...


def why_not(
    as_of: date,
    product: tuple[str, str],
    limit: int,
    checks: Sequence[RuleCheck],
    changes: Sequence[Change],
    rescoring: Rescoring,
) -> WhyNotAnswer:
    """Return why the product is not among the first `limit`.

    Args:
        as_of: the release's day.
        product: its id and display name.
        limit: places of the list.
        checks: the rules held against it, in any order.
        changes: what may be tried, the smallest first.
        rescoring: ranks again.
    """
    product_id, name = product
    ordered = tuple(sorted(checks, key=lambda check: check.passed))
    failed = [check for check in ordered if not check.passed]
    if failed:
        text = f"{name} is left out: {'; '.join(check.proof for check in failed)}"
        return WhyNotAnswer(as_of, product_id, WhyNotOutcome.RULED_OUT, text, checks=ordered)
    now, rank = rescoring.standing()
    if rank is not None and rank <= limit:
        text = f"{name} is in the list, on place {rank}."
        return WhyNotAnswer(as_of, product_id, WhyNotOutcome.LISTED, text, rank, now.score, now.needed, checks=ordered)
    change = _smallest(changes, rescoring, now)
    if rank is None:
        text = f"{name} was no candidate: it was not bought, nothing in hand speaks for it, and it is no best seller."
        return WhyNotAnswer(as_of, product_id, WhyNotOutcome.NO_CANDIDATE, text, needed=now.needed, change=change, checks=ordered)
    text = f"{name} is on place {rank}, below the {limit} that are shown."
    return WhyNotAnswer(as_of, product_id, WhyNotOutcome.RANKED_LOWER, text, rank, now.score, now.needed, change, ordered)


def _smallest(changes: Sequence[Change], rescoring: Rescoring, now: Standing) -> str:
    """Return the first change that lifts the product into the list; without one, the first that makes it a candidate."""
    candidate: Change | None = None
    for change in changes:
        then = rescoring.after(change)
        if then.score is None:
            continue
        if then.score > then.needed:
            return f"It would come into the list if {change.words}."
        candidate = candidate or change
    if now.score is not None:
        return f"No single change of those tried brings it into the list: it lacks {now.needed - now.score:.3f}."
    if candidate is not None:
        return f"It would become a candidate, and not yet reach the list, if {candidate.words}."
    return "No single change of those tried makes it a candidate."

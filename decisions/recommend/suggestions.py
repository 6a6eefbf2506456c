"""Suggestions before they have a place: what each surface gives, and what the service numbers, explains and answers."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from decisions.envelope import Explanation

__all__ = ["Suggestion", "Told", "first_of_each", "mixed", "takes_discovery"]


@dataclass(frozen=True, slots=True)
class Told:
    """The explanation for the retailer's own people, and the sentence for the customer."""

    explanation: Explanation
    customer_text: str


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A product (position among the features' products) for one place. `tell` is called for those that get one."""

    product: int
    score: float
    kind: str
    sources: tuple[str, ...]
    tell: Callable[[], Told]
    base_score: float = 0.0
    p_accept: float | None = None
    propensity: float = 1.0


def first_of_each(suggestions: Iterable[Suggestion], limit: int, taken: Iterable[Suggestion] = ()) -> list[Suggestion]:
    """Return the first `limit` suggestions of products that did not come before and that none of `taken` is of."""
    seen = {one.product for one in taken}
    new: dict[int, Suggestion] = {}
    for one in suggestions:
        if len(new) == limit:
            break
        if one.product not in seen:
            new.setdefault(one.product, one)
    return list(new.values())


def takes_discovery(place: int, share: float) -> bool:
    """Whether a place (from 1) is one of discovery's. A longer list begins with the shorter one, so pages join."""
    return int(place * share + 1e-9) > int((place - 1) * share + 1e-9)


def mixed(habit: Iterable[Suggestion], discovery: Iterable[Suggestion], share: float, limit: int) -> list[Suggestion]:
    """Return `limit` suggestions in which discovery has its share of the places; either fills up where the other ends."""
    roads = [iter(habit), iter(discovery)]
    seen: set[int] = set()
    chosen: list[Suggestion] = []
    while len(chosen) < limit:
        wanted = int(takes_discovery(len(chosen) + 1, share))
        one = _next(roads[wanted], seen) or _next(roads[1 - wanted], seen)
        if one is None:
            break
        seen.add(one.product)
        chosen.append(one)
    return chosen


def _next(road: Iterable[Suggestion], seen: set[int]) -> Suggestion | None:
    return next((one for one in road if one.product not in seen), None)

"""Where changes contradict each other: the same product, store and week, and two different things said of it.

What a change says is a value per facet: whether the product is there, its coverage under each mechanic, its price. Two
changes contradict where a facet has two values, or where one takes away what the other promotes or prices. A promotion's
coverage is a share of all stores, so it stands beside a delisting in some stores: it runs in the others.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import combinations

from decisions.overlay import Mechanic
from decisions.scenarios.contract import Change, ChangeKind, Horizon, PinnedScenario

__all__ = ["Overlap", "Placed", "overlaps_between", "placed"]

PRESENCE = "presence"
PRICE = "price"


@dataclass(frozen=True, slots=True)
class Overlap:
    """Two changes, by where they stand, that contradict from `week_start` on. `store_id` None: in all stores."""

    first: str
    second: str
    product_id: str
    store_id: str | None
    week_start: date


@dataclass(frozen=True, slots=True)
class Placed:
    """A change and where it stands, in words."""

    place: str
    change: Change


def placed(scenario: PinnedScenario | None, changes: Sequence[Change]) -> list[Placed]:
    """Return changes with their places, counted from 1."""
    of = "" if scenario is None else f" of scenario '{scenario.name[:80]}'"
    return [Placed(f"Change {position}{of}", change) for position, change in enumerate(changes, 1)]


def overlaps_between(changes: Sequence[Placed], horizon: Horizon) -> list[Overlap]:
    """Return every pair that contradicts, each once, with the first store and week where it does."""
    found = (_overlap(first, second, horizon) for first, second in combinations(changes, 2))
    return [one for one in found if one is not None]


def _overlap(first: Placed, second: Placed, horizon: Horizon) -> Overlap | None:
    one, other = first.change, second.change
    if one.product_id is None or one.product_id != other.product_id or not _contradict(one, other):
        return None
    stores = _common_stores(one.store_ids, other.store_ids)
    weeks = [week for week in _weeks(one, horizon) if week in _weeks(other, horizon)]
    if stores == () or not weeks:
        return None
    return Overlap(first.place, second.place, one.product_id, None if stores is None else stores[0], weeks[0])


def _contradict(one: Change, other: Change) -> bool:
    says, replies = _says(one), _says(other)
    if any(says[facet] != replies[facet] for facet in says.keys() & replies.keys()):
        return True
    gone = [change for change in (one, other) if change.kind is ChangeKind.DELIST]
    if len(gone) != 1:
        return False
    rest = other if gone[0] is one else one
    return rest.kind is ChangeKind.PLAN_PRICE or (rest.kind is ChangeKind.PLAN_PROMOTION and gone[0].store_ids is None)


def _says(change: Change) -> Mapping[str, float]:
    if change.kind is ChangeKind.DELIST:
        return {PRESENCE: 0.0}
    if change.kind is ChangeKind.SWITCH_OFF_PROMOTION:
        return {str(change.mechanic): 0.0}
    told = {Mechanic.DISPLAY.value: change.display, Mechanic.MAILER.value: change.mailer, PRICE: change.price}
    return {facet: value for facet, value in told.items() if value is not None}


def _common_stores(one: tuple[str, ...] | None, other: tuple[str, ...] | None) -> tuple[str, ...] | None:
    if one is None or other is None:
        return other if one is None else one
    return tuple(sorted(set(one) & set(other)))


def _weeks(change: Change, horizon: Horizon) -> tuple[date, ...]:
    return horizon.mondays(change.from_week, change.until_week)

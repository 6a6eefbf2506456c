"""Holding changes against a release: do the things they name exist, are their weeks forecast, do they agree?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from decisions.overlay import Mechanic
from decisions.scenarios.contract import Change, ChangeKind, Horizon
from decisions.scenarios.errors import (
    EmptyStoreSet,
    OverlappingChanges,
    ScenarioInvalid,
    UnknownNeighbour,
    UnknownProduct,
    UnknownPromotion,
    UnknownStore,
    WeeksOutsideHorizon,
)
from decisions.scenarios.overlaps import overlaps_between, placed
from features.demand_panel import MAXIMUM_HORIZON_WEEKS
from kg.ports import ArrayGraph, Direction, Node

__all__ = ["MAXIMUM_CHANGES", "MAXIMUM_NAME", "PlanningWorld", "check_changes", "check_name", "horizon_of"]

MAXIMUM_CHANGES = 50
MAXIMUM_NAME = 80
MAXIMUM_STORES = 1000
DAY = timedelta(days=1)
NEIGHBOURS = ("isSubstituteFor", "isComplementTo", "isBoughtWith")
FIELDS: Mapping[ChangeKind, tuple[frozenset[str], frozenset[str]]] = {
    ChangeKind.DELIST: (frozenset({"product_id", "from_week"}), frozenset({"store_ids", "until_week"})),
    ChangeKind.PLAN_PROMOTION: (frozenset({"product_id", "from_week", "until_week"}), frozenset({"display", "mailer"})),
    ChangeKind.PLAN_PRICE: (frozenset({"product_id", "from_week", "until_week", "price"}), frozenset({"store_ids"})),
    ChangeKind.SWITCH_OFF_PROMOTION: (
        frozenset({"promotion_id"}),
        frozenset({"product_id", "mechanic", "from_week", "until_week"}),
    ),
    ChangeKind.IGNORE_NEIGHBOUR: (frozenset({"source_id", "target_id"}), frozenset()),
}
"""The fields that a kind must have, and those it may have. A promotion's own are filled in by the check."""


def horizon_of(as_of: date) -> Horizon:
    """Return the weeks that a release of this day forecasts: from the one after its last complete week on."""
    tomorrow = as_of + DAY
    return Horizon(tomorrow - tomorrow.weekday() * DAY, MAXIMUM_HORIZON_WEEKS)


@dataclass(frozen=True, slots=True)
class PlanningWorld:
    """What changes are held against: a published graph and the weeks that its release forecasts."""

    graph: ArrayGraph
    horizon: Horizon

    @classmethod
    def of(cls, graph: ArrayGraph) -> "PlanningWorld":
        """Return the world of a graph, forecast from its own day."""
        return cls(graph, horizon_of(graph.version.as_of))

    def promotion(self, promotion_id: str) -> tuple[Node, str]:
        """Return a promotion and the id of its product. Raises: UnknownPromotion."""
        found = self.graph.nodes("Promotion", [promotion_id]).get(promotion_id)
        edges = self.graph.related("promotes", [promotion_id], direction=Direction.OUT, limit=1)[promotion_id] if found else ()
        if found is None or not edges:
            raise UnknownPromotion(promotion_id)
        return found, edges[0].target.id

    def joined(self, source_id: str, target_id: str) -> bool:
        """Return whether any relation between products leads from source to target."""
        return any(
            edge.target.id == target_id
            for relation in NEIGHBOURS
            for edge in self.graph.related(relation, [source_id], direction=Direction.OUT, limit=10_000)[source_id]
        )


def check_name(name: str) -> str:
    """Return the name without white space around it. Raises: ScenarioInvalid."""
    plain = name.strip()
    if not plain or len(plain) > MAXIMUM_NAME or not plain.isprintable():
        raise ScenarioInvalid("The name", f"1 to {MAXIMUM_NAME} printable characters")
    return plain


def check_changes(changes: Sequence[Change], world: PlanningWorld) -> tuple[Change, ...]:
    """Return the changes as they are kept: promotions pinned, stores in order.

    Raises:
        ScenarioInvalid, EmptyStoreSet, UnknownProduct, UnknownStore, UnknownPromotion, UnknownNeighbour, WeeksOutsideHorizon: one
            of them cannot be.
        OverlappingChanges: two of them contradict.
    """
    if not 1 <= len(changes) <= MAXIMUM_CHANGES:
        raise ScenarioInvalid("The number of changes", f"1 to {MAXIMUM_CHANGES}")
    checked = tuple(_checked(position, change, world) for position, change in enumerate(changes, 1))
    overlaps = overlaps_between(placed(None, checked), world.horizon)
    if overlaps:
        raise OverlappingChanges(overlaps)
    return checked


def _checked(position: int, change: Change, world: PlanningWorld) -> Change:
    _check_fields(position, change)
    if change.kind is ChangeKind.SWITCH_OFF_PROMOTION:
        return _pinned(change, world)
    if change.kind is ChangeKind.IGNORE_NEIGHBOUR:
        return _neighbour(change, world)
    _known_product(world, str(change.product_id))
    _check_values(position, change)
    _check_weeks(position, change, world.horizon)
    return replace(change, store_ids=_stores(position, change.store_ids, world))


def _check_fields(position: int, change: Change) -> None:
    required, allowed = FIELDS[change.kind]
    given = {name for name in Change.__dataclass_fields__ if name != "kind" and getattr(change, name) is not None}
    for name in sorted(required - given):
        raise ScenarioInvalid(f"Change {position}", f"complete: a {change.kind} needs `{name}`")
    for name in sorted(given - required - allowed):
        raise ScenarioInvalid(f"Change {position}", f"one of its kind: a {change.kind} has no `{name}`")
    if change.kind is ChangeKind.PLAN_PROMOTION and change.display is None and change.mailer is None:
        raise ScenarioInvalid(f"Change {position}", "complete: a promotion needs `display`, `mailer` or both")


def _check_values(position: int, change: Change) -> None:
    for name, share in (("display", change.display), ("mailer", change.mailer)):
        if share is not None and not 0.0 < share <= 1.0:
            raise ScenarioInvalid(f"`{name}` of change {position}", "a share of the stores above 0 and at most 1")
    if change.price is not None and not 0.0 < change.price < 1e6:
        raise ScenarioInvalid(f"`price` of change {position}", "above 0 and below a million")


def _check_weeks(position: int, change: Change, horizon: Horizon) -> None:
    named = [week for week in (change.from_week, change.until_week) if week is not None]
    if any(week.weekday() != 0 for week in named):
        raise ScenarioInvalid(f"A week of change {position}", "a Monday")
    if change.from_week and change.until_week and change.until_week <= change.from_week:
        raise ScenarioInvalid(f"`until_week` of change {position}", "later than its first week")
    if any(not horizon.first_week <= week <= horizon.end for week in named) or not horizon.mondays(*_window(change)):
        raise WeeksOutsideHorizon(horizon.first_week, horizon.end)


def _stores(position: int, store_ids: tuple[str, ...] | None, world: PlanningWorld) -> tuple[str, ...] | None:
    if store_ids is None:
        return None
    if not store_ids:
        raise EmptyStoreSet(position)
    if len(store_ids) > MAXIMUM_STORES:
        raise ScenarioInvalid(f"The stores of change {position}", f"at most {MAXIMUM_STORES}")
    for store_id in store_ids:
        if world.graph.position("Store", store_id) is None:
            raise UnknownStore(store_id)
    return tuple(sorted(set(store_ids)))


def _pinned(change: Change, world: PlanningWorld) -> Change:
    promotion, product_id = world.promotion(str(change.promotion_id))
    starts, ends = promotion.properties.get("valid_from"), promotion.properties.get("valid_to")
    if not isinstance(starts, date) or not isinstance(ends, date):
        raise UnknownPromotion(promotion.id)
    weeks = world.horizon.mondays(starts - starts.weekday() * DAY, ends)
    if not weeks:
        raise WeeksOutsideHorizon(world.horizon.first_week, world.horizon.end)
    return replace(
        change,
        product_id=product_id,
        mechanic=Mechanic(str(promotion.properties["mechanic"])),
        from_week=weeks[0],
        until_week=weeks[-1] + 7 * DAY,
    )


def _neighbour(change: Change, world: PlanningWorld) -> Change:
    source, target = str(change.source_id), str(change.target_id)
    for product_id in (source, target):
        _known_product(world, product_id)
    if not world.joined(source, target):
        raise UnknownNeighbour(source, target)
    return change


def _known_product(world: PlanningWorld, product_id: str) -> None:
    if world.graph.position("Product", product_id) is None:
        raise UnknownProduct(product_id)


def _window(change: Change) -> tuple[date | None, date | None]:
    return change.from_week, change.until_week

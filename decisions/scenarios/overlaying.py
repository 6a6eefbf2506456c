"""From changes to the overlay of one request: of the whole chain, or of one store."""

from collections.abc import Sequence

from decisions.overlay import (
    ForecastOverlay,
    GoneProduct,
    IgnoredNeighbour,
    Mechanic,
    PlannedPrice,
    PlannedPromotion,
    SwitchedOffPromotion,
)
from decisions.scenarios.contract import Change, ChangeKind, Horizon
from decisions.scenarios.errors import StoreByStoreOnly

__all__ = ["overlay_of"]


def overlay_of(changes: Sequence[Change], *, store_id: str | None, horizon: Horizon) -> ForecastOverlay:
    """Return what these changes ask a forecast to suppose; `store_id` None: for the whole chain.

    The changes are checked ones that do not contradict. A store's overlay leaves out what concerns other stores only.

    Raises:
        StoreByStoreOnly: the whole chain was asked about, and a change holds in some stores only.
    """
    concerned = [change for position, change in enumerate(changes, 1) if _concerns(position, change, store_id)]
    return ForecastOverlay.of(
        promotions_on=[
            PlannedPromotion(str(change.product_id), week, mechanic, coverage)
            for change in concerned
            if change.kind is ChangeKind.PLAN_PROMOTION
            for mechanic, coverage in ((Mechanic.DISPLAY, change.display), (Mechanic.MAILER, change.mailer))
            if coverage is not None
            for week in horizon.mondays(change.from_week, change.until_week)
        ],
        promotions_off=[
            SwitchedOffPromotion(str(change.product_id), week, change.mechanic)
            for change in concerned
            if change.mechanic is not None
            for week in horizon.mondays(change.from_week, change.until_week)
        ],
        neighbours_ignored=[
            IgnoredNeighbour(str(change.source_id), str(change.target_id))
            for change in concerned
            if change.kind is ChangeKind.IGNORE_NEIGHBOUR
        ],
        products_gone=[
            GoneProduct(str(change.product_id), week)
            for change in concerned
            if change.kind is ChangeKind.DELIST
            for week in horizon.mondays(change.from_week, change.until_week)
        ],
        prices=[
            PlannedPrice(str(change.product_id), week, change.price)
            for change in concerned
            if change.price is not None
            for week in horizon.mondays(change.from_week, change.until_week)
        ],
    )


def _concerns(position: int, change: Change, store_id: str | None) -> bool:
    if change.store_ids is None:
        return True
    if store_id is None:
        raise StoreByStoreOnly(position)
    return store_id in change.store_ids

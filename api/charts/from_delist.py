"""From the answer of a delist what-if to its chart.

The answer is read by its shape alone: what this needs of it stands in `DelistAnswerLike`, whoever gives it.
"""

from collections.abc import Sequence
from datetime import date
from typing import Protocol

from api.charts.contract import FlowChart, FlowPart
from api.charts.from_forecast import WHOLE_CHAIN, NameOf

__all__ = ["AmountLike", "DelistAnswerLike", "DelistedLike", "ReplacementLike", "flow_chart"]

INTERVAL = "90 %"
ELSEWHERE = "elsewhere in the category"
LEAVES = "leaves the shop"


class AmountLike(Protocol):
    """Units over the horizon, with the ends of a 90 % interval."""

    @property
    def units(self) -> float: ...
    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...


class DelistedLike(Protocol):
    """A product that leaves; `lost` None: not known, and counted as nothing."""

    @property
    def display_name(self) -> str: ...
    @property
    def lost(self) -> AmountLike | None: ...


class ReplacementLike(AmountLike, Protocol):
    """A product that picks up demand."""

    @property
    def display_name(self) -> str: ...


class DelistAnswerLike(Protocol):
    """Lost = replacements + stays_elsewhere + leaves."""

    @property
    def store_ids(self) -> Sequence[str] | None: ...
    @property
    def cluster_id(self) -> str | None: ...
    @property
    def horizon_weeks(self) -> int: ...
    @property
    def as_of(self) -> date: ...
    @property
    def delisted(self) -> Sequence[DelistedLike]: ...
    @property
    def replacements(self) -> Sequence[ReplacementLike]: ...
    @property
    def replacements_total(self) -> int: ...
    @property
    def stays_elsewhere(self) -> AmountLike: ...
    @property
    def leaves(self) -> AmountLike: ...


def flow_chart(answer: DelistAnswerLike, name_of: NameOf, origin: str) -> FlowChart:
    """Return the chart of a delist what-if.

    Args:
        answer: as the room gives it.
        name_of: tells what things are called.
        origin: which release and graph version answered.
    """
    unnamed = answer.replacements_total - len(answer.replacements)
    elsewhere = f"{ELSEWHERE}, {unnamed} known replacements among it" if unnamed > 0 else ELSEWHERE
    return FlowChart(
        place=_place(answer, name_of),
        as_of=answer.as_of,
        weeks=answer.horizon_weeks,
        interval=INTERVAL,
        origin=origin,
        lost=tuple(map(_lost, answer.delisted)),
        replacements=tuple(_part(one.display_name, one) for one in answer.replacements),
        elsewhere=_part(elsewhere, answer.stays_elsewhere),
        leaves=_part(LEAVES, answer.leaves),
    )


def _place(answer: DelistAnswerLike, name_of: NameOf) -> str:
    if answer.cluster_id is not None:
        return name_of("StoreCluster", answer.cluster_id)
    if answer.store_ids is None:
        return WHOLE_CHAIN
    return name_of("Store", answer.store_ids[0]) if len(answer.store_ids) == 1 else f"{len(answer.store_ids)} stores"


def _lost(product: DelistedLike) -> FlowPart:
    if product.lost is None:
        return FlowPart(f"{product.display_name} (demand not known)", 0.0)
    return _part(product.display_name, product.lost)


def _part(words: str, amount: AmountLike) -> FlowPart:
    return FlowPart(words, amount.units, amount.low, amount.high)

"""From the answer of a delist what-if to its chart."""

from api.charts.contract import FlowChart, FlowPart
from api.charts.from_forecast import WHOLE_CHAIN, NameOf
from decisions.substitution.contract import Amount, DelistAnswer, DelistedProduct, Replacement

__all__ = ["flow_chart"]

INTERVAL = "90 %"
ELSEWHERE = "elsewhere in the category"
LEAVES = "leaves the shop"


def flow_chart(answer: DelistAnswer, name_of: NameOf, origin: str) -> FlowChart:
    """Return the chart of a delist what-if.

    Args:
        answer: as the what-if room gives it; lost = replacements + stays_elsewhere + leaves.
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


def _place(answer: DelistAnswer, name_of: NameOf) -> str:
    if answer.cluster_id is not None:
        return name_of("StoreCluster", answer.cluster_id)
    if answer.store_ids is None:
        return WHOLE_CHAIN
    return name_of("Store", answer.store_ids[0]) if len(answer.store_ids) == 1 else f"{len(answer.store_ids)} stores"


def _lost(product: DelistedProduct) -> FlowPart:
    if product.lost is None:
        return FlowPart(f"{product.display_name} (demand not known)", 0.0)
    return _part(product.display_name, product.lost)


def _part(words: str, amount: Amount | Replacement) -> FlowPart:
    return FlowPart(words, amount.units, amount.low, amount.high)

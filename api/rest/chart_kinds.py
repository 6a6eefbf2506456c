"""What a chart is to the border: which decision it asks for, from which parameters, and how the answer becomes a chart."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from api.charts.contract import Chart
from api.charts.from_delist import flow_chart
from api.charts.from_forecast import NameOf, fan_chart
from api.errors import ArgumentInvalid
from api.identifiers import plain_id
from api.rest.parameters import day, listed, whole_number
from api.services import Services
from decisions.forecast.contract import ForecastRequest
from decisions.substitution.contract import DelistRequest

__all__ = ["CHARTS", "ChartKind", "chart_of"]

HORIZON_WEEKS = 4
MOST_PRODUCTS, MOST_STORES = 500, 500


@dataclass(frozen=True, slots=True)
class ChartKind:
    """One chart.

    Args:
        decision: the kind of decision that answers it.
        parameters: of the query.
        request_of: makes the decision's request of them. Raises: ArgumentInvalid.
        drawn_from: makes the chart of the answer, of what things are called and of the origin.
    """

    decision: str
    parameters: frozenset[str]
    request_of: Callable[[Mapping[str, str]], Any]
    drawn_from: Callable[[Any, NameOf, str], Chart]


def chart_of(kind: ChartKind, services: Services, answer: Any) -> Chart:
    """Return the chart of an answer that these services gave."""
    origin = f"{services.release.id} on graph {services.release.graph_version}"
    return kind.drawn_from(answer, partial(_name_in, services), origin)


def _name_in(services: Services, label: str, id: str) -> str:
    node = services.graph.nodes(label, [id]).get(id)
    return id if node is None else str(node.properties.get("display_name", id))


def _forecast_request(given: Mapping[str, str]) -> ForecastRequest:
    if "productId" not in given:
        raise ArgumentInvalid("productId", "given")
    store = given.get("storeId")
    return ForecastRequest(
        product_id=plain_id("Product", given["productId"]),
        store_id=None if store is None else plain_id("Store", store),
        horizon_weeks=whole_number(given, "horizonWeeks", HORIZON_WEEKS),
        as_of=day(given, "asOf"),
    )


def _delist_request(given: Mapping[str, str]) -> DelistRequest:
    if "productIds" not in given:
        raise ArgumentInvalid("productIds", "given")
    stores = tuple(plain_id("Store", one) for one in listed(given, "storeIds", MOST_STORES))
    return DelistRequest(
        product_ids=tuple(plain_id("Product", one) for one in listed(given, "productIds", MOST_PRODUCTS)),
        # commas alone are an empty list and no whole chain: the room refuses it
        store_ids=stores if "storeIds" in given else None,
        cluster_id=None if "clusterId" not in given else plain_id("StoreCluster", given["clusterId"]),
        horizon_weeks=whole_number(given, "weeks", HORIZON_WEEKS),
        as_of=day(given, "asOf"),
    )


CHARTS: Mapping[str, ChartKind] = {
    "forecast": ChartKind("forecast", frozenset({"productId", "storeId", "horizonWeeks", "asOf"}), _forecast_request, fan_chart),
    "delist": ChartKind(
        "delist_what_if", frozenset({"productIds", "storeIds", "clusterId", "weeks", "asOf"}), _delist_request, flow_chart
    ),
}
"""Every chart that is served, by the name in its path."""

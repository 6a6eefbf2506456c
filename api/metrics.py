"""What is counted, for Prometheus. Labels are routes, kinds and status codes: never an id, never what somebody asked."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

__all__ = ["Metrics"]

SECONDS = (0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.08, 0.12, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """The counters of one application, in a registry of their own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "shelfgraph_requests", "Requests by route and status code.", ("route", "status"), registry=self._registry
        )
        self._seconds = Histogram(
            "shelfgraph_request_seconds", "Seconds from the first byte in to the last byte out.", ("route",),
            buckets=SECONDS, registry=self._registry,
        )  # fmt: skip
        self._decisions = Counter(
            "shelfgraph_decisions", "Decisions that were logged, by kind.", ("kind",), registry=self._registry
        )
        self._events = Counter(
            "shelfgraph_events", "Online events that were handed in, by kind and outcome.", ("kind", "outcome"),
            registry=self._registry,
        )  # fmt: skip
        self._event_lag = Histogram(
            "shelfgraph_event_lag_seconds", "Seconds from reading events to facts that hold them.",
            buckets=SECONDS, registry=self._registry,
        )  # fmt: skip
        self._refused = Counter("shelfgraph_refused", "Requests refused, by code.", ("code",), registry=self._registry)
        self._of_request: dict[tuple[str, int], tuple[Counter, Histogram]] = {}

    def request(self, route: str, status: int, seconds: float) -> None:
        """Count one request."""
        known = self._of_request.get((route, status))
        if known is None:
            # looking a label up takes longer than counting; routes and statuses are few
            known = self._of_request[route, status] = self._requests.labels(route, str(status)), self._seconds.labels(route)
        known[0].inc()
        known[1].observe(seconds)

    def decisions(self, kinds: list[str]) -> None:
        """Count logged decisions."""
        for kind in kinds:
            self._decisions.labels(kind).inc()

    def events(self, outcomes: Iterable[tuple[str, str]], seconds: float) -> None:
        """Count events by kind and outcome, and how long it took until answers could know them."""
        for kind, outcome in outcomes:
            self._events.labels(kind, outcome).inc()
        self._event_lag.observe(seconds)

    def refused(self, code: str) -> None:
        """Count one refusal."""
        self._refused.labels(code).inc()

    def exposition(self) -> bytes:
        """Return all of it in Prometheus' text format."""
        return generate_latest(self._registry)

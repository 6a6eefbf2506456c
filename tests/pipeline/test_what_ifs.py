"""A release can answer what-ifs: it keeps the recovery of its edges' model, and asks its own forecast and back-test."""

from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import pytest

from api.services import NoWhatIfs
from decisions.envelope import Explanation
from decisions.forecast.contract import ForecastAnswer, ForecastPoint, ForecastRequest
from decisions.forecast.errors import NoHistory
from decisions.overlay import NO_OVERLAY, ForecastOverlay
from decisions.relations import RelationService
from decisions.relations.quality import EventOutcome, RelationQuality
from decisions.substitution import ARTEFACT, Comparables, DelistRequest, SubstitutionService, read_figures
from decisions.substitution.errors import InsufficientEvidence
from decisions.substitution.shop import Shares
from kit.canonical import canonical_bytes
from pipeline.what_if_sources import BackTestedEvents, ForecastDemand
from tests.tiny_retailer import AS_OF

pytestmark = pytest.mark.training


def test_a_release_keeps_the_recovery_of_its_edges(embedded_shop) -> None:
    books, release = embedded_shop.installation.books, embedded_shop.services.release
    figures = read_figures(books.artefacts.get(release.models[ARTEFACT]))
    built = books.runs.latest("graph")[0].figures
    assert figures.source == "graph"
    assert (figures.share, figures.error, figures.events) == (
        built["recovery"], built["recovery_error"], built["recovery_events"],
    )  # fmt: skip


def test_what_ifs_of_a_release_are_answered_the_same_again(embedded_shop) -> None:
    room, answered = embedded_shop.services.what_ifs, 0
    assert isinstance(room, SubstitutionService)
    again = embedded_shop.installation.services_of(embedded_shop.services.release.id).what_ifs
    for product in ("soap", "yoghurt", "cola_a", "milk", "lemonade"):
        try:
            answer = room.delist(DelistRequest((product,)))
        except InsufficientEvidence:
            continue
        answered += 1
        assert canonical_bytes(answer) == canonical_bytes(again.delist(DelistRequest((product,))))
        assert answer.lost.units == pytest.approx(
            answer.picked_up.units + answer.stays_elsewhere.units + answer.leaves.units, rel=1e-6
        )
    assert answered >= 1


def test_a_release_from_before_opens_and_refuses_what_ifs(embedded_shop) -> None:
    installation, release = embedded_shop.installation, embedded_shop.services.release
    models = {name: digest for name, digest in release.models.items() if name != ARTEFACT}
    older = replace(release, id="release_older", models=models)
    installation.books.releases.publish(older)
    try:
        assert isinstance(installation.services_of("release_older").what_ifs, NoWhatIfs)
    finally:
        installation.books.releases.publish(release)


@dataclass
class TwoWeeks:
    """Ten and twenty units; nothing of `new`."""

    asked: int = 0

    def forecast(self, request: ForecastRequest, *, overlay: ForecastOverlay = NO_OVERLAY) -> ForecastAnswer:
        self.asked += 1
        if request.product_id == "new":
            raise NoHistory("new", None, 26)
        points = (
            ForecastPoint(date(2024, 1, 1), 10.0, 8.0, 13.0, 9.0, promoted=False, low_95=7.0, high_95=14.0),
            ForecastPoint(date(2024, 1, 8), 20.0, 17.0, 25.0, 9.0, promoted=False, low_95=15.0, high_95=28.0),
        )
        return ForecastAnswer(request.product_id, None, AS_OF, "s", "b", points, (), Explanation("", ()))


def test_demand_is_the_forecast_and_of_stores_their_part_of_it() -> None:
    forecaster = TwoWeeks()
    demand = ForecastDemand(forecaster, lambda ids, stores: Shares(np.full(len(ids), 0.5), np.full(len(ids), 0.0)), AS_OF)
    told = demand.expected_units(("a", "new"), None, 2)
    assert told.first_week == date(2024, 1, 1)
    assert told.units[1] is None
    assert told.units[0].units == 30.0
    # 80 % of weeks that err together, taken to 90 %
    assert (told.units[0].low, told.units[0].high) == pytest.approx((30 - 5 * 1.2835, 30 + 8 * 1.2835), rel=1e-3)
    of_stores = demand.expected_units(("a", "new"), ("s",), 2).units
    assert of_stores[0].units == 15.0
    assert of_stores[0].high == pytest.approx(15 + 4 * 1.2835, rel=1e-3)
    assert of_stores[1] is None
    assert forecaster.asked == 2  # each product once


def outcome(number: int, category: str) -> EventOutcome:
    return EventOutcome(
        f"e{number}", "delisting", "isSubstituteFor", "soap", category, "chain", date(2024, 1, number), 0.4, 0.5, 0.2, 0.6
    )


def test_comparable_events_are_of_the_category_or_of_all(embedded_shop) -> None:
    graph = embedded_shop.services.graph
    quality = RelationQuality(AS_OF, "m", "p", (), (outcome(1, "A"), outcome(2, "A"), outcome(3, "B")))
    events = BackTestedEvents(RelationService(graph, quality=quality), graph)
    same, other = events.comparable(("A", "C"), 1), events.comparable(("C",), 10)
    assert ([one.event_id for one in same.events], same.same_category, same.total, same.covered) == (["e2"], True, 2, 2)
    assert ([one.event_id for one in other.events], other.same_category, other.total) == (["e3", "e2", "e1"], False, 3)
    assert same.events[0].display_name != ""
    assert BackTestedEvents(RelationService(graph), graph).comparable(("A",), 1) == Comparables()

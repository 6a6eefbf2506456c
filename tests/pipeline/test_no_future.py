"""Facts dated after `as of` change nothing: not the graph, not the features, not a forecast, not a recommendation.

What the retailer plans is no such fact: promotion weeks to come are read as the plan (`decisions.forecast`).
"""

from pathlib import Path

import pytest

from api.services import Services
from api.wiring import Installation
from decisions.forecast import ForecastRequest
from decisions.recommend import RecommendationRequest
from decisions.relations import RelatedRequest
from kit.canonical import canonical_bytes
from kit.progress import SilentProgress
from pipeline import build as build_module
from tests.pipeline.conftest import Shop, settings_for
from tests.tiny_retailer import AS_OF, append_lines, build_tiny_lake, future_lines, household

PRODUCTS = ("soap", "yoghurt", "cola_a", "milk")
STABLE = ("assertion_id", "strength", "low", "high", "events", "support", "first_observed", "last_observed", "scope", "grade")


def build_with_future(home: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """Build as of the same day on a lake that also holds what happens later."""
    installation = Installation.open(settings_for(home, "embedded", request))
    lake = build_tiny_lake(installation.layout.lake)
    append_lines(lake, future_lines())
    assert build_module.last_full_day(installation.lake) > AS_OF
    monkeypatch.setattr("api.wiring.last_full_day", lambda _: AS_OF)
    built = installation.build(SilentProgress())
    installation.train(SilentProgress())
    return Shop(installation, installation.services_of(), built.version.digest)


def test_planted_future_facts_change_nothing(
    embedded_shop: Shop, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = build_with_future(tmp_path, request, monkeypatch)
    now, then = embedded_shop.services, later.services

    assert dict(now.graph.counts()) == dict(then.graph.counts())
    for relation in ("isBoughtWith", "isSubstituteFor", "isComplementTo"):
        left, right = (graph.export_edges(relation).select(["source", "target", *STABLE]) for graph in (now.graph, then.graph))
        assert left.equals(right), relation
    assert now.release.feature_snapshot == then.release.feature_snapshot
    assert dict(now.release.models) == dict(then.release.models)
    for product in PRODUCTS:
        wanted = ForecastRequest(product)
        assert canonical_bytes(figures(now, wanted)) == canonical_bytes(figures(then, wanted))
        assert neighbours(now, product) == neighbours(then, product)
    for number in range(20):
        asked = RecommendationRequest(household(number))
        assert canonical_bytes(scores(now, asked)) == canonical_bytes(scores(then, asked))


def figures(services: Services, request: ForecastRequest) -> object:
    """Everything of a forecast but the ids of the runs that wrote its edges."""
    answer = services.forecaster.forecast(request)
    contributions = [path.contribution for path in answer.explanation.paths]
    return answer.system, answer.points, answer.history, answer.explanation.text, contributions


def neighbours(services: Services, product: str) -> list[str]:
    return [item.product_id for item in services.relations.related(RelatedRequest(product, "isBoughtWith")).items]


def scores(services: Services, request: RecommendationRequest) -> list[tuple[str, float]]:
    return [(item.product_id, item.score) for item in services.recommender.recommend(request).items]

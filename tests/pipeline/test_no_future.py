"""Facts dated after `as of` change nothing: not the graph, not the features, not a forecast, not a recommendation.

What the retailer plans is no such fact: promotion weeks to come are read as the plan (`decisions.forecast`), so forecasts may
change with them, and nothing else does.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from api.services import Services
from api.wiring import Installation
from decisions.forecast import ForecastRequest
from decisions.recommend import RecommendationRequest
from decisions.relations import RelatedRequest
from decisions.substitution import DelistRequest, InsufficientEvidence
from kit.canonical import canonical_bytes
from lake.delta_lake import DeltaLake
from pipeline import build as build_module
from tests.pipeline.conftest import Shop, build_shop, settings_for
from tests.pipeline.planting import NEW_HOUSEHOLD, NEW_PRODUCT, list_newcomers, plant_later_facts, plant_later_promotions
from tests.tiny_retailer import AS_OF, household

pytestmark = pytest.mark.training

PRODUCTS = ("soap", "yoghurt", "cola_a", "milk", "lemonade")
RELATIONS = ("isBoughtWith", "isSubstituteFor", "isComplementTo")
STABLE = ("assertion_id", "strength", "low", "high", "events", "support", "first_observed", "last_observed", "scope", "grade")
HOUSEHOLDS = (*(household(number) for number in range(20)), NEW_HOUSEHOLD)

Plant = Callable[[DeltaLake], None]


def built_today(home: Path, request: pytest.FixtureRequest, *plants: Plant) -> Shop:
    """Build as of the same day on a lake that also holds what is planted."""

    def prepare(installation: Installation) -> None:
        for plant in (list_newcomers, *plants):
            plant(DeltaLake(installation.layout.lake, threads=1))

    return build_shop(home, settings_for(home, "embedded", request), prepare)


@pytest.fixture(scope="module")
def as_of_today() -> object:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("api.wiring.last_full_day", lambda _: AS_OF)
        yield


@pytest.fixture(scope="module")
def now(as_of_today: object, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return built_today(tmp_path_factory.mktemp("now"), request)


@pytest.fixture(scope="module")
def with_facts(as_of_today: object, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return built_today(tmp_path_factory.mktemp("facts"), request, plant_later_facts)


@pytest.fixture(scope="module")
def with_plan(as_of_today: object, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return built_today(tmp_path_factory.mktemp("plan"), request, plant_later_facts, plant_later_promotions)


def test_what_is_planted_lies_in_the_lake(now: Shop, with_facts: Shop, with_plan: Shop) -> None:
    assert build_module.last_full_day(now.installation.lake) == AS_OF < build_module.last_full_day(with_facts.installation.lake)
    rows = {name: now.installation.lake.version(name).rows for name in now.installation.lake.names()}
    more = {name for name in rows if with_plan.installation.lake.version(name).rows > rows[name]}
    assert more == {
        "sales_lines", "campaigns", "campaign_households", "coupon_products", "coupon_redemptions", "session_events",
        "promotion_weeks",
    }  # fmt: skip


@pytest.mark.parametrize("planted", ["with_facts", "with_plan"])
def test_the_graph_is_the_same(now: Shop, planted: str, request: pytest.FixtureRequest) -> None:
    then: Shop = request.getfixturevalue(planted)
    assert then.digest == now.digest
    assert dict(then.services.graph.counts()) == dict(now.services.graph.counts())
    assert now.services.graph.nodes("Product", [NEW_PRODUCT])[NEW_PRODUCT].properties.get("first_sold") is None
    for relation in RELATIONS:
        left, right = (shop.services.graph.export_edges(relation).select(["source", "target", *STABLE]) for shop in (now, then))
        assert left.equals(right), relation
        assert left.num_rows > 0


@pytest.mark.parametrize("planted", ["with_facts", "with_plan"])
def test_relations_and_recommendations_are_the_same(now: Shop, planted: str, request: pytest.FixtureRequest) -> None:
    then: Shop = request.getfixturevalue(planted)
    if planted == "with_facts":
        assert then.services.release.models["recommend"] == now.services.release.models["recommend"]
    assert of_habits(then) == of_habits(now)
    for product in PRODUCTS:
        for relation in RELATIONS:
            assert related(now.services, product, relation) == related(then.services, product, relation)
    for one in HOUSEHOLDS:
        asked = RecommendationRequest(one)
        assert canonical_bytes(scores(now.services, asked)) == canonical_bytes(scores(then.services, asked))


def of_habits(shop: Shop) -> tuple[dict[str, object], bytes | None]:
    """Return the recommender but for discovery: what orders that may look at promotions which are announced for the week."""
    release = shop.services.release
    files = shop.installation.books.artefacts.get(release.models["recommend"])
    about = {name: value for name, value in json.loads(files["recommend.json"]).items() if name != "discovery"}
    assert set(files) <= {"recommend.json", "ranker.txt", "discovery_ranker.txt"}
    assert about["figures"]
    return about, files.get("ranker.txt")


def test_features_models_and_forecasts_are_the_same(now: Shop, with_facts: Shop) -> None:
    assert with_facts.services.release.feature_snapshot == now.services.release.feature_snapshot
    assert dict(with_facts.services.release.models) == dict(now.services.release.models)
    for product in PRODUCTS:
        wanted = ForecastRequest(product)
        assert canonical_bytes(figures(now.services, wanted)) == canonical_bytes(figures(with_facts.services, wanted))


def test_what_ifs_are_the_same(now: Shop, with_facts: Shop) -> None:
    answers = [moved(now.services, product) for product in PRODUCTS]
    assert answers == [moved(with_facts.services, product) for product in PRODUCTS]
    assert any(isinstance(answer, bytes) for answer in answers)


def moved(services: Services, product: str) -> bytes | str:
    """Everything of a what-if but its paths, which hold the ids of the runs that wrote the edges; or why there is none."""
    try:
        answer = services.what_ifs.delist(DelistRequest((product,)))
    except InsufficientEvidence as refused:
        return str(refused)
    return canonical_bytes(replace(answer, explanation=replace(answer.explanation, paths=())))


def figures(services: Services, request: ForecastRequest) -> object:
    """Everything of a forecast but the ids of the runs that wrote its edges."""
    answer = services.forecaster.forecast(request)
    contributions = [path.contribution for path in answer.explanation.paths]
    return answer.system, answer.points, answer.history, answer.explanation.text, contributions


def related(services: Services, product: str, relation: str) -> list[tuple[str, float]]:
    answer = services.relations.related(RelatedRequest(product, relation))
    return [(item.product_id, item.evidence.strength) for item in answer.items]


def scores(services: Services, request: RecommendationRequest) -> list[tuple[str, float]]:
    return [(item.product_id, item.score) for item in services.recommender.recommend(request).items]

"""The bench of explanations on the tiny shop: every slice and system, what is cited before what is not, and foils of its kind."""

import pytest

from bench.explanations import ASKED, measured_rows
from bench.explanations_foils import Foils
from bench.frame import BenchContext
from decisions.recommend import RecommendationRequest
from kit.progress import SilentProgress
from tests.tiny_retailer import AS_OF, HOUSEHOLDS, household

ANSWERS = 8 * len(ASKED)


@pytest.fixture(scope="module")
def rows(recommend_shop):
    context = BenchContext(recommend_shop.lake, recommend_shop.root, quick=True, progress=SilentProgress(), as_of=AS_OF)
    return {(row.system, row.metric, row.slice): row for row in measured_rows(recommend_shop.service, context, ANSWERS, 20)}


def test_each_slice_has_its_figures(rows):
    for name in ASKED:
        assert rows["shelfgraph", "p50_ms", name].n == ANSWERS // len(ASKED)
        assert 0 <= rows["shelfgraph", "cited_share", name].value <= 1
    assert {name for system, metric, name in rows if (system, metric) == ("shelfgraph", "fidelity")} >= {
        "household", "household_basket", "buy_again", "basket", "item", "exact",
    }  # fmt: skip


def test_what_is_cited_moves_scores_and_foils_do_so_less(rows):
    for name in ("household", "household_basket", "buy_again"):
        ours = rows["shelfgraph", "fidelity", name]
        assert ours.value == pytest.approx(1.0)
        for system in ("random_deletion", "popularity_explanation"):
            foil = rows[system, "fidelity", name]
            assert foil.value < ours.value
            assert foil.low <= foil.value <= foil.high
            assert rows[system, "mean_fall", name].value < rows["shelfgraph", "mean_fall", name].value


def test_purchases_read_again_agree(rows):
    assert rows["shelfgraph", "agreement", "exact"].n > 40
    assert rows["shelfgraph", "agreement", "exact"].value >= 0.95


def test_a_foil_has_as_many_paths_of_the_same_kind_and_the_same_household(recommend_shop):
    service = recommend_shop.service
    foils, seen = Foils(service.rescoring.shelf, 1), 0
    for number in range(0, HOUSEHOLDS, 8):
        for item in service.recommend(RecommendationRequest(household(number), ("pasta",))).items:
            cited = item.explanation.paths
            for paths in (foils.random(household(number), cited), foils.popular(household(number), cited)):
                assert len(paths) == len(cited)
                nodes = {node.id for path in paths for hop in path.hops for node in (hop.source, hop.target)}
                assert not nodes & {household(other) for other in range(HOUSEHOLDS) if other != number}
                seen += len(paths)
    assert seen > 50

"""Relations derived with Graph Data Science and with sparse matrices, from the same shop.

What is bought together is counted and owes nothing to an engine. Substitutes and complements are drawn towards closeness, whose
embeddings are other random numbers in each engine: the same edges in the main, of strengths that are near.
"""

import pytest

from decisions.relations import derive_relations
from kg.algorithms import GdsAlgorithms, GraphAlgorithms, PortableAlgorithms
from tests.pipeline.conftest import RECORDED_AT, Shop, build_shop, settings_for
from tests.tiny_retailer import AS_OF

pytestmark = pytest.mark.neo4j

COMMON_SHARE = 0.9
"""Edges that both engines have, of those that either has."""
STRENGTH_TOLERANCE = 0.1
"""How far apart the strengths of a common edge may be, relative to the larger."""
DRAWN = ("isSubstituteFor", "isComplementTo")


@pytest.fixture(scope="module")
def derived(embedded_shop: Shop, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    lake, engines = embedded_shop.installation.lake, {}

    def with_engine(algorithms: GraphAlgorithms):
        return derive_relations(lake, algorithms, as_of=AS_OF, run_id="r", recorded_at=RECORDED_AT, seed=7)

    with embedded_shop.installation.graph_of_record() as opened:
        assert isinstance(opened.algorithms, PortableAlgorithms)
        engines["portable"] = with_engine(opened.algorithms)
    home = tmp_path_factory.mktemp("other-engine")
    other = build_shop(home, settings_for(home, "neo4j", request)).installation
    with other.graph_of_record() as opened:
        assert isinstance(opened.algorithms, GdsAlgorithms)
        engines["gds"] = with_engine(opened.algorithms)
    return engines


def strengths(rows) -> dict[tuple[str, str], float]:
    return {(row["source"], row["target"]): row["strength"] for row in rows.to_pylist()}


def test_what_is_bought_together_is_the_same_to_the_byte(derived) -> None:
    assert derived["gds"]["isBoughtWith"].equals(derived["portable"]["isBoughtWith"])
    assert derived["gds"]["isBoughtWith"].num_rows > 0


@pytest.mark.parametrize("relation", DRAWN)
def test_substitutes_and_complements_agree_within_the_tolerance(derived, relation: str) -> None:
    found, expected = (strengths(derived[engine][relation]) for engine in ("gds", "portable"))
    common = found.keys() & expected.keys()
    assert len(common) >= COMMON_SHARE * len(found.keys() | expected.keys())
    assert len(common) > 0
    far = {pair: (found[pair], expected[pair]) for pair in common if apart(found[pair], expected[pair]) > STRENGTH_TOLERANCE}
    assert far == {}


def apart(one: float, other: float) -> float:
    return abs(one - other) / max(abs(one), abs(other), 1e-12)

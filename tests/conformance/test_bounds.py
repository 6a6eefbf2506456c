"""Questions beyond the port's bounds are refused, and the largest allowed ones are answered."""

import pytest

from kg.errors import QueryTooLarge
from kg.ports import Direction, GraphReader, NodeRef
from tests.conformance.world import AS_OF

TOO_MANY = [f"x{number}" for number in range(10_001)]
HERE = NodeRef("Product", "p1")


def test_too_many_ids(filled: GraphReader) -> None:
    with pytest.raises(QueryTooLarge, match="10001 ids"):
        filled.nodes("Product", TOO_MANY)
    with pytest.raises(QueryTooLarge, match="10001 ids"):
        filled.related("contains", TOO_MANY, direction=Direction.IN, limit=1)
    with pytest.raises(QueryTooLarge, match="10001 ids"):
        filled.repertoire(TOO_MANY, as_of=AS_OF, limit=1)


def test_as_many_ids_as_allowed(filled: GraphReader) -> None:
    asked = ["p1", *TOO_MANY[:9_999]]
    assert set(filled.nodes("Product", asked)) == {"p1"}
    assert len(filled.related("contains", asked, direction=Direction.IN, limit=1)) == 10_000


def test_too_many_rows(filled: GraphReader) -> None:
    with pytest.raises(QueryTooLarge, match="10001 rows"):
        filled.related("contains", ["p1"], direction=Direction.IN, limit=10_001)
    with pytest.raises(QueryTooLarge, match="10001 rows"):
        filled.repertoire(["h1"], as_of=AS_OF, limit=10_001)
    with pytest.raises(ValueError, match="at least one"):
        filled.related("contains", ["p1"], direction=Direction.IN, limit=0)


def test_too_many_hops(filled: GraphReader) -> None:
    with pytest.raises(QueryTooLarge, match="5 hops"):
        filled.paths(HERE, HERE, relations=["isBoughtWith"], maximum_hops=5, limit=1)
    with pytest.raises(ValueError, match="at least one"):
        filled.paths(HERE, HERE, relations=["isBoughtWith"], maximum_hops=0, limit=1)

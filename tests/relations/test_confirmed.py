"""Promotions bear out substitutes: in the direction in which buyers were drawn away, and nowhere else."""

from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pytest

from decisions.relations.confirmed import confirmed, drawn_away
from decisions.relations.edges import EDGE_SCHEMA
from tests.promotion_worlds import planted_shop

NONE_DRAWN = pa.table({"source": pa.array([], pa.string()), "target": pa.array([], pa.string())})


def row(source, target, scope="chain"):
    moment = datetime(2024, 7, 1, tzinfo=UTC)
    return {
        "source": source, "target": target, "assertion_id": f"{source}{target}{scope}", "strength": 0.5, "low": 0.25,
        "high": 0.75, "unit": "diversion_ratio", "scope": scope, "events": 12, "support": 7, "first_observed": date(2024, 1, 5),
        "last_observed": date(2024, 6, 1), "sources": ["products", "sales_lines"], "run_id": "run_1", "model_version": "m",
        "grade": "association", "status": "active", "valid_from": date(2024, 6, 30), "valid_to": None,
        "recorded_from": moment, "recorded_to": None,
    }  # fmt: skip


def test_edges_that_promotions_bear_out_are_graded_and_name_the_table():
    edges = pa.Table.from_pylist([row("a", "b"), row("a", "b", "season:winter"), row("b", "a"), row("c", "b")], EDGE_SCHEMA)
    found = confirmed(edges, pa.table({"source": ["a", "x"], "target": ["b", "b"]}))
    assert found.schema == EDGE_SCHEMA
    assert found["grade"].to_pylist() == ["natural_experiment", *["association"] * 3]
    assert found["sources"].to_pylist() == [["products", "sales_lines", "promotion_weeks"], *[["products", "sales_lines"]] * 3]
    others = [name for name in EDGE_SCHEMA.names if name not in {"grade", "sources"}]
    assert found.select(others).equals(edges.select(others))
    assert confirmed(edges, NONE_DRAWN).equals(edges)
    assert confirmed(edges[:0], NONE_DRAWN).num_rows == 0


@pytest.mark.parametrize(("response", "pairs"), [(-0.5, [("a", "b")]), (0.5, [])])
def test_who_loses_purchases_to_promotions_of_another_is_drawn_away(tmp_path, response, pairs):
    lake, as_of = planted_shop(tmp_path, response)
    drawn = drawn_away(lake, as_of)
    assert list(zip(*(drawn[end].to_pylist() for end in ("source", "target")), strict=True)) == pairs
    assert drawn_away(lake, as_of - timedelta(days=300)).num_rows == 0

"""The digest sees every value, and nothing but values."""

from datetime import UTC, datetime

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from kg.digest import combined_digest, table_digest
from tests.conformance.world import DERIVED, edge_row, edge_table, node_row, node_table, shop


def test_the_digest_does_not_see_chunks_or_the_order_of_rows() -> None:
    world, shuffled = shop(), shop()
    for rows in (*shuffled.nodes.values(), *shuffled.edges.values()):
        rows.reverse()
    assert world.tables().digest() == shuffled.tables().digest()
    rows = world.tables().export_edges("contains")
    assert table_digest(pa.concat_tables([rows.slice(0, 7), rows.slice(7, 1), rows.slice(8)])) == table_digest(rows)


def test_the_digest_sees_each_changed_value() -> None:
    seen = {shop().tables().digest()}
    changes = {"quantity": 8.0, "retail_discount": None, "net_sales": 0.0}
    for name, value in changes.items():
        world = shop()
        world.edges["contains"][3][name] = value
        world.edges["contains"][3]["retail_discount"] = (
            world.edges["contains"][3]["retail_discount"] if name != "retail_discount" else 77.0
        )
        seen.add(world.tables().digest())
    assert len(seen) == 1 + len(changes)


def test_null_empty_text_and_empty_list_are_three_things() -> None:
    names = [table_digest(node_table("Product", [node_row("Product", "p1", name=name)])) for name in (None, "", " ")]
    lists = [
        table_digest(edge_table(DERIVED, [edge_row(DERIVED, "p1", "p2", sources=items)])) for items in ([], [""], ["", ""], None)
    ]
    assert len(set(names)) == 3
    assert len(set(lists)) == 4


def test_text_does_not_slide_between_rows() -> None:
    one = node_table("Product", [node_row("Product", "p1", name="ab"), node_row("Product", "p2", name="c")])
    other = node_table("Product", [node_row("Product", "p1", name="a"), node_row("Product", "p2", name="bc")])
    assert table_digest(one) != table_digest(other)


def test_who_wrote_an_edge_and_when_is_not_its_content() -> None:
    later = datetime(2030, 1, 1, tzinfo=UTC)
    rows = [edge_row(DERIVED, "p1", "p2"), edge_row(DERIVED, "p1", "p2", run_id="other", recorded_from=later, recorded_to=later)]
    assert table_digest(edge_table(DERIVED, rows[:1])) == table_digest(edge_table(DERIVED, rows[1:]))
    other_model = edge_row(DERIVED, "p1", "p2", model_version="other")
    assert table_digest(edge_table(DERIVED, [other_model])) != table_digest(edge_table(DERIVED, rows[:1]))


def test_a_label_and_a_relation_do_not_stand_for_each_other() -> None:
    assert combined_digest({"a": "1"}, {"b": "2"}) != combined_digest({"b": "2"}, {"a": "1"})


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(max_size=6), min_size=1, max_size=12), st.integers(0, 12))
def test_any_cut_gives_the_same_digest(texts: list[str], cut: int) -> None:
    table = pa.table(
        {"id": pa.array(texts, pa.string()), "lists": pa.array([[t] * (len(t) % 3) for t in texts], pa.list_(pa.string()))}
    )
    assert table_digest(pa.concat_tables([table.slice(0, cut), table.slice(cut)])) == table_digest(table)

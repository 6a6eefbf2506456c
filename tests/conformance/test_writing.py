"""Writes: what is merged, what is refused, and that a refusal changes nothing."""

from datetime import UTC, date, datetime, timedelta, timezone

import pyarrow as pa
import pytest

from kg.errors import InvalidBatch, UnknownEndpoint, UnknownTerm
from kg.ports import Direction, EraseReport, GraphStore, WriteCount
from tests.conformance.world import (
    AS_OF,
    DERIVED,
    HARD_TEXTS,
    SCHEMA,
    World,
    edge_row,
    edge_table,
    node_row,
    node_table,
    shop,
)


def products(*ids: str) -> pa.Table:
    return node_table("Product", [node_row("Product", one) for one in ids])


def test_an_empty_store_has_the_digest_of_no_rows(store: GraphStore) -> None:
    assert store.digest() == World().tables().digest()
    assert set(store.counts().values()) == {0}


def test_loading_and_loading_again(store: GraphStore) -> None:
    shop().write(store)
    expected = shop().tables().digest()
    assert store.digest() == expected
    shop().write(store)
    assert store.digest() == expected
    assert store.upsert_nodes("Product", products("p1", "new")) == WriteCount(rows=2, created=1)
    assert store.digest() != expected


def test_preparing_again_changes_nothing(store: GraphStore) -> None:
    shop().write(store)
    before = store.digest()
    store.prepare()
    assert store.digest() == before


def test_clearing_leaves_nothing_and_a_usable_store(store: GraphStore) -> None:
    shop().write(store)
    store.clear()
    assert set(store.counts().values()) == {0}
    shop().write(store)
    assert store.digest() == shop().tables().digest()


def test_given_properties_replace_and_others_stay(store: GraphStore) -> None:
    store.upsert_nodes("Product", node_table("Product", [node_row("Product", "p1", name="old", size="1 gal")]))
    partial = pa.table({"id": ["p1"], "display_name": ["new"], "merchandise": [False], "name": pa.array([None], pa.string())})
    assert store.upsert_nodes("Product", partial) == WriteCount(rows=1, created=0)
    assert store.nodes("Product", ["p1"])["p1"].properties == {"display_name": "new", "merchandise": False, "size": "1 gal"}


def test_an_edge_is_merged_on_its_key(store: GraphStore) -> None:
    store.upsert_nodes("Product", products("p1", "p2"))
    rows = [edge_row(DERIVED, "p1", "p2", scope=scope, strength=1.0) for scope in ("chain", "store:s1")]
    assert store.upsert_edges(DERIVED, edge_table(DERIVED, rows)) == WriteCount(rows=2, created=2)
    changed = [edge_row(DERIVED, "p1", "p2", scope="chain", strength=9.0), edge_row(DERIVED, "p2", "p1", scope="chain")]
    assert store.upsert_edges(DERIVED, edge_table(DERIVED, changed)) == WriteCount(rows=2, created=1)
    edges = store.related(DERIVED, ["p1"], direction=Direction.OUT, limit=10)["p1"]
    assert [(edge.properties["scope"], edge.properties["strength"]) for edge in edges] == [("chain", 9.0), ("store:s1", 1.0)]


def test_a_date_may_be_part_of_the_key(store: GraphStore) -> None:
    store.upsert_nodes("Household", node_table("Household", [node_row("Household", "h1")]))
    store.upsert_nodes("Coupon", node_table("Coupon", [node_row("Coupon", "k1")]))
    rows = [edge_row("redeemed", "h1", "k1", redeemed_on=date(2017, 1, day)) for day in (1, 2)]
    for created in (2, 0):
        assert store.upsert_edges("redeemed", edge_table("redeemed", rows)) == WriteCount(rows=2, created=created)


def test_no_rows_change_nothing(store: GraphStore) -> None:
    assert store.upsert_nodes("Product", products()) == WriteCount(rows=0, created=0)
    assert store.upsert_edges("contains", edge_table("contains", [])) == WriteCount(rows=0, created=0)
    assert store.replace_derived(DERIVED, edge_table(DERIVED, [])) == WriteCount(rows=0, created=0)


def test_hard_texts_come_back_as_ids_values_and_list_items(store: GraphStore) -> None:
    rows = [node_row("Product", text, name=text) for text in HARD_TEXTS]
    store.upsert_nodes("Product", node_table("Product", [*rows, node_row("Product", "p2", name="")]))
    edges = [edge_row(DERIVED, text, "p2", sources=[text, "", text], scope=text) for text in HARD_TEXTS]
    store.upsert_edges(DERIVED, edge_table(DERIVED, edges))
    found = store.related(DERIVED, HARD_TEXTS, direction=Direction.OUT, limit=1)
    for text in HARD_TEXTS:
        assert store.nodes("Product", [text])[text].properties["name"] == text
        [edge] = found[text]
        assert edge.source.id == edge.properties["scope"] == text
        assert edge.properties["sources"] == (text, "", text)
    assert store.nodes("Product", ["p2"])["p2"].properties["name"] == ""
    assert store.upsert_edges(DERIVED, edge_table(DERIVED, edges)).created == 0


def test_texts_that_look_alike_are_different_ids(store: GraphStore) -> None:
    alike = ["e\u0301", "\u00e9", "E\u0301", "e", " e", "e "]
    assert store.upsert_nodes("Product", products(*alike)).created == len(alike)
    assert set(store.nodes("Product", alike)) == set(alike)


def test_times_keep_their_instant_and_microseconds(store: GraphStore) -> None:
    eastern = timezone(timedelta(hours=-5))
    times = [datetime(2017, 3, 12, 1, 59, 59, 999_999, tzinfo=eastern), datetime(1969, 12, 31, 23, 59, 59, 1, tzinfo=UTC)]
    rows = [node_row("Basket", f"b{number}", sold_at=time) for number, time in enumerate(times)]
    table = replaced(node_table("Basket", rows), "sold_at", times, pa.timestamp("us", "America/New_York"))
    store.upsert_nodes("Basket", table)
    for number, time in enumerate(times):
        stored = store.nodes("Basket", [f"b{number}"])[f"b{number}"].properties["sold_at"]
        assert stored == time
        assert stored.utcoffset() == timedelta(0)


def test_dates_come_back(store: GraphStore) -> None:
    days = [date(1900, 1, 1), date(1969, 12, 31), date(2016, 2, 29), date(9999, 12, 31)]
    store.upsert_nodes("Product", node_table("Product", [node_row("Product", f"{day}", first_sold=day) for day in days]))
    found = store.nodes("Product", [f"{day}" for day in days])
    assert [found[f"{day}"].properties["first_sold"] for day in days] == days


def test_large_and_small_numbers_come_back(store: GraphStore) -> None:
    numbers = [0.1 + 0.2, -1e-308, 1.7976931348623157e308, 5e-324, -0.0]
    rows = [node_row("Promotion", f"m{n}", coverage=x, stores=(-1) ** n * (2**63 - 1)) for n, x in enumerate(numbers)]
    store.upsert_nodes("Promotion", node_table("Promotion", rows))
    found = store.nodes("Promotion", [row["id"] for row in rows])
    for row in rows:
        assert found[row["id"]].properties["coverage"] == row["coverage"]
        assert found[row["id"]].properties["stores"] == row["stores"]


def refusals() -> list[tuple[str, str, pa.Table, str]]:
    good, line = products("n1", "n2"), edge_table("contains", [edge_row("contains", "b0", "p1")])
    return [
        ("unknown column", "Product", good.append_column("colour", pa.array(["red", "blue"])), "colour"),
        ("column twice", "Product", good.append_column("name", good.column("name")), "twice"),
        ("missing required column", "Product", good.drop_columns(["merchandise"]), "merchandise"),
        ("null in a required column", "Product", replaced(good, "merchandise", [None, True], pa.bool_()), "1 nulls"),
        ("null id", "Product", replaced(good, "id", [None, "n2"], pa.string()), "nulls"),
        ("empty id", "Product", replaced(good, "id", ["", "n2"], pa.string()), "empty id"),
        ("endless id", "Product", replaced(good, "id", ["x" * 1_025, "n2"], pa.string()), "1025 bytes"),
        ("repeated id", "Product", replaced(good, "id", ["n1", "n1"], pa.string()), "repeat the key"),
        ("number for text", "Product", replaced(good, "name", [1, 2], pa.int64()), "name"),
        ("text for a date", "Product", replaced(good, "first_sold", ["2017-01-01"] * 2, pa.string()), "first_sold"),
        ("character zero", "Product", replaced(good, "name", ["a\x00b", None], pa.string()), "U\\+0000"),
        ("repeated edge", "contains", pa.concat_tables([line, line]), "repeat the key"),
        ("infinite number", "contains", replaced(line, "quantity", [float("inf")], pa.float64()), "not finite"),
        ("not a number", "contains", replaced(line, "quantity", [float("nan")], pa.float64()), "not finite"),
        ("null in a key", DERIVED, replaced(related_row(), "scope", [None], pa.string()), "scope"),
        ("null inside a list", DERIVED, replaced(related_row(), "sources", [["a", None]], pa.list_(pa.string())), "inside"),
        (
            "time without a zone",
            DERIVED,
            replaced(related_row(), "recorded_from", [0], pa.timestamp("us")),
            "recorded_from",
        ),
    ]


def replaced(table: pa.Table, name: str, values: list, kind: pa.DataType) -> pa.Table:
    return table.set_column(table.column_names.index(name), name, pa.array(values, kind))


def related_row() -> pa.Table:
    return edge_table(DERIVED, [edge_row(DERIVED, "p1", "p2", scope="fresh")])


def test_batches_that_do_not_fit_are_refused_whole(store: GraphStore) -> None:
    shop().write(store)
    before = store.digest()
    for _, term, rows, message in refusals():
        write = store.upsert_nodes if term in SCHEMA.nodes else store.upsert_edges
        with pytest.raises(InvalidBatch, match=message):
            write(term, rows)
    assert store.digest() == before


def test_edges_to_nowhere_are_refused_whole(store: GraphStore) -> None:
    shop().write(store)
    before = store.digest()
    rows = [edge_row("contains", "b0", "p1"), edge_row("contains", "b-none", "p1"), edge_row("contains", "b1", "p-none")]
    with pytest.raises(UnknownEndpoint) as refused:
        store.upsert_edges("contains", edge_table("contains", rows))
    assert refused.value.count == 2
    assert set(refused.value.examples) == {"b-none", "p-none"}
    with pytest.raises(UnknownEndpoint):
        store.replace_derived(DERIVED, edge_table(DERIVED, [edge_row(DERIVED, "p1", "p-none")]))
    assert store.digest() == before


def test_unknown_terms_are_refused(store: GraphStore) -> None:
    with pytest.raises(UnknownTerm):
        store.upsert_nodes("Produkt", products("p1"))
    with pytest.raises(UnknownTerm):
        store.upsert_edges("contains` {x: 1}", edge_table("contains", []))
    with pytest.raises(UnknownTerm):
        store.replace_derived("boughtBy", edge_table(DERIVED, []))


def test_erasing_a_household_leaves_nothing_of_it_and_all_of_the_others(store: GraphStore) -> None:
    shop().write(store)
    rest, nodes, edges = without_household("h1")
    assert store.erase_household("h1") == EraseReport("h1", found=True, nodes=nodes, edges=edges)
    assert store.digest() == rest.tables().digest()
    assert store.repertoire(["h1"], as_of=AS_OF, limit=5) == {"h1": ()}
    assert store.erase_household("h1") == EraseReport("h1", found=False, nodes=0, edges=0)
    assert store.erase_household("nobody") == EraseReport("nobody", found=False, nodes=0, edges=0)
    assert store.digest() == rest.tables().digest()


def without_household(household: str) -> tuple[World, int, int]:
    whole, rest = shop(), World()
    owned = {row["source"] for name in ("madeBy", "inSession") for row in whole.edges[name] if row["target"] == household}
    gone = {("Household", household), *(("Basket", one) for one in owned), *(("Session", one) for one in owned)}
    for label, rows in whole.nodes.items():
        rest.nodes[label] = [row for row in rows if (label, row["id"]) not in gone]
    for relation, rows in whole.edges.items():
        source, target = SCHEMA.relations[relation].source, SCHEMA.relations[relation].target
        rest.edges[relation] = [r for r in rows if (source, r["source"]) not in gone and (target, r["target"]) not in gone]
    nodes = sum(map(len, whole.nodes.values())) - sum(map(len, rest.nodes.values()))
    edges = sum(map(len, whole.edges.values())) - sum(map(len, rest.edges.values()))
    return rest, nodes, edges

"""What changed between two versions, against plain Python over the same rows."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime
from types import SimpleNamespace

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from decisions.relations import DiffRequest, LimitOutOfRange, RelationService, UnknownRelation, UnknownVersion
from decisions.relations.compare import COMPARED, Comparison, DiffPlace
from decisions.relations.edges import EDGE_SCHEMA
from kg.errors import SnapshotError
from kg.ports import GraphVersion
from kg.snapshot import SnapshotVersions, open_current_snapshot, publish_snapshot
from kg.snapshot.writing import build_adjacency, with_positions
from kg.tables import TableGraph
from kit.clock import FixedClock
from ontology import load_schema

AS_OF = date(2024, 6, 30)
MOMENT = datetime(2024, 7, 1, tzinfo=UTC)
SCHEMA = load_schema()
RELATION = "isSubstituteFor"


def row(source, target, scope="chain", **given):
    return {
        "source": source, "target": target, "assertion_id": f"{source}{target}{scope}", "strength": 0.5, "low": 0.25,
        "high": 0.75, "unit": "diversion_ratio", "scope": scope, "events": 12, "support": 7, "first_observed": date(2024, 1, 5),
        "last_observed": date(2024, 6, 1), "sources": ["sales_lines"], "run_id": "run_1", "model_version": "m",
        "grade": "association", "status": "active", "valid_from": AS_OF, "valid_to": None, "recorded_from": MOMENT,
        "recorded_to": None, **given,
    }  # fmt: skip


class Held:
    """A version in memory: as much of `ArrayGraph` as a comparison reads."""

    def __init__(self, name, rows, products):
        self.version = GraphVersion(name, "digest", "1", AS_OF, MOMENT)
        names = [f"Product {p}" for p in sorted(products)]
        nodes = pa.table({"id": sorted(products), "display_name": names, "merchandise": [True] * len(names)})
        edges = pa.Table.from_pylist(rows, EDGE_SCHEMA)
        tables = TableGraph(SCHEMA, {"Product": nodes}, {RELATION: edges})
        self._edges = tables.export_edges(RELATION)
        self._ids, self._names = sorted(products), dict(zip(sorted(products), names, strict=True))

    def ids(self, _):
        return self._ids

    def edge_column(self, relation, name):
        return self._edges.column(name)

    def adjacency(self, relation, direction):
        ids = pa.array(self._ids, pa.string())
        placed = with_positions(SCHEMA.relations[relation], self._edges, ids, ids)
        return build_adjacency(SCHEMA.relations[relation], placed, len(ids), len(ids))[direction]

    def nodes(self, label, ids):
        names = {one: self._names[one] for one in ids if one in self._names}
        return {one: SimpleNamespace(properties={"display_name": name}) for one, name in names.items()}


class Both:
    def __init__(self, *held):
        self._held = held

    def published(self):
        return tuple(one.version for one in self._held)

    def open(self, version_id):
        return next(one for one in self._held if one.version.id == version_id)


def oracle(old_rows, new_rows):
    """The list by plain Python: kind, ends, scope, change."""
    sides = [
        {(r["source"], r["target"], r["scope"]): r for r in rows if r["status"] != "retracted"} for rows in (old_rows, new_rows)
    ]
    found, same = [], 0
    for key in sides[0].keys() | sides[1].keys():
        old, new = sides[0].get(key), sides[1].get(key)
        change = (new["strength"] if new else 0.0) - (old["strength"] if old else 0.0)
        kind = "added" if old is None else "removed" if new is None else "changed"
        if old and new and all(old[name] == new[name] for name in COMPARED):
            same += 1
        else:
            found.append((-abs(change), *key, kind, change))
    return [(kind, key_source, target, scope, change) for _, key_source, target, scope, kind, change in sorted(found)], same


PRODUCTS = ("a", "b", "c", "é-😀")
ROWS = st.lists(
    st.builds(
        row,
        st.sampled_from(PRODUCTS),
        st.sampled_from(PRODUCTS),
        scope=st.sampled_from(["chain", "season:summer", "store_cluster:1"]),
        strength=st.sampled_from([0.1, 0.25, 0.25, 0.5]),
        events=st.sampled_from([12, 13]),
        status=st.sampled_from(["active", "active", "for_review", "retracted"]),
        model_version=st.sampled_from(["m", "n"]),
    ),
    max_size=14,
    unique_by=lambda r: (r["source"], r["target"], r["scope"]),
)


@given(ROWS, ROWS, st.sampled_from([PRODUCTS, PRODUCTS[:3]]), st.integers(1, 5))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_pages_join_to_what_plain_python_finds(old_rows, new_rows, products, size):
    new_rows = [r for r in new_rows if r["source"] in products and r["target"] in products]
    old, new = Held("g1", old_rows, PRODUCTS), Held("g2", new_rows, products)
    comparison = Comparison(Both(old, new), new.version, (RELATION,))
    expected, same = oracle(old_rows, new_rows)
    seen, place = [], None
    while True:
        page = comparison.page(DiffRequest(RELATION, limit=size, after=place))
        seen += page.items
        if len(page.items) < size:
            break
        last = page.items[-1]
        place = DiffPlace(abs(last.change), last.source.id, last.target.id, last.scope)
    assert [(i.kind, i.source.id, i.target.id, i.scope, i.change) for i in seen] == expected
    counts = Counter(kind for kind, *_ in expected)
    assert (page.added, page.removed, page.changed, page.unchanged) == (
        counts["added"], counts["removed"], counts["changed"], same,
    )  # fmt: skip
    by_key = {(r["source"], r["target"], r["scope"]): r for r in new_rows}
    for item in seen:
        assert (item.old is None, item.new is None) == (item.kind == "added", item.kind == "removed")
        if item.new:
            stored = by_key[item.source.id, item.target.id, item.scope]
            assert (item.new.strength, item.new.events, item.new.status) == (
                stored["strength"],
                stored["events"],
                stored["status"],
            )
        assert item.source.display_name == f"Product {item.source.id}"


@pytest.mark.parametrize("name", COMPARED)
def test_each_compared_property_makes_a_change_alone(name):
    other = {"unit": "lift", "grade": "randomised", "status": "for_review", "first_observed": date(2024, 1, 6)}
    value = other.get(name, date(2024, 6, 2) if name == "last_observed" else 99 if name in ("events", "support") else 0.6)
    old, new = Held("g1", [row("a", "b")], "ab"), Held("g2", [row("a", "b", **{name: value})], "ab")
    page = Comparison(Both(old, new), new.version, (RELATION,)).page(DiffRequest(RELATION))
    assert [(item.kind, getattr(item.new, name)) for item in page.items] == [("changed", value)]


def test_who_wrote_it_and_when_is_no_change():
    again = row("a", "b", run_id="run_2", model_version="n", assertion_id="x", recorded_from=MOMENT.replace(hour=3))
    old, new = Held("g1", [row("a", "b")], "ab"), Held("g2", [again], "ab")
    page = Comparison(Both(old, new), new.version, (RELATION,)).page(DiffRequest(RELATION))
    assert (page.items, page.unchanged) == ((), 1)


def test_a_place_that_is_not_in_the_list_still_splits_it():
    old, new = Held("g1", [], "abc"), Held("g2", [row("a", "b", strength=0.5), row("b", "c", strength=0.1)], "abc")
    comparison = Comparison(Both(old, new), new.version, (RELATION,))
    for place, expected in (
        (DiffPlace(9.0, "z", "z", "chain"), ["a", "b"]),
        (DiffPlace(0.5, "a", "a", "chain"), ["a", "b"]),
        (DiffPlace(0.5, "a", "b", "chain"), ["b"]),
        (DiffPlace(0.3, "", "", ""), ["b"]),
        (DiffPlace(0.0, "a", "b", "chain"), []),
    ):
        page = comparison.page(DiffRequest(RELATION, after=place))
        assert [item.source.id for item in page.items] == expected, place


def test_refusals_name_what_there_is():
    held = Held("g1", [], "ab")
    comparison = Comparison(Both(held), held.version, (RELATION,))
    with pytest.raises(UnknownVersion, match="before 'g1'"):
        comparison.page(DiffRequest(RELATION))
    for names in ({"from_version": "g0"}, {"to_version": "g9"}, {"from_version": "../g1"}):
        with pytest.raises(UnknownVersion) as unknown:
            comparison.page(DiffRequest(RELATION, **names))
        assert unknown.value.versions == ("g1",)
    with pytest.raises(UnknownRelation):
        comparison.page(DiffRequest("contains", "g1", "g1"))


def test_published_versions_are_opened_by_name_alone(tmp_path):
    root = tmp_path / "snapshots"
    versions = SnapshotVersions(root)
    assert versions.published() == ()
    for hour, strength in enumerate((0.25, 0.5)):
        nodes = pa.table({"id": ["a", "b"], "display_name": ["A", "B"], "merchandise": [True, True]})
        edges = pa.Table.from_pylist([row("a", "b", strength=strength)], EDGE_SCHEMA)
        made = TableGraph(SCHEMA, {"Product": nodes}, {RELATION: edges})
        publish_snapshot(made, root, schema=SCHEMA, as_of=AS_OF, clock=FixedClock(MOMENT.replace(hour=hour)))
    ids = [version.id for version in versions.published()]
    assert [versions.open(one).version.id for one in ids] == ids
    assert versions.open(ids[0]) is versions.open(ids[0])
    for name in ("nope", "", ".", "..", f"../snapshots/{ids[0]}", "CURRENT"):
        with pytest.raises(SnapshotError):
            versions.open(name)
    service = RelationService(open_current_snapshot(root), versions=versions)
    answer = service.compare(DiffRequest(RELATION))
    assert [(item.kind, item.old.strength, item.new.strength) for item in answer.items] == [("changed", 0.25, 0.5)]
    assert (answer.from_version, answer.to_version) == (ids[0], ids[1])
    assert service.compare(DiffRequest(RELATION, ids[1], ids[0])).items[0].change == -0.25
    with pytest.raises(LimitOutOfRange):
        service.compare(replace(DiffRequest(RELATION), limit=0))

"""The scores of `bench planted` on relations whose quality is known, and its floors against counts made by hand."""

import multiprocessing
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, date, datetime
from itertools import product
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from bench.costs import peak_rss_mb
from bench.planted import BENCH, judge
from bench.planted_events import judge_events
from bench.planted_floors import count, same_basket_complements, substitute_floors
from bench.planted_scores import Claims, Columns, agreement, differences, interval, substitute_figures
from bench.world import World, WorldSize, generate_world, of_stores
from decisions.relations import EDGE_SCHEMA, derive_relations
from features.store_clusters import store_clusters
from lake.delta_lake import DeltaLake
from tests.bench.test_floors import SCHEMA

TINY = WorldSize("tiny", 60, 4, 2, 5, 5, 8, 5.0, 2, 8, chunk=25)


def ratio(columns: Columns) -> float:
    return float(columns[0].sum() / columns[1].sum())


def test_figures_of_three_products() -> None:
    # targets x sources; the third product is not listed any more, so what is said of it does not count
    truth = np.array([[0.0, 0.3, 0.1], [0.06, 0.0, 0.2], [0.0, 0.0, 0.0]])
    strength = np.array([[0.0, 0.2, 0.02], [0.25, 0.0, 0.1], [0.5, 0.5, 0.0]])
    said, listed = strength > 0, np.array([True, True, False])
    figures = dict(substitute_figures(truth, listed, strength, said))
    # too few candidates to be ranked
    assert [figures.pop(name)[1].sum() for name in ("spearman", "spearman@12")] == [0, 0]
    assert {name: ratio(columns) for name, columns in figures.items()} == pytest.approx(
        {
            "recall:diversion 0.05": 3 / 4,
            "precision:diversion 0.05": 3 / 3,
            "recall:diversion 0.1": 2 / 3,
            "precision:diversion 0.1": 3 / 3,
            "recall:diversion 0.2": 2 / 2,
            "precision:diversion 0.2": 1 / 2,
            "bias": (-0.1 - 0.08 + 0.19 - 0.1) / 4,
            "mae": (0.1 + 0.08 + 0.19 + 0.1) / 4,
        }
    )
    bounds = Claims(strength, strength - 0.09, strength + 0.11, said)
    assert {name: ratio(columns) for name, columns in agreement(truth, listed, bounds)} == pytest.approx(
        {"coverage_90": 3 / 4, "interval_width": 0.2, "insufficient": 0.0}
    )
    assert ratio(dict(agreement(truth, ~listed, bounds))["insufficient"]) == 0.0
    nothing = Claims(*(np.zeros((3, 3)) for _ in range(3)), np.zeros((3, 3), dtype=bool))
    assert ratio(dict(agreement(truth, listed, nothing))["insufficient"]) == 1.0


def test_a_floor_is_ranked_on_as_many_places_as_an_answer_has() -> None:
    truth, strength = np.zeros((15, 15)), np.zeros((15, 15))
    # right about the twelve it puts first, and wrong about the two that do not fit into an answer
    truth[0, 1:] = np.r_[np.arange(14, 2, -1), 1, 2]
    strength[0, 1:] = np.arange(14, 0, -1)
    listed = np.arange(15) == 0
    figures = {name: ratio(columns) for name, columns in substitute_figures(truth, listed, strength, strength > 0)}
    strength[0, 13:] = 0.0
    cut = {name: ratio(columns) for name, columns in substitute_figures(truth, listed, strength, strength > 0)}
    assert figures["spearman"] < figures["spearman@12"] == cut["spearman"] < 1.0


def test_ranks_are_compared_target_by_target() -> None:
    truth = np.array([[0.0, 0.4, 0.2, 0.1], [0.3, 0.0, 0.2, 0.1], [0.3, 0.2, 0.0, 0.1], [0.0] * 4])
    same, turned, flat = truth[0] ** 2, np.array([0.1, 0.0, 0.2, 0.3]), np.array([0.2, 0.2, 0.0, 0.2])
    strength = np.stack([same, turned, flat, np.zeros(4)])
    spearman = dict(substitute_figures(truth, np.ones(4, dtype=bool), strength, np.ones((4, 4), dtype=bool)))["spearman"]
    assert spearman[0] == pytest.approx([1.0, -1.0, 0.0])
    assert spearman[1].tolist() == [1.0, 1.0, 1.0]


def test_views_are_told_apart_where_they_truly_differ() -> None:
    truth = np.array([[0.3, 0.1, 0.2, 0.1]]), np.array([[0.1, 0.3, 0.2, 0.1]])
    strength = np.array([[0.4, 0.3, 0.4, 0.1]]), np.array([[0.1, 0.2, 0.1, 0.1]])
    claims = tuple(Claims(one, one - 0.1, one + 0.1, np.ones((1, 4), dtype=bool)) for one in strength)
    found = {name: ratio(columns) for name, columns in differences(truth, (claims[0], claims[1]), 0.05, "season")}
    # the first of two is right; of the two that do not differ one is told apart
    assert found == {"season_accuracy": 1 / 2, "false_alarms:season": 1 / 2}


def test_an_interval_is_that_of_resampled_targets() -> None:
    assert interval([(np.zeros(0), np.zeros(0))]) is None
    assert interval([(np.zeros(3), np.zeros(3))]) is None
    assert interval([(np.ones(4), np.full(4, 2.0)), (np.ones(2), np.full(2, 2.0))]) == (0.5, 0.5, 0.5, 12)
    hits = (np.arange(400) < 100).astype(float)
    value, low, high, n = interval([(hits, np.ones(400))])
    assert (value, n) == (0.25, 400)
    # the standard error of a share of a quarter over 400
    assert (high - low) / 2 == pytest.approx(1.645 * np.sqrt(0.25 * 0.75 / 400), rel=0.1)


def edges_of(rows: Mapping[str, object]) -> pa.Table:
    """Edges with those columns, and what else an edge needs."""
    count_rows = len(rows["strength"])
    table = pa.table(rows).append_column("status", pa.array(["active"] * count_rows))
    missing = [field for field in EDGE_SCHEMA if field.name not in table.column_names]
    for field in missing:
        table = table.append_column(field, pa.nulls(count_rows, field.type))
    return table.select(EDGE_SCHEMA.names).cast(EDGE_SCHEMA)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> World:
    return generate_world(TINY, 1, tmp_path_factory.mktemp("tiny"))


def told(world: World, width: float) -> dict[str, pa.Table]:
    """The truth itself as edges, as wide as asked."""
    # the stores of this world are too few to be told apart: one cluster of all
    (cluster,) = set(store_clusters(world.lake, world.as_of)["cluster_id"].to_pylist())
    everywhere = world.substitutes_in([of_stores(f"store_cluster:{cluster}", np.ones(world.size.stores, dtype=bool))])
    substitutes = pa.concat_tables([world.truth_substitutes, everywhere])
    values = substitutes["diversion"].to_numpy()
    ends = {name: substitutes[name] for name in ("source", "target", "scope")}
    complements = world.truth_complements
    gain = complements["gain"].to_numpy()
    both = {name: complements[name] for name in ("source", "target", "scope")}
    return {
        "isSubstituteFor": edges_of(
            ends
            | {"strength": values, "low": values - width, "high": values + width}
            | {"unit": np.full(values.size, "diversion_ratio")}
        ),
        "isComplementTo": edges_of(
            both | {"strength": gain, "low": gain - width, "high": gain + width, "unit": np.full(gain.size, "attach_rate_gain")}
        ),
    }


def test_the_truth_itself_gets_every_mark(tiny: World) -> None:
    found = {
        name: ratio(columns)
        for system, name, columns in judge(tiny, told(tiny, 1e-5))
        # events are found from the sales and not told by edges
        if system == "shelfgraph" and columns[1].sum() and not name.endswith(":events")
    }
    perfect = {
        name for name in found if name.partition(":")[0].endswith(("recall", "precision", "spearman", "coverage_90", "_accuracy"))
    }
    assert {name: found[name] for name in perfect} == pytest.approx(dict.fromkeys(perfect, 1.0))
    assert {"coverage_90", "coverage_90:season", "coverage_90:store_cluster", "coverage_90:complements"} <= perfect
    assert {"direction_accuracy", "season_accuracy", "direction_accuracy:complements", "season_accuracy:complements"} <= perfect
    assert (found["bias"], found["mae"], found["insufficient"]) == pytest.approx((0.0, 0.0, 0.0))
    assert found["insufficient:store_cluster"] == found["insufficient:season"] == 0.0


def test_planted_events_get_every_mark_and_others_none(tiny: World) -> None:
    clusters = [f"world-{cluster}" for cluster in tiny.shelf.cluster_of_store]
    placed = pa.table({"store_id": tiny.names.stores, "cluster_id": clusters})
    events = tiny.events
    told = events.filter(pc.is_in(events["kind"], value_set=pa.array(["delisting", "absence"])))
    figures = dict(judge_events(tiny, told, placed))
    assert {name: ratio(columns) for name, columns in figures.items()} == {"precision": 1.0, "recall": 1.0}
    assert figures["precision"][1].sum() == told.num_rows
    # what never went away
    away = ~tiny.shelf.available.all(axis=(0, 1))
    stayed = tiny.names.products.filter(pa.array(~away)).take(pa.array([0] * told.num_rows))
    wrong = told.set_column(told.schema.get_field_index("product_id"), "product_id", stayed)
    figures = dict(judge_events(tiny, wrong, placed))
    assert {name: ratio(columns) for name, columns in figures.items()} == {"precision": 0.0, "recall": 0.0}


def test_intervals_beside_the_truth_cover_nothing_and_retracted_edges_say_nothing(tiny: World) -> None:
    edges = told(tiny, 1e-5)
    for relation, bound in product(list(edges), ("low", "high")):
        at, moved = EDGE_SCHEMA.get_field_index(bound), pa.array(edges[relation][bound].to_numpy() + 1.0)
        edges[relation] = edges[relation].set_column(at, EDGE_SCHEMA.field(bound), moved)
    beside = {name: ratio(columns) for _, name, columns in judge(tiny, edges) if "coverage" in name and columns[1].sum()}
    assert set(beside.values()) == {0.0}
    assert len(beside) == 4
    at = EDGE_SCHEMA.get_field_index("status")
    gone = {
        relation: table.set_column(at, EDGE_SCHEMA.field("status"), pa.array(["retracted"] * table.num_rows))
        for relation, table in edges.items()
    }
    silent = {name: columns for system, name, columns in judge(tiny, gone) if system == "shelfgraph"}
    assert ratio(silent["insufficient"]) == 1.0
    assert silent["coverage_90"][1].sum() == 0


def test_what_is_derived_can_be_judged(tiny: World) -> None:
    moment = datetime(2000, 1, 1, tzinfo=UTC)
    edges = derive_relations(tiny.lake, None, as_of=tiny.as_of, run_id="test", recorded_at=moment)
    systems = {system for system, _, _ in judge(tiny, edges)}
    assert systems == {"shelfgraph", "category_popularity", "repertoire", "same_basket"}
    assert BENCH.name == "planted"


def test_floors_are_those_counted_by_hand(tmp_path: Path) -> None:
    baskets = {
        ("h1", date(2024, 1, 1)): "ax", ("h1", date(2024, 5, 1)): "ab", ("h1", date(2024, 5, 2)): "ac",
        ("h2", date(2024, 5, 3)): "bc", ("h2", date(2024, 5, 4)): "bx", ("h3", date(2024, 5, 5)): "a",
    }  # fmt: skip
    lake = DeltaLake(tmp_path, threads=1)
    rows = [
        {"basket_id": f"{household}-{day}", "product_id": sold, "household_id": household, "store_id": "s",
         "sold_at": datetime(day.year, day.month, day.day, tzinfo=UTC), "business_date": day, "merchandise": True}
        for (household, day), basket in baskets.items() for sold in basket
    ]  # fmt: skip
    lake.replace("sales_lines", pa.Table.from_pylist(rows, SCHEMA))
    # a, b and c are of one category, x of another
    counts = count(lake, pa.array(["a", "b", "c", "x"]), np.array([0, 0, 0, 1]), date(2024, 5, 5))
    floors = {name: shares.round(6).tolist() for name, shares in substitute_floors(counts).items()}
    # of 13 weeks: a 3 times, b 3 times, c twice
    assert floors["category_popularity"] == [[0, 0.6, 0.4, 0], [0.6, 0, 0.4, 0], [0.5, 0.5, 0, 0], [0, 0, 0, 0]]
    # buyers of two baskets or more: a h1, b h2, c nobody
    assert floors["repertoire"] == [[0, 0.5, 0.5, 0], [0, 0, 1, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    assert floors["same_basket"] == [[0, 0.5, 0.5, 0], [0.5, 0, 0.5, 0], [0.5, 0.5, 0, 0], [0, 0, 0, 0]]
    assert not same_basket_complements(counts).any()
    earlier = count(lake, pa.array(["a", "b", "c", "x"]), np.array([0, 0, 0, 1]), date(2024, 5, 2))
    assert earlier.together.tolist() == [[3, 1, 1, 1], [1, 1, 0, 0], [1, 0, 1, 0], [1, 0, 0, 1]]


@pytest.mark.command_line
def test_the_memory_of_a_child_leaves_out_what_its_parent_holds() -> None:
    held = np.ones(100_000_000)
    with ProcessPoolExecutor(max_workers=1, mp_context=multiprocessing.get_context("spawn")) as pool:
        child = pool.submit(peak_rss_mb).result()
    assert peak_rss_mb() > held.nbytes / 2**20 > 700 > child

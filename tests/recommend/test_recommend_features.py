"""Features against an oracle written with plain loops, and the wall that hides the future."""

import itertools
import json
from collections import defaultdict
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest

from decisions.recommend import RecommendationRequest, RecommendService, fit
from decisions.recommend.examples import build_examples, origins_before, outcomes
from decisions.recommend.fitting import read_world, training_baskets
from decisions.recommend.scoring import list_quality
from features import publish_features
from features.recommend_relations import Items, neighbours_of_edges, relation_evidence
from features.recommend_transform import FEATURES
from features.repertoire import day_number, history, latest_origins, read_purchases
from kit.canonical import canonical_bytes
from kit.progress import SilentProgress
from tests.planted_future import NEW, plant_future
from tests.tiny_retailer import AS_OF, HOUSEHOLDS, append_lines, build_tiny_lake, future_lines, household


def content(table):
    """Bytes, since NaN equals nothing."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table.combine_chunks())
    return sink.getvalue().to_pybytes()


def lines_of(lake):
    rows = lake.arrow("sales_lines").to_pylist()
    return [row for row in rows if row["merchandise"] and row["business_date"] <= AS_OF]


def baskets_of(rows):
    baskets = defaultdict(lambda: {"products": set()})
    for row in rows:
        basket = baskets[row["household_id"], row["sold_at"], row["basket_id"]]
        basket["products"].add(row["product_id"])
        basket.update(day=day_number(row["business_date"]), store=row["store_id"])
    lives = defaultdict(list)
    for household_id, _, basket_id in sorted(baskets):
        lives[household_id].append({**baskets[household_id, _, basket_id], "id": basket_id})
    return lives


def test_history_agrees_with_a_plain_loop(recommend_shop):
    purchases = read_purchases(recommend_shop.lake, AS_OF)
    lives = baskets_of(lines_of(recommend_shop.lake))
    origins = latest_origins(purchases)
    found = history(purchases, purchases.products, origins)
    households, products = purchases.household_ids.to_pylist(), purchases.product_ids.to_pylist()
    tomorrow = day_number(AS_OF) + 1
    expected = 0
    for place, household_id in enumerate(households):
        life = lives[household_id]
        for product in sorted({p for basket in life for p in basket["products"]}):
            places = [n for n, basket in enumerate(life) if product in basket["products"]]
            days = [life[n]["day"] for n in places]
            row = expected
            assert (found["origin"][row], products[found["item"][row]]) == (place, product)
            ago = [len(life) - 1 - n for n in places]
            gaps = np.diff(days)
            wanted = {
                "baskets": len(places),
                "baskets_since": ago[-1],
                "days_since": tomorrow - days[-1],
                "known_days": tomorrow - days[0],
                "mean_gap_days": gaps.mean() if len(gaps) else np.nan,
                "gap_deviation_days": gaps.std() if len(gaps) > 1 else np.nan,
                "last_gap_days": gaps[-1] if len(gaps) else np.nan,
                "recent_baskets": sum(a < 5 for a in ago),
                "recent_days": sum(tomorrow - d <= 28 for d in days),
                "decay_95": sum(0.95**a for a in ago),
                "decay_98": sum(0.98**a for a in ago),
                "decay_days": sum(0.5 ** ((tomorrow - d) / 90) for d in days),
            }
            for name, value in wanted.items():
                assert found[name][row] == pytest.approx(value, nan_ok=True), (household_id, product, name)
            assert purchases.basket_ids[int(found["last_basket"][row])].as_py() == life[places[-1]]["id"]
            expected += 1
    assert expected == len(found["item"]) > 500


def test_figures_of_the_population_count_strictly_before_the_day(recommend_shop, shop_constants):
    world = read_world(recommend_shop.lake, AS_OF, shop_constants.edges())
    rows = lines_of(recommend_shop.lake)
    products = world.purchases.product_ids.to_pylist()
    stores = world.purchases.store_ids.to_pylist()
    kind = dict(zip(products, world.purchases.levels.product_type.tolist(), strict=True))
    random = np.random.default_rng(3)
    for _ in range(40):
        product, store = products[random.integers(len(products))], stores[random.integers(len(stores))]
        day = day_number(AS_OF) - int(random.integers(0, 200))
        before = [(day_number(r["business_date"]), r) for r in rows if day_number(r["business_date"]) < day]
        own = [(d, r) for d, r in before if r["product_id"] == product]
        alike = [(d, r) for d, r in before if kind[r["product_id"]] == kind[product]]
        place = np.array([products.index(product)])
        got = world.population.products(place, np.array([day]))[0]
        wanted = [sum(d >= day - days for d, _ in own) for days in (7, 28, 91)]
        wanted += [len(own), len({r["household_id"] for _, r in own})]
        assert got[:5].tolist() == wanted
        assert got[6] == (day - max(d for d, _ in own) if own else pytest.approx(np.nan, nan_ok=True))
        assert got[8] == len({(r["basket_id"], kind[r["product_id"]]) for d, r in alike if d >= day - 28}) or got[8] == sum(
            d >= day - 28 for d, _ in alike
        )
        here = world.population.stores(np.array([stores.index(store)]), place, np.array([day]))[0]
        inside = [d for d, r in own if r["store_id"] == store]
        assert here[:4].tolist() == [sum(d >= day - n for d in inside) for n in (28, 91, 3, 14)]
        since = day - max(inside) if inside and day - max(inside) <= 91 else np.nan
        assert here[4] == pytest.approx(since, nan_ok=True)
        saved = world.population.saved(place, np.array([day]))[0]
        for position, days in enumerate((3, 7, 28, 91)):
            late = [r for d, r in own if d >= day - days]
            full = sum(r["net_sales"] + abs(r["retail_discount"]) for r in late)
            share = sum(abs(r["retail_discount"]) for r in late) / full if late else np.nan
            assert saved[position] == pytest.approx(share, nan_ok=True)


def test_promotions_are_known_once_their_week_has_begun(recommend_shop, shop_constants):
    world = read_world(recommend_shop.lake, AS_OF, shop_constants.edges())
    rows = recommend_shop.lake.arrow("promotion_weeks").to_pylist()
    assert rows
    week, product = rows[0]["week_start"], rows[0]["product_id"]
    place = np.array([world.purchases.product_ids.to_pylist().index(product)])
    stores = {r["store_id"] for r in rows if r["week_start"] == week}
    mailers = [r for r in rows if (r["week_start"], r["product_id"]) == (week, product) and r["mailer_location"] is not None]
    monday = world.population.promotions(place, np.array([day_number(week)]))[0]
    tuesday = world.population.promotions(place, np.array([day_number(week) + 1]))[0]
    assert np.isnan(monday).all()
    assert tuesday[0] == pytest.approx(len(mailers) / len(stores))


def promotion_row(promotions, **changes):
    """The first row of the table with some fields changed."""
    return pa.Table.from_pylist([{**promotions.slice(0, 1).to_pylist()[0], **changes}], promotions.schema)


def test_promotion_shares_count_stores_and_not_the_places_within_them(tmp_path, recommend_shop):
    lake = build_tiny_lake(tmp_path / "lake")
    promotions = lake.arrow("promotion_weeks")
    known = promotions.to_pylist()[0]
    for changes in ({"mailer_location": "H"}, {"display_location": "7"}, {"display_location": "9", "mailer_location": None}):
        lake.append("promotion_weeks", promotion_row(promotions, **changes))
    stores = {row["store_id"] for row in promotions.to_pylist() if row["week_start"] == known["week_start"]}
    worlds = [read_world(one, AS_OF, {}) for one in (recommend_shop.lake, lake)]
    place = np.array([worlds[0].purchases.product_ids.to_pylist().index(known["product_id"])])
    tuesday = np.array([day_number(known["week_start"]) + 1])
    before, after = (world.population.promotions(place, tuesday)[0].tolist() for world in worlds)
    assert before == [1.0, 0.0]
    assert after == [1.0, pytest.approx(1 / len(stores))]


def test_promotions_of_products_that_never_sold_are_no_promotions_of_others(tmp_path):
    lake = build_tiny_lake(tmp_path / "lake")
    promotions = lake.arrow("promotion_weeks")
    lake.replace("promotion_weeks", promotion_row(promotions, product_id="never_sold"))
    world = read_world(lake, AS_OF, {})
    week = promotions["week_start"][0].as_py()
    place = np.arange(3)
    assert world.population.promotions(place, np.full(3, day_number(week) + 1)).tolist() == [[0.0, 0.0]] * 3
    assert np.isnan(world.population.promotions(place, np.full(3, day_number(week) + 8))).all()


def moved(promotions, week):
    """Some promotions as if they were of another week, which is still to come."""
    assert week > AS_OF
    days = pa.array([week] * min(50, promotions.num_rows), pa.date32())
    return promotions.slice(0, 50).set_column(promotions.schema.get_field_index("week_start"), "week_start", days)


def test_the_announced_mailer_reaches_discovery_and_nothing_else(tmp_path, recommend_shop, fit_again):
    lake = build_tiny_lake(tmp_path / "lake")
    lake.append("promotion_weeks", moved(lake.arrow("promotion_weeks"), future_lines()[0]["week_start"]))
    artefact, tables, _ = fit_again(lake)
    assert artefact["ranker.txt"] == recommend_shop.fitted_artefact["ranker.txt"]
    others = tables.keys() - {"recommend_discovery_lists"}
    assert all(content(tables[name]) == content(recommend_shop.tables[name]) for name in others)
    groups = [json.loads(one["recommend.json"])["discovery"]["groups"] for one in (artefact, recommend_shop.fitted_artefact)]
    assert [("promotions" in one) for one in groups] == [True, False]


def test_planted_future_facts_change_nothing(tmp_path, recommend_shop, fit_again, lists_for, graph_of):
    lake = build_tiny_lake(tmp_path / "lake")
    append_lines(lake, future_lines())
    planted = plant_future(lake, AS_OF)
    assert len(planted) == 10
    # the mailer of the coming week is announced, that of the week after is not
    lake.append("promotion_weeks", moved(lake.arrow("promotion_weeks"), future_lines()[0]["week_start"] + timedelta(days=7)))
    artefact, tables, figures = fit_again(lake)
    assert artefact == recommend_shop.fitted_artefact
    assert figures == recommend_shop.figures
    assert tables.keys() == recommend_shop.tables.keys()
    assert all(content(tables[name]) == content(recommend_shop.tables[name]) for name in tables)
    served = {**artefact, "recommend.json": recommend_shop.artefact["recommend.json"]}
    snapshot = publish_features(tmp_path / "features", AS_OF, {**tables, **lists_for(served, tables)})
    assert snapshot.id == recommend_shop.snapshot.id
    later_graph = graph_of(lake, tmp_path / "graph")
    assert later_graph.position("Product", NEW) is not None
    service = RecommendService(later_graph, snapshot, served)
    answered = 0
    for number, basket in itertools.product(range(0, HOUSEHOLDS, 3), ((), ("pasta", "penne"))):
        for person in (household(number), None):
            request = RecommendationRequest(household_id=person, basket=basket, limit=15)
            assert canonical_bytes(service.recommend(request)) == canonical_bytes(recommend_shop.service.recommend(request))
            answered += 1
    assert answered > 100


def test_fitting_twice_gives_the_same_bytes_and_another_seed_another_ranker(recommend_shop, fit_again):
    artefact, tables, _ = fit_again(recommend_shop.lake)
    assert artefact == recommend_shop.fitted_artefact
    assert all(content(tables[name]) == content(recommend_shop.tables[name]) for name in tables)
    assert fit_again(recommend_shop.lake, seed=8)[0]["ranker.txt"] != artefact["ranker.txt"]


def test_the_back_test_names_every_system_it_compared(recommend_shop):
    compared = {name for name in recommend_shop.figures if name.startswith("backtest_ndcg_")}
    assert compared == {
        f"backtest_ndcg_{s}" for s in ("shelfgraph", "decayed_frequency_95", "decayed_frequency_98", "decayed_frequency_90_days")
    }
    assert recommend_shop.figures["backtest_origins"] > 60


def test_examples_in_the_past_equal_the_serving_features_of_that_day(recommend_shop, shop_constants):
    """An example before a basket sees what a lake that ends the day before would serve (no two baskets share a day here)."""
    whole = read_world(recommend_shop.lake, AS_OF, {})
    baskets = training_baskets(whole.purchases, day_number(AS_OF) - 20, 1)[:5]
    origins = origins_before(whole.purchases, baskets)
    examples = build_examples(whole.purchases, whole.population, whole.neighbours, origins, 0.0, 1, edges_hold_outcomes=False)
    assert set(examples.label.tolist()) == {0, 1}
    column = FEATURES.index("own_baskets")
    for place, basket in enumerate(baskets.tolist()):
        mine = examples.origin == place
        start, household = whole.purchases.products.start, whole.purchases.basket_household[basket]
        first = whole.purchases.household_start[household]
        bought = whole.purchases.products.item[start[first] : start[basket]]
        counts = np.bincount(bought, minlength=whole.purchases.products.items)
        assert examples.figures[mine, column].tolist() == counts[examples.product[mine]].tolist()


def test_figures_do_not_depend_on_the_basket_to_predict_where_edges_predate_it(recommend_shop, shop_constants):
    """One basket is exchanged for others; what was known before it stays. Edges that hold it must take it off, others not."""
    world = read_world(recommend_shop.lake, AS_OF, shop_constants.edges())
    purchases, moved = world.purchases, {True: 0, False: 0}
    everything = np.arange(purchases.products.items)
    for place in range(0, len(purchases.household_start) - 1, 4):
        last = int(purchases.household_start[place + 1]) - 1
        origins = origins_before(purchases, np.array([last]))
        start, whole = purchases.products.start, purchases.products.item
        first, end = start[last], start[last + 1]
        for taken in (everything[: end - first], everything[::-1][: end - first][::-1]):
            item = np.r_[whole[:first], taken, whole[end:]]
            other = replace(purchases, products=replace(purchases.products, item=item))
            for edges_hold_outcomes in moved:
                before, after = (
                    build_examples(
                        one, world.population, world.neighbours, origins, 0.0, 1, edges_hold_outcomes=edges_hold_outcomes
                    )
                    for one in (purchases, other)
                )
                assert before.product.tolist() == after.product.tolist()
                moved[edges_hold_outcomes] += before.figures.tobytes() != after.figures.tobytes()
    assert moved[False] == 0
    assert moved[True] > 3


def test_what_serves_is_decided_by_edges_of_the_eve_alone(recommend_shop, shop_constants):
    asked = []

    def edges_as_of(day):
        asked.append(day)
        return {} if day == AS_OF else shop_constants.edges()

    arguments = {"as_of": AS_OF, "seed": 7, "progress": SilentProgress()}
    artefact, tables, figures = fit(recommend_shop.lake, edges_as_of=edges_as_of, **arguments)
    # discovery's ranker looks at neither relations nor needs, so no edges are derived for it
    assert sorted(set(asked)) == [AS_OF - timedelta(days=14), AS_OF]
    assert (artefact, figures) == (recommend_shop.fitted_artefact, recommend_shop.figures)
    assert content(tables["recommend_lists_made_by"]) != content(recommend_shop.tables["recommend_lists_made_by"])
    without = fit(recommend_shop.lake, edges_as_of=lambda day: shop_constants.edges() if day == AS_OF else {}, **arguments)
    assert without[0]["ranker.txt"] != artefact["ranker.txt"]


def test_relation_evidence_sums_edges_and_takes_the_outcome_off():
    ids = pa.array(["a", "b", "c"])
    edges = pa.table({"source": ["a", "b", "a"], "target": ["c", "c", "b"], "strength": [2.0, 1.0, 4.0], "events": [10, 4, 8]})
    neighbours = neighbours_of_edges("isBoughtWith", edges, ids, AS_OF)
    items = Items(np.array([0, 0, 1]), np.array([0, 1, 0]))
    found = relation_evidence(neighbours, items, 3)
    assert found.origin.tolist() == [0, 0, 1, 1]
    assert found.candidate.tolist() == [1, 2, 1, 2]
    assert found.values.tolist() == [[4.0, 4.0, 1.0], [2.0, 3.0, 2.0], [4.0, 4.0, 1.0], [2.0, 2.0, 1.0]]
    outcome = Items(np.array([0, 0, 0]), np.array([0, 1, 2]))
    without = relation_evidence(neighbours, items, 3, hidden=outcome)
    # b with c lies at the least number of events and would not be an edge without this basket
    assert without.values.tolist() == [
        [3.5, 3.5, 1.0],
        [pytest.approx(1.8), pytest.approx(1.8), 1.0],
        [4.0, 4.0, 1.0],
        [2.0, 2.0, 1.0],
    ]


def test_edges_not_in_force_are_left_out():
    ids = pa.array(["a", "b"])
    edges = pa.table(
        {
            "source": ["a", "b", "a", "b"],
            "target": ["b", "a", "b", "x"],
            "strength": [1.0, 2.0, 3.0, 4.0],
            "events": [5, 5, 5, 5],
            "status": ["active", "retracted", "active", "active"],
            "valid_to": pa.array([None, None, AS_OF, None], pa.date32()),
        }
    )  # fmt: skip
    kept = neighbours_of_edges("isBoughtWith", edges, ids, AS_OF)
    assert (kept.candidate.tolist(), kept.strength.tolist(), kept.row.tolist()) == ([1], [1.0], [0])


def test_list_quality_on_lists_with_known_answers():
    origin, product = np.array([0, 0, 0, 1, 1]), np.array([0, 1, 2, 0, 1])
    score, label = np.array([3.0, 2.0, 2.0, 1.0, 1.0]), np.array([0, 1, 0, 0, 0], np.int8)
    quality = list_quality(origin, product, score, label, np.array([2, 1]), k=2)
    ideal = 1 + 1 / np.log2(3)
    assert quality.ndcg.tolist() == pytest.approx([(1 / np.log2(3)) / ideal, 0.0])
    assert quality.recall.tolist() == [0.5, 0.0]
    assert quality.hit_rate.tolist() == [1.0, 0.0]


def test_outcomes_are_the_next_baskets(recommend_shop):
    purchases = read_purchases(recommend_shop.lake, AS_OF)
    baskets = purchases.household_start[1:] - 1
    found = outcomes(purchases, origins_before(purchases, baskets))
    lives = baskets_of(lines_of(recommend_shop.lake))
    products = purchases.product_ids.to_pylist()
    for place, household_id in enumerate(purchases.household_ids.to_pylist()):
        assert {products[p] for p in found.product[found.origin == place]} == lives[household_id][-1]["products"]

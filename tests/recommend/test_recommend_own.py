"""A household's own products, rates of buying again and gaps, against plain loops over the lines."""

import bisect
from collections import defaultdict
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from decisions.recommend.examples import build_examples, origins_before
from decisions.recommend.fitting import read_world, training_baskets
from decisions.recommend.model import fit_ranker
from features import InMemory
from features.recommend_own import DETAIL_COLUMNS, VISIT_COLUMNS, own_details, own_in_stores, visit_columns
from features.recommend_rebuying import CHAIN_GAPS, GAP_BINS, REBUYING_COLUMNS, Rebuying
from features.recommend_relations import Items
from features.recommend_tables import read_serving_features, serving_tables
from features.recommend_transform import FEATURES, GROUP_OF_FEATURE, GROUPS, assemble, in_hand, recent_items
from features.repertoire import day_number, history, latest_origins, read_purchases
from tests.tiny_retailer import AS_OF, append_lines, build_tiny_lake, future_lines

NOTHING = Items(np.empty(0, np.int64), np.empty(0, np.int64))


def baskets_of(lake):
    """By household, in the order of time: day, store, and by product (units, saved, full)."""
    found = defaultdict(dict)
    for row in lake.arrow("sales_lines").to_pylist():
        if not row["merchandise"] or row["business_date"] > AS_OF:
            continue
        basket = found[row["household_id"]].setdefault(
            (row["sold_at"], row["basket_id"]), {"day": day_number(row["business_date"]), "store": row["store_id"], "lines": {}}
        )
        saved = abs(row["retail_discount"])
        basket["lines"][row["product_id"]] = (row["quantity"], saved, row["net_sales"] + saved)
    return {household: [baskets[key] for key in sorted(baskets)] for household, baskets in found.items()}


def place_and_share(mine, value):
    return sum(other > value for other in mine), value / sum(mine)


def test_details_agree_with_a_plain_loop(recommend_shop):
    purchases = read_purchases(recommend_shop.lake, AS_OF)
    lives, origins = baskets_of(recommend_shop.lake), latest_origins(purchases)
    own = history(purchases, purchases.products, origins)
    details = own_details(purchases, origins, own)
    products, kind = purchases.product_ids.to_pylist(), purchases.levels.product_type
    tomorrow, checked, equals = day_number(AS_OF) + 1, 0, 0
    for place, household in enumerate(purchases.household_ids.to_pylist()):
        life = lives[household]
        faded = defaultdict(lambda: [0.0, 0.0, 0.0])
        for ago, basket in enumerate(reversed(life)):
            for product in basket["lines"]:
                days = tomorrow - basket["day"]
                for position, value in enumerate((0.95**ago, 0.98**ago, 0.5 ** (days / 30))):
                    faded[product][position] += value
        for row in np.flatnonzero(own["origin"] == place):
            product = products[own["item"][row]]
            held = [(len(life) - 1 - n, b) for n, b in enumerate(life) if product in b["lines"]]
            lines, days = [b["lines"][product] for _, b in held], [b["day"] for _, b in held]
            shares = [saved / full for _, saved, full in lines]
            wanted = {
                "decay_80": sum(0.8**a for a, _ in held),
                "decay_90": sum(0.9**a for a, _ in held),
                "decay_14_days": sum(0.5 ** ((tomorrow - d) / 14) for d in days),
                "decay_30_days": faded[product][2],
                "last_units": lines[-1][0],
                "mean_units": np.mean([units for units, _, _ in lines]),
                "saved_share": np.mean(shares),
                "last_saved_share": shares[-1],
                "mean_basket_size": np.mean([len(b["lines"]) for _, b in held]),
                "last_basket_size": len(held[-1][1]["lines"]),
                "last_two_gaps_days": days[-1] - days[-3] if len(days) > 2 else np.nan,
            }
            for position, name in enumerate(("95", "98", "30_days")):
                mine = [values[position] for values in faded.values()]
                before, share = place_and_share(mine, faded[product][position])
                wanted[f"share_{name}"] = share
                # equals share no place: the lower product position goes first, and sums of decays may differ in the last bit
                found = details[row, DETAIL_COLUMNS.index(f"place_{name}")]
                near = sum(abs(other - faded[product][position]) < 1e-9 for other in mine) - 1
                assert before - near <= found <= before + near
                equals += near
            alike = sum(v[0] for p, v in faded.items() if kind[products.index(p)] == kind[own["item"][row]])
            wanted["faded_share_of_type"] = faded[product][0] / alike
            for name, value in wanted.items():
                assert details[row, DETAIL_COLUMNS.index(name)] == pytest.approx(value, nan_ok=True, rel=1e-5), (product, name)
            checked += 1
    assert checked > 500 > equals


def test_stores_and_sizes_agree_with_a_plain_loop(recommend_shop):
    purchases = read_purchases(recommend_shop.lake, AS_OF)
    lives, origins = baskets_of(recommend_shop.lake), latest_origins(purchases)
    origin, key, faded = own_in_stores(purchases, origins)
    stores, products = purchases.store_ids.to_pylist(), purchases.product_ids.to_pylist()
    found = {(o, products[k // len(stores)], stores[k % len(stores)]): v for o, k, v in zip(origin, key, faded, strict=True)}
    wanted = defaultdict(float)
    visits = visit_columns(purchases, origins)
    for place, household in enumerate(purchases.household_ids.to_pylist()):
        life = lives[household]
        for ago, basket in enumerate(reversed(life)):
            for product in basket["lines"]:
                wanted[place, product, basket["store"]] += 0.98**ago
        sizes = [len(b["lines"]) for b in life]
        fading = [0.95**ago for ago in range(len(sizes))][::-1]
        row = (
            sizes[-1],
            np.average(sizes, weights=fading),
            sum(fading),
            np.mean([size <= 3 for size in sizes]),
            sum(len(b["lines"]) for b in life if b["day"] == day_number(AS_OF) + 1),
        )
        assert len(row) == len(VISIT_COLUMNS)
        assert visits[place].tolist() == pytest.approx(row)
    assert found == pytest.approx(dict(wanted))
    assert len(found) > 500


def test_rates_of_buying_again_agree_with_a_plain_loop(recommend_shop):
    purchases = read_purchases(recommend_shop.lake, AS_OF)
    lives, rebuying = baskets_of(recommend_shop.lake), Rebuying(purchases)
    begin = min(b["day"] for life in lives.values() for b in life)
    products, kind = purchases.product_ids.to_pylist(), purchases.levels.product_type
    named = dict(zip(products, kind.tolist(), strict=True))
    random, asked = np.random.default_rng(2), 0
    for _ in range(25):
        place, day = int(random.integers(len(products))), begin + int(random.integers(0, 290))
        complete = (day - begin) // 7

        def counts(holds, weeks, complete=complete):
            chances = repeats = 0
            for life in lives.values():
                weeks_of = [((b["day"] - begin) // 7, holds(b["lines"])) for b in life]
                first = next((week for week, held in weeks_of if held), None)
                for week, held in weeks_of:
                    if first is not None and first < week < complete and week >= complete - weeks:
                        chances, repeats = chances + 1, repeats + held
            return chances, repeats

        def mine(lines, place=place):
            return products[place] in lines

        def alike(lines, place=place):
            return any(named[product] == kind[place] for product in lines)

        chances, repeats = counts(mine, 999)
        rate = (repeats + 0.4) / (chances + 10)
        wanted = [rate]
        for weeks in (8, 4, 1):
            some, again = counts(mine, weeks)
            wanted.append((again + 8 * rate) / (some + 8) / rate)
        type_chances, type_repeats = counts(alike, 999)
        type_rate = (type_repeats + 1) / (type_chances + 20)
        some, again = counts(alike, 4)
        wanted += [chances, type_rate, (again + 20 * type_rate) / (some + 20) / type_rate]
        found = [float(column[0]) for column in rebuying.rates(np.array([place]), np.array([day]))]
        assert len(found) == len(REBUYING_COLUMNS)
        assert found == pytest.approx(wanted)
        asked += chances > 0
    assert asked > 15


def test_gaps_that_ended_say_when_the_next_is_due(recommend_shop):
    purchases = read_purchases(recommend_shop.lake, AS_OF)
    lives, rebuying = baskets_of(recommend_shop.lake), Rebuying(purchases)
    begin = min(b["day"] for life in lives.values() for b in life)
    products, kind = purchases.product_ids.to_pylist(), purchases.levels.product_type.tolist()
    day = day_number(AS_OF) - 60
    end = begin + (day - begin) // 7 * 7
    gaps = defaultdict(list)
    for life in lives.values():
        last = {}
        for basket in life:
            for product in basket["lines"]:
                if product in last and basket["day"] < end:
                    gaps[kind[products.index(product)]].append(basket["day"] - last[product])
                last[product] = basket["day"]
    chain = np.bincount([bisect.bisect_right(GAP_BINS, g) - 1 for mine in gaps.values() for g in mine], minlength=len(GAP_BINS))
    milk = products.index("milk")
    own = np.bincount([bisect.bisect_right(GAP_BINS, g) - 1 for g in gaps[kind[milk]]], minlength=len(GAP_BINS))
    mixed = own + CHAIN_GAPS * chain / chain.sum()
    for days in (0, 5, 7, 13, 40, 300):
        place = bisect.bisect_right(GAP_BINS, days) - 1
        width = GAP_BINS[place + 1] - GAP_BINS[place] if place + 1 < len(GAP_BINS) else 60
        got = rebuying.gaps(np.array([milk]), np.array([day]), np.array([days], np.float32), np.array([np.nan], np.float32))[0]
        assert got[0] == pytest.approx(mixed[place] / mixed[place:].sum() / width, rel=1e-4)
        assert got[1] == pytest.approx(mixed[:place].sum() / mixed.sum(), abs=1e-5)
        assert np.isnan(got[2:]).all()
    assert own.sum() > 100


def test_what_serves_is_to_the_last_bit_what_an_example_of_that_moment_says(recommend_shop, shop_constants):
    """Every figure of every candidate: from the whole lake looking back, and from tables of a lake that ends the day before."""
    whole = read_world(recommend_shop.lake, AS_OF, shop_constants.edges())
    baskets = training_baskets(whole.purchases, day_number(AS_OF) - 20, 1)[:6]
    compared = 0
    for basket in baskets.tolist():
        origins = origins_before(whole.purchases, np.array([basket]))
        past = build_examples(whole.purchases, whole.population, whole.neighbours, origins, 0.0, 1, edges_hold_outcomes=False)
        eve = AS_OF - timedelta(days=day_number(AS_OF) - int(origins.day[0]) + 1)
        then = read_world(recommend_shop.lake, eve, shop_constants.edges())
        assert then.purchases.product_ids == whole.purchases.product_ids
        served = read_serving_features(InMemory(serving_tables(then.purchases, then.population)))
        name = whole.purchases.household_ids[int(origins.household[0])].as_py()
        store = served.store_ids.index(whole.purchases.store_ids[int(origins.store[0])].as_py())
        knowledge = served.knowledge.of(served.household_ids.index(name), store)
        hand = in_hand(then.neighbours, NOTHING, recent_items(knowledge), 1, len(served.product_ids))
        figures = assemble(knowledge, served.population, served.levels, hand, past.origin, past.product)
        assert figures.shape == (len(past.product), len(FEATURES))
        different = [FEATURES[n] for n in range(len(FEATURES)) if figures[:, n].tobytes() != past.figures[:, n].tobytes()]
        assert different == []
        compared += len(figures)
    assert compared > 50


def test_facts_of_the_known_day_and_later_change_no_figure(tmp_path, recommend_shop):
    """Purchases of others, at other prices, between the day that facts are known of and the day of the basket."""
    lake = build_tiny_lake(tmp_path / "lake")
    known_on = AS_OF - timedelta(days=9)
    append_lines(lake, [{**line, "retail_discount": -9.0} for line in future_lines(-9)])
    moved = []
    for known in (True, False):
        figures = []
        for one in (recommend_shop.lake, lake):
            world = read_world(one, AS_OF, {})
            planted = {f"future-{n}" for n in range(60)}
            real = np.array([name not in planted for name in world.purchases.basket_ids.to_pylist()])
            late = np.flatnonzero((world.purchases.basket_day > day_number(known_on)) & real)
            late = late[np.isin(world.purchases.basket_household[late], _untouched(world.purchases))]
            origins = origins_before(world.purchases, late)
            if known:
                origins = replace(origins, known_day=np.full(len(origins), day_number(known_on)))
            made = build_examples(world.purchases, world.population, world.neighbours, origins, 0.0, 1, edges_hold_outcomes=False)
            assert len(made.figures) > 100
            figures.append(made.figures.tobytes())
        moved.append(figures[0] != figures[1])
    assert moved == [False, True]


def _untouched(purchases):
    """Households that the planted lines are not of."""
    names = purchases.household_ids.to_pylist()
    touched = {line["household_id"] for line in future_lines()}
    return np.array([place for place, name in enumerate(names) if name not in touched])


def test_a_group_that_is_left_out_is_never_looked_at(recommend_shop, shop_constants):
    world = read_world(recommend_shop.lake, AS_OF, shop_constants.edges())
    origins = origins_before(world.purchases, training_baskets(world.purchases, day_number(AS_OF)))
    examples = build_examples(
        world.purchases, world.population, world.neighbours, origins, 0.5, 1, edges_hold_outcomes=True, only_hits=True
    )
    for group in ("popularity", "relations"):
        used = {}
        for groups in (GROUPS, tuple(name for name in GROUPS if name != group)):
            splits = fit_ranker(examples, 7, groups).booster.feature_importance("split")
            used[groups] = splits[GROUPS.index(group) == GROUP_OF_FEATURE].sum()
        assert used.pop(GROUPS) > 0
        assert list(used.values()) == [0]

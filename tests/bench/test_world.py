"""The simulated retailer: its facts hold what was planted, and its truth is that of the choices, computed a second way."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from bench.world import World, WorldSize, generate_world, of_households, of_stores, open_world
from bench.world.choice import SECOND, buy
from bench.world.shelf import Deals
from bench.world.shoppers import OWN_STORE, SIZE_SHARE, Shoppers, incidence, make_trips, shoppers, tastes
from bench.world.sizes import DAYS, SEASONS, WEEKS, season_of_days
from features.seasons import season_of
from ingest.contract import contract_of

TINY = WorldSize("tiny", 60, 4, 2, 5, 5, 8, 5.0, 2, 8, chunk=25)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> World:
    return generate_world(TINY, 3, tmp_path_factory.mktemp("tiny"))


def rows_of(world: World, name: str) -> pa.Table:
    """The rows in the order of their key: a writer may order chunks of households as it likes."""
    return world.lake.arrow(name).sort_by([(column, "ascending") for column in contract_of(name).key])


def everybody(world: World) -> list[Shoppers]:
    return [shoppers(world.size, world.seed, chunk) for chunk in range(-(-world.size.households // world.size.chunk))]


def test_the_same_seed_gives_the_same_facts_and_another_seed_others(tiny: World, tmp_path: Path) -> None:
    again, other = generate_world(TINY, 3, tmp_path / "again"), generate_world(TINY, 4, tmp_path / "other")
    for name in tiny.lake.names():
        assert rows_of(tiny, name).equals(rows_of(again, name)), name
        assert not rows_of(tiny, name).equals(rows_of(other, name)) or name in {"households", "stores"}
    opened = open_world(TINY, 3, tmp_path / "again")
    assert opened.truth_substitutes.equals(tiny.truth_substitutes)
    assert opened.truth_complements.equals(tiny.truth_complements)


def test_tables_are_those_of_the_contracts_and_marked(tiny: World) -> None:
    assert tiny.lake.names() == (
        "households",
        "planned_prices",
        "products",
        "promotion_weeks",
        "sales_lines",
        "stock_levels",
        "stores",
    )
    for name in tiny.lake.names():
        table, schema = tiny.lake.arrow(name), contract_of(name).table_schema
        assert [(field.name, field.type) for field in table.schema] == [(field.name, field.type) for field in schema], name
        assert table.num_rows > 0
        assert pc.all(table["simulated"]).as_py(), name
        key = contract_of(name).key
        assert table.group_by(list(key)).aggregate([]).num_rows == table.num_rows, name


def test_days_and_weeks_agree(tiny: World) -> None:
    lines = tiny.lake.arrow("sales_lines")
    assert pc.all(pc.equal(lines["sold_at"].cast(pa.date32()), lines["business_date"])).as_py()
    assert pc.max(lines["business_date"]).as_py() <= tiny.as_of
    monday = pc.subtract(lines["business_date"].cast(pa.int32()), pc.day_of_week(lines["business_date"]).cast(pa.int32()))
    assert pc.all(pc.equal(monday, lines["week_start"].cast(pa.int32()))).as_py()
    first = np.datetime64("2023-01-02")
    assert [SEASONS[place] for place in season_of_days()] == [season_of((first + day).item()) for day in range(DAYS)]


def test_nothing_is_sold_that_an_event_took_away(tiny: World) -> None:
    lines, events = tiny.lake.arrow("sales_lines").to_pylist(), tiny.events.to_pylist()
    cluster = dict(zip(tiny.names.stores.to_pylist(), tiny.shelf.cluster_of_store.tolist(), strict=True))
    sold = {(line["product_id"], line["store_id"], line["business_date"]) for line in lines}
    kinds = {event["kind"] for event in events}
    assert kinds == {"delisting", "launch", "absence", "stock_out"}
    for event in events:
        kind, number = event["scope"].partition(":")[::2]
        stores = {
            "chain": set(cluster),
            "store": {number},
            "store_cluster": {store for store, place in cluster.items() if f"world-{place}" == number},
        }[kind]
        of_it = {(store, day) for product, store, day in sold if product == event["product_id"] and store in stores}
        if event["kind"] == "launch":
            assert all(day >= event["first_day"] for _, day in of_it)
        else:
            assert not any(
                day >= event["first_day"] and (event["last_day"] is None or day <= event["last_day"]) for _, day in of_it
            )


def test_all_lost_purchases_go_somewhere(tiny: World) -> None:
    to_products = tiny.truth_substitutes.group_by(["target", "scope"]).aggregate([("diversion", "sum")])
    joined = to_products.join(tiny.truth_outside, ["target", "scope"], join_type="full outer")
    assert set(joined["scope"].to_pylist()) == {scope.name for scope in tiny.scopes}
    total = joined["diversion_sum"].fill_null(0.0).to_numpy() + joined["outside"].to_numpy()
    assert total == pytest.approx(np.ones(total.size), abs=1e-4)


def chances(world: World, people: Shoppers, category: int, household: int, cell: tuple[int, int], gone: int = -1) -> np.ndarray:
    """The logit of one household on one occasion, in plain loops: a probability by product, the last one of buying nothing."""
    season, cluster = cell
    shop, products, nests = world.assortment, world.assortment.products_of(category), world.assortment.nests_of(category)
    liking, value = tastes(shop, people, category, world.seed), world.shelf.final_values(shop, products)[cluster]
    inside: dict[int, dict[int, float]] = {}
    for place in range(products.start, products.stop):
        weight = np.exp(value[place - products.start] + liking.products[household, place - products.start])
        if place != gone and weight > 0:
            inside.setdefault(int(shop.products.nest[place]), {})[place] = weight
    nest_weight = {
        nest: sum(members.values()) ** shop.dissimilarity[category]
        * np.exp(liking.nests[household, nest - nests.start] + shop.nests.season_shift[season, nest])
        for nest, members in inside.items()
    }  # fmt: skip
    total = sum(nest_weight.values()) + np.exp(shop.outside[category])
    found = np.zeros(products.stop - products.start + 1)
    for nest, members in inside.items():
        for place, weight in members.items():
            found[place - products.start] = nest_weight[nest] / total * weight / sum(members.values())
    found[-1] = np.exp(shop.outside[category]) / total
    return found


def trip_kinds(world: World, people: Shoppers, household: int) -> list[tuple[int, int, float]]:
    """Season, cluster and expected trips a year of one household."""
    days = np.bincount(season_of_days(), minlength=4) / DAYS
    return [
        (season, int(world.shelf.cluster_of_store[store]), days[season] * share * people.trips_a_year[household])
        for season in range(4)
        for store, share in zip(people.stores[:, household], (OWN_STORE, 1 - OWN_STORE), strict=True)
    ]


def test_diversion_is_that_of_the_choices_without_the_target(tiny: World) -> None:
    spared = set(tiny.assortment.complements.source.tolist())
    category = 1
    products = tiny.assortment.products_of(category)
    gone = next(
        place for place in range(products.start, products.stop) if tiny.shelf.listed[:, place].all() and place not in spared
    )
    lost, gained = 0.0, np.zeros(products.stop - products.start + 1)
    for people in everybody(tiny):
        for household in range(people.count):
            for season, cluster, trips in trip_kinds(tiny, people, household):
                by_trip = incidence(tiny.assortment, people, category, np.array([cluster]).repeat(people.count))[household]
                rate = trips * SIZE_SHARE @ by_trip @ tiny.assortment.need_share[season] * (1 + SECOND)
                before = chances(tiny, people, category, household, (season, cluster))
                after = chances(tiny, people, category, household, (season, cluster), gone)
                lost += rate * before[gone - products.start]
                gained += rate * (after - before)
    name = tiny.names.products[gone].as_py()
    said = tiny.truth_substitutes.filter(
        pc.and_(pc.equal(tiny.truth_substitutes["target"], name), pc.equal(tiny.truth_substitutes["scope"], "chain"))
    )
    by_source = dict(zip(said["source"].to_pylist(), said["diversion"].to_pylist(), strict=True))
    expected = {
        tiny.names.products[products.start + at].as_py(): share
        for at, share in enumerate(gained[:-1] / lost)
        if share > 1e-6 and products.start + at != gone
    }
    assert by_source == pytest.approx(expected, rel=1e-9)
    assert len(expected) >= 3
    assert said["lost"][0].as_py() == pytest.approx(lost)
    outside = tiny.truth_outside.filter(pc.equal(tiny.truth_outside["target"], name))
    assert outside["outside"][outside["scope"].index("chain").as_py()].as_py() == pytest.approx(gained[-1] / lost)


def test_a_scope_is_the_sum_of_its_parts(tiny: World) -> None:
    half = np.arange(tiny.size.stores) < 2
    people = np.arange(tiny.size.households) < 31
    parts = tiny.substitutes_in(
        [of_stores("a", half), of_stores("b", ~half), of_households("c", people), of_households("d", ~people)]
    )
    chain = tiny.truth_substitutes.filter(pc.equal(tiny.truth_substitutes["scope"], "chain"))
    weighed = parts.append_column("gained", pc.multiply(parts["diversion"], parts["lost"]))
    for names in (("a", "b"), ("c", "d")):
        chosen = weighed.filter(pc.is_in(weighed["scope"], value_set=pa.array(names)))
        total = chosen.group_by(["target", "source"]).aggregate([("gained", "sum")])
        both = chain.join(total, ["target", "source"])
        expected = pc.multiply(both["diversion"], both["lost"]).to_numpy()
        assert both["gained_sum"].to_numpy() == pytest.approx(expected, rel=1e-3, abs=1e-3)


def test_a_planted_complement_is_that_of_the_trips(tiny: World) -> None:
    planted, shop = tiny.assortment.complements, tiny.assortment
    assert planted.target.size >= 3
    pair = int(np.argmax(planted.strength * planted.seasons.all(axis=1)))
    target, source, strength = int(planted.target[pair]), int(planted.source[pair]), planted.strength[pair]
    figures = np.zeros(4)
    for people in everybody(tiny):
        for household in range(people.count):
            for season, cluster, trips in trip_kinds(tiny, people, household):
                figures += trips * both_on_a_trip(tiny, people, household, (season, cluster), (target, source), strength)
    of_target, of_both, expected, joined = figures
    names = tiny.names.products
    rows = {(row["target"], row["source"], row["scope"]): row for row in tiny.truth_complements.to_pylist()}
    said, turned = (
        rows[names[one].as_py(), names[other].as_py(), "chain"] for one, other in ((target, source), (source, target))
    )
    assert said["planted"] == turned["planted"] == strength
    assert said["lift"] == turned["lift"] == pytest.approx(of_both / expected, rel=1e-5)
    assert said["gain"] == pytest.approx((of_both - expected) / of_target, rel=1e-5)
    assert (said["caused"], turned["caused"]) == (pytest.approx(joined / of_target, rel=1e-5), 0.0)
    assert shop.products.category[target] != shop.products.category[source]


def both_on_a_trip(
    world: World, people: Shoppers, household: int, cell: tuple[int, int], pair: tuple[int, int], strength: float
) -> np.ndarray:
    """Baskets with the target, with both, with both by chance, and joined, of a mean trip, size by size and need by need."""
    cluster = cell[1]
    categories = [int(world.assortment.products.category[product]) for product in pair]
    by_trip = [incidence(world.assortment, people, c, np.full(people.count, cluster))[household] for c in categories]
    bought = [
        chances(world, people, c, household, cell)[product - world.assortment.products_of(c).start]
        for c, product in zip(categories, pair, strict=True)
    ]
    share = [one * (1 + SECOND * (1 - one)) for one in bought]
    figures = np.zeros(4)
    for size, of_size in enumerate(SIZE_SHARE):
        of_target = of_source = both = joined = 0.0
        for need, of_need in enumerate(world.assortment.need_share[cell[0]]):
            first, second = by_trip[0][size, need] * share[0], by_trip[1][size, need] * share[1]
            joins = first * (1 - second) * strength
            of_target, joined = of_target + of_need * first, joined + of_need * joins
            of_source, both = of_source + of_need * (second + joins), both + of_need * (first * second + joins)
        figures += of_size * np.array([of_target, both, of_target * of_source, joined])
    return figures


def test_shoppers_do_what_the_truth_says_when_products_go_away(tmp_path: Path) -> None:
    world = open_world(WorldSize("calm", 1200, 4, 2, 5, 5, 8, 5.0, 2, 4), 5, tmp_path)
    calm = replace(world.shelf.deals, discount=world.shelf.deals.discount * 0)
    shelf = replace(world.shelf, deals=Deals(calm.discount, calm.mailer & False, calm.display & False))
    shop = replace(world.assortment, products=replace(world.assortment.products, trend=np.zeros(world.assortment.products.count)))
    stands = np.repeat(shelf.listed[shelf.cluster_of_store][:, None, :], WEEKS, axis=1)
    world = replace(world, assortment=shop, shelf=shelf)
    people = shoppers(world.size, world.seed, 0)
    trips = make_trips(shop, people, world.seed)

    def sold(available: np.ndarray) -> np.ndarray:
        bought = buy(shop, replace(shelf, available=available), people, trips, world.seed)
        return np.bincount(bought.product, bought.units, minlength=shop.products.count)

    before = sold(stands)
    # the best-selling product of each category that no planted pair names
    plain = np.setdiff1d(np.arange(before.size), np.r_[shop.complements.target, shop.complements.source])
    gone = np.array([max(plain[shop.products.category[plain] == c], key=lambda place: before[place]) for c in range(5)])
    without = stands.copy()
    without[:, :, gone] = False
    change = sold(without) - before
    chain = world.truth_substitutes.filter(pc.equal(world.truth_substitutes["scope"], "chain"))
    said = {(row["target"], row["source"]): (row["diversion"], row["lost"]) for row in chain.to_pylist()}
    names = world.names.products.to_pylist()
    pairs = [
        (a, b) for a in gone for b in range(before.size) if shop.products.category[a] == shop.products.category[b] and a != b
    ]
    diversion = np.array([said[names[a], names[b]][0] if (names[a], names[b]) in said else 0.0 for a, b in pairs])
    seen = np.array([change[b] / before[a] for a, b in pairs])
    lost = {a: said[names[a], names[b]][1] for a, b in pairs if (names[a], names[b]) in said}
    assert [before[a] for a in gone] == pytest.approx([lost[a] for a in gone], rel=0.1)
    # over 2,000 lost purchases each: a standard error of about .01
    assert np.abs(seen - diversion).mean() < 0.02
    assert np.polyfit(diversion, seen, 1)[0] == pytest.approx(1.0, abs=0.1)


def without_promotion(world: World, week: int, product: int) -> World:
    """The same world, had one product not been promoted in one week."""
    deals = world.shelf.deals
    discount, mailer, display = deals.discount.copy(), deals.mailer.copy(), deals.display.copy()
    discount[week, product], mailer[week, product], display[:, week, product] = 0.0, False, False
    return replace(world, shelf=replace(world.shelf, deals=Deals(discount, mailer, display)))


def test_what_a_promotion_moves_is_what_is_expected_less_what_would_be_without_it(tiny: World) -> None:
    weeks = range(44, 48)
    whole = tiny.expected_in(weeks)
    promoted = np.argwhere(tiny.shelf.deals.discount[weeks.start : weeks.stop] > 0)
    planted = tiny.assortment.complements
    # those whose promotion makes others join the basket are among them
    joined = [pair for pair in promoted if pair[1] in {*planted.target.tolist(), *planted.source.tolist()}]
    tried = [*promoted[:4], *joined[:3]]
    assert len(tried) == 7
    for place, product in tried:
        week = weeks.start + int(place)
        other = without_promotion(tiny, week, int(product)).expected_in(range(week, week + 1))
        np.testing.assert_allclose(whole.moved[place, product], whole.expected[place] - other.expected[0], atol=1e-10)
    still = tiny.shelf.deals.discount[weeks.start : weeks.stop] == 0
    assert not whole.moved[still].any()


def test_what_is_expected_is_what_is_sold_on_average(tiny: World) -> None:
    sold = rows_of(tiny, "sales_lines")
    expected = tiny.expected_in(range(WEEKS)).expected
    units = float(pc.sum(sold["quantity"]).as_py())
    # a trip brings several units at once: their sum is spread wider than counts alone
    assert abs(units - expected.sum()) < 4 * np.sqrt(8 * expected.sum())
    product = pc.index_in(sold["product_id"].combine_chunks(), value_set=tiny.names.products).to_numpy()
    by_product = np.bincount(product, sold["quantity"].to_numpy(), minlength=len(tiny.names.products))
    assert np.corrcoef(by_product, expected.sum(axis=0))[0, 1] > 0.95


def test_planned_prices_are_those_that_are_paid(tiny: World) -> None:
    plan = tiny.lake.arrow("planned_prices")
    days = pc.subtract(plan["week_start"].cast(pa.int32()), plan["announced_on"].cast(pa.int32()))
    assert pc.min(days).as_py() > 8 * 7
    sums = [("net_sales", "sum"), ("quantity", "sum")]
    paid = tiny.lake.arrow("sales_lines").group_by(["product_id", "week_start"]).aggregate(sums)
    both = paid.join(plan.select(["product_id", "week_start", "planned_price"]), ["product_id", "week_start"])
    assert both.num_rows == paid.num_rows
    price = both["net_sales_sum"].to_numpy() / both["quantity_sum"].to_numpy()
    np.testing.assert_allclose(price, both["planned_price"].to_numpy(), atol=0.011)

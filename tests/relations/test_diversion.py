"""Diversion ratios of shops whose truth is planted: direction, parts of the chain, a product's own events, and their bounds."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pytest

from decisions.relations.choice import prior_model
from decisions.relations.diversion import DiversionModel, OwnChoices, Scopes, diversions, listed_share
from decisions.relations.doubt import ShareDoubt
from decisions.relations.fitting import DiversionFit, fit_diversion, gone_events
from decisions.relations.recovery import Recovery
from decisions.relations.scoping import season_ends
from features.choice_state import shelf_state
from features.relation_events import EVENT_SCHEMA
from kg.ports import CHAIN
from tests.choice_worlds import EPOCH, lines_of

LAST = 180
MODEL = DiversionModel(prior_model(), Recovery(0.6, 0.1, 9), ShareDoubt(2.0, 0.3), {})
NOWHERE = Scopes({}, 0, 3)


def habits(*households):
    """Households with what they take in turn, one product a week: (name, products)."""
    return [
        (LAST - 1 - 7 * week - number % 7, name, "one", (products[week % len(products)],))
        for number, (name, products) in enumerate(households)
        for week in range(25)
    ]


def found_in(lines, model=MODEL, scopes=NOWHERE, **changes):
    """Return {(scope, source, target): (value, low, high, events, support, tried)}."""
    ids = lines.product_ids.to_pylist()
    settings = {"day": LAST, "per_product": 12, "least": (8, 4), **changes}
    found = {}
    parts = [diversions(lines, model, category, scopes=scopes, **settings) for category in range(len(lines.categories))]
    for scope, part in (one for of_category in parts for one in of_category.items()):
        columns = (part.source, part.target, part.estimate.value, part.estimate.low, part.estimate.high)
        for row in zip(*columns, part.events, part.support, part.tried, strict=True):
            found[scope, ids[row[0]], ids[row[1]]] = tuple(x.item() for x in row[2:])
    return found


# all who take a also take b; most who take b take c, and never a
ONE_WAY = [(f"a{n}", "ab") for n in range(6)] + [(f"c{n}", "bc") for n in range(24)]


def test_direction_is_that_of_the_habits():
    found = found_in(lines_of({"x": habits(*ONE_WAY)}, LAST))
    a_to_b, b_to_a, b_to_c = (found[CHAIN, source, target][0] for source, target in ("ba", "ab", "cb"))
    assert a_to_b > 2 * b_to_a
    assert b_to_c > 2 * b_to_a
    assert (CHAIN, "c", "a") not in found, "no buyer of a ever took c"


def test_no_product_gives_away_more_than_comes_back():
    random = np.random.default_rng(4)
    shop = habits(*((f"h{n}", "".join(random.choice(list("abcdef"), 3, replace=False))) for n in range(40)))
    found = found_in(lines_of({"x": shop}, LAST))
    targets = {target for _, _, target in found}
    assert targets == set("abcdef")
    for target in targets:
        given = sum(values[0] for (_, _, missing), values in found.items() if missing == target)
        assert 0.5 * MODEL.recovery.share < given <= MODEL.recovery.share + 1e-6
    for value, low, high, events, support, tried in found.values():
        assert 0 <= low < value < high <= 1
        assert events > 0 < support
        assert not tried


def test_categories_do_not_mix():
    lines = lines_of({"x": habits(*ONE_WAY), "y": habits(*((f"a{n}", "de") for n in range(9)))}, LAST)
    assert {frozenset(pair) <= set("abc") or frozenset(pair) <= set("de") for _, *pair in found_in(lines)} == {True}


def test_what_is_taken_along_replaces_less():
    """Households take b on the same trips as a, or on others; c on others always."""
    apart, along = (
        [
            (LAST - 1 - 7 * week - shift, f"h{n}", "one", products)
            for n in range(12)
            for week in range(25)
            for shift, products in trips
        ]
        for trips in (((0, ("a",)), (3, ("b",)), (5, ("c",))), ((0, ("a", "b")), (5, ("c",))))
    )
    told, beside = (found_in(lines_of({"x": trips}, LAST)) for trips in (apart, along))
    baskets = 25 * 12
    odds = told[CHAIN, "b", "a"][0] / told[CHAIN, "c", "a"][0] * (1 / (baskets + 1))
    assert beside[CHAIN, "b", "a"][0] / beside[CHAIN, "c", "a"][0] == pytest.approx(odds, rel=0.05)


def members(lines, **named):
    households = lines.household_ids.to_pylist()
    return {scope.replace("_", ":"): np.array([name[0] in starts for name in households]) for scope, starts in named.items()}


def test_parts_of_the_chain_differ_where_their_habits_do():
    shop = habits(*((f"n{n}", "ab") for n in range(12)), *((f"s{n}", "ac") for n in range(14)))
    lines = lines_of({"x": shop}, LAST)
    scopes = Scopes(members(lines, cluster_north="n", cluster_south="s", cluster_all="ns", cluster_none=""), 12, 3)
    found = found_in(lines, scopes=scopes)
    asked = {(scope, target) for scope, _, target in found}
    # b and c have buyers in one part only: that part is all of them, and not told apart
    assert asked == {(CHAIN, "a"), (CHAIN, "b"), (CHAIN, "c"), ("cluster:north", "a"), ("cluster:south", "a")}
    assert found["cluster:north", "b", "a"][0] > found[CHAIN, "b", "a"][0]
    assert found["cluster:south", "c", "a"][0] > found[CHAIN, "c", "a"][0]
    assert ("cluster:north", "c", "a") not in found
    assert [found[scope, source, "a"][4] for scope, source in ((CHAIN, "b"), ("cluster:north", "b"))] == [26, 12]
    fewer = found_in(lines, scopes=replace(scopes, fewest_buyers=13))
    assert {scope for scope, _, target in fewer if target == "a"} == {CHAIN, "cluster:south"}


def test_a_small_part_leans_on_the_chain_by_its_buyers():
    shop = habits(*((f"n{n}", "ab") for n in range(4)), *((f"s{n}", "ac") for n in range(20)))
    lines = lines_of({"x": shop}, LAST)
    exact = replace(MODEL, doubt=ShareDoubt(6.0, 0.0))
    found = found_in(lines, exact, Scopes(members(lines, cluster_north="n", cluster_south="s"), 4, 3))
    chain, north = (found[scope, "b", "a"][0] for scope in (CHAIN, "cluster:north"))
    state = shelf_state(lines.shelf(0), LAST).as_usual()
    buyers = state.buyers(0, 2)
    chance = MODEL.choice.predict(state, 0, buyers)[:, 1]
    weight = state.taste.toarray()[buyers, 0] + 0.05
    is_north = np.array([lines.household_ids[int(number)].as_py().startswith("n") for number in state.households[buyers]])
    whole, own = (np.average(chance[who], weights=weight[who]) for who in (is_north >= 0, is_north))
    # 4 buyers of its own lie against 6 of the chain
    assert chain == pytest.approx(0.6 * whole, rel=1e-5)
    assert north == pytest.approx(0.6 * (0.4 * own + 0.6 * whole), rel=1e-5)
    assert chain < north < 0.6 * own


def test_what_is_lost_goes_to_kin():
    shop = habits(*((f"n{n}", "abcd") for n in range(12)), *((f"s{n}", "acbd") for n in range(14)))
    unlike = -1
    types = {"a": (7,), "b": (7,), "c": (8,), "d": (unlike,)}
    lines = lines_of({"x": shop}, LAST, {one: (code[0], unlike, unlike, unlike) for one, code in types.items()})
    scopes = Scopes(members(lines, cluster_north="n"), 12, 3)
    exact = replace(MODEL, doubt=ShareDoubt(6.0, 0.0))
    plain, kin = (found_in(lines, replace(exact, kin=kin), scopes) for kin in (0.0, 0.9))
    for scope in (CHAIN, "cluster:north"):
        told = {source: (plain[scope, source, "a"][0], kin[scope, source, "a"][0]) for source in "bcd"}
        assert told["b"][1] / told["c"][1] == pytest.approx(told["b"][0] / told["c"][0] * np.exp(0.9), rel=1e-4)
        assert told["d"][1] / told["c"][1] == pytest.approx(told["d"][0] / told["c"][0], rel=1e-4)
        # no more comes back than before
        assert sum(after for _, after in told.values()) == pytest.approx(sum(before for before, _ in told.values()), rel=1e-4)
    # a product without one of its type gains and loses nothing by it
    assert {key: values for key, values in kin.items() if key[2] in "cd"} == {k: v for k, v in plain.items() if k[2] in "cd"}
    state = shelf_state(lines.shelf(0), LAST).as_usual()
    listed = listed_share(exact.choice, state, 0, state.buyers(0, 2), 0.9)
    assert 0.6 * listed[1] == pytest.approx(kin[CHAIN, "b", "a"][0], rel=1e-4)


def test_own_events_are_heard_and_told():
    lines = lines_of({"x": habits(*((f"h{n}", "abc") for n in range(12)))}, LAST)
    before = found_in(lines)
    heard = OwnChoices(np.array([1, 2]), np.array([18.0, 0.0]), np.array([6.0, 6.0]))
    after = found_in(lines, replace(MODEL, own={0: heard}))
    told = {}
    for source, seen in (("b", 18), ("c", 0)):
        share = before[CHAIN, source, "a"][0] / 0.6
        shape = np.exp(2.0 + 0.3 * np.log(100 * share)) * 12 / 18
        told[source] = share * (shape + seen) / (shape + 6)
    # more than all cannot come back
    assert sum(told.values()) > 1
    for source, share in told.items():
        assert after[CHAIN, source, "a"][0] == pytest.approx(0.6 * share / sum(told.values()), rel=1e-6)
    assert {key for key, values in after.items() if values[-1]} == {(CHAIN, "b", "a"), (CHAIN, "c", "a")}
    assert {key: values for key, values in after.items() if key[2] != "a"} == {k: v for k, v in before.items() if k[2] != "a"}


def test_products_need_support_to_be_asked_about_and_keep_so_many():
    lines = lines_of({"x": habits(*ONE_WAY, ("r", "r"))}, LAST)
    assert {target for _, _, target in found_in(lines)} == set("abc")
    assert {target for _, _, target in found_in(lines, least=(100, 4))} == {"b", "c"}
    assert {target for _, _, target in found_in(lines, least=(8, 7))} == {"b", "c"}
    best = found_in(lines, per_product=1)
    assert {target: source for _, source, target in best} == {"a": "b", "b": "c", "c": "b"}


def test_what_has_not_sold_for_a_quarter_replaces_nothing():
    def shop(ended):
        return [trip for trip in habits(*((f"h{n}", "abc") for n in range(12))) if trip[3] != ("b",) or trip[0] <= LAST - ended]

    sells, gone = (found_in(lines_of({"x": shop(ended)}, LAST)) for ended in (70, 91))
    assert {source for _, source, target in sells if target == "a"} == {"b", "c"}
    assert {source for _, source, target in gone if target == "a"} == {"c"}
    # it can still be asked what took its place
    assert {source for _, source, target in gone if target == "b"} == {"a", "c"}
    assert gone[CHAIN, "c", "a"][0] == pytest.approx(MODEL.recovery.share)


def test_what_is_sold_later_changes_nothing():
    shop = habits(*ONE_WAY)
    later = [(LAST + n, f"a{n}", "one", ("c",)) for n in range(1, 6)]
    assert found_in(lines_of({"x": shop}, LAST)) == found_in(lines_of({"x": shop + later}, LAST + 30))


def event(product, first, last=None, *, scope=CHAIN, kind="delisting", cause=None, related=()):
    day = EPOCH + timedelta(days=first)
    return {
        "event_id": f"{kind}/{scope}/{product}/{day}", "kind": kind, "product_id": product, "scope": scope, "first_day": day,
        "last_day": last if last is None else EPOCH + timedelta(days=last), "cause": cause, "related_event_ids": list(related),
    }  # fmt: skip


def test_events_become_products_that_buyers_went_without():
    lines = lines_of({"x": habits(*ONE_WAY), "y": [(3, "z", "one", ("d",))]}, LAST)
    north = np.zeros(len(lines.household_ids), dtype=bool)
    rows = [
        event("a", 100),
        event("b", 100, 120, kind="absence", cause="range_reset"),
        event("c", 120, 220, kind="absence", related=["absence/chain/b/1970-05-01"]),
        event("c", 120, 220, kind="absence", scope="store_cluster:n", related=["absence/chain/c/1970-05-01"]),
        event("c", 120, scope="store_cluster:n", cause="whole_chain"),
        event("c", 120, scope="store:1"),
        event("a", 170),
        event("d", 150, kind="launch"),
        event("unknown", 100),
    ]
    found = gone_events(lines, pa.Table.from_pylist(rows, EVENT_SCHEMA), {"store_cluster:n": north}, DiversionFit())
    told = [(one.category, one.product, one.day, one.until, one.alone, one.households is north) for one in found]
    assert told == [
        (0, 0, 99, 155, True, False),
        (0, 1, 99, 120, False, False),
        (0, 2, 119, 175, False, False),
        (0, 2, 119, 175, True, True),
    ]
    # it came back and was seen for four weeks; what is away for longer than the window is not waited for
    assert [one.back for one in found] == [False, True, False, False]
    assert all(one.gone and one.weight == DiversionFit().choice.gone_weight for one in found)


def test_a_shop_without_experiments_keeps_what_was_thought_before():
    lines = lines_of({"x": habits(*ONE_WAY)}, LAST)
    model, experiments = fit_diversion(lines, [], seed=1)
    assert model.recovery == Recovery(0.5, 0.25, 0)
    assert (experiments.gone, experiments.outcomes, experiments.counterfactual) == ([], [], None)


def test_the_same_facts_and_seed_fit_the_same_model():
    random = np.random.default_rng(6)
    shop = {
        name: [
            (int(day), f"h{random.integers(25)}", "one", (f"{name}{random.integers(6)}",)) for day in random.integers(0, 300, 900)
        ]
        for name in "uvwxyz"
    }
    lines = lines_of(shop, 299)
    first, second = (fit_diversion(lines, [], seed=3)[0] for _ in range(2))
    assert first.choice.weights.tobytes() == second.choice.weights.tobytes()
    assert (first.recovery, first.doubt) == (second.recovery, second.doubt)
    assert first.choice.tree_count == second.choice.tree_count
    assert first.choice.choices > 100


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        (
            date(2024, 1, 1),
            date(2024, 4, 7),
            {"season:winter": (date(2024, 1, 1), date(2024, 2, 29))},
        ),
        (
            date(2023, 1, 10),
            date(2024, 4, 30),
            {
                "season:spring": (date(2024, 3, 1), date(2024, 4, 30)),
                "season:winter": (date(2023, 12, 1), date(2024, 2, 29)),
                "season:autumn": (date(2023, 9, 1), date(2023, 11, 30)),
                "season:summer": (date(2023, 6, 1), date(2023, 8, 31)),
            },
        ),
        (date(2024, 1, 1), date(2024, 1, 20), {}),
    ],
)
def test_seasons_are_the_latest_run_that_was_seen_for_eight_weeks(first, last, expected):
    assert season_ends(first, last) == expected

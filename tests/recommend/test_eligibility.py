"""Each rule by itself: what is unknown, what is old, what came later, and what its proof says."""

from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from decisions.recommend.contract import Constraints
from decisions.recommend.eligibility import Eligibility, EligibilityAsk, EligibilitySettings
from decisions.recommend.errors import UnknownPurpose
from decisions.recommend.live import NOTHING_SINCE, LiveFacts
from features import InMemory
from features.recommend_rules import eligibility_tables
from features.repertoire import read_purchases
from tests.recommend.constraint_world import build, product, stamped
from tests.tiny_retailer import AS_OF, append_lines, build_tiny_lake, future_lines, household

LATER = AS_OF + timedelta(days=1)


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    made = build(tmp_path_factory.mktemp("eligibility"))
    places = {name: place for place, name in enumerate(made.purchases.product_ids.to_pylist())}
    stores = {name: place for place, name in enumerate(made.purchases.store_ids.to_pylist())}
    return SimpleNamespace(**vars(made), place=places.__getitem__, store=stores.__getitem__)


def check_of(shop, rule, name, **ask):
    checks = shop.eligibility.checks(EligibilityAsk(**ask), shop.place(name))
    return next(check for check in checks if check.rule == rule)


def test_an_empty_shelf_is_not_shown_and_an_unknown_one_only_where_stock_is_not_asked_for(shop):
    at = {"store": shop.store("st0")}
    asked = Constraints(in_stock_only=True)
    assert check_of(shop, "in_stock", product(0), **at).passed
    assert not check_of(shop, "in_stock", product(1), **at).passed
    assert check_of(shop, "in_stock", product(6), **at).passed
    assert not check_of(shop, "in_stock", product(6), **at, constraints=asked).passed
    assert not check_of(shop, "in_stock", product(0), constraints=asked).passed
    assert "no store is known" in check_of(shop, "in_stock", product(0), constraints=asked).proof


def test_old_stock_is_unknown_from_the_day_after_the_bound_on(shop):
    at = {"store": shop.store("st0")}
    # 14 days old and empty; 21 days old and empty; 28 days old and full
    assert not check_of(shop, "in_stock", product(2), **at).passed
    assert check_of(shop, "in_stock", product(3), **at).passed
    assert not check_of(shop, "in_stock", product(3), **at, constraints=Constraints(largest_stock_age_days=21)).passed
    wide, narrow = (Constraints(in_stock_only=True, largest_stock_age_days=days) for days in (28, 27))
    assert check_of(shop, "in_stock", product(5), **at, constraints=wide).passed
    assert not check_of(shop, "in_stock", product(5), **at, constraints=narrow).passed
    check = check_of(shop, "in_stock", product(5), **at, constraints=narrow)
    assert check.proof == (
        "3 units were in the store 28 days before the release's day. That is older than 27 days, so the stock is unknown."
    )
    assert (check.source, check.observed_on) == ("stock_levels", AS_OF - timedelta(days=28))


def test_the_retailer_sets_how_old_stock_may_be(shop):
    patient = Eligibility(shop.graph, InMemory(shop.tables), AS_OF, EligibilitySettings(stock_age_days=21))
    ask = EligibilityAsk(store=shop.store("st0"))
    assert shop.eligibility.open(ask).mask[shop.place(product(3))]
    assert not patient.open(ask).mask[shop.place(product(3))]


def test_a_proof_says_what_was_simulated(shop):
    of_store = {store: check_of(shop, "in_stock", product(2), store=shop.store(store)) for store in ("st1", "st2")}
    assert [check.simulated for check in of_store.values()] == [False, True]


def test_an_event_says_more_than_the_count_and_empty_more_than_filled(shop):
    empty, full = product(1), product(0)
    both = LiveFacts(out_of_stock=frozenset({full, "gone"}), back_in_stock=frozenset({empty, full}))
    at = {"store": shop.store("st0"), "live": both, "constraints": Constraints(in_stock_only=True)}
    assert check_of(shop, "in_stock", empty, **at).passed
    assert not check_of(shop, "in_stock", full, **at).passed
    assert {check_of(shop, "in_stock", name, **at).source for name in (empty, full)} == {"events"}
    assert shop.eligibility.open(EligibilityAsk(store=shop.store("st0"))).mask[shop.place(full)]


def test_a_price_is_planned_or_was_paid_here_or_in_the_chain(shop):
    asked = {"constraints": Constraints(priced_only=True)}
    told = {name: check_of(shop, "priced", name, store=shop.store("st1"), **asked) for name in map(product, (1, 10, 35, 20, 25))}
    assert [check.passed for check in told.values()] == [True, True, True, False, False]
    assert [check.proof for check in told.values()] == [
        "A price of 2.50 was paid in the store.",
        "A price of 3.50 is planned in the chain.",
        "A price of 4.50 is planned in the store.",
        "No price of it is known.",
        "No price of it is known.",
    ]
    assert told[product(1)].observed_on == AS_OF - timedelta(days=40)
    assert not check_of(shop, "priced", product(35), store=shop.store("st0"), **asked).passed
    assert check_of(shop, "priced", product(20)).passed


def test_a_later_plan_for_every_store_takes_the_place_of_one_for_a_store(shop):
    rows = [
        {"store_id": "st1", "planned_price": 1.0, "announced_on": AS_OF - timedelta(days=5)},
        {"store_id": "st2", "planned_price": 2.0, "announced_on": AS_OF - timedelta(days=3)},
        {"store_id": None, "planned_price": 3.0, "announced_on": AS_OF - timedelta(days=3)},
    ]
    plans = [{"product_id": product(1), "week_start": LATER, "simulated": False, "source": "tiny", **row} for row in rows]
    with_table(shop, "planned_prices", plans)
    prices = eligibility_tables(shop.lake, shop.purchases, AS_OF)["recommend_prices"].to_pylist()
    told = {row["store"]: row["price"] for row in prices if row["product"] == shop.place(product(1))}
    assert told == {-1: 3.0, shop.store("st2"): 2.0}


def with_table(shop, feed, rows):
    """Write other rows of a feed; the shop's own tables and rules were made before and stay."""
    shop.lake.replace(feed, pa.Table.from_pylist(rows, stamped(feed)))


def test_an_allergen_that_is_not_stated_to_be_absent_keeps_a_product_out(shop):
    milk = {"constraints": Constraints(without_allergens=("milk",))}
    told = {n: check_of(shop, "allergens", product(n), **milk) for n in (0, 1, 2, 4, 5, 6, 9)}
    assert {n for n, check in told.items() if check.passed} == {1, 4}
    assert told[0].proof == "There is no statement on it."
    assert told[2].proof == "It is stated: 'contains: milk, nuts'."
    assert told[5].proof == "It is stated: 'contains dairy'. That cannot be read, so nothing is known."
    assert (told[2].source, told[2].observed_on) == ("safety_statements", date(2024, 1, 1))
    assert all("milk" not in told[n].proof for n in (0, 1, 5, 9))


def test_a_diet_that_is_not_stated_to_be_met_keeps_a_product_out(shop):
    told = {n: check_of(shop, "diet", product(n), constraints=Constraints(diets=("vegan",))).passed for n in range(7)}
    assert {n for n, passed in told.items() if passed} == {1}


def test_who_is_of_unknown_age_is_shown_nothing_that_has_a_limit(shop):
    limited = [product(n) for n in (5, 11, 6, 12)]  # beer, snus, stated 18, stated 16
    told = {
        years: [check_of(shop, "age", name, constraints=Constraints(age_years=years)).passed for name in limited]
        for years in (None, 15, 17, 18, 21)
    }
    assert told[None] == told[15] == [False] * 4
    assert told[17] == [False, False, False, True]
    assert told[18] == [True, False, True, True]
    assert told[21] == [True] * 4
    assert check_of(shop, "age", product(5)).proof == "BEER is sold from 18 years on."


def test_a_limit_that_cannot_be_read_is_too_high_for_everybody(shop):
    check = check_of(shop, "age", product(4), constraints=Constraints(age_years=99))
    assert not check.passed
    assert "cannot be read" in check.proof


def test_what_was_declared_never_to_replace_is_not_shown_in_its_place(shop):
    in_place = {"stands_in_for": product(0)}
    assert not check_of(shop, "never_substitute", product(1), **in_place).passed
    assert check_of(shop, "never_substitute", product(1)).passed
    assert check_of(shop, "never_substitute", product(0), stands_in_for=product(1)).passed
    # no longer, and not yet
    assert [check_of(shop, "never_substitute", product(n), **in_place).passed for n in (13, 14)] == [True, True]
    needed = [check_of(shop, "never_substitute", product(n), stands_in_for=product(4)).passed for n in (8, 9)]
    assert needed == [False, False]


def test_what_replaces_a_snack_must_have_a_readable_statement_on_allergens(shop):
    told = {n: check_of(shop, "never_substitute", product(n), stands_in_for=product(16)) for n in (2, 5, 10)}
    assert {n for n, check in told.items() if check.passed} == {2}
    assert told[5].proof == "What replaces it needs a statement on allergens, and there is none that can be read."


def test_what_is_replaced_may_never_have_been_sold(shop):
    tables = {**shop.tables, "recommend_required": pa.table({"product_id": ["unsold"], "attribute": ["allergens"]})}
    strict = Eligibility(shop.graph, InMemory(tables), AS_OF)
    closed = strict.open(EligibilityAsk(stands_in_for="unsold")).closed_by["never_substitute"]
    assert closed[shop.place(product(0))]
    assert not closed[shop.place(product(2))]


def test_what_the_graph_does_not_have_or_has_as_no_merchandise_is_not_in_range(shop):
    told = {n: check_of(shop, "in_range", product(n)) for n in (1, 37, 38)}
    assert {n for n, check in told.items() if check.passed} == {1}
    assert "does not have it" in told[38].proof
    assert told[37].proof.endswith("has it as not merchandise.")


def test_consent_is_needed_where_consents_are_delivered_and_withdrawal_always_counts(shop):
    eligibility, withdrawn = shop.eligibility, LiveFacts(withdrawn=frozenset({"personalisation"}))
    known = [eligibility.personal(household(n), "personalisation", NOTHING_SINCE).passed for n in range(6)]
    assert known == [True, False, False, False, False, False]
    assert not eligibility.personal(household(0), "personalisation", withdrawn).passed
    assert eligibility.personal(household(0), "marketing", withdrawn).passed
    assert not eligibility.personal(household(0), "operations", NOTHING_SINCE).passed
    refused = eligibility.personal(household(1), "personalisation", NOTHING_SINCE)
    assert (refused.proof, refused.source) == ("Consent for personalisation is refused.", "household_consents")
    assert all(household(n) not in eligibility.personal(household(n), "marketing", NOTHING_SINCE).proof for n in range(6))


def test_without_a_feed_of_consents_the_basis_is_the_retailer_s(shop):
    tables = {
        **shop.tables,
        "recommend_consents": shop.tables["recommend_consents"].slice(0, 0),
        "recommend_consent_feed": pa.table({"rows_known": [0]}),
    }
    free = Eligibility(shop.graph, InMemory(tables), AS_OF)
    assert free.personal(household(1), "personalisation", NOTHING_SINCE).passed
    assert not free.personal(household(1), "marketing", LiveFacts(withdrawn=frozenset({"marketing"}))).passed


def test_a_purpose_that_nobody_consents_to_is_refused(shop):
    with pytest.raises(UnknownPurpose, match="no purpose 'resale'") as refused:
        shop.eligibility.personal(household(0), "resale", NOTHING_SINCE)
    assert refused.value.purposes == ("marketing", "operations", "personalisation")


def test_candidates_that_several_rules_keep_out_are_counted_once(shop):
    basket = np.array([shop.place(product(n)) for n in (1, 2)])
    openness = shop.eligibility.open(EligibilityAsk(store=shop.store("st0"), basket=basket))
    candidates = np.array([shop.place(product(n)) for n in (0, 1, 2, 7, 37, 38)])
    counted = {one.rule: one.products for one in openness.withheld(candidates)}
    assert counted == {"in_range": 2, "in_stock": 2}
    assert sum(counted.values()) == int((~openness.mask[candidates]).sum())


def test_two_spellings_of_an_attribute_that_differ_say_nothing(shop):
    row = {"product": shop.place(product(0)), "valid_from": date(2024, 1, 1), "simulated": False}
    rows = [
        {**row, "attribute": "allergens", "statement": "none"},
        {**row, "attribute": "Allergens", "statement": "contains: milk"},
    ]
    twice = pa.Table.from_pylist(rows, shop.tables["recommend_statements"].schema)
    eligibility = Eligibility(shop.graph, InMemory({**shop.tables, "recommend_statements": twice}), AS_OF)
    ask = EligibilityAsk(constraints=Constraints(without_allergens=("nuts",)))
    assert not eligibility.open(ask).mask[shop.place(product(0))]


def test_masks_that_are_kept_are_not_those_of_another_question(shop):
    asks = [
        EligibilityAsk(store=store, constraints=constraints, stands_in_for=anchor)
        for store in (None, 0, 1)
        for constraints in (Constraints(), Constraints(age_years=30), Constraints(priced_only=True, in_stock_only=True))
        for anchor in (None, product(0))
    ]
    fresh = [Eligibility(shop.graph, InMemory(shop.tables), AS_OF).open(ask).mask for ask in asks]
    shared = [shop.eligibility.open(ask).mask for ask in [*asks, *reversed(asks)]]
    assert all(np.array_equal(one, other) for one, other in zip([*fresh, *reversed(fresh)], shared, strict=True))
    assert len({mask.tobytes() for mask in fresh}) >= 12


def test_what_happens_later_changes_nothing(tmp_path):
    shop = build(tmp_path)
    before = eligibility_tables(shop.lake, shop.purchases, AS_OF)
    append_lines(shop.lake, future_lines())
    held = {"simulated": False, "source": "tiny", "valid_from": date(2024, 1, 1), "valid_to": None}
    morning = datetime.combine(LATER, datetime.min.time(), UTC)
    later = {
        "stock_levels": {"product_id": "p01", "store_id": "st0", "week_start": AS_OF - timedelta(days=5),
                         "stock_on_hand_units": 99.0, "stock_out_days": 0.0},
        "planned_prices": {"product_id": "p01", "week_start": LATER, "planned_price": 9.0, "announced_on": LATER},
        "safety_statements": {"product_id": "p00", "attribute": "diet", "statement": "none", "valid_from": LATER},
        "safety_requirements": {"category": "JAM", "attribute": "allergens", "valid_from": LATER},
        "household_consents": {"household_id": household(4), "purpose": "marketing", "granted": True, "recorded_from": morning},
    }  # fmt: skip
    for feed, row in later.items():
        shop.lake.append(feed, pa.Table.from_pylist([{**held, **row}], stamped(feed)))
    after = eligibility_tables(shop.lake, shop.purchases, AS_OF)
    assert set(before) == set(after)
    assert [name for name in before if not before[name].equals(after[name])] == []
    tomorrow = eligibility_tables(shop.lake, shop.purchases, LATER)
    # the shop's own rows that were recorded too late are known by then, too: 13 households, two purposes
    assert len(tomorrow["recommend_consents"]) == len(before["recommend_consents"]) + 1 + 26


def test_consents_that_are_all_recorded_later_are_no_feed_yet(tmp_path):
    shop = build(tmp_path)
    rows = shop.lake.arrow("household_consents").to_pylist()
    late = datetime.combine(LATER, datetime.min.time(), UTC)
    with_table(shop, "household_consents", [{**row, "recorded_from": late + timedelta(hours=n)} for n, row in enumerate(rows)])
    assert eligibility_tables(shop.lake, shop.purchases, AS_OF)["recommend_consent_feed"].to_pylist() == [{"rows_known": 0}]


def test_a_shop_without_any_feed_of_rules_loses_nothing(tmp_path, graph_of):
    lake = build_tiny_lake(tmp_path / "lake")
    purchases = read_purchases(lake, AS_OF)
    tables = eligibility_tables(lake, purchases, AS_OF)
    tables["recommend_products"] = pa.table({"product_id": purchases.product_ids})
    eligibility = Eligibility(graph_of(lake, tmp_path / "graph"), InMemory(tables), AS_OF)
    assert eligibility.open(EligibilityAsk(store=0)).mask.all()
    strict = Constraints(without_allergens=("milk",))
    assert not eligibility.open(EligibilityAsk(store=0, constraints=strict)).mask.any()
    assert not eligibility.open(EligibilityAsk(store=0, constraints=Constraints(in_stock_only=True))).mask.any()

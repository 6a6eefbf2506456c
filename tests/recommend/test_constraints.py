"""The constraint suite: 10,000 generated requests, and nothing is shown that must not be."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import pytest

from decisions.recommend import eligibility
from decisions.recommend.contract import Constraints, RecommendationRequest, Surface
from decisions.recommend.eligibility import RULES, Eligibility, EligibilityAsk
from decisions.recommend.live import LiveFacts
from features import InMemory
from tests.recommend.constraint_oracle import OWN_STORE, broken_rules, may_be_known
from tests.recommend.constraint_world import HOUSEHOLDS, PRODUCTS, STORES, build, household, product
from tests.tiny_retailer import AS_OF

CASES = 10_000
FAULT_CASES = 1_500
ALLERGENS = ("milk", "MILK", "nuts", "Tree Nuts", "gluten", "Soy", "kiwi", "wheat", "dairy")
DIETS = ("vegan", "Vegan", "halal", "kosher")
PURPOSES = ("personalisation", "marketing", "operations")


@dataclass(frozen=True)
class Shown:
    """What an answer shows, whether it rests on the household, and whether its products are to replace the one asked for."""

    product_ids: tuple[str, ...]
    personal: bool
    replaces: bool


Answering = Callable[[RecommendationRequest, LiveFacts], Shown]
"""Anything that answers: the rules with a naive order here, a service whose events give these facts elsewhere."""


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    return build(tmp_path_factory.mktemp("constraints"))


def cases(seed: int, count: int) -> Iterator[tuple[RecommendationRequest, LiveFacts]]:
    """Requests of every surface with every constraint, alone and together, and what happened since the release."""
    random = np.random.default_rng(seed)
    surfaces = list(Surface)
    for number in range(count):
        surface = surfaces[number % len(surfaces)]
        yield _request(random, surface), _live(random)


def _some(random: np.random.Generator, names, share: float) -> tuple[str, ...]:
    return tuple(name for name in names if random.random() < share)


def _request(random: np.random.Generator, surface: Surface) -> RecommendationRequest:
    names = [product(n) for n in range(PRODUCTS - 2)]
    return RecommendationRequest(
        household_id=household(int(random.integers(HOUSEHOLDS))) if random.random() < 0.7 else None,
        basket=_some(random, names, 0.05),
        store_id=str(random.choice(STORES)) if random.random() < 0.6 else None,
        limit=int(random.integers(1, 101)),
        surface=surface,
        product_id=str(random.choice(names[:26])) if surface is Surface.ITEM else None,
        candidates=_some(random, names, 0.5) if surface is Surface.RERANK else (),
        exclude=_some(random, names, 0.05),
        constraints=_constraints(random),
        purpose=str(random.choice(PURPOSES)),
    )


def _constraints(random: np.random.Generator) -> Constraints:
    return Constraints(
        without_allergens=_some(random, ALLERGENS, 0.15) if random.random() < 0.5 else (),
        diets=_some(random, DIETS, 0.3) if random.random() < 0.4 else (),
        age_years=(None, 2, 15, 16, 18, 21, 70)[int(random.integers(7))],
        in_stock_only=bool(random.random() < 0.3),
        largest_stock_age_days=(None, None, 0, 14, 21, 30)[int(random.integers(6))],
        priced_only=bool(random.random() < 0.3),
    )


def _live(random: np.random.Generator) -> LiveFacts:
    names = [product(n) for n in range(PRODUCTS)]
    if random.random() < 0.3:
        return LiveFacts()
    return LiveFacts(
        carted=(*_some(random, names, 0.04), "gone"),
        out_of_stock=frozenset((*_some(random, names, 0.06), "gone")),
        back_in_stock=frozenset(_some(random, names, 0.06)),
        withdrawn=frozenset(_some(random, PURPOSES, 0.2)),
    )


def violations(shop, answering: Answering, requests) -> Counter[str]:
    """Return how often each rule was broken by what was shown."""
    broken: Counter[str] = Counter()
    for asked, live in requests:
        shown = answering(asked, live)
        if shown.personal and not may_be_known(shop, asked.household_id, asked.purpose, live):
            broken["consent"] += 1
        for name in shown.product_ids:
            broken.update(broken_rules(shop, asked, live, name, replaces=shown.replaces))
    return broken


class Naive:
    """Shows whatever is eligible in the order of the ids: what the rules let through, and nothing else, decides."""

    def __init__(self, shop, judged: Eligibility | None = None) -> None:
        self._eligibility = judged or shop.eligibility
        self.names = shop.purchases.product_ids.to_pylist()
        self._place = {name: place for place, name in enumerate(self.names)}
        self._stores = {name: place for place, name in enumerate(shop.purchases.store_ids.to_pylist())}

    def ask(self, asked: RecommendationRequest, live: LiveFacts) -> EligibilityAsk:
        named = asked.store_id or (OWN_STORE[asked.household_id] if self._knows(asked, live) else None)
        return EligibilityAsk(
            store=self._stores.get(named),
            constraints=asked.constraints,
            live=live,
            stands_in_for=asked.product_id,
            basket=np.array([self._place[name] for name in asked.basket], dtype=np.int64),
            excluded=np.array([self._place[name] for name in asked.exclude], dtype=np.int64),
        )

    def __call__(self, asked: RecommendationRequest, live: LiveFacts) -> Shown:
        shown = np.flatnonzero(self._eligibility.open(self.ask(asked, live)).mask)
        names = [self.names[place] for place in shown if not asked.candidates or self.names[place] in asked.candidates]
        return Shown(tuple(names[: asked.limit]), self._knows(asked, live), asked.product_id is not None)

    def _knows(self, asked: RecommendationRequest, live: LiveFacts) -> bool:
        return asked.household_id is not None and self._eligibility.personal(asked.household_id, asked.purpose, live).passed


def test_no_request_of_ten_thousand_is_shown_what_must_not_be(shop):
    requests = list(cases(seed=41, count=CASES))
    assert len(requests) == CASES
    assert {asked.surface for asked, _ in requests} == set(Surface)
    assert violations(shop, Naive(shop), requests) == {}


def test_what_may_be_shown_is_open_and_every_rule_closes_something(shop):
    naive, closing = Naive(shop), Counter()
    for asked, live in cases(seed=42, count=1_000):
        replaces = asked.product_id is not None
        expected = {name: broken_rules(shop, asked, live, name, replaces=replaces) for name in naive.names}
        openness = shop.eligibility.open(naive.ask(asked, live))
        assert [naive.names[place] for place in np.flatnonzero(openness.mask)] == [n for n in naive.names if not expected[n]]
        for rule, closed in openness.closed_by.items():
            assert {naive.names[place] for place in np.flatnonzero(closed)} == {n for n in naive.names if rule in expected[n]}
            closing[rule] += int(closed.any())
        if asked.household_id is not None:
            check = shop.eligibility.personal(asked.household_id, asked.purpose, live)
            assert check.passed == may_be_known(shop, asked.household_id, asked.purpose, live)
            closing["consent"] += not check.passed
    assert set(closing) == set(RULES)
    assert min(closing.values()) >= 50


def test_the_checks_of_a_product_say_what_the_masks_say(shop):
    naive = Naive(shop)
    for number, (asked, live) in enumerate(cases(seed=43, count=600)):
        ask, place = naive.ask(asked, live), number % len(naive.names)
        checks = shop.eligibility.checks(ask, place)
        replaces = asked.product_id is not None
        failed = {check.rule for check in checks if not check.passed}
        assert failed == broken_rules(shop, asked, live, naive.names[place], replaces=replaces)
        assert {check.rule for check in checks} == set(RULES) - {"consent"}
        assert [check.passed for check in checks] == sorted(check.passed for check in checks)
        assert all(check.proof.endswith(".") for check in checks)


class Nothing:
    """Lets every product through."""

    def closed(self, ask):
        return np.zeros(len(super().closed(ask)), dtype=bool)


class UnknownStockIsThere:
    def closed(self, ask):
        return super().closed(replace(ask, constraints=replace(ask.constraints, in_stock_only=False)))


class StockNeverAges:
    def closed(self, ask):
        return super().closed(replace(ask, constraints=replace(ask.constraints, largest_stock_age_days=10_000)))


class NoEventsHeard:
    def closed(self, ask):
        return super().closed(replace(ask, live=LiveFacts()))


class UnknownAgeIsOldEnough:
    def closed(self, ask):
        years = 99 if ask.constraints.age_years is None else ask.constraints.age_years
        return super().closed(replace(ask, constraints=replace(ask.constraints, age_years=years)))


class OnlyTheFirstIsLookedAt:
    def closed(self, ask):
        held = replace(ask.constraints, without_allergens=ask.constraints.without_allergens[:1], diets=ask.constraints.diets[:1])
        return super().closed(replace(ask, constraints=held))


class KeptForAnyStore:
    """A cache whose key lacks the store: what was computed for one is given for all."""

    def closed(self, ask):
        return super().closed(replace(ask, store=STORES.index("st1")))


class WithdrawalsAreNotHeard:
    def check(self, household_id, purpose, live):
        return super().check(household_id, purpose, LiveFacts())


FAULTS = [
    *((name, rule, Nothing) for name, rule in (
        ("InRange", "in_range"), ("InStock", "in_stock"), ("Priced", "priced"), ("WithoutAllergens", "allergens"),
        ("WithDiets", "diet"), ("Aged", "age"), ("NeverSubstitute", "never_substitute"), ("InBasket", "basket"),
        ("Excluded", "excluded"),
    )),
    ("InStock", "in_stock", UnknownStockIsThere),
    ("InStock", "in_stock", StockNeverAges),
    ("InStock", "in_stock", NoEventsHeard),
    ("Priced", "priced", KeptForAnyStore),
    ("WithoutAllergens", "allergens", OnlyTheFirstIsLookedAt),
    ("WithDiets", "diet", OnlyTheFirstIsLookedAt),
    ("Aged", "age", UnknownAgeIsOldEnough),
    ("InBasket", "basket", NoEventsHeard),
    ("Consented", "consent", WithdrawalsAreNotHeard),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "rule", "fault"), FAULTS, ids=[f"{rule}-{fault.__name__}" for _, rule, fault in FAULTS])
def test_a_rule_that_is_broken_is_found(shop, monkeypatch, kind, rule, fault):
    whole = getattr(eligibility, kind)
    monkeypatch.setattr(eligibility, kind, type(kind, (fault, whole), {}))
    faulty = eligibility.Eligibility(shop.graph, InMemory(shop.tables), AS_OF)
    found = violations(shop, Naive(shop, faulty), cases(seed=44, count=FAULT_CASES))
    # whoever is wrongly known has a store, and with it stock that nobody should know
    also = {"in_stock"} if rule == "consent" else set()
    assert found[rule] > 0
    assert set(found) - also == {rule}


def test_every_rule_has_a_fault_that_was_planted():
    assert {rule for _, rule, _ in FAULTS} == set(RULES)

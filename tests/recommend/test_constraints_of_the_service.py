"""The constraint suite against the service itself: 10,000 requests over every surface, and nothing is shown that must not be."""

from collections import Counter
from dataclasses import replace

import pytest

from decisions.recommend import RecommendService
from decisions.recommend.contract import Surface
from decisions.recommend.errors import EmptyBasket, SurfaceIncomplete
from decisions.recommend.live import LiveFacts
from features import publish_features
from tests.recommend.conftest import fitted
from tests.recommend.constraint_oracle import may_be_known
from tests.recommend.constraint_world import build
from tests.recommend.test_constraints import CASES, Shown, cases, violations
from tests.tiny_retailer import AS_OF

PERSONAL_KINDS = {"habit", "new"}


class FactsByNumber:
    """Gives the facts of the request that is asked: each has a number of its own."""

    def __init__(self) -> None:
        self.of: dict[int, LiveFacts] = {}

    def newest(self, *_keys) -> int:
        return len(self.of)

    def facts(self, _household, _session, _store, until: int) -> LiveFacts:
        return self.of[until]


class Serving:
    """The service as the suite asks it. What is refused for want of a basket or a household shows nothing."""

    def __init__(self, shop, service: RecommendService, facts: FactsByNumber) -> None:
        self._shop, self._service, self._facts = shop, service, facts
        self.shown: Counter[Surface] = Counter()

    def __call__(self, asked, live) -> Shown:
        number = len(self._facts.of) + 1
        self._facts.of[number] = live
        asked = replace(asked, events_until=number)
        try:
            answer = self._service.recommend(asked)
        except (EmptyBasket, SurfaceIncomplete):
            return Shown((), personal=False, replaces=False)
        ids = tuple(item.product_id for item in answer.items)
        self.shown[asked.surface] += len(ids)
        return Shown(ids, self._personal(asked, answer), self._service._asked(asked).replaces)

    def _personal(self, asked, answer) -> bool:
        """Whether the answer is another one than nobody would get in the same place."""
        if asked.household_id is None or may_be_known(
            self._shop, asked.household_id, asked.purpose, self._facts.of[asked.events_until]
        ):
            return False
        try:
            nobody = self._service.recommend(replace(asked, household_id=None))
        except (EmptyBasket, SurfaceIncomplete):
            return any(item.kind in PERSONAL_KINDS for item in answer.items)
        return [item.product_id for item in nobody.items] != [item.product_id for item in answer.items]


@pytest.fixture(scope="module")
def serving(tmp_path_factory):
    root = tmp_path_factory.mktemp("served_constraints")
    shop = build(root)
    artefact, tables, _ = fitted(shop.lake)
    facts = FactsByNumber()
    service = RecommendService(shop.graph, publish_features(root / "features", AS_OF, tables), artefact, facts)
    return shop, Serving(shop, service, facts), service, facts


def test_no_answer_of_the_service_breaks_a_rule(serving):
    shop, answering, _, _ = serving
    assert violations(shop, answering, cases(11, CASES)) == Counter()
    assert set(answering.shown) == set(Surface)
    assert min(answering.shown.values()) > 300, answering.shown


def test_a_service_that_forgets_its_rules_is_found(serving, monkeypatch):
    shop, answering, service, _ = serving
    plain = service._rules.open

    def forgetful(ask):
        openness = plain(ask)
        return replace(openness, mask=openness.mask | True)

    monkeypatch.setattr(service._rules, "open", forgetful)
    broken = violations(shop, answering, cases(12, 1_500))
    assert {"in_stock", "allergens", "diet", "age", "basket", "excluded"} <= set(broken)

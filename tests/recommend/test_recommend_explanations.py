"""Explanations that tell what moved the score: cited edges measured, sentences without secrets, and why not."""

import re
from datetime import date

import numpy as np
import pytest

from decisions.recommend import RecommendationRequest
from decisions.recommend.contract import RuleCheck, WhyNotOutcome
from decisions.recommend.customer_text import CustomerReason, customer_reason, customer_text
from decisions.recommend.fidelity import Deletion, _rhythm_without, scores_without
from decisions.recommend.why_not import Change, Standing, why_not
from features.recommend_transform import MISSING_RHYTHM, RHYTHM_COLUMNS
from kg.ports import Direction
from tests.tiny_retailer import HOUSEHOLDS, household

BASKETS = ((), ("pasta",), ("milk", "penne"))
DAY = date(2026, 1, 1)


def asked(shop):
    """Each household's answer with what the ranker read, so that it can be scored again."""
    service = shop.service
    for number in range(0, HOUSEHOLDS, 4):
        for basket in BASKETS:
            request = RecommendationRequest(household_id=household(number), basket=basket, limit=12)
            place = service._household.get(household(number))
            if place is None:
                continue
            knowledge = service._features.knowledge.of(place, int(service._features.knowledge.store[place]))
            hand = np.sort(np.array([service._product[one] for one in basket], dtype=np.int64))
            yield service.recommend(request), knowledge, hand, basket


def deletion_of(service, product_id, path):
    """The change to the inputs, read from the hops alone."""
    product, last = service._product[product_id], path.hops[-1]
    if last.relation == "promotes":
        return Deletion(product, promotion=True)
    if last.relation in {"isBoughtWith", "isComplementTo"}:
        place = ("isBoughtWith", "isComplementTo").index(last.relation)
        neighbours = service._view.neighbours[last.relation]
        item = last.source if last.target.id == product_id else last.target
        start, stop = neighbours.start[service._product[item.id] :][:2]
        entry = start + int(np.flatnonzero(neighbours.candidate[start:stop] == product)[0])
        return Deletion(product, relation=place, entry=entry)
    if last.relation == "contains":
        return Deletion(product, own=True)
    bought = next(hop.target for hop in path.hops if hop.relation == "contains")
    return Deletion(product, alike=service._product[bought.id])


def test_taking_nothing_away_gives_the_score_of_the_answer(recommend_shop):
    for answer, knowledge, hand, _ in asked(recommend_shop):
        nothing = [Deletion(recommend_shop.service._product[item.product_id]) for item in answer.items]
        again = scores_without(recommend_shop.service._ranking, knowledge, hand, nothing)
        assert again.tolist() == [item.score for item in answer.items]


def test_every_cited_path_lowers_the_score_when_its_edges_go(recommend_shop):
    cited = 0
    for answer, knowledge, hand, _ in asked(recommend_shop):
        pairs = [(item, path) for item in answer.items for path in item.explanation.paths]
        gone = [deletion_of(recommend_shop.service, item.product_id, path) for item, path in pairs]
        left = scores_without(recommend_shop.service._ranking, knowledge, hand, gone)
        for (item, path), score in zip(pairs, left.tolist(), strict=True):
            assert path.contribution > 0
            assert score < item.score
            cited += 1
    assert cited > 100


def test_an_answer_for_a_household_leads_through_no_other_household_and_no_basket_of_another(recommend_shop):
    for number in range(HOUSEHOLDS):
        answer = recommend_shop.service.recommend(RecommendationRequest(household_id=household(number)))
        for hop in [h for item in answer.items for path in item.explanation.paths for h in path.hops]:
            for node in (hop.source, hop.target):
                assert node.label != "Household" or node.id == household(number)
                if node.label == "Basket":
                    owner = recommend_shop.graph.related("madeBy", [node.id], direction=Direction.OUT, limit=10)[node.id]
                    assert [edge.target.id for edge in owner] == [household(number)]


def rhythm(days_ago, since):
    """`RHYTHM_COLUMNS` by hand, of purchases so many days and baskets ago, oldest first."""
    gaps = -np.diff(days_ago)
    nothing = float("nan")
    figures = {
        "baskets": len(days_ago), "baskets_since": since[-1], "days_since": days_ago[-1], "known_days": days_ago[0],
        "mean_gap_days": gaps.mean() if len(gaps) else nothing,
        "gap_deviation_days": gaps.std() if len(gaps) > 1 else nothing,
        "last_gap_days": gaps[-1] if len(gaps) else nothing,
        "recent_baskets": sum(one < 5 for one in since), "recent_days": sum(one <= 28 for one in days_ago),
        "decay_95": sum(0.95**one for one in since), "decay_98": sum(0.98**one for one in since),
        "decay_days": sum(0.5 ** (one / 90) for one in days_ago),
    }  # fmt: skip
    return np.array([figures[name] for name in RHYTHM_COLUMNS], np.float32)


@pytest.mark.parametrize("days", [(30, 10), (40, 30, 20), (50, 40, 30, 20)])
def test_a_regular_rhythm_without_its_latest_purchase_is_the_history_without_it(days):
    """One basket every ten days, each with the product: all that the sums leave open is as it was taken to be."""
    since = [round((one - days[-1]) / (days[0] - days[1])) for one in days]
    whole = rhythm(np.array(days), since)
    left = _rhythm_without(whole, whole, float(days[0] - days[1]))
    np.testing.assert_allclose(left, rhythm(np.array(days[:-1]), since[:-1]), rtol=1e-5)


def test_the_only_purchase_taken_away_leaves_what_was_never_bought():
    once = rhythm(np.array([12]), [2])
    np.testing.assert_array_equal(_rhythm_without(once, once, 7.0), MISSING_RHYTHM)


def leaks(text, secrets, names):
    """What a customer must not read. Names of products may hold digits and such words themselves."""
    for name in sorted(names, key=len, reverse=True):
        text = text.replace(name, "")
    words = re.findall(r"\d+|lift|shapley|score|supplier|household|margin|cost|income|age", text, flags=re.IGNORECASE)
    return words + [secret for secret in secrets if secret in text]


def test_no_customer_sentence_holds_a_secret_and_a_planted_one_is_found(recommend_shop):
    secrets = {household(number) for number in range(HOUSEHOLDS)} | set(recommend_shop.graph.ids("Basket"))
    names = recommend_shop.graph.column("Product", "display_name").to_pylist()
    reasons = set()
    for answer, _, _, basket in asked(recommend_shop):
        for item in answer.items:
            reason, other = customer_reason(item.explanation, item.product_id, basket)
            name = recommend_shop.service._view.product(recommend_shop.service._product[item.product_id]).display_name
            assert not leaks(customer_text(reason, name, other), secrets, names)
            reasons.add(reason)
    assert CustomerReason.BOUGHT_BEFORE in reasons
    assert leaks(f"Bought by {household(3)}.", secrets, names)
    assert leaks("Bought by 4 others.", secrets, names)


def test_each_customer_sentence_names_products_alone():
    for reason in CustomerReason:
        text = customer_text(reason, "Pesto", "Penne")
        assert "Pesto" in text
        assert not leaks(text, (), ("Pesto", "Penne"))
    assert customer_text(CustomerReason.WITH_BASKET, "Pesto") == "Pesto is popular in your store."


class Known:
    """Standings by hand."""

    def __init__(self, now, rank, after):
        self._now, self._rank, self._after = now, rank, after

    def standing(self):
        return self._now, self._rank

    def after(self, change):
        return self._after[change.kind]


CHANGES = (Change("bought_once", "it had been bought once more"), Change("in_basket", "Penne were in the basket", "penne"))


@pytest.mark.parametrize(
    ("now", "rank", "after", "outcome", "change"),
    [
        (Standing(1.0, 2.0), 14, (1.5, 2.5), WhyNotOutcome.RANKED_LOWER, "into the list if Penne were in the basket."),
        (Standing(1.0, 2.0), 14, (2.5, 2.5), WhyNotOutcome.RANKED_LOWER, "into the list if it had been bought once more."),
        (Standing(1.0, 2.0), 14, (1.5, 2.0), WhyNotOutcome.RANKED_LOWER, "it lacks 1.000."),
        (Standing(None, 2.0), None, (None, 1.5), WhyNotOutcome.NO_CANDIDATE, "list, if Penne were in the basket."),
        (Standing(None, 2.0), None, (None, None), WhyNotOutcome.NO_CANDIDATE, "makes it a candidate."),
        (Standing(3.0, 2.0), 3, (None, None), WhyNotOutcome.LISTED, ""),
    ],
)  # fmt: skip
def test_the_smallest_change_that_suffices_is_named(now, rank, after, outcome, change):
    standings = dict(zip(("bought_once", "in_basket"), (Standing(score, 2.0) for score in after), strict=True))
    answer = why_not(DAY, ("pesto", "Pesto"), 10, (), CHANGES, Known(now, rank, standings))
    assert answer.outcome == outcome
    assert answer.change.endswith(change)


def test_a_failing_rule_comes_first_with_its_proof():
    checks = (RuleCheck("stock", passed=True, proof="12 pieces"), RuleCheck("age", passed=False, proof="sold from 18 years on"))
    answer = why_not(DAY, ("gin", "Gin"), 10, checks, CHANGES, Known(Standing(9.0, 1.0), 1, {}))
    assert (answer.outcome, answer.change) == (WhyNotOutcome.RULED_OUT, "")
    assert [check.rule for check in answer.checks] == ["age", "stock"]
    assert "sold from 18 years on" in answer.text

"""What planning asks of what-ifs: whole windows as they are answered, later ones as what is lost in them."""

from dataclasses import dataclass, fields, replace
from datetime import date, timedelta

import pytest

from api.planning.delisting import WhatIfOutcomes
from decisions.envelope import Explanation
from decisions.scenarios import DelistQuestion, DelistUntold
from decisions.substitution import Amount, DelistRequest, NoReplacementKnown
from decisions.substitution.contract import DelistAnswer, Replacement

FIRST = date(2018, 1, 1)


@dataclass
class EightWeeks:
    """Loses 10, 20, 30 ... units in the weeks ahead; six in ten stay, half of them with one replacement."""

    asked: list

    def delist(self, request: DelistRequest):
        self.asked.append(request)
        weeks = request.horizon_weeks
        lost = 10.0 * weeks * (weeks + 1) / 2
        amount = Amount(lost, 0.9 * lost, 1.1 * lost)
        kept = Amount(0.6 * lost, 0.4 * lost, 0.8 * lost)
        taker = Replacement("B", "Product B", 0.3 * lost, 0.2 * lost, 0.4 * lost, 0.0, 0.3, "chain", "association")
        known = dict.fromkeys(("delisted", "scopes", "events", "assumptions"), ())
        return replace(ANSWER, horizon_weeks=weeks, lost=amount, stays_in_category=kept, replacements=(taker,), **known)


NOTHING = Amount(0.0, 0.0, 0.0)


def _answer() -> DelistAnswer:
    told = {
        "product_ids": ("A",), "store_ids": None, "cluster_id": None, "horizon_weeks": 4, "as_of": FIRST - timedelta(days=1),
        "first_week": FIRST, "last_week": FIRST, "explanation": Explanation("", ()), "simulated": False,
    }  # fmt: skip
    amounts = {"lost", "picked_up", "stays_elsewhere", "stays_in_category", "leaves"}
    counts = {"replacements_total", "events_total", "events_covered", "events_of_same_category"}
    values = {
        one.name: told.get(one.name, NOTHING if one.name in amounts else 0 if one.name in counts else ())
        for one in fields(DelistAnswer)
    }
    return DelistAnswer(**values)


ANSWER = _answer()


def outcome(from_week: int, until_week: int):
    asked: list = []
    question = DelistQuestion("A", ("s1",), FIRST + timedelta(weeks=from_week), FIRST + timedelta(weeks=until_week))
    return WhatIfOutcomes(EightWeeks(asked), FIRST).outcome(question), asked


def test_a_window_from_the_first_week_on_is_the_what_if_itself():
    found, asked = outcome(0, 3)
    assert (found.lost_units, found.kept_units, found.low, found.high) == (60.0, 36.0, 24.0, 48.0)
    assert [(one.product_id, one.units) for one in found.takers] == [("B", 18.0)]
    assert {(one.product_ids, one.store_ids) for one in asked} == {(("A",), ("s1",))}


def test_a_later_window_loses_what_lies_in_it():
    found, _ = outcome(2, 4)
    assert found.lost_units == pytest.approx(30.0 + 40.0)
    assert found.kept_units == pytest.approx(0.6 * 70.0)
    assert found.takers[0].units == pytest.approx(0.3 * 70.0)


def test_what_cannot_be_told_is_said_in_planning_s_own_words():
    class NothingKnown:
        def delist(self, request):
            raise NoReplacementKnown(request.product_ids)

    question = DelistQuestion("A", None, FIRST, FIRST + timedelta(weeks=2))
    with pytest.raises(DelistUntold) as caught:
        WhatIfOutcomes(NothingKnown(), FIRST).outcome(question)
    assert (caught.value.problem, caught.value.remedy) == (caught.value.__cause__.problem, caught.value.__cause__.remedy)

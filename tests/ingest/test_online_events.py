"""Events on entry: each is whole or refused with the rule, nothing is lost, and no household's number stays."""

import json
from datetime import UTC, date, datetime, timedelta

import pytest

from ingest.event_shape import MAXIMUM_LINES
from ingest.online_events import EventIntake, rows_of_contents
from kit.clock import FixedClock
from kit.ids import pseudonym

KEY = b"a key for tests"
NOW = datetime(2024, 5, 2, 9, tzinfo=UTC)
KNOWN = {"products.product_id": frozenset({"milk", "soap"}), "stores.store_id": frozenset({"st1"})}
WHO = {"household_id": "CARD-777001", "session_id": "s1", "store_id": "st1", "happened_at": "2024-05-01T23:30:00Z"}
VIEW = {"event_id": "e1", "kind": "view", "product_id": "milk", **WHO}
PURCHASE = {
    "event_id": "e2", "kind": "purchase", "basket_id": "b1", **WHO,
    "lines": [{"product_id": "milk", "quantity": 2, "net_sales": 3.5}, {"product_id": "soap", "quantity": 1, "net_sales": 0}],
}  # fmt: skip
STOCK = {"event_id": "e3", "kind": "stock", "store_id": "st1", "product_id": "milk", "stock_on_hand_units": 0,
         "happened_at": "2024-05-01T10:00:00+02:00"}  # fmt: skip
CONSENT = {"event_id": "e4", "kind": "consent", "household_id": "CARD-777001", "purpose": "personalisation", "granted": False,
           "happened_at": "2024-05-01T10:00:00Z"}  # fmt: skip


def intake(zone="Europe/Berlin"):
    return EventIntake(KNOWN, zone, KEY, keep_days=90, clock=FixedClock(NOW))


def test_whole_events_become_drafts_with_pseudonyms_and_business_days():
    judged = intake().judge([VIEW, PURCHASE, STOCK, CONSENT])
    assert [verdict.draft for verdict in judged.verdicts] == [0, 1, 2, 3]
    assert not judged.batch.refused
    view, purchase, stock, consent = judged.batch.drafts
    one = pseudonym(KEY, "hh_", "CARD-777001")
    assert {view.household_id, purchase.household_id, consent.household_id} == {one}
    assert (view.business_date, view.happened_at) == (date(2024, 5, 2), datetime(2024, 5, 1, 23, 30, tzinfo=UTC))
    assert stock.happened_at == datetime(2024, 5, 1, 8, tzinfo=UTC)
    assert json.loads(purchase.content)["lines"] == [
        {"product_id": "milk", "quantity": 2.0, "net_sales": 3.5},
        {"product_id": "soap", "quantity": 1.0, "net_sales": 0.0},
    ]
    assert b"CARD" not in b"".join(draft.content + "".join(draft.rows).encode() for draft in judged.batch.drafts)
    assert [row["line_number"] for row in rows_of_contents(draft.content for draft in judged.batch.drafts)] == [0, 0, 1, 0, 0]


def test_a_pseudonym_is_kept_and_the_same_event_has_the_same_content():
    one = pseudonym(KEY, "hh_", "CARD-777001")
    told = [VIEW, {**VIEW, "household_id": one}, {**VIEW, "happened_at": "2024-05-02T01:30:00+02:00"}]
    assert len({draft.content for draft in intake().judge(told).batch.drafts}) == 1


FAULTS = [
    ("nonsense", "event.shape"),
    ({**VIEW, "colour": "red"}, "event.shape"),
    ({**VIEW, "product_id": ["milk"]}, "event.shape"),
    ({**VIEW, "lines": []}, "event.shape"),
    ({**PURCHASE, "lines": []}, "event.shape"),
    ({**PURCHASE, "lines": [{"product_id": "milk"}] * 2}, "event.shape"),
    ({**PURCHASE, "lines": [{"product_id": f"p{n}"} for n in range(MAXIMUM_LINES + 1)]}, "event.shape"),
    ({**PURCHASE, "lines": ["milk"]}, "event.shape"),
    ({**VIEW, "event_id": None}, "event_id.required"),
    ({**VIEW, "kind": "party"}, "kind.allowed"),
    ({**VIEW, "product_id": "unheard"}, "product_id.reference"),
    ({**VIEW, "store_id": "st9"}, "store_id.reference"),
    ({**VIEW, "store_id": None}, "store_id.of_event"),
    ({**VIEW, "session_id": None}, "session_id.of_visit"),
    ({**VIEW, "happened_at": "yesterday"}, "happened_at.type"),
    ({**VIEW, "happened_at": None}, "happened_at.required"),
    ({**VIEW, "happened_at": (NOW + timedelta(hours=2)).isoformat()}, "happened_at.ahead"),
    ({**VIEW, "happened_at": (NOW - timedelta(days=91)).isoformat()}, "happened_at.forgotten"),
    ({**PURCHASE, "household_id": None}, "household_id.of_event"),
    ({**PURCHASE, "basket_id": None}, "basket_id.of_purchase"),
    ({**PURCHASE, "lines": [{"product_id": "milk", "quantity": -1, "net_sales": 1}]}, "quantity.minimum"),
    ({**PURCHASE, "lines": [{"product_id": "milk", "quantity": 1}]}, "net_sales.of_purchase"),
    ({**STOCK, "stock_on_hand_units": None}, "stock_on_hand_units.of_stock"),
    ({**STOCK, "stock_on_hand_units": "many"}, "stock_on_hand_units.type"),
    ({**CONSENT, "granted": None}, "granted.of_consent"),
    ({**CONSENT, "purpose": "Any Thing"}, "purpose.allowed"),
]  # fmt: skip


@pytest.mark.parametrize(("told", "rule"), FAULTS, ids=[f"{place}-{rule}" for place, (_, rule) in enumerate(FAULTS)])
def test_a_bad_event_is_refused_with_its_rule_and_costs_the_others_nothing(told, rule):
    judged = intake().judge([VIEW, told, STOCK])
    assert [verdict.draft for verdict in judged.verdicts] == [0, None, 1]
    assert judged.verdicts[1].rule_id == rule
    assert judged.verdicts[1].message
    assert len(judged.batch.drafts) == 2
    assert judged.batch.refused
    assert "CARD" not in "".join(line.row for line in judged.batch.refused)


def test_an_event_is_judged_alike_alone_and_among_others():
    told = [one for one, _ in FAULTS] + [VIEW, PURCHASE, STOCK, CONSENT]
    together = intake().judge(told)
    alone = [intake().judge([one]) for one in told]
    lines = [(line.rule_id, line.violations, line.row) for line in together.batch.refused]
    assert lines == [(line.rule_id, line.violations, line.row) for one in alone for line in one.batch.refused]
    assert together.batch.drafts == tuple(draft for one in alone for draft in one.batch.drafts)
    assert len(together.batch.drafts) == 4


def test_one_bad_line_refuses_the_purchase_and_names_the_line_that_decided():
    lines = [*PURCHASE["lines"][:1], {"product_id": "unheard", "quantity": 1, "net_sales": 1}]
    judged = intake().judge([{**PURCHASE, "lines": lines}])
    assert judged.batch.drafts == ()
    assert [line.rule_id for line in judged.batch.refused] == ["event.whole", "product_id.reference"]
    assert [json.loads(line.row)["line_number"] for line in judged.batch.refused] == ["0", "1"]
    assert judged.verdicts[0].rule_id == "product_id.reference"


def test_a_malformed_event_keeps_no_number_wherever_it_stands():
    told = [
        {"card": "CARD-777001", "deep": [{"CARD": {"x": {"y": "CARD-777001"}}}]},
        ["CARD-777001"],
        777001,
        {**VIEW, "extra": 777001},
    ]
    rows = [line.row for line in intake().judge(told).batch.refused]
    assert len(rows) == 4
    assert not any("777001" in row for row in rows)
    assert json.loads(rows[3])["product_id"] == "milk"
    assert intake().judge([]).verdicts == ()

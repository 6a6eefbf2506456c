"""Every rule of every contract: a row that keeps it, a row that breaks it, and what slips through without it."""

import numpy as np
import pyarrow as pa
import pytest

from ingest.conditions import Severity
from ingest.contract import shipped_contracts
from ingest.screening import Screening, screen
from ingest.sources.batches import RawBatch
from ingest.spool import Spool
from ingest.transforms import KeptPseudonyms, TransformContext
from kit.progress import SilentProgress

RULES = [(contract, rule) for contract in shipped_contracts() for rule in contract.rules]
TWINS = {("sales_lines", "week_start.minimum"), ("sales_lines", "week_start.maximum")}
"""Breaking these breaks the same bound of the other date too."""

HALF_OPEN = ("campaigns", "household_consents", "product_declarations", "safety_requirements", "safety_statements")
"""Feeds whose facts hold from one day to another."""

CUSTOM = {
    **{(feed, "valid_to.after_valid_from"): {"valid_to": "2010-01-05"} for feed in HALF_OPEN},
    **{(feed, "valid_from.maximum"): {"valid_from": "2200-01-01", "valid_to": ""} for feed in HALF_OPEN},
    **{(feed, "valid_to.minimum"): {"valid_to": "1989-01-01", "valid_from": ""} for feed in HALF_OPEN},
    ("products", "names.missing"): {"category": "", "product_type": "", "name": ""},
    ("sales_lines", "week_start.monday"): {"week_start": "2008-05-06", "business_date": "2008-05-07"},
    ("sales_lines", "week_start.of_business_date"): {"business_date": "2012-01-01"},
    ("sales_lines", "basket_id.one_visit"): {"basket_id": "bask0"},
    ("sales_lines", "quantity.merchandise"): {"quantity": "100001"},
    ("sales_lines", "quantity.zero"): {"quantity": "0"},
    ("sales_lines", "quantity.measure"): {"quantity": "101", "merchandise": "false"},
    ("sales_lines", "quantity.maximum"): {"quantity": "1000001", "merchandise": "false"},
    ("sales_lines", "merchandise.required"): {"merchandise": ""},
    ("promotion_weeks", "week_start.monday"): {"week_start": "2008-05-06"},
    ("promotion_weeks", "location.none"): {"display_location": "", "mailer_location": ""},
    ("stock_levels", "week_start.monday"): {"week_start": "2008-05-06"},
    ("planned_prices", "week_start.monday"): {"week_start": "2008-05-06"},
    ("planned_prices", "planned_price.zero"): {"planned_price": "0.00"},
    ("planned_prices", "announced_on.late"): {"announced_on": "2008-05-12"},
    ("calendar_events", "kind.allowed"): {"kind": "party"},
    ("calendar_events", "last_day.before_first_day"): {"last_day": "2010-02-04"},
    ("calendar_events", "announced_on.late"): {"announced_on": "2010-02-05"},
    ("calendar_events", "first_day.maximum"): {"first_day": "2200-01-06", "last_day": ""},
    ("calendar_events", "last_day.minimum"): {"last_day": "1989-12-25", "first_day": ""},
    ("session_events", "search.query"): {"event_type": "search", "query": ""},
    ("session_events", "product_id.of_event"): {"event_type": "view", "product_id": ""},
    ("session_events", "business_date.of_happened_at"): {"business_date": "2012-01-01"},
    ("session_events", "business_date.minimum"): {"business_date": "1989-12-31", "happened_at": "1990-01-01 01:00:00"},
    ("session_events", "business_date.maximum"): {"business_date": "2200-01-01", "happened_at": "2199-12-31 22:00:00"},
    ("session_events", "happened_at.minimum"): {"business_date": "1990-01-01", "happened_at": "1989-12-31 23:30:00"},
    ("session_events", "happened_at.maximum"): {"business_date": "2199-12-31", "happened_at": "2200-01-01 00:00:00"},
    ("session_events", "event_type.required"): {"event_type": ""},
    ("sales_lines", "week_start.minimum"): {"week_start": "1989-12-25", "business_date": "1989-12-31"},
    ("sales_lines", "week_start.maximum"): {"week_start": "2200-01-06", "business_date": "2200-01-06"},
    ("sales_lines", "business_date.maximum"): {"week_start": "2199-12-30", "business_date": "2200-01-01"},
    ("sales_lines", "business_date.minimum"): {"week_start": "", "business_date": "1989-12-31"},
}
NEEDS_BLANK = {
    *((feed, rule) for feed in HALF_OPEN for rule in ("valid_from.maximum", "valid_to.minimum")),
    *(("calendar_events", rule) for rule in ("first_day.maximum", "last_day.minimum")),
    ("sales_lines", "business_date.minimum"),
}
"""These rows leave another required cell empty, so that no rule over both columns is broken as well."""
BY_PROMISE = {
    "type": {"": "x?"},
    "required": {"": ""},
    "pattern": {"": "\x01"},
    "allowed": {"": "other"},
    "reference": {"": "nobody1"},
    "minimum": {"number": "-1", "date": "1989-12-25", "timestamp": "1989-12-31 23:00:00"},
    "maximum": {"number": "1e12", "date": "2200-01-06", "timestamp": "2200-01-02 01:00:00"},
}


def _breaking_cells(contract, rule):
    if (contract.feed, rule.id) in CUSTOM:
        return CUSTOM[contract.feed, rule.id]
    column, promise = rule.id.split(".")
    kind = next(item.type.value for item in contract.fields if item.name == column)
    values = BY_PROMISE[promise]
    cell = values.get(kind, values.get(""))
    if column == "household_id" and promise == "reference":
        cell = "hh_" + "f" * 20
    return {column: cell}


def _judged(contract, mapping, rows, rules, known):
    columns = {name: pa.array([row[name] or None for row in rows], pa.string()) for name in rows[0]}
    batch = RawBatch(pa.table(columns), np.arange(len(rows)))
    references = {name: pa.array(sorted(known)) for name in contract.references}
    with Spool() as spool, SilentProgress().stage("") as stage:
        work = Screening(contract, mapping, TransformContext("UTC", KeptPseudonyms(), {}), references, spool, tuple(rules))
        screen(lambda: [batch], work, stage)
        return {refusal.offset: refusal for refusal in [*work.rejected, *work.duplicates]}, dict(work.flagged), work.table_rows


def _rows(contract, rule, make_row):
    """A whole row, then one that breaks the rule."""
    whole = make_row(contract, 0)
    if rule.id == "row.copy":
        return whole, dict(whole)
    if rule.id == "key.taken":
        free = [item for item in contract.fields if item.name not in contract.key and item.type in ("string", "number")]
        item = next((item for item in free if item.name not in ("household_id", "event_type", "store_id", "grade")), None)
        changed = {"valid_to": "2011-01-01"} if item is None else {item.name: "4.5" if item.type == "number" else "store0"}
        return whole, {**whole, **changed}
    return whole, {**make_row(contract, 1), **_breaking_cells(contract, rule)}


def test_there_is_a_case_for_every_rule():
    assert len(shipped_contracts()) == 19
    assert len(RULES) == 345
    assert set(CUSTOM) <= {(contract.feed, rule.id) for contract, rule in RULES}


@pytest.mark.parametrize(("contract", "rule"), RULES, ids=[f"{contract.feed}-{rule.id}" for contract, rule in RULES])
def test_a_row_that_breaks_a_rule_is_named_and_slips_through_without_it(contract, rule, make_row, make_mapping):
    whole, broken = _rows(contract, rule, make_row)
    mapping = make_mapping(contract)
    blank = (contract.feed, rule.id) in NEEDS_BLANK
    rules = [item for item in contract.rules if not (blank and item.id.endswith(".required"))]
    known = {cell for row in (make_row(contract, 1), whole) for cell in row.values() if cell} | {"store0"}
    if rule.id.endswith((".pattern", ".type")):
        known |= {cell for cell in broken.values() if cell}
    refused, flagged, rows = _judged(contract, mapping, [whole, broken], rules, known)
    if rule.severity is Severity.FLAG:
        assert (refused, flagged, rows) == ({}, {rule.id: 1}, 2)
    else:
        assert set(refused) == {1}
        assert rule.id in refused[1].violations
        assert rows == 1
    without = [item for item in rules if item.id != rule.id]
    if rule.id.endswith(".type"):
        # a cell that cannot be read is null: the rule that it is required would stop it
        without = [item for item in without if item.id != rule.id.replace(".type", ".required")]
    refused, flagged, rows = _judged(contract, mapping, [whole, broken], without, known)
    assert rule.id not in flagged
    assert all(rule.id not in refusal.violations for refusal in refused.values())
    assert rows == (1 if (contract.feed, rule.id) in TWINS else 2)

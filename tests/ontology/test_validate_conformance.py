"""The compiled checks mean what SHACL means: pySHACL, over an RDF graph of the rows, finds the same rules broken in them."""

from datetime import UTC, date, datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ontology import PropertyKind, load_schema, validate_edges, validate_nodes
from ontology.reference import validate_by_reference
from ontology.shape_rules import load_rules

SCHEMA = load_schema()
TERMS = (*SCHEMA.nodes, *SCHEMA.relations)
RULES = load_rules()
EXPECTED_RULES = 1198
TYPES = {
    PropertyKind.STRING: pa.string(),
    PropertyKind.INTEGER: pa.int64(),
    PropertyKind.FLOAT: pa.float64(),
    PropertyKind.BOOLEAN: pa.bool_(),
    PropertyKind.DATE: pa.date32(),
    PropertyKind.DATETIME: pa.timestamp("us", "UTC"),
    PropertyKind.STRING_LIST: pa.list_(pa.string()),
}
ANOTHER_TYPE = {
    PropertyKind.STRING: (pa.int64(), 7),
    PropertyKind.INTEGER: (pa.string(), "7"),
    PropertyKind.FLOAT: (pa.int64(), 1),
    PropertyKind.BOOLEAN: (pa.string(), "true"),
    PropertyKind.DATE: (pa.timestamp("us", "UTC"), datetime(2017, 1, 2, tzinfo=UTC)),
    PropertyKind.DATETIME: (pa.timestamp("us"), datetime(2017, 1, 2)),  # noqa: DTZ001  a time without a zone is the fault
    PropertyKind.STRING_LIST: (pa.list_(pa.int64()), [7]),
}
SECOND_VALUE = {
    PropertyKind.STRING: "another",
    PropertyKind.INTEGER: 9,
    PropertyKind.FLOAT: 0.25,
    PropertyKind.BOOLEAN: False,
    PropertyKind.DATE: date(2016, 5, 5),
    PropertyKind.DATETIME: datetime(2016, 5, 5, tzinfo=UTC),
}
GOOD = {
    "display_name": "A thing",
    "level": "type",
    "notation": "A > B",
    "mechanic": "display",
    "locations": ["A1", "B2"],
    "stores": 3,
    "coverage": 0.5,
    "valid_from": date(2017, 1, 2),
    "valid_to": date(2017, 1, 9),
    "first_sold": date(2017, 1, 2),
    "last_sold": date(2017, 1, 2),
    "strength": 1.5,
    "low": 1.0,
    "high": 2.0,
    "first_observed": date(2017, 1, 2),
    "last_observed": date(2017, 1, 3),
    "sources": ["sales_lines"],
    "grade": "association",
    "status": "active",
    "recorded_from": datetime(2018, 1, 1, tzinfo=UTC),
    "recorded_to": datetime(2018, 1, 2, tzinfo=UTC),
}
BY_KIND = {
    PropertyKind.STRING: "text",
    PropertyKind.INTEGER: 1,
    PropertyKind.FLOAT: 1.0,
    PropertyKind.BOOLEAN: True,
    PropertyKind.DATE: date(2017, 1, 2),
    PropertyKind.DATETIME: datetime(2017, 1, 2, 3, 4, 5, tzinfo=UTC),
}
IDS = {"Household": "hh_0123456789abcdef0123", "Promotion": "1:display:2017-01-02", "Coupon": "8:1"}


def _definition(term):
    return SCHEMA.nodes.get(term) or SCHEMA.relations[term]


def _columns(term):
    """Return the columns of a term's batches with their kinds."""
    ends = ("id",) if term in SCHEMA.nodes else ("source", "target")
    return dict.fromkeys(ends, PropertyKind.STRING) | {item.name: item.kind for item in _definition(term).properties}


def _good_row(term):
    row = {name: GOOD.get(name, BY_KIND.get(kind)) for name, kind in _columns(term).items()}
    if term in SCHEMA.nodes:
        return row | {"id": IDS.get(term, "1")}
    return row | {"source": "first", "target": "second"}


def _bad_value(rule, row):
    """Return a value that breaks one rule, of the right type, written without the code under test."""
    bound = rule.parameter
    now = row[rule.column]
    return {
        "minCount": lambda: None,
        "minInclusive": lambda: bound - 1,
        "maxInclusive": lambda: bound + 1,
        "minExclusive": lambda: float("-inf"),
        "maxExclusive": lambda: float("inf"),
        "minLength": lambda: [""] if isinstance(now, list) else "",
        "maxLength": lambda: ["é" * (bound + 1)] if isinstance(now, list) else "1:display:2017-01-02".rjust(bound + 1, "x"),
        "in": lambda: "no such value",
        "pattern": lambda: "wrong",
        "lessThan": lambda: row[bound],
        "lessThanOrEquals": lambda: row[bound] + 1.0 if isinstance(now, float) else row[bound].replace(year=2030),
        "disjoint": lambda: row[bound],
        "class": lambda: "nobody knows this id",
    }[rule.constraint]()


def _batch(term, rows, types=None):
    types = types or {name: TYPES[kind] for name, kind in _columns(term).items()}
    return pa.table({name: pa.array([row[name] for row in rows], types[name]) for name in types})


def _known(rows):
    known = {label: pa.array(["first", "second"]) for label in SCHEMA.nodes}
    assert all("nobody knows this id" not in ids.to_pylist() for ids in known.values())
    return known


def _compiled(term, batch, known=None):
    return validate_nodes(term, batch) if term in SCHEMA.nodes else validate_edges(term, batch, known)


def _as_set(report):
    return {(finding.rule, int(row)) for finding in report.findings for row in finding.rows}


@pytest.mark.parametrize("term", TERMS)
def test_every_rule_has_a_passing_and_a_failing_row_and_both_ways_agree(term):
    good = _good_row(term)
    planted = [rule for rule in RULES[term] if rule.constraint not in ("datatype", "maxCount")]
    rows = [good] + [good | {rule.column: _bad_value(rule, good)} for rule in planted]
    batch, known = _batch(term, rows), _known(rows)
    found = _as_set(_compiled(term, batch, known))
    assert not any(row == 0 for _, row in found)
    assert {(rule.path, place) for place, rule in enumerate(planted, start=1)} <= found
    assert found == _as_set(validate_by_reference(term, batch, known))


@pytest.mark.parametrize("term", TERMS)
def test_values_of_another_type_break_the_datatype_in_both_ways(term):
    rules = {rule.column for rule in RULES[term] if rule.constraint == "datatype"}
    types = {name: ANOTHER_TYPE[kind][0] if name in rules else TYPES[kind] for name, kind in _columns(term).items()}
    good = _good_row(term)
    wrong = good | {name: ANOTHER_TYPE[kind][1] for name, kind in _columns(term).items() if name in rules}
    batch = _batch(term, [wrong, dict.fromkeys(good)], types)
    ours, theirs = _as_set(_compiled(term, batch)), _as_set(validate_by_reference(term, batch))
    expected = {(f"{term}.{column}/datatype", 0) for column in rules}
    assert {item for item in ours if item[0].endswith("/datatype")} == expected
    assert {item for item in theirs if item[0].endswith("/datatype")} == expected
    assert {row for _, row in ours} == {row for _, row in theirs}
    assert ours <= theirs


@pytest.mark.parametrize("term", TERMS)
def test_more_values_than_allowed_are_found_in_both_ways(term):
    limited = {rule.column for rule in RULES[term] if rule.constraint == "maxCount"}
    kinds = _columns(term)
    types = {name: pa.list_(TYPES[kind]) if name in limited else TYPES[kind] for name, kind in kinds.items()}
    good = _good_row(term)
    once = good | {name: [good[name], good[name]] for name in limited}
    twice = good | {name: [good[name], SECOND_VALUE[kinds[name]]] for name in limited}
    batch = _batch(term, [once, twice], types)
    ours, theirs = _as_set(_compiled(term, batch)), _as_set(validate_by_reference(term, batch))
    expected = {(f"{term}.{name}/maxCount", 1) for name in limited}
    assert {item for item in ours if item[0].endswith("/maxCount")} == expected
    assert {item for item in theirs if item[0].endswith("/maxCount")} == expected
    assert {row for _, row in ours} == {row for _, row in theirs}


def test_no_rule_is_left_without_a_case():
    """The three tests above plant every rule of every term: by a value, by a type, by a second value."""
    rules = [rule for term in TERMS for rule in RULES[term]]
    planted = [
        rule for rule in rules if rule.constraint in ("datatype", "maxCount") or _bad_value(rule, _good_row(rule.term)) != ()
    ]
    assert len(planted) == len(rules) == EXPECTED_RULES
    assert len({rule.constraint for rule in rules}) == 15


FLOATS = st.one_of(st.floats(-3, 3), st.sampled_from([0.0, 1.0, -0.0, float("inf"), float("-inf"), float("nan"), 5e-324]))
TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=6),
    st.sampled_from(
        ["", "display", "active", "association", "chain", "1:mailer:2017-01-02", "hh_0123456789abcdef0123", "🥛" * 501]
    ),
)
DATES = st.dates(date(2017, 1, 1), date(2017, 1, 4))
TIMES = st.datetimes(datetime(2017, 1, 1), datetime(2017, 1, 2), timezones=st.just(UTC))  # noqa: DTZ001  bounds are naive by its contract
RANDOM = {
    PropertyKind.STRING: TEXTS,
    PropertyKind.INTEGER: st.integers(-2, 3),
    PropertyKind.FLOAT: FLOATS,
    PropertyKind.BOOLEAN: st.booleans(),
    PropertyKind.DATE: DATES,
    PropertyKind.DATETIME: TIMES,
    PropertyKind.STRING_LIST: st.lists(TEXTS, max_size=3),
}


@st.composite
def _random_batches(draw):
    term = draw(
        st.sampled_from(["Promotion", "Household", "Campaign", "Product", "contains", "redeemed", "isSubstituteFor", "replaces"])
    )
    kinds = _columns(term)
    good = _good_row(term)
    rows = draw(
        st.lists(
            st.fixed_dictionaries(
                {name: st.one_of(st.just(good[name]), st.none(), RANDOM[kind]) for name, kind in kinds.items()}
            ),
            min_size=1,
            max_size=5,
        )
    )
    return term, _batch(term, rows)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_random_batches())
def test_both_ways_agree_on_random_batches(case):
    term, batch = case
    ours, theirs = _compiled(term, batch), validate_by_reference(term, batch)
    assert ours.faulty_rows.tolist() == theirs.faulty_rows.tolist()
    # SHACL orders NaN against nothing; pySHACL lets it pass some bounds, so rules are compared in rows without it
    numbers = [
        np.isnan(np.asarray(column.combine_chunks().fill_null(0.0)))
        for column in batch.columns
        if pa.types.is_float64(column.type)
    ]
    with_nan = set(np.flatnonzero(np.any(numbers, axis=0)).tolist()) if numbers else set()
    assert {item for item in _as_set(ours) if item[1] not in with_nan} == {
        item for item in _as_set(theirs) if item[1] not in with_nan
    }

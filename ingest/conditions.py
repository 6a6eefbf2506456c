"""The words in which contracts and mappings say what is wrong with a row, evaluated on whole Arrow columns."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingest.arrays import Mask, by_value, flat, mask_of

__all__ = ["TESTS", "Condition", "References", "Rule", "Severity", "broken_rows", "check_rule", "rule_from_yaml"]

References: TypeAlias = Mapping[str, pa.Array]
"""`table.column` to the values that the column holds."""

UNREADABLE = "unreadable:"
"""Prefix of the boolean column that marks the cells which could not be read as their type."""
ROW_COPY = "row:copy"
KEY_TAKEN = "key:taken"
DISAGREES = "disagrees:"
"""Prefix of the boolean column that marks the rows which disagree with the first row of their group."""


class Severity(StrEnum):
    """What happens to a row that breaks a rule."""

    REJECT = "reject"
    """It goes to the quarantine."""
    DUPLICATE = "duplicate"
    """It goes to the duplicates."""
    FLAG = "flag"
    """It is kept and counted."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One test of one column. `value` is what it is held against; None where the test needs nothing."""

    column: str
    test: str
    value: Any = None

    def __post_init__(self) -> None:
        if self.test not in TESTS:
            raise ValueError(f"'{self.test}' is no test; there are {', '.join(sorted(TESTS))}")

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the test reads."""
        if self.test in MARKER_COLUMNS:
            return (MARKER_COLUMNS[self.test],)
        if self.test == "unreadable":
            return (UNREADABLE + self.column,)
        if self.test == "disagrees_in":
            return (f"{DISAGREES}{self.column}:{','.join(self.value)}",)
        return (self.column, str(self.value)) if self.test in TWO_COLUMN_TESTS else (self.column,)

    @property
    def about(self) -> tuple[str, ...]:
        """The feed's own columns that the test speaks of."""
        if self.test in MARKER_COLUMNS:
            return ()
        if self.test == "disagrees_in":
            return (self.column, *self.value)
        return (self.column, str(self.value)) if self.test in TWO_COLUMN_TESTS else (self.column,)


@dataclass(frozen=True, slots=True)
class Rule:
    """A row breaks the rule when every condition holds for it."""

    id: str
    severity: Severity
    when: tuple[Condition, ...]
    text: str

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the rule reads, each once."""
        return tuple(dict.fromkeys(column for condition in self.when for column in condition.columns))


def rule_from_yaml(item: Mapping[str, Any]) -> Rule:
    """Return the rule of a `quality` entry or of a mapping's `rules` entry. Raises: KeyError, ValueError."""
    implementation = item.get("implementation", item)
    conditions = tuple(
        Condition(column=entry["column"], test=entry["test"], value=_frozen(entry.get("value")))
        for entry in implementation["when"]
    )
    if not conditions:
        raise ValueError(f"rule '{item.get('name')}' has no condition")
    return Rule(id=item["name"], severity=Severity(item["severity"]), when=conditions, text=" ".join(item["description"].split()))


def check_rule(rule: Rule, types: Mapping[str, pa.DataType]) -> None:
    """Try a rule on one plain row of columns of these types. Raises: ValueError, when it could not be tried on any."""
    for condition in rule.when:
        if condition.test == "disagrees_in" and not isinstance(condition.value, tuple):
            raise ValueError(f"rule '{rule.id}': `disagrees_in` needs a list of columns")
        if unknown := sorted(set(condition.about) - set(types)):
            raise ValueError(f"rule '{rule.id}' names the column {', '.join(unknown)}, which the contract does not have")
    plain = {name: pa.array([PLAIN[kind]], kind) for name, kind in types.items()}
    marks = {name: pa.array([False]) for name in rule.columns if name not in types}
    references = {str(condition.value): pa.array([], pa.string()) for condition in rule.when if condition.test == "unknown_in"}
    try:
        broken_rows(rule, pa.table({**plain, **marks}), references)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, TypeError, ValueError) as error:
        raise ValueError(f"rule '{rule.id}' cannot be tried: {error}") from error


def broken_rows(rule: Rule, frame: pa.Table, references: References) -> Mask:
    """Return which rows of `frame` break the rule: a boolean array of its length."""
    broken = np.ones(frame.num_rows, dtype=bool)
    for condition in rule.when:
        broken &= _holds(condition, frame, references)
    return broken


def _holds(condition: Condition, frame: pa.Table, references: References) -> Mask:
    arrays = [flat(frame.column(name)) for name in condition.columns]
    if condition.test in TWO_COLUMN_TESTS:
        return mask_of(TWO_COLUMN_TESTS[condition.test](arrays[0], arrays[1]))
    if condition.test in MARKER_COLUMNS or condition.test in ("unreadable", "disagrees_in"):
        return mask_of(arrays[0])
    value = references[str(condition.value)] if condition.test == "unknown_in" else condition.value
    if condition.test in NULL_TESTS:
        return mask_of(NULL_TESTS[condition.test](arrays[0]))
    return by_value(arrays[0], lambda values: VALUE_TESTS[condition.test](values, value))


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _scalar(value: Any, kind: pa.DataType) -> pa.Scalar:
    if isinstance(value, str) and pa.types.is_date32(kind):
        value = date.fromisoformat(value)
    if isinstance(value, str) and pa.types.is_timestamp(kind):
        value = datetime.fromisoformat(value)
    return pa.scalar(value, kind)


def _among(values: pa.Array, allowed: Any) -> pa.Array:
    found = pc.is_in(values, value_set=pa.array(list(allowed), values.type))
    return pc.if_else(pc.is_valid(values), found, pa.scalar(None, pa.bool_()))


def _unknown(values: pa.Array, known: pa.Array) -> pa.Array:
    return pc.and_(pc.is_valid(values), pc.invert(pc.is_in(values, value_set=known.cast(values.type))))


def _day(values: pa.Array) -> pa.Array:
    return values.cast(pa.timestamp("us")).cast(pa.date32()) if pa.types.is_timestamp(values.type) else values


def _not_week_of(weeks: pa.Array, days: pa.Array) -> pa.Array:
    gap = pc.subtract(days.cast(pa.int32()), weeks.cast(pa.int32()))
    return pc.or_(pc.less(gap, 0), pc.greater(gap, 6))


def _not_day_near(days: pa.Array, instants: pa.Array) -> pa.Array:
    gap = pc.subtract(days.cast(pa.int32()), _day(instants).cast(pa.int32()))
    return pc.greater(pc.abs(gap), 1)


ValueTest: TypeAlias = Callable[[pa.Array, Any], pa.Array]
VALUE_TESTS: dict[str, ValueTest] = {
    "below": lambda values, bound: pc.less(values, _scalar(bound, values.type)),
    "above": lambda values, bound: pc.greater(values, _scalar(bound, values.type)),
    "equals": lambda values, other: pc.equal(values, _scalar(other, values.type)),
    "not_equals": lambda values, other: pc.not_equal(values, _scalar(other, values.type)),
    "among": _among,
    "not_among": lambda values, allowed: pc.invert(_among(values, allowed)),
    "matches": pc.match_substring_regex,
    "not_matches": lambda values, pattern: pc.invert(pc.match_substring_regex(values, pattern)),
    "not_monday": lambda values, _: pc.not_equal(pc.day_of_week(values), 0),
    "unknown_in": _unknown,
}
NULL_TESTS: dict[str, Callable[[pa.Array], pa.Array]] = {"missing": pc.is_null, "present": pc.is_valid}
TWO_COLUMN_TESTS: dict[str, Callable[[pa.Array, pa.Array], pa.Array]] = {
    "not_after": pc.less_equal,
    "before": pc.less,
    "not_week_of": _not_week_of,
    "not_day_near": _not_day_near,
}
MARKER_COLUMNS = {"copy": ROW_COPY, "taken": KEY_TAKEN}
TESTS = frozenset({*VALUE_TESTS, *NULL_TESTS, *TWO_COLUMN_TESTS, *MARKER_COLUMNS, "unreadable", "disagrees_in"})
PLAIN: Mapping[pa.DataType, Any] = {
    pa.string(): "",
    pa.float64(): 0.0,
    pa.int64(): 0,
    pa.bool_(): False,
    pa.date32(): date(2000, 1, 1),
    pa.timestamp("us", "UTC"): datetime(2000, 1, 1, tzinfo=UTC),
}

"""Judging whole batches: every rule on every row, and what becomes of each row."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ingest.arrays import Mask
from ingest.compile import compile_rules, pandas_frame
from ingest.conditions import References, Rule, Severity
from ingest.pandera_door import SchemaErrors

__all__ = ["Judgement", "Rejection", "judge"]


@dataclass(frozen=True, slots=True)
class Rejection:
    """One row that was not accepted. `rules` holds all it broke, the one that decided first."""

    row: int
    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class Judgement:
    """What became of a batch."""

    accepted: Mask
    rejected: tuple[Rejection, ...]
    duplicates: tuple[Rejection, ...]
    flagged: Mapping[str, int]
    """Rows kept in spite of a rule, by rule id."""


def judge(table: pa.Table, rules: Sequence[Rule], references: References) -> Judgement:
    """Validate `table` (columns of the contract and marks) against `rules`, lazily, so that every bad row is named.

    A row that breaks a rejecting rule is rejected, whatever else it breaks; one that breaks a duplicate rule is a duplicate.
    """
    broken = _broken_by_rule(table, rules, references)
    rejecting = _first_broken(broken, [rule for rule in rules if rule.severity is Severity.REJECT], table.num_rows)
    copying = _first_broken(broken, [rule for rule in rules if rule.severity is Severity.DUPLICATE], table.num_rows)
    duplicate = (copying >= 0) & (rejecting < 0)
    accepted = (rejecting < 0) & (copying < 0)
    flags = Counter(
        {
            rule.id: int((broken[rule.id] & accepted).sum())
            for rule in rules
            if rule.severity is Severity.FLAG and rule.id in broken
        }
    )
    return Judgement(
        accepted=accepted,
        rejected=_rejections(np.flatnonzero(rejecting >= 0), broken, rules, Severity.REJECT),
        duplicates=_rejections(np.flatnonzero(duplicate), broken, rules, Severity.DUPLICATE),
        flagged={name: count for name, count in flags.items() if count},
    )


def _broken_by_rule(table: pa.Table, rules: Sequence[Rule], references: References) -> dict[str, Mask]:
    """Run pandera and return, for each rule that some row breaks, which rows do."""
    frame = pandas_frame(table, rules, references)
    schema = compile_rules(rules, table.column_names, references)
    try:
        schema.validate(frame, lazy=True)
    except SchemaErrors as errors:
        return {error.check.name: ~np.asarray(error.check_output, dtype=bool) for error in errors.schema_errors}
    return {}


def _first_broken(broken: Mapping[str, Mask], rules: Sequence[Rule], rows: int) -> npt.NDArray[np.int32]:
    """Return per row the place of the first rule it breaks, -1 where it keeps all."""
    first = np.full(rows, -1, dtype=np.int32)
    for place, rule in reversed(list(enumerate(rules))):
        if rule.id in broken:
            first[broken[rule.id]] = place
    return first


def _rejections(
    rows: npt.NDArray[np.intp], broken: Mapping[str, Mask], rules: Sequence[Rule], severity: Severity
) -> tuple[Rejection, ...]:
    columns = [(rule, broken[rule.id][rows].tolist()) for rule in rules if rule.id in broken and rule.severity is severity]
    return tuple(
        Rejection(row=row, rules=tuple(rule for rule, marks in columns if marks[place]))
        for place, row in enumerate(rows.tolist())
    )

"""Contracts compiled to pandera: one check per rule, on the column it reads, or on a verdict column where it reads several."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import pandas as pd
import pyarrow as pa

from ingest.arrays import flat
from ingest.conditions import References, Rule, broken_rows
from ingest.pandera_door import pandera

__all__ = ["VERDICT", "compile_rules", "pandas_frame"]

VERDICT = "broken:"
"""Prefix of the column that says which rows break a rule over several columns."""

SeriesCheck: TypeAlias = Callable[["pd.Series[bool]"], "pd.Series[bool]"]


def compile_rules(rules: Sequence[Rule], columns: Sequence[str], references: References) -> pandera.DataFrameSchema:
    """Return the pandera schema over the frames that `pandas_frame` makes from tables with these columns.

    Each check is named with its rule's id and passes the rows that keep the rule. Rules whose columns are not all there
    (the marks of unreadable cells, of copies and of taken keys are only there when a row has one) are left out.
    """
    applicable = [rule for rule in rules if set(rule.columns) <= set(columns)]
    checks: dict[str, list[pandera.Check]] = {}
    for rule in applicable:
        if len(rule.columns) == 1:
            checks.setdefault(rule.columns[0], []).append(_check(rule, _column_test(rule, references)))
        else:
            checks[VERDICT + rule.id] = [_check(rule, lambda verdict: ~verdict.astype(bool))]
    return pandera.DataFrameSchema({name: pandera.Column(checks=found, nullable=True) for name, found in checks.items()})


def pandas_frame(table: pa.Table, rules: Sequence[Rule], references: References) -> pd.DataFrame:
    """Return the table as Arrow-backed pandas, with the verdict columns of rules over several columns."""
    for rule in rules:
        if len(rule.columns) > 1 and set(rule.columns) <= set(table.column_names):
            table = table.append_column(VERDICT + rule.id, pa.array(broken_rows(rule, table, references)))
    frame: pd.DataFrame = table.to_pandas(types_mapper=pd.ArrowDtype)
    return frame


def _check(rule: Rule, keeps: SeriesCheck) -> pandera.Check:
    return pandera.Check(keeps, name=rule.id, error=rule.text, ignore_na=False)


def _column_test(rule: Rule, references: References) -> SeriesCheck:
    def keeps(series: "pd.Series[bool]") -> "pd.Series[bool]":
        column = flat(pa.array(series, from_pandas=True))
        return pd.Series(~broken_rows(rule, pa.table({rule.columns[0]: column}), references), index=series.index)

    return keeps

"""Rows that must say the same as the first row of their group, such as the lines of one receipt."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import pyarrow as pa

from ingest.arrays import Mask, decoded, encoded, flat
from ingest.conditions import Condition, Rule
from ingest.keys import key_hashes, rows_with_hashes
from ingest.spool import OFFSET

__all__ = ["about_groups", "mark_disagreements", "suspect_rows"]


def about_groups(rule: Rule) -> bool:
    """Whether the rule compares rows with the first of their group, which needs the whole file."""
    return any(condition.test == "disagrees_in" for condition in rule.when)


def suspect_rows(tables: Callable[[], Iterable[pa.Table]], rules: Sequence[Rule]) -> pa.Table | None:
    """Return all rows of the groups in which some row disagrees, in order; None where there are none.

    Found by 64-bit hashes over the whole file: memory is 16 bytes a row. `mark_disagreements` compares exactly.
    """
    found = [_suspects(tables, condition) for rule in rules for condition in _conditions(rule)]
    rows = [part for part in found if part is not None]
    return pa.concat_tables(rows).sort_by(OFFSET) if rows else None


def mark_disagreements(rows: pa.Table, rules: Sequence[Rule]) -> pa.Table:
    """Add the marks that the rules read: which rows disagree with the first of their group, in the order given."""
    for rule in rules:
        for condition in _conditions(rule):
            (name,) = condition.columns
            if name not in rows.column_names:
                rows = rows.append_column(name, pa.array(_disagrees(rows, condition)))
    return rows


def _conditions(rule: Rule) -> list[Condition]:
    return [condition for condition in rule.when if condition.test == "disagrees_in"]


def _suspects(tables: Callable[[], Iterable[pa.Table]], condition: Condition) -> pa.Table | None:
    hashes = [(key_hashes(table, [condition.column]), key_hashes(table, condition.value)) for table in tables()]
    if not hashes:
        return None
    group, said = (np.concatenate(parts) for parts in zip(*hashes, strict=True))
    groups, first, place = np.unique(group, return_index=True, return_inverse=True)
    other = said != said[first][place]
    if not other.any():
        return None
    return rows_with_hashes(tables(), [condition.column], groups[np.unique(place[other])])


def _disagrees(rows: pa.Table, condition: Condition) -> Mask:
    group, *said = (encoded(decoded(flat(rows.column(name)))).indices.fill_null(-1).to_numpy() for name in condition.about)
    _, first, place = np.unique(group, return_index=True, return_inverse=True)
    result: Mask = np.logical_or.reduce([codes != codes[first][place] for codes in said])
    return result

"""Facts that hold from one day to another, as known on a day: the one reading of a half-open validity."""

from datetime import date

import ibis
import ibis.expr.types as ir

__all__ = ["in_force"]


def in_force(table: ir.Table, as_of: date) -> ir.Table:
    """Return the rows that have begun on `as_of` and are not over then. An empty `valid_to` holds for good."""
    day = ibis.literal(as_of)
    return table.filter(table.valid_from <= day, table.valid_to.isnull() | (table.valid_to > day))

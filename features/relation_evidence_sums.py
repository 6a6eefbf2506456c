"""Sums of fractions that are the same in any order: equal facts give equal bytes, on any number of threads and any engine."""

import ibis.expr.types as ir

__all__ = ["from_whole", "whole"]

WHOLE = 10**12
"""One, in whole parts. A sum may reach nine million."""


def whole(fraction: ir.FloatingValue) -> ir.IntegerValue:
    """Return a fraction in whole parts (int64)."""
    return (fraction * WHOLE).round().cast("int64")


def from_whole(parts: ir.IntegerValue) -> ir.FloatingValue:
    """Return what whole parts, or their sum, are worth (float64), to ten decimals: three thirds are one."""
    return (parts.cast("float64") / WHOLE).round(10)

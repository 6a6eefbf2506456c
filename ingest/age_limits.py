"""From which age on a retailer sells what: declared in its `source.yaml`, since no feed says it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import pyarrow as pa

from ingest.books import AGE_LIMITS, SCHEMAS, write_book
from lake.ports import Lake

__all__ = ["enter_age_limits", "read_age_limits"]

HIGHEST_YEARS = 99


def read_age_limits(entry: Any) -> Mapping[str, int]:
    """Return years by the name of a department, category or type, as the feed writes it. Raises: ValueError."""
    if not isinstance(entry, dict) or not all(isinstance(name, str) for name in entry):
        raise ValueError(f"`age_limits` must give years by the name of a category, not {entry!r}")
    for name, years in entry.items():
        if isinstance(years, bool) or not isinstance(years, int) or not 1 <= years <= HIGHEST_YEARS:
            raise ValueError(f"the age limit of {name} is {years!r}; it must be a whole number of years, 1 to {HIGHEST_YEARS}")
    return MappingProxyType(dict(sorted(entry.items())))


def enter_age_limits(lake: Lake, limits: Mapping[str, int]) -> None:
    """Remember the limits in the place of those that were declared before."""
    rows = pa.table({"category": list(limits), "years": list(limits.values())}, schema=SCHEMAS[AGE_LIMITS])
    write_book(lake, AGE_LIMITS, rows)

"""The words of the mapping language: which transformations there are, what each is told, and the keys of every block."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

__all__ = ["KEYS", "TRANSFORM_WORDS", "TransformWords"]


@dataclass(frozen=True, slots=True)
class TransformWords:
    """How one transformation is written: the options it needs, those it may have, and how many source columns it reads."""

    needs: tuple[str, ...] = ()
    allows: tuple[str, ...] = ()
    columns: str = "one"
    """`none`, `one` or `several`."""


_SKIPS = ("null_when",)

TRANSFORM_WORDS: Mapping[str, TransformWords] = MappingProxyType(
    {
        "cast": TransformWords(allows=_SKIPS),
        "pseudonym": TransformWords(allows=_SKIPS),
        "absolute": TransformWords(allows=_SKIPS),
        "week_of_number": TransformWords(needs=("first_monday",), allows=_SKIPS),
        "instant": TransformWords(allows=("zone", *_SKIPS)),
        "local_date": TransformWords(allows=("zone", *_SKIPS)),
        "local_week": TransformWords(allows=("zone", *_SKIPS)),
        "day_after": TransformWords(allows=_SKIPS),
        "among": TransformWords(needs=("values",), allows=("negated", *_SKIPS)),
        "matches": TransformWords(needs=("pattern",), allows=_SKIPS),
        "lookup": TransformWords(needs=("table", "key", "column"), allows=_SKIPS),
        "product": TransformWords(columns="several"),
        "compose": TransformWords(allows=("separator",), columns="several"),
        "constant": TransformWords(needs=("value",), columns="none"),
    }
)

KEYS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "source": frozenset(
            {"name", "title", "location", "currency", "business_time_zone", "simulated", "simulation", "age_limits"}
        ),
        "location": frozenset({"package", "folder", "path"}),
        "simulation": frozenset({"fresh_departments", "margins", "default_margin"}),
        "feed": frozenset({"feed", "file", "format", "personal", "entities", "columns", "aggregate", "rules"}),
        "format": frozenset({"name", "delimiter", "encoding", "empty", "final_newline"}),
        "entities": frozenset({"column", "seen_in"}),
        "seen_in": frozenset({"file", "format", "column", "most_frequent"}),
        "aggregate": frozenset({"sum", "smallest"}),
        "rules": frozenset({"name", "severity", "description", "when"}),
        "when": frozenset({"column", "test", "value"}),
    }
)
"""The keys that each block of a source's YAML may have; any other is a slip of the pen and refused."""

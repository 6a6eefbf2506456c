"""One canonical byte form for values that are hashed, logged or compared on replay."""

import dataclasses
import hashlib
import json
import math
from datetime import date, datetime
from enum import Enum
from typing import Any

__all__ = ["canonical_bytes", "canonical_value", "digest_of_bytes", "digest_of_value"]


def canonical_bytes(value: Any) -> bytes:
    """Return UTF-8 JSON with sorted keys and no white space; dataclasses become objects.

    Raises:
        TypeError: the value holds something that has no canonical form.
        ValueError: the value holds NaN or an infinity.
    """
    plain = canonical_value(value)
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def canonical_value(value: Any) -> Any:
    """Return `value` as plain JSON types: dates in ISO 8601, enumerations by value, tuples as lists."""
    # exact types first: this runs for every field of every logged answer
    if value is None or type(value) in (str, int, bool):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{value!r} has no canonical form; use None for a figure that is not known")
        return value
    if isinstance(value, Enum):
        return canonical_value(value.value)
    if isinstance(value, str | int):
        return value
    return _canonical_compound(value)


def _canonical_compound(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: canonical_value(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(key): canonical_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [canonical_value(item) for item in value]
    if isinstance(value, datetime | date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no canonical form")


def digest_of_bytes(content: bytes) -> str:
    """Return the SHA-256 of `content` in lower-case hexadecimal (64 characters)."""
    return hashlib.sha256(content).hexdigest()


def digest_of_value(value: Any) -> str:
    """Return the SHA-256 of the canonical bytes of `value`."""
    return digest_of_bytes(canonical_bytes(value))

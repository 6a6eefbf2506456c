"""Values back from the JSON of their canonical bytes: dates, tuples, enumerations and dataclasses by their declared types."""

import dataclasses
import types
from datetime import date, datetime
from enum import Enum
from typing import Any, Union, get_args, get_origin, get_type_hints

__all__ = ["restored"]


def restored(hint: Any, plain: Any) -> Any:
    """Return the value of a type whose canonical form is `plain`: canonical bytes of it are the same again.

    Raises:
        TypeError: the value does not fit its type, or the type has no way back.
    """
    origin, parts = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return _one_of(parts, plain)
    if origin is tuple and isinstance(plain, list):
        return _tuple(parts, plain)
    if isinstance(hint, type):
        return _plain(hint, plain)
    raise TypeError(f"{hint} has no way back from JSON")


def _one_of(parts: tuple[Any, ...], plain: Any) -> Any:
    """Only `X | None` is told apart by what JSON holds."""
    others = [part for part in parts if part is not types.NoneType]
    if plain is None and len(others) < len(parts):
        return None
    if len(others) != 1:
        raise TypeError(f"JSON does not tell {' and '.join(map(str, others))} apart")
    return restored(others[0], plain)


def _tuple(parts: tuple[Any, ...], plain: list[Any]) -> tuple[Any, ...]:
    if len(parts) == 2 and parts[1] is Ellipsis:
        return tuple(restored(parts[0], item) for item in plain)
    return tuple(restored(part, item) for part, item in zip(parts, plain, strict=True))


def _plain(hint: type, plain: Any) -> Any:
    if dataclasses.is_dataclass(hint) and isinstance(plain, dict):
        hints = get_type_hints(hint)
        return hint(**{name: _field(name, hints[name], value) for name, value in plain.items()})
    if issubclass(hint, date) and isinstance(plain, str):
        return (datetime if issubclass(hint, datetime) else date).fromisoformat(plain)
    if issubclass(hint, Enum):
        return hint(plain)
    if hint is float and type(plain) is int:
        return float(plain)
    if type(plain) is not hint:
        raise TypeError(f"{type(plain).__name__} is no {hint.__name__}")
    return plain


def _field(name: str, hint: Any, plain: Any) -> Any:
    try:
        return restored(hint, plain)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name}: {error}") from error

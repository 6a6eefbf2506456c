"""The outer form of an event as it is told: which fields it may have, and its lines written out as rows of texts."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

__all__ = ["KINDS", "MAXIMUM_LINES", "EventShape", "Unreadable", "flatten", "masked"]

MAXIMUM_LINES = 500
PURCHASE = "purchase"
KINDS = frozenset({"view", "cart", "remove_from_cart", PURCHASE, "stock", "consent"})
FIELDS = frozenset(
    {
        "event_id", "kind", "household_id", "session_id", "store_id", "product_id", "basket_id", "lines", "stock_on_hand_units",
        "purpose", "granted", "happened_at",
    }
)  # fmt: skip
LINE_FIELDS = frozenset({"product_id", "quantity", "net_sales"})
PUBLIC = frozenset({"event_id", "kind", "store_id", "product_id", "basket_id", "purpose", "granted", "happened_at", "line"})
"""Fields that never hold a household's number, whatever else is wrong."""
DEEPEST, LONGEST = 4, 200


@dataclass(frozen=True, slots=True)
class EventShape:
    """An event as rows of texts by column, or what is wrong with its form ("" where nothing is)."""

    event_id: str | None
    kind: str | None
    rows: tuple[dict[str, str | None], ...] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A message that holds no event: where it stood, its text, and what is wrong with it."""

    place: str
    text: str
    problem: str


def flatten(told: object) -> EventShape:
    """Return the rows of one event: one, or one per line of a purchase."""
    if isinstance(told, Unreadable):
        return EventShape(told.place, None, (), told.problem)
    if not isinstance(told, dict):
        return EventShape(None, None, (), "an event is a JSON object")
    event_id, kind = _name(told.get("event_id")), _name(told.get("kind"))
    lines = told.get("lines")
    problem = _problem(told, FIELDS, except_for="lines") or _problem_of_lines(kind, lines)
    if problem:
        return EventShape(event_id, kind, (), problem)
    head = {name: _text(value) for name, value in told.items() if name != "lines"}
    parts: list[dict[str, Any]] = lines if isinstance(lines, list) else [{}]
    rows = tuple(
        {**head, **{name: _text(value) for name, value in part.items()}, "line_number": str(number)}
        for number, part in enumerate(parts)
    )
    return EventShape(event_id, kind, rows)


def masked(told: object, mask: Callable[[str], str], depth: int = 0, name: str = "") -> Any:
    """Return a malformed event for the quarantine: what may be a household's number is replaced, size and depth are bounded."""
    if depth >= DEEPEST:
        return None
    if isinstance(told, Unreadable):
        return {"event_id": told.place, "message": mask(told.text[:LONGEST])}
    if isinstance(told, dict):
        return {str(key)[:40]: masked(value, mask, depth + 1, str(key)) for key, value in list(told.items())[:30]}
    if isinstance(told, list):
        return [masked(value, mask, depth + 1, name) for value in told[:30]]
    if told is None or isinstance(told, bool):
        return told
    text = str(told)[:LONGEST]
    return text if name in PUBLIC else mask(text)


def _problem(told: dict[str, Any], fields: frozenset[str], except_for: str = "") -> str:
    for name, value in told.items():
        if name not in fields:
            return f"there is no field '{str(name)[:40]}' here; there are {', '.join(sorted(fields))}"
        if name != except_for and isinstance(value, dict | list):
            return f"{name} is one value, not several"
    return ""


def _problem_of_lines(kind: str | None, lines: object) -> str:
    if kind != PURCHASE:
        return "" if lines is None else "only a purchase has lines"
    if not isinstance(lines, list) or not 1 <= len(lines) <= MAXIMUM_LINES:
        return f"a purchase has 1 to {MAXIMUM_LINES} lines, each with product_id, quantity and net_sales"
    for line in lines:
        problem = _problem(line, LINE_FIELDS) if isinstance(line, dict) else "a line is a JSON object"
        if problem:
            return problem
    products = [line.get("product_id") for line in lines]
    return "" if len({str(one) for one in products}) == len(products) else "two lines name the same product: add them up"


def _name(value: object) -> str | None:
    return value[:80] if isinstance(value, str) else None


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value)

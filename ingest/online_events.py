"""Online events on entry: held to their contract one by one, households turned into pseudonyms, ready for the event book.

An event is whole or refused: one bad line refuses all lines of a purchase. What is refused keeps the rule that decided.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from governance.records import EventBatch, EventDraft, RefusedLine
from ingest.arrays import decoded, flat
from ingest.canonical import canonicalise
from ingest.conditions import UNREADABLE, Condition, References, Rule, Severity, broken_rows
from ingest.event_shape import EventShape, flatten, masked
from ingest.mapping import FeedMapping
from ingest.screening import about_keys
from ingest.sources.configuration import ONLINE, load_source
from ingest.transforms import HOUSEHOLD_PREFIX, KeyedPseudonyms, TransformContext
from kit.canonical import canonical_bytes
from kit.clock import Clock, SystemClock

__all__ = ["ONLINE_EVENTS", "EventIntake", "EventVerdict", "JudgedEvents", "known_values", "rows_of_contents"]

ONLINE_EVENTS = "online_events"
AHEAD = timedelta(hours=1)
"""How far a sender's clock may be ahead of ours."""
PSEUDONYM = re.compile(rf"^{HOUSEHOLD_PREFIX}[0-9a-f]{{20}}$")
LINE_FIELDS = ("product_id", "quantity", "net_sales")
OWN_FIELDS = ("product_id", "stock_on_hand_units", "purpose", "granted")
SPOILT = "another line of this event was refused"


@dataclass(frozen=True, slots=True)
class EventVerdict:
    """What the contract says of one event. `draft` is its place among the drafts, None where it was refused."""

    event_id: str | None
    kind: str | None
    draft: int | None
    rule_id: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class JudgedEvents:
    """One verdict per event that was told, in the order given, and what is to be kept of them."""

    verdicts: tuple[EventVerdict, ...]
    batch: EventBatch


class EventPseudonyms:
    """Hashes the retailer's household numbers; what is a pseudonym already stays: a client knows households by no other name."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def of(self, values: pa.Array) -> pa.Array:
        keyed = KeyedPseudonyms(self._key)  # remembered for one batch: a server lives too long to remember every household
        one = [value if value is None or PSEUDONYM.match(value) else None for value in values.to_pylist()]
        hashed = keyed.of(values).to_pylist()
        return pa.array([kept or found for kept, found in zip(one, hashed, strict=True)], pa.string())


class EventIntake:
    """Judges events by the contract `online_events`.

    Args:
        known: the values of every column that the contract refers to, by `table.column`.
        business_zone: the retailer's time zone, which tells an event's business day.
        pseudonym_key: of the household pseudonyms.
        keep_days: how long the book keeps events; what happened earlier is refused, since nobody could tell it from a repeat.
    """

    def __init__(
        self,
        known: Mapping[str, frozenset[str]],
        business_zone: str,
        pseudonym_key: bytes,
        *,
        keep_days: int,
        clock: Clock | None = None,
    ) -> None:
        (self._mapping,) = load_source(ONLINE).feeds
        self._rules = tuple(rule for rule in self._mapping.contract.rules if not about_keys(rule))
        self._known = known
        self._pseudonyms = EventPseudonyms(pseudonym_key)
        self._context = TransformContext(business_zone, self._pseudonyms, {})
        self._keep_days = keep_days
        self._clock = clock or SystemClock()

    def judge(self, told: Sequence[object]) -> JudgedEvents:
        """Return what becomes of each event. Nothing is written."""
        shapes = [flatten(one) for one in told]
        rows = [row for shape in shapes for row in shape.rows]
        work = self._judge_rows(rows) if rows else _NOTHING
        verdicts, drafts, refused, first = [], [], [], 0
        for shape, one in zip(shapes, told, strict=True):
            last = first + len(shape.rows)
            draft, lines = self._settle(shape, one, work, range(first, last))
            refused += lines
            if draft is not None:
                drafts.append(draft)
            decided = next((line for line in lines if line.message != SPOILT), None)
            verdicts.append(
                EventVerdict(
                    shape.event_id,
                    shape.kind,
                    None if draft is None else len(drafts) - 1,
                    decided.rule_id if decided else "",
                    decided.message if decided else "",
                )
            )
            first = last
        return JudgedEvents(tuple(verdicts), EventBatch(tuple(drafts), tuple(refused)))

    def _settle(
        self, shape: EventShape, told: object, work: "_Work", places: range
    ) -> tuple[EventDraft | None, list[RefusedLine]]:
        if shape.problem:
            row = json.dumps(masked(told, self._mask), ensure_ascii=False)
            return None, [RefusedLine(shape.event_id or "", row, "event.shape", ("event.shape",), shape.problem)]
        if not any(work.broken[place] for place in places):
            return _draft(work, places), []
        return None, [_refused(work, place) for place in places]

    def _mask(self, text: str) -> str:
        return str(self._pseudonyms.of(pa.array([text]))[0].as_py())

    def _judge_rows(self, rows: list[dict[str, str | None]]) -> "_Work":
        told = {name: [row.get(name) for row in rows] for name in self._mapping.source_columns}
        raw = pa.table({name: pa.array(cells, pa.string()) for name, cells in told.items()})
        table = canonicalise(self._mapping_of(told), raw, self._context)
        references = self._references(table)
        broken: list[list[Rule]] = [[] for _ in rows]
        silent = {name for name in table.column_names if table[name].null_count == len(rows)}
        for rule in (*self._rules, *self._in_time()):
            if set(rule.columns) <= set(table.column_names) and _may_break(rule, silent, told["kind"]):
                for place in np.flatnonzero(broken_rows(rule, table, references)).tolist():
                    broken[place].append(rule)
        plain = {name: decoded(flat(table[name])) for name in table.column_names if not name.startswith(UNREADABLE)}
        values = pa.table(plain).to_pylist()
        return _Work(values, [_text(told, place, value) for place, value in enumerate(values)], broken)

    def _mapping_of(self, told: Mapping[str, list[str | None]]) -> FeedMapping:
        """Return the mapping without the columns that no row of the batch has: most events have half of them."""
        given = {name for name, cells in told.items() if any(cell is not None for cell in cells)}
        return replace(self._mapping, columns=tuple(one for one in self._mapping.columns if given.issuperset(one.sources)))

    def _references(self, table: pa.Table) -> References:
        """Return, of what the lake knows, what this batch names: a set of 90,000 products is asked, never hashed anew."""
        found = {}
        for field in self._mapping.contract.fields:
            if field.reference:
                values = table[field.name].unique().cast(pa.string()).to_pylist()
                here = [value for value in values if value in self._known[field.reference]]
                found[field.reference] = pa.array(here, pa.string())
        return found

    def _in_time(self) -> tuple[Rule, ...]:
        now = self._clock.now()
        oldest = now - timedelta(days=self._keep_days)
        return (
            _clock_rule("happened_at.ahead", "above", now + AHEAD, "happened_at lies more than an hour ahead of our clock"),
            _clock_rule("happened_at.forgotten", "below", oldest, f"it happened more than {self._keep_days} days ago"),
        )


@dataclass(frozen=True, slots=True)
class _Work:
    """The lines of a batch: their values, their texts as they came, and the rules that each broke."""

    values: list[dict[str, Any]]
    texts: list[str]
    broken: list[list[Rule]]


_NOTHING = _Work([], [], [])


def _may_break(rule: Rule, silent: set[str], kinds: list[str | None]) -> bool:
    """Return whether any row may break a rule, without trying it: one event costs as many tries as a thousand."""
    for condition in rule.when:
        asked = KIND_TESTS.get(condition.test) if condition.column == "kind" else None
        if asked is not None and not any(map(asked(condition), kinds)):
            return False
        if condition.test != "missing" and silent.intersection(condition.columns):
            return False
    return True


KIND_TESTS: Mapping[str, Callable[[Condition], Callable[[str | None], bool]]] = {
    "equals": lambda condition: lambda kind: kind == condition.value,
    "among": lambda condition: lambda kind: kind in condition.value,
}


def _text(told: Mapping[str, list[str | None]], place: int, value: Mapping[str, Any]) -> str:
    """Return a line as it came, as the quarantine keeps rows: texts, the household by its pseudonym."""
    row = {name: cells[place] for name, cells in told.items()}
    return json.dumps({**row, "household_id": value["household_id"]}, ensure_ascii=False)


def _clock_rule(name: str, test: str, bound: Any, text: str) -> Rule:
    return Rule(name, Severity.REJECT, (Condition("happened_at", test, bound.isoformat()),), text)


def _refused(work: _Work, place: int) -> RefusedLine:
    event_id = str(work.values[place]["event_id"] or "")
    rules = work.broken[place]
    if not rules:
        return RefusedLine(event_id, work.texts[place], "event.whole", ("event.whole",), SPOILT)
    return RefusedLine(event_id, work.texts[place], rules[0].id, tuple(rule.id for rule in rules), rules[0].text)


def _draft(work: _Work, places: range) -> EventDraft:
    lines = [work.values[place] for place in places]
    head = lines[0]
    content = {name: head[name] for name in ("event_id", "kind", "household_id", "session_id", "store_id", "basket_id")}
    if head["kind"] == "purchase":
        content["lines"] = [{name: line[name] for name in LINE_FIELDS} for line in lines]
    else:
        content |= {name: head[name] for name in OWN_FIELDS}
    content |= {"happened_at": head["happened_at"], "business_date": head["business_date"]}
    present = {name: value for name, value in content.items() if value is not None}
    return EventDraft(
        head["event_id"], head["kind"], head["household_id"], head["session_id"], head["store_id"], head["happened_at"],
        head["business_date"], canonical_bytes(present), tuple(work.texts[place] for place in places),
    )  # fmt: skip


def known_values(references: References) -> dict[str, frozenset[str]]:
    """Return references as sets, to be asked by many batches."""
    return {name: frozenset(values.cast(pa.string()).to_pylist()) for name, values in references.items()}


def rows_of_contents(contents: Iterable[bytes]) -> list[dict[str, Any]]:
    """Return the rows of the table `online_events` that accepted events are, one per line of a purchase."""
    return [row for content in contents for row in _rows_of(json.loads(content))]


def _rows_of(event: dict[str, Any]) -> list[dict[str, Any]]:
    lines = event.pop("lines", [{}])
    return [{**event, **line, "line_number": number} for number, line in enumerate(lines)]

"""Answers that are given again as bytes, with their decisions made anew.

What some documents ask follows from the release, their arguments and the answers of relations alone. Asked again, such a document
needs no plan to be walked: its decisions are made and logged as ever, and if the room gives the very answers it gave before, the
body is the one it was but for what each decision writes anew, its id and its time. Where those stand is found by writing the body
twice with marks in their place; the second must come out of the first, or the document is left to its plan.
"""

import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from api.asked import Asked
from api.decisions_made import DecisionDesk, Made
from api.loaders import Loaders
from decisions.envelope import DecisionHeader
from governance.policy import Principal
from kit.errors import ShelfgraphError

__all__ = ["PINNED", "Repeated", "repeated"]

PINNED = frozenset(
    {
        "Query.product", "Query.products", "Query.substitutes", "Query.complements", "Query.boughtWith",
        "Product.category", "Product.categoryPath", "Product.brand", "Product.suppliers", "Product.promotions",
        "Product.substitutes", "Product.complements", "Product.boughtWith",
    }
)  # fmt: skip
"""Fields whose resolvers read the release and decide on relations, and nothing that changes while a release is served.

A field that is not named here is never repeated: whoever adds a resolver has nothing to do, and whoever names one answers for it.
"""
MOST_DECISIONS = 20
"""Of one body: pages of many products read together what one after the other would read alone."""
HELD_TIMES = 4
"""What an answer weighs as objects, in times of its bytes."""
MARK_YEAR = 9000


@dataclass(frozen=True, slots=True)
class _Rest:
    """A decision that a body rests on, and what the room and the release said then. The answer is held."""

    kind: str
    request: Any
    answer: Any
    header: DecisionHeader
    bytes: int
    """Of the answer, as the log has it."""


@dataclass(frozen=True, slots=True)
class Repeated:
    """A body that was given, and what it rests on.

    Args:
        principal: for whom: another one is judged anew.
        rests_on: the decisions in the order in which they were made; their answers are held.
        pieces: the bytes between what decisions write anew.
        holes: what stands between two pieces: the place of a decision, and whether it is its time, not its id.
    """

    principal: Principal
    rests_on: tuple[_Rest, ...]
    pieces: tuple[bytes, ...]
    holes: tuple[tuple[int, bool], ...]

    @property
    def weight(self) -> int:
        """What it weighs, in bytes, and the answers that it holds with it, whoever else holds them."""
        return sum(map(len, self.pieces)) + HELD_TIMES * sum(one.bytes for one in self.rests_on)

    def again(self, asked: Asked) -> bytes | None:
        """Return the body with decisions of this request, or None where the plan has to be walked.

        Decisions are made in the order in which the plan makes them, up to the first that comes out otherwise: none is made that
        the plan would not make.
        """
        if asked.principal != self.principal:
            return None
        made = []
        try:
            for before in self.rests_on:
                (now,) = asked.desk.decide_related(before.kind, (before.request,))
                if now.answer is not before.answer or now.header != before.header:
                    return None
                made.append(now)
        except ShelfgraphError:
            return None
        return self.written(made)

    def written(self, made: Sequence[Made]) -> bytes:
        """Return the body as these decisions write it."""
        parts = [self.pieces[0]]
        for (place, is_time), piece in zip(self.holes, self.pieces[1:], strict=True):
            parts.append((made[place].recorded_at.isoformat() if is_time else made[place].id).encode())
            parts.append(piece)
        return b"".join(parts)


def repeated(asked: Asked, write: Callable[[Asked], bytes | None]) -> Repeated | None:
    """Return what gives a body again that was just answered, or None where it cannot be.

    Args:
        asked: the request that was answered, with its decisions.
        write: writes the body of a request, as it was written; None where it had errors.
    """
    made = asked.desk.made()
    if len(made) > MOST_DECISIONS or not all(one.repeatable for one in made):
        return None
    first, second = ([_marked(one, even=even) for one in made] for even in (False, True))
    body, other = (write(_dictated(asked, marked)) for marked in (first, second))
    if body is None or other is None:
        return None
    rests_on = tuple(_Rest(one.entry.kind, one.request, one.answer, one.header, len(one.entry.answer)) for one in made)
    found = Repeated(asked.principal, rests_on, *_cut(body, first))
    return found if found.written(second) == other else None


def _marked(made: Made, *, even: bool) -> Made:
    """Return a decision with an id and a time that stand nowhere else. A time of an even second is written shorter."""
    moment = datetime(MARK_YEAR, 1, 1, tzinfo=UTC) + timedelta(seconds=secrets.randbelow(10**9))
    odd = timedelta(0) if even else timedelta(microseconds=1 + secrets.randbelow(999_999))
    return replace(made, id=made.id[:4] + secrets.token_hex((len(made.id) - 4) // 2), recorded_at=moment + odd)


def _dictated(asked: Asked, made: Sequence[Made]) -> Asked:
    """Return the request as if these had been its decisions; nothing of it is logged."""
    desk = asked.desk
    known = {(one.entry.kind, one.request): one for one in made}
    told = DecisionDesk(desk.services, desk.log, desk.principal, desk.logged_refusals, desk.kept, known)
    return Asked(asked.front, asked.principal, told, Loaders(asked.front.reads))


def _cut(body: bytes, made: Sequence[Made]) -> tuple[tuple[bytes, ...], tuple[tuple[int, bool], ...]]:
    marks: dict[bytes, tuple[int, bool]] = {}
    for place, one in enumerate(made):
        marks |= {one.id.encode(): (place, False), one.recorded_at.isoformat().encode(): (place, True)}
    if not marks:
        return (body,), ()
    parts: list[Any] = re.split(b"(" + b"|".join(map(re.escape, marks)) + b")", body)
    return tuple(parts[::2]), tuple(marks[mark] for mark in parts[1::2])

"""What was made of answers, kept beside them: their bytes for the log, and what transports wrote of them.

The key is the answer itself, the very object that the room gave, not what was asked. Whatever changes an answer (a rule, a
consent, an override, an event, another release) makes the room give another object, of which nothing is kept; so nothing can
be served that the room did not give for this request. What is written anew each time stays so: the decision's id and time,
and whatever a type holds beside its kept values.
"""

from collections.abc import Callable, Hashable, Iterable
from typing import Any, TypeVar, cast

from api.fast_bytes import fast_canonical_bytes
from kit.bounded import BoundedMemory
from kit.hashed import HashedBytes

__all__ = ["MAXIMUM_KEPT_BYTES", "KeptAnswer", "KeptAnswers", "Written"]

MAXIMUM_KEPT_BYTES = 256 * 1024 * 1024
"""Of what is made of answers, per worker: some 3,000 lists of ten. The answers themselves count in the rooms that keep them."""
PART_BYTES = 16 * 1024
"""What a part weighs that is no bytes: ten suggestions with their products as objects of the schema."""

_Part = TypeVar("_Part")


class KeptAnswer:
    """One answer, its bytes for the log, and parts that were made of it."""

    __slots__ = ("_grew", "_parts", "answer", "content")

    def __init__(self, answer: Any, content: bytes, grew: "Callable[[KeptAnswer, int], None]") -> None:
        self.answer = answer
        self.content = content
        self._grew = grew
        self._parts: dict[Hashable, Any] = {}

    def part(self, key: Hashable, make: Callable[[], _Part], weight: int = PART_BYTES) -> _Part:
        """Return what `make` gives, made once. `key` holds all that it depends on beside the answer and the release."""
        found = self._parts.get(key)
        if found is None:
            found = self._parts[key] = make()
            self._grew(self, weight)
        return cast("_Part", found)

    def written(self, values: Iterable[object]) -> "Written":
        """Return a place for the bytes of values that belong to this answer."""
        return Written(self, values)

    def passing(self) -> "KeptAnswer":
        """Return the same answer with parts of its own that nothing keeps: for what is shown in one request alone."""
        return KeptAnswer(self.answer, self.content, _forget)

    def grew(self, more: int) -> None:
        """Count bytes that were written of this answer."""
        self._grew(self, more)


class Written:
    """Bytes of values by who wrote them. A value that is none of those named at the start is not kept.

    The values are held, so that an identity means the same value for as long as its bytes are kept, and nobody changes them.
    """

    __slots__ = ("_kept", "_pieces", "_values")

    def __init__(self, kept: KeptAnswer, values: Iterable[object]) -> None:
        self._kept = kept
        self._values = {id(value): value for value in values}
        self._pieces: dict[tuple[Any, int], bytes] = {}

    def holds(self, value: object) -> bool:
        """Whether the bytes of this very value may be kept."""
        return id(value) in self._values

    def get(self, writer: object, value: object) -> bytes | None:
        """Return what `writer` wrote of a value that is held, or None."""
        return self._pieces.get((writer, id(value)))

    def put(self, writer: object, value: object, piece: bytes) -> None:
        """Keep what `writer` wrote of a value that is held."""
        self._pieces[writer, id(value)] = piece
        self._kept.grew(len(piece))


class KeptAnswers:
    """The kept answers of one release."""

    def __init__(self, maximum_bytes: int = MAXIMUM_KEPT_BYTES) -> None:
        self._memory: BoundedMemory[int, KeptAnswer] = BoundedMemory(maximum_bytes)

    @property
    def weight(self) -> int:
        """What is kept, in bytes."""
        return self._memory.weight

    def of(self, answer: Any) -> KeptAnswer:
        """Return what is kept of an answer, its bytes at least. Raises: as `canonical_bytes`."""
        # an entry holds its answer, so no other object can have the same identity meanwhile
        found = self._memory.get(id(answer))
        if found is None or found.answer is not answer:
            # the log names a long answer by its digest, each time that it is given
            found = KeptAnswer(answer, HashedBytes(fast_canonical_bytes(answer)), self._grew)
            self._memory.put(id(answer), found, len(found.content))
        return found

    def once(self, answer: Any) -> KeptAnswer:
        """Return the bytes of an answer that its room will not give again, and keep nothing."""
        return KeptAnswer(answer, fast_canonical_bytes(answer), _forget)

    def _grew(self, kept: KeptAnswer, more: int) -> None:
        self._memory.grew(id(kept.answer), kept, more)


def _forget(_kept: KeptAnswer, _more: int) -> None:
    return

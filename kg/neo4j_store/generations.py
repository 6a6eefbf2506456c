"""How a derived relation is replaced at once, and how writers take turns.

Each derived edge carries the number of the set it belongs to. The published number of a relation is kept on one node. A new set
is written under a fresh number, unseen, and becomes visible when that one node is changed in one transaction. Then the old set
is deleted in batches. A reader takes the number before and after it reads and reads again when they differ, because edges of
the set it was reading may have been deleted meanwhile.

That node is also the writers' turn: a writer holds its lock in an open transaction until it is done. The server takes the lock
back when the writer's connection is gone, so a dead writer blocks nobody, and whatever it left under an unpublished number is an
orphan that the next writer deletes.
"""

import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from neo4j import ManagedTransaction, Transaction

from kg.errors import GraphUnavailable
from kg.neo4j_store.cypher import GENERATIONS, PUBLISH_GENERATION, TAKE_TURN
from kg.neo4j_store.sessions import Sessions, run_rows
from ontology.schema_types import GraphSchema, RelationKind

__all__ = ["Turn", "fresh_generation", "read_steadily", "take_turn"]

AnswerT = TypeVar("AnswerT")
ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Turn:
    """A writer's turn on a relation. `generation` is the published one; 0 where nothing was replaced yet."""

    relation: str
    generation: int
    transaction: Transaction

    def publish(self, generation: int) -> None:
        """Make the edges of `generation` the ones that readers see, and end the turn."""
        run_rows(self.transaction, PUBLISH_GENERATION, {"relation": self.relation, "generation": generation})
        self.transaction.commit()


@contextmanager
def take_turn(sessions: Sessions, relation: str) -> Iterator[Turn]:
    """Wait for other writers of the relation, then hold them back until the block ends."""
    with sessions.transaction(f"turn on {relation}") as transaction:
        rows = run_rows(transaction, TAKE_TURN, {"relation": relation, "writer": secrets.token_hex(8)})
        yield Turn(relation, int(rows[0][0]), transaction)


def fresh_generation() -> int:
    """Return a number that no other set has: chance alone, for a counter could be rolled back with its transaction."""
    return secrets.randbits(62) + 1


def read_steadily(
    sessions: Sessions,
    schema: GraphSchema,
    operation: str,
    work: Callable[[ManagedTransaction, Mapping[str, int]], AnswerT],
    *,
    relations: tuple[str, ...],
    seconds: float | None = None,
) -> AnswerT:
    """Run a read over `relations` so that each derived one is seen as one whole set.

    `work` is given the generation of each derived relation, and runs again when one was replaced meanwhile.
    """
    derived = tuple(name for name in relations if schema.relations[name].kind is RelationKind.DERIVED)

    def attempt(transaction: ManagedTransaction) -> tuple[bool, Any]:
        before = _generations(transaction, derived)
        answer = work(transaction, before)
        return before == _generations(transaction, derived), answer

    deadline = time.monotonic() + (seconds or sessions.settings.read_timeout_seconds)
    attempts = 0
    while attempts < ATTEMPTS or time.monotonic() < deadline:
        attempts += 1
        steady, answer = sessions.read(operation, attempt, seconds=seconds)
        if steady:
            typed: AnswerT = answer
            return typed
    raise GraphUnavailable("neo4j", f"{', '.join(derived)} was replaced {attempts} times during '{operation}'")


def _generations(transaction: ManagedTransaction, derived: tuple[str, ...]) -> dict[str, int]:
    if not derived:
        return {}
    published = {relation: int(number) for relation, number in run_rows(transaction, GENERATIONS, {})}
    return {relation: published.get(relation, 0) for relation in derived}

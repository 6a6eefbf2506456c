"""Candidates of the next item and their figures: what each system says of them, and how usual item and sequence are."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bench.basket_floors import Floor
from bench.next_item_systems import Sequences, sequence_popularity
from features.repertoire import FloatArray, IntArray

__all__ = ["ItemCandidates", "candidates_by_chunk", "item_candidates"]

CHUNK = 256
"""Users at once: twelve systems that score 12,000 items take 300 MB."""
PROPOSED = 40
ITEM_FIGURES = ("frequency", "frequency_of_last", "sequence_length", "agreement")


@dataclass(frozen=True, slots=True)
class ItemCandidates:
    """Rows sorted by user and item; `values` has one column per name."""

    user: IntArray
    item: IntArray
    values: npt.NDArray[np.float32]
    names: tuple[str, ...]


def candidates_by_chunk(given: Sequences, systems: Mapping[str, Floor], users: IntArray) -> Iterator[ItemCandidates]:
    """Yield what any system proposes to each user, less what is in his sequence, some users at a time.

    All users' candidates take more memory than all systems.
    """
    for some in _chunks(users):
        yield ItemCandidates(*_chunk(given, systems, some, None), _names(systems))


def item_candidates(
    given: Sequences,
    systems: Mapping[str, Floor],
    users: IntArray,
    advance: Callable[[], object],
    only_with: IntArray | None = None,
) -> ItemCandidates:
    """Return the candidates of all users.

    `only_with` (all users) names an item each: users to whom it is not proposed are left out, since nothing is learnt from
    them.
    """
    parts = []
    for some in _chunks(users):
        parts.append(_chunk(given, systems, some, only_with))
        advance()
    user, item, values = (np.concatenate([part[place] for part in parts]) for place in range(3))
    return ItemCandidates(user, item, values, _names(systems))


def _names(systems: Mapping[str, Floor]) -> tuple[str, ...]:
    return (*ITEM_FIGURES, *(f"{name}_{what}" for name in systems for what in ("score", "share", "place")))


def _chunks(users: IntArray) -> Iterator[IntArray]:
    for first in range(0, len(users), CHUNK):
        yield users[first : first + CHUNK]


def _chunk(
    given: Sequences, systems: Mapping[str, Floor], users: IntArray, only_with: IntArray | None
) -> tuple[IntArray, IntArray, npt.NDArray[np.float32]]:
    had = given.asked.bought()[users].toarray() > 0
    scores, proposed = [], np.zeros(had.shape, dtype=bool)
    votes = np.zeros(had.shape, dtype=np.int8)
    for system in systems.values():
        some = np.where(had, 0.0, system.scores(users))
        most = min(PROPOSED, some.shape[1])
        own = (some >= np.partition(some, -most, axis=1)[:, [-most]]) & (some > 0)
        proposed |= own
        votes += own
        scores.append(some)
    if only_with is not None:
        proposed &= proposed[np.arange(len(users)), only_with[users]][:, None]
    row, item = np.nonzero(proposed)
    frequency = sequence_popularity(given.learnt)
    last = given.asked.item[given.asked.user_start[users + 1] - 1]
    length = np.diff(given.asked.user_start)[users]
    figures: list[FloatArray] = [frequency[item], frequency[last][row], length[row], votes[row, item].astype(np.float64)]
    for some in scores:
        value = some[row, item]
        best = some.max(axis=1)
        figures += [value, value / np.where(best > 0, best, 1.0)[row], _places(row, value)]
    return users[row], item, np.column_stack(figures).astype(np.float32)


def _places(row: IntArray, value: FloatArray) -> FloatArray:
    order = np.lexsort((-value, row))
    place = np.empty(len(row))
    place[order] = np.arange(len(row)) - np.searchsorted(row, row)
    return place

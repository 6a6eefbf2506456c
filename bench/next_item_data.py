"""Sequences of items as published for S3-Rec (Zhou et al., CIKM 2020): one user a line, and the attributes of items."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import sparse

from bench.baskets import Baskets, baskets_of_lists
from bench.public_data import PublicFolder
from features.repertoire import IntArray

__all__ = ["FOLDER", "SequenceData", "read_sequences"]

SEQUENCES, ATTRIBUTES = "Beauty.txt", "Beauty_item2attributes.json"
FOLDER = PublicFolder("next_item", "beauty", "s3rec_amazon", (SEQUENCES, ATTRIBUTES))
LEAST_ITEMS = 5
SEED = 7


@dataclass(frozen=True, slots=True)
class SequenceData:
    """Each user's items from the first to the last, and the attributes of items (items x attributes, 1 where it has one).

    Items are numbered by a seeded permutation: the published numbers are given in the order of first appearance, user by user,
    so that the numbers themselves would tell what is to be foretold.
    """

    sequences: tuple[tuple[int, ...], ...]
    attributes: sparse.csr_array

    def before(self, from_end: int) -> Baskets:
        """Return the sequences without their last `from_end` items."""
        cut = [[[item] for item in items[: len(items) - from_end]] for items in self.sequences]
        return baskets_of_lists(cut, self.attributes.shape[0])

    def at(self, from_end: int) -> IntArray:
        """Return one item per user: 1 for the last, 2 for the one before."""
        return np.array([items[-from_end] for items in self.sequences], dtype=np.int64)


def read_sequences(path: Path | None, step: int = 1) -> SequenceData:
    """Read the data set; every `step`-th user alone. Raises: DataMissing, DataDamaged."""
    files = FOLDER.found(path)
    lines = files[SEQUENCES].read_text().splitlines()[::step]
    listed = FOLDER.parsed(files[SEQUENCES], lambda: [_items(line) for line in lines])
    of_item = FOLDER.json_object(files[ATTRIBUTES])
    pairs = FOLDER.parsed(
        files[ATTRIBUTES], lambda: [(int(item), int(value)) for item, values in of_item.items() for value in values]
    )
    numbers = np.unique([item for items in listed for item in items])
    renumbered = np.random.default_rng(SEED).permutation(len(numbers))
    place = dict(zip(numbers.tolist(), renumbered.tolist(), strict=True))
    known = np.array([(place[item], value) for item, value in pairs if item in place], dtype=np.int64).reshape(-1, 2)
    values, column = np.unique(known[:, 1], return_inverse=True)
    shape = (len(numbers), max(len(values), 1))
    attributes = sparse.csr_array((np.ones(len(known)), (known[:, 0], column)), shape=shape)
    attributes.data[:] = 1.0
    return SequenceData(tuple(tuple(place[item] for item in items) for items in listed), attributes)


def _items(line: str) -> list[int]:
    items = [int(word) for word in line.split()][1:]
    if len(items) < LEAST_ITEMS:
        raise ValueError(f"a user with fewer than {LEAST_ITEMS} items")
    return items

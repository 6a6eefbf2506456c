"""What can go wrong in learning, in the files it leaves and in the questions to them.

GnnError
├── NothingToLearn      too few weeks, or no pairs of a kind, before the day
├── CheckpointForeign   the folder holds the checkpoint of another training
├── VectorsDamaged      the file of the vectors is missing, changed or of another format
├── EncoderFailed       the process that learns typed links ended with an error
├── RelationUnlearned   a relation that the network has no decoder for
└── ProductUnplaced     a product that the vectors do not know
"""

from collections.abc import Iterable
from datetime import date
from pathlib import Path

from kit.errors import ShelfgraphError

__all__ = [
    "NOTHING_TO_LEARN",
    "CheckpointForeign",
    "EncoderFailed",
    "GnnError",
    "NothingToLearn",
    "ProductUnplaced",
    "RelationUnlearned",
    "VectorsDamaged",
]


NOTHING_TO_LEARN = 3
"""What `python -m gnn` ends with where there is too little to learn from."""


class GnnError(ShelfgraphError):
    """Base of the room."""


class NothingToLearn(GnnError):
    """Too few weeks, or no pairs of a kind, before the day."""

    def __init__(self, as_of: date, missing: str) -> None:
        self.as_of, self.missing = as_of, missing
        super().__init__(
            f"As of {as_of} there is nothing to learn the graph neural network from: {missing}.",
            "Choose a later day, shorter windows, or ingest more sales.",
        )


class CheckpointForeign(GnnError):
    """The folder holds the checkpoint of another training."""

    def __init__(self, path: Path, difference: str) -> None:
        self.path, self.difference = path, difference
        super().__init__(
            f"{path} is no checkpoint of this training: {difference}.", "Give an empty folder, or the settings it was made with."
        )


class VectorsDamaged(GnnError):
    """The file of the vectors is missing, changed or of another format."""

    def __init__(self, path: Path, problem: str) -> None:
        self.path, self.problem_found = path, problem
        super().__init__(f"The product vectors in {path} cannot be used: {problem}.", "Train the graph neural network again.")


class EncoderFailed(GnnError):
    """The process that learns typed links ended with an error."""

    def __init__(self, last_words: str) -> None:
        self.last_words = last_words
        super().__init__(f"Learning typed links failed: {last_words}.", "Install the extra `gnn` where torch is missing.")


class RelationUnlearned(GnnError):
    """A relation that the network has no decoder for."""

    def __init__(self, relation: str, known: Iterable[str]) -> None:
        self.relation = relation
        super().__init__(f"The product vectors have no relation {relation!r}.", f"Ask for one of: {', '.join(known)}.")


class ProductUnplaced(GnnError):
    """A product that the vectors do not know."""

    def __init__(self, product_id: str) -> None:
        self.product_id = product_id
        super().__init__(
            f"The product vectors do not know the product {product_id!r}.",
            "Ask for a product of the catalogue they were made of.",
        )
